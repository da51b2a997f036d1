#!/usr/bin/env bash
# Installs the service of this checkout on this machine, or goes back to the version before. Can be run again at any time.
#
#   sudo systemd/install.sh                  build this checkout into /opt/second-skin/releases/VERSION and switch to it
#   sudo systemd/install.sh --wheels FOLDER  the same without a network: packages from FOLDER (`pip download` made it)
#   sudo systemd/install.sh --from FOLDER    a release that was built elsewhere: a copy of a releases/VERSION folder
#   sudo systemd/install.sh --rollback       switch back to the version that ran before this one
#
# A version that does not become ready is switched back by itself. suit.toml and the model are never overwritten.
set -euo pipefail
# Without it a command that fails within $(...) is passed over.
shopt -s inherit_errexit

base=/opt/second-skin
unit=second-skin.service
recorder=second-skin-record.service
panel=second-skin-panel.service
dashboard=second-skin-dashboard.service
fleet=second-skin-fleet.service
standby=second-skin-standby.service
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# 12060 is 12.6 (cuDriverGetVersion of CUDA's driver API).
driver_s_cuda='
import ctypes
version = ctypes.c_int()
assert ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version)) == 0
print(f"{version.value // 1000}.{version.value % 1000 // 10}")
'

main() {
    local from='' wheels='' rollback=''
    while (($#)); do
        case $1 in
            --from) from=${2:?--from needs a folder} && shift 2 ;;
            --wheels) wheels=${2:?--wheels needs a folder} && shift 2 ;;
            --rollback) rollback=yes && shift ;;
            *) fail "unknown option $1; the options are told at the top of $0" ;;
        esac
    done
    [[ $EUID -eq 0 ]] || fail "needs root: sudo $0 $*"
    [[ -d /run/systemd/system ]] || fail "systemd does not run here"
    mkdir -p "$base/releases"
    exec 9> "$base/.lock"
    flock --nonblock 9 || fail "another installation runs; wait for it"

    local release
    if [[ $rollback ]]; then
        release=$(named previous)
        [[ $release ]] || fail "$base/previous is not there: no version ran before this one"
    elif [[ $from ]]; then
        release=$(take "$from")
    else
        release=$(build "$wheels")
    fi
    change_to "$release"
}

# Switches to the release, and back to the one before where it does not become ready.
change_to() {
    local release=$1 before status
    before=$(named current)
    attempt switch_to "$release"
    if ((status == 0)); then
        if [[ $before && $before != "$release" ]]; then point "$base/previous" "$before"; fi
        prune
    elif [[ $before && $before != "$release" ]]; then
        say "$(basename "$release") does not become ready: back to $(basename "$before")"
        attempt switch_to "$before"
        ((status == 0)) || fail "nor does $(basename "$before"); it goes on trying. Why: systemctl status $unit"
        fail "not installed; why: journalctl -u $unit"
    else
        fail "installed, but not ready yet; it goes on trying. Why: systemctl status $unit"
    fi
}

# Runs a function that ends at its first failing command; its exit status in the caller's `status`. Not to be called in a
# condition: there bash goes on behind failing commands, in all that is called, too.
attempt() {
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
}

# The release folder of this checkout, built where it is not there yet; its path on stdout.
build() {
    local wheels=$1 version release
    version=$(version_of_tree)
    release=$base/releases/$version
    if [[ ! -e $release/.complete ]]; then
        say "building $version"
        rm -rf "$release"
        # JetPack's TensorRT is a package of the system's Python.
        python3 -m venv --system-site-packages "$release" >&2
        local source=(--quiet --disable-pip-version-check --constraint "$here/constraints.txt")
        [[ ! $wheels ]] || source+=(--no-index --find-links "$wheels")
        # A page in the browser is no reason to be without a service, nor is a server somewhere.
        if ! "$release/bin/python" -m pip install "${source[@]}" "${here}[dashboard]" >&2; then
            say "without the dashboard: its packages cannot be had"
            "$release/bin/python" -m pip install "${source[@]}" "$here" >&2
        fi
        add_nats "$release/bin/python" "${source[@]}"
        add_cuda_bindings "$release/bin/python" "$wheels"
        mkdir -p "$release/share"
        cp -r "$here/systemd" "$release/share/systemd"
        cp "$here/docs/jetson.md" "$here/docs/faults.md" "$here/docs/dashboard.md" "$here/docs/fleet.md" "$release/share/"
        cp -r "$here/models/bundles/demo" "$release/share/bundle"
        seal "$release"
    fi
    echo "$release"
}

# What the bridge to a fleet's server needs on the suit: of the extra `fleet` nats-py alone, at the version of constraints.txt.
add_nats() {
    local python=$1
    shift
    "$python" -m pip install "$@" nats-py >&2 || say "without the bridge to a fleet's server: nats-py cannot be had"
}

# What this checkout is called: its version and the state of its history; of a tree without one, as from a tarball, a
# digest of what a release is made of, so that another content is another release. A history around the tree is not its.
version_of_tree() {
    local version state='' top
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$here/pyproject.toml")
    [[ $version ]] || fail "$here/pyproject.toml: tells no version; is this a whole checkout?"
    top=$(git -C "$here" rev-parse --show-toplevel 2> /dev/null) || top=
    if [[ $top && $top -ef $here ]]; then
        state=$(git -C "$here" describe --always --dirty=-changed-"$(date +%s)" 2> /dev/null) || state=
    fi
    [[ $state ]] || state=tree-$(digest_of_tree)
    echo "$version-$state"
}

# What builds and runs leave behind is not part of it.
digest_of_tree() {
    local part parts=()
    for part in pyproject.toml setup.py constraints.txt MANIFEST.in README.md drivers jetson_runtime models native systemd docs; do
        [[ ! -e $here/$part ]] || parts+=("$part")
    done
    cd "$here"
    find "${parts[@]}" -type f -not -path '*/__pycache__/*' -not -path '*.egg-info/*' -not -name '*.so' -not -name '*.o' -print0 |
        LC_ALL=C sort --zero-terminated | xargs -0 sha256sum | sha256sum | cut -c 1-12
}

# Where TensorRT is: NVIDIA's bindings of the driver's CUDA, through which its engine runs. They follow the machine, not
# constraints.txt.
add_cuda_bindings() {
    local python=$1 wheels=$2 cuda source=(--quiet --disable-pip-version-check)
    "$python" -c 'import tensorrt' 2> /dev/null || return 0
    [[ ! $wheels ]] || source+=(--no-index --find-links "$wheels")
    cuda=$("$python" -c "$driver_s_cuda") || cuda=
    if [[ ! $cuda ]] || ! "$python" -m pip install "${source[@]}" "cuda-bindings==$cuda.*" >&2; then
        say "TensorRT is here, but not cuda-bindings of CUDA ${cuda:-'?'}: engine = \"tensorrt\" will not start, all others do"
    fi
}

# A copy of the release in the folder given; its path on stdout.
take() {
    local from release
    from=$(cd "$1" && pwd) || fail "$1: no such folder"
    [[ -x $from/bin/second-skin && -d $from/share/systemd ]] ||
        fail "$from: is no release: it has no bin/second-skin or no share/systemd"
    release=$base/releases/$(basename "$from")
    if [[ ! -e $release/.complete ]]; then
        [[ $from != "$release" ]] || fail "$from: is half a release; build it again, or copy it from elsewhere"
        rm -rf "$release" "$release.new"
        cp -r "$from" "$release.new"
        rm -f "$release.new/.complete"
        seal "$release.new"
        mv -T "$release.new" "$release"
    fi
    echo "$release"
}

# The last step of a release, behind all of its content on the disk, too: one without it is made anew.
seal() {
    sync --file-system "$1"
    touch "$1/.complete"
}

# Makes the release the current one, with its own unit files, and starts it; fails where it does not become ready.
switch_to() {
    local release=$1
    point "$base/current" "$release"
    place_files "$release/share/systemd"
    place_bundle "$release/share/bundle"
    sync --file-system /etc "$base"
    systemctl daemon-reload
    systemctl enable --quiet "$unit"
    say "starting $(basename "$release")"
    # Without it restarts are cold: no reason to go back.
    start_beside "$standby"
    systemctl restart "$unit"
    # These are clients: that one cannot start is no reason to go back.
    start_beside "$recorder"
    start_beside "$panel"
    start_beside "$dashboard"
    # Only where somebody has enabled it: a suit forwards nothing unasked.
    if systemctl is-enabled --quiet "$fleet"; then start_beside "$fleet"; fi
}

start_beside() {
    systemctl enable --quiet "$1" || say "$1 is not enabled"
    systemctl restart "$1" || say "$1 does not start: journalctl -u $1"
}

# The shipped model, where there is none yet: whole or not at all.
place_bundle() {
    [[ ! -e $base/bundle ]] || return 0
    rm -rf "$base/bundle.new"
    cp -r "$1" "$base/bundle.new"
    sync --file-system "$base/bundle.new"
    mv -T "$base/bundle.new" "$base/bundle"
}

place_files() {
    local files=$1 drop_ins=/etc/systemd/system/$unit.d path
    install -D -m 644 "$files/sysusers.conf" /etc/sysusers.d/second-skin.conf
    systemd-sysusers /etc/sysusers.d/second-skin.conf
    install -D -m 644 "$files/61-second-skin.rules" /etc/udev/rules.d/61-second-skin.rules
    install -D -m 644 "$files/journald.conf" /etc/systemd/journald.conf.d/second-skin.conf
    install -D -m 644 "$files/tmpfiles.conf" /etc/tmpfiles.d/second-skin.conf
    # A release from before it has none.
    if [[ -e $files/modules-load.conf ]]; then
        install -D -m 644 "$files/modules-load.conf" /etc/modules-load.d/second-skin.conf
        load_drivers "$files/modules-load.conf"
    fi
    for path in "$files"/*.service; do install -m 644 "$path" /etc/systemd/system/; done
    mkdir -p "$drop_ins"
    rm -f "$drop_ins/gpu.conf" /etc/systemd/system/second-skin*.service.d/gpio.conf
    if [[ -e /dev/nvmap ]]; then install -m 644 "$files/drop-ins/gpu.conf" "$drop_ins/"; fi
    if getent group gpio > /dev/null; then
        for path in "$unit" "$panel"; do
            install -D -m 644 "$files/drop-ins/gpio.conf" "/etc/systemd/system/$path.d/gpio.conf"
        done
    fi
    [[ -e /etc/second-skin/suit.toml ]] || install -D -m 640 "$files/suit.toml" /etc/second-skin/suit.toml
    # A release from before it has none.
    [[ -e /etc/second-skin/fleet.toml || ! -e $files/fleet.toml ]] ||
        install -D -m 640 "$files/fleet.toml" /etc/second-skin/fleet.toml
    systemd-tmpfiles --create /etc/tmpfiles.d/second-skin.conf
    if command -v udevadm > /dev/null && [[ -e /run/udev/control ]]; then
        udevadm control --reload || say "udev does not take its new rules: they hold from the next start of the machine"
        udevadm trigger --subsystem-match=tty --subsystem-match=usb-serial --action=add || say "plug the sensors in again"
    fi
    systemctl try-restart systemd-journald.service || say "journald's new limits hold from the next start of the machine"
}

# Now, as the start of the machine does from now on.
load_drivers() {
    local driver
    grep -v '^#' "$1" | while read -r driver; do
        modprobe --quiet "$driver" || say "$driver is not loaded: is it in this kernel? Else restart $unit with a sensor plugged in"
    done
}

# Where one of the links leads; nothing where it is not there.
named() {
    [[ ! -e $base/$1 ]] || readlink -f "$base/$1"
}

# In one step: at no time is there no link.
point() {
    ln -sfn "$2" "$1.new"
    mv -T "$1.new" "$1"
}

# Keeps the current release, the one before it, and the three newest.
prune() {
    local release
    rm -rf "$base"/releases/*.new
    find "$base/releases" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn | tail -n +4 | cut -d' ' -f2- |
        while read -r release; do
            [[ $release == "$(named current)" || $release == "$(named previous)" ]] || rm -rf "$release"
        done
}

say() { echo "second-skin: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Sourced, it is its functions alone.
[[ ${BASH_SOURCE[0]} != "$0" ]] || main "$@"
