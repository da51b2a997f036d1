#!/usr/bin/env bash
# Takes the service off this machine; can be run again at any time. Config, state, recordings, the model and drop-ins that
# the installation did not make stay, unless told:
#
#   sudo systemd/uninstall.sh
#   sudo systemd/uninstall.sh --purge    also these: /etc/second-skin, /var/lib/second-skin, /var/cache/second-skin,
#                                        /opt/second-skin/bundle, /etc/systemd/system/second-skin*.service.d
set -euo pipefail

base=/opt/second-skin
units=/etc/systemd/system

main() {
    local purge=''
    case ${1:-} in
        '') ;;
        --purge) purge=yes ;;
        *) echo "second-skin: unknown option $1; there is --purge" >&2 && exit 1 ;;
    esac
    [[ $EUID -eq 0 ]] || { echo "second-skin: needs root: sudo $0" >&2 && exit 1; }

    local path
    for path in "$units"/second-skin*.service; do
        [[ -e $path ]] || continue
        systemctl disable --now --quiet "$(basename "$path")" || true
        rm -f "$path"
    done
    remove_drop_ins "$purge"
    rm -f /etc/udev/rules.d/61-second-skin.rules /etc/systemd/journald.conf.d/second-skin.conf \
        /etc/tmpfiles.d/second-skin.conf /etc/sysusers.d/second-skin.conf /etc/modules-load.d/second-skin.conf
    systemctl daemon-reload
    systemctl reset-failed 'second-skin*' 2> /dev/null || true
    if command -v udevadm > /dev/null && [[ -e /run/udev/control ]]; then udevadm control --reload; fi
    remove_releases "$purge"
    if [[ $purge ]]; then
        rm -rf /etc/second-skin /var/lib/second-skin /var/cache/second-skin
        userdel second-skin 2> /dev/null || true
    else
        echo "second-skin: kept (--purge removes them):" >&2
        for path in /etc/second-skin /var/lib/second-skin "$base/bundle" "$units"/second-skin*.service.d/*; do
            [[ ! -e $path ]] || echo "  $path" >&2
        done
    fi
}

# Those that install.sh made; with anything in its argument, the technicians' own, too.
remove_drop_ins() {
    local folder
    for folder in "$units"/second-skin*.service.d; do
        [[ -d $folder ]] || continue
        if [[ $1 ]]; then rm -rf "$folder"; else rm -f "$folder/gpu.conf" "$folder/gpio.conf"; fi
        rmdir --ignore-fail-on-non-empty "$folder" 2> /dev/null || true
    done
}

# All but the model: one that was trained for this suit is nowhere else. With anything in its argument, it as well.
remove_releases() {
    rm -rf "$base/releases" "$base/current" "$base/previous" "$base/.lock" "$base"/*.new
    [[ ! $1 ]] || rm -rf "$base/bundle"
    rmdir --ignore-fail-on-non-empty "$base" 2> /dev/null || true
}

# Sourced, it is its functions alone.
[[ ${BASH_SOURCE[0]} != "$0" ]] || main "$@"
