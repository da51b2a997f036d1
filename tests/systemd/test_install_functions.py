"""install.sh where a command of it fails, and what uninstall.sh keeps: their functions in bash."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).resolve().parents[2] / "systemd" / "install.sh"
UNINSTALL = INSTALL.with_name("uninstall.sh")
# What would change this machine says what it was asked for, and nothing else.
PLANTED = """
place_files() { :; }
systemctl() { echo "systemctl $*"; }
"""


def _bash(base: Path, script: str, functions: Path = INSTALL) -> subprocess.CompletedProcess[str]:
    """Runs `script` behind the functions of a script, which installs below `base`."""
    text = f'source "{functions}"\nbase="{base}"\n{PLANTED}\n{script}\n'
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)


def _checkout(folder: Path) -> Path:
    """As much of a checkout as a release is made of."""
    (folder / "docs").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('version = "2.0"\n')
    (folder / "constraints.txt").touch()
    for page in ("jetson.md", "faults.md", "dashboard.md", "fleet.md"):
        (folder / "docs" / page).touch()
    (folder / "systemd").mkdir()
    (folder / "models" / "bundles" / "demo").mkdir(parents=True)
    return folder


def _release(folder: Path) -> Path:
    for path in ("bin/second-skin", "share/systemd/second-skin.service", "share/bundle/manifest.json"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (folder / "bin" / "second-skin").chmod(0o755)
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Where version 1.0 runs, and no other ran before it."""
    base = tmp_path / "opt"
    _release(base / "releases" / "1.0")
    (base / "current").symlink_to(base / "releases" / "1.0")
    return base


def _pointed(base: Path, link: str) -> str:
    return (base / link).resolve().name if (base / link).exists() else ""


@pytest.mark.parametrize("command", ["python3", "cp", "sync"])
def test_a_build_of_which_a_step_fails_is_no_release(base: Path, tmp_path: Path, command: str) -> None:
    venv = (
        'python3() { mkdir -p "$4/bin"; printf "#!/bin/sh\n" > "$4/bin/python"; chmod +x "$4/bin/python"; }\n'
    )
    failing = f"{command}() {{ echo planted >&2; return 1; }}\n"
    done = _bash(
        base, f'here="{_checkout(tmp_path / "source")}"\n{venv}{failing}release=$(build "")\necho "$release"'
    )
    assert done.returncode != 0, "it went on"
    assert done.stdout == ""
    assert "planted" in done.stderr
    assert not list(base.glob("releases/*/.complete"))


BUILT = 'python3() { mkdir -p "$4/bin"; printf "#!/bin/sh\n" > "$4/bin/python"; chmod +x "$4/bin/python"; }\n'


def _built(base: Path, source: Path, more: str = "") -> str:
    """The name of the release that is made of `source`."""
    done = _bash(base, f'here="{source}"\n{BUILT}add_cuda_bindings() {{ :; }}\n{more}build ""')
    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.strip()) / ".complete").exists()
    return Path(done.stdout.strip()).name


def _git(folder: Path, *words: str) -> None:
    told = ("-c", "user.name=x", "-c", "user.email=x", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *told, *words], check=True, capture_output=True)


def test_a_tree_without_a_history_is_called_by_what_it_holds(base: Path, tmp_path: Path) -> None:
    """As from a tarball: unpacked beside nothing, or in somebody's home that is a repository itself; git or none."""
    source = _checkout(tmp_path / "home" / "source")
    (source / "drivers").mkdir()
    (source / "drivers" / "port with a name.py").write_text("1")
    name = _built(base, source)
    assert re.fullmatch(r"2\.0-tree-[0-9a-f]{12}", name)
    # What a build leaves in the tree makes no other release of it, and a second run finds the first one's.
    (source / "drivers" / "__pycache__").mkdir()
    (source / "drivers" / "__pycache__" / "port.pyc").touch()
    fails = "python3() { return 1; }\n"
    assert _built(base, source, fails) == name
    assert _built(base, source, f"{fails}git() {{ return 127; }}\n") == name
    _git(tmp_path / "home", "init")
    _git(tmp_path / "home", "commit", "--allow-empty", "-m", "of the home")
    assert _built(base, source, fails) == name
    (source / "drivers" / "port with a name.py").write_text("2")
    assert _built(base, source) != name


def test_a_checkout_is_called_by_its_commit_and_one_that_was_changed_by_the_time(
    base: Path, tmp_path: Path
) -> None:
    source = _checkout(tmp_path / "source")
    _git(source, "init")
    assert "-tree-" in _built(base, source), "a repository without a commit"
    _git(source, "add", "pyproject.toml")
    _git(source, "commit", "-m", "first")
    name = _built(base, source)
    assert re.fullmatch(r"2\.0-[0-9a-f]{7,}", name)
    assert _built(base, source, "python3() { return 1; }\n") == name
    (source / "pyproject.toml").write_text('version = "2.0"\n# changed\n')
    assert re.fullmatch(re.escape(name) + r"-changed-\d+", _built(base, source))


@pytest.mark.parametrize(
    ("tensorrt", "cuda", "asked"),
    [(0, "echo 12.6", "cuda-bindings==12.6.*"), (1, "echo 12.6", ""), (0, "exit 1", "")],
    ids=["a Jetson with TensorRT", "no TensorRT", "no driver"],
)
def test_where_tensorrt_is_the_bindings_of_the_driver_s_cuda_come_along(
    base: Path, tmp_path: Path, tensorrt: int, cuda: str, asked: str
) -> None:
    python, log = tmp_path / "python", tmp_path / "log"
    answers = f'*tensorrt*) exit {tensorrt} ;; *cuDriver*) {cuda} ;; *pip*) echo "$*" >> "{log}" ;;'
    python.write_text(f'#!/bin/bash\ncase "$*" in {answers} esac\n')
    python.chmod(0o755)
    done = _bash(base, f'add_cuda_bindings "{python}" ""')
    assert done.returncode == 0, done.stderr
    told = log.read_text() if log.exists() else ""
    assert (asked in told) if asked else not told
    assert ("will not start" in done.stderr) is (not tensorrt and not asked)


def test_a_copy_is_sealed_when_all_of_it_is_there(base: Path, tmp_path: Path) -> None:
    """The source's own seal comes first where the folder is read in that order."""
    source = _release(tmp_path / "2.0")
    (source / ".complete").touch()
    cut = 'cp() { mkdir -p "$3"; touch "$3/.complete"; echo planted >&2; return 1; }\n'
    done = _bash(base, f'{cut}release=$(take "{source}")\necho "$release"')
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert not (base / "releases" / "2.0").exists()
    done = _bash(base, f'take "{source}"')
    assert done.stdout.strip() == str(base / "releases" / "2.0")
    assert (base / "releases" / "2.0" / "share" / "bundle" / "manifest.json").exists()
    assert (base / "releases" / "2.0" / ".complete").exists()


def test_a_model_whose_copy_was_cut_off_is_copied_again(base: Path) -> None:
    source = base / "releases" / "1.0" / "share" / "bundle"
    cut = 'cp() { mkdir -p "$3"; return 1; }\n'
    assert _bash(base, f'{cut}place_bundle "{source}"').returncode != 0
    assert not (base / "bundle").exists(), "half a model would stay for ever"
    assert _bash(base, f'place_bundle "{source}"').returncode == 0
    assert (base / "bundle" / "manifest.json").exists()
    (base / "bundle" / "manifest.json").write_text("trained here")
    _bash(base, f'place_bundle "{source}"')
    assert (base / "bundle" / "manifest.json").read_text() == "trained here"


def test_where_a_file_cannot_be_placed_the_version_before_comes_back(base: Path) -> None:
    new = _release(base / "releases" / "2.0")
    failing = "place_files() { [[ $1 != *2.0* ]] || return 1; }\n"
    done = _bash(base, f'{failing}change_to "{new}"')
    assert done.returncode != 0
    assert "back to 1.0" in done.stderr
    assert _pointed(base, "current") == "1.0"
    assert "systemctl restart second-skin.service" in done.stdout, "1.0 is started again"
    assert _pointed(base, "previous") == "", "2.0 never ran"


def test_the_version_before_is_remembered_once_the_new_one_runs(base: Path) -> None:
    for name in ("2.0", "3.0"):
        (base / "releases" / name).mkdir()
        _release(base / "releases" / name)
    assert _bash(base, f'change_to "{base}/releases/2.0"').returncode == 0
    assert (_pointed(base, "current"), _pointed(base, "previous")) == ("2.0", "1.0")
    failing = 'systemctl() { [[ $(readlink "$base/current") != *3.0 || $1 != restart ]]; }\n'
    assert _bash(base, f'{failing}change_to "{base}/releases/3.0"').returncode != 0
    assert (_pointed(base, "current"), _pointed(base, "previous")) == ("2.0", "1.0")


@pytest.mark.parametrize("purge", ["", "yes"])
def test_a_trained_model_and_a_technician_s_drop_ins_go_with_a_purge_alone(base: Path, purge: str) -> None:
    units = base.parent / "units"
    for path in ("second-skin.service.d/gpu.conf", "second-skin.service.d/processors.conf"):
        (units / path).parent.mkdir(parents=True, exist_ok=True)
        (units / path).touch()
    (units / "second-skin-panel.service.d").mkdir()
    (units / "second-skin-panel.service.d" / "gpio.conf").touch()
    (base / "bundle").mkdir()
    script = f'units="{units}"\nremove_drop_ins "{purge}"\nremove_releases "{purge}"'
    done = _bash(base, script, UNINSTALL)
    assert done.returncode == 0, done.stderr
    left = sorted(str(path.relative_to(base.parent)) for path in base.parent.rglob("*") if not path.is_dir())
    assert left == ([] if purge else ["units/second-skin.service.d/processors.conf"])
    assert (base / "bundle").exists() is not bool(purge)
    assert not (base / "releases").exists()
