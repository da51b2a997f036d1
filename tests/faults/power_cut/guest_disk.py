"""How Python gets into the virtual machine: nothing is downloaded, and no distribution is installed in it.

Its root disk is an ext4 image made by `mke2fs -d` from copies of files of this machine, each where it lies here: the
interpreter that runs the tests with its standard library, the packages that the recorder imports, the shared libraries
that `ldd` names, this checkout's packages and busybox. The kernel is the newest of /boot with busybox as its first
process, which mounts the disks and starts `guest.py`. noauto_da_alloc: ext4 does not write a renamed file unasked.
"""

from __future__ import annotations

import compileall
import gzip
import lzma
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GUEST = Path(__file__).with_name("guest.py")
PACKAGES = Path(sysconfig.get_path("purelib"))
# Each after those it needs.
_MODULES = (
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "virtio_blk",
)
_IMPORTED = """
import runpy, sys
runpy.run_path(sys.argv[1])
print("\\n".join({name.partition(".")[0] for name in sys.modules}))
"""
_INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /root /dev
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do [ -e /$module.ko ] && /bin/busybox insmod /$module.ko; done
while ! [ -e /dev/vdb ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 -o ro /dev/vda /root
/bin/busybox mount -t ext4 -o noauto_da_alloc /dev/vdb /root/data
/bin/busybox mount -t tmpfs run /root/run
/bin/busybox mount -t tmpfs tmp /root/tmp
/bin/busybox mount -t proc proc /root/proc
/bin/busybox mount -t devtmpfs dev /root/dev
export PYTHONHOME={home} PYTHONPATH={packages}:{checkout} PYTHONDONTWRITEBYTECODE=1
exec /bin/busybox chroot /root {python} {guest}
"""


def kernel() -> Path | None:
    """The newest one of this machine that may be read; None where there is none."""
    kernels = [path for path in sorted(Path("/boot").glob("vmlinuz-*")) if os.access(path, os.R_OK)]
    return kernels[-1] if kernels else None


def make_root(tree: Path, image: Path) -> None:
    """The root disk, an image of `tree`, which is made first."""
    python, stdlib = Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))
    _copy_folder(stdlib, tree, "site-packages", "dist-packages", "test", "tests", "idlelib", "ensurepip")
    for path in _packages():
        _copy_folder(path, tree, "tests")
    for name in ("drivers", "jetson_runtime"):
        _copy_folder(ROOT / name, tree)
    _copy(GUEST, tree)
    _copy(python, tree)
    for path in [python, *("/" / p.relative_to(tree) for p in tree.rglob("*.so*"))]:
        for library in _libraries(path):
            _copy(library, tree)
    # To compile in there would take a minute.
    compileall.compile_dir(tree, quiet=2, stripdir=str(tree), workers=2)
    for name in ("dev", "proc", "run", "tmp", "data"):
        (tree / name).mkdir(exist_ok=True)
    run("mke2fs", "-q", "-t", "ext4", "-d", str(tree), str(image), "1G")


def make_init(tree: Path, packed: Path) -> None:
    """What the kernel starts with: busybox, the disks' drivers and the script above."""
    found = kernel()
    assert found is not None
    (tree / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", tree / "bin" / "busybox")
    drivers = Path("/lib/modules") / found.name.removeprefix("vmlinuz-") / "kernel" / "drivers"
    for name in _MODULES:
        for path in drivers.rglob(f"{name}.ko*"):
            data = path.read_bytes()
            (tree / f"{name}.ko").write_bytes(lzma.decompress(data) if path.suffix == ".xz" else data)
    places = {"home": sys.base_prefix, "packages": PACKAGES, "checkout": ROOT, "guest": GUEST}
    (tree / "init").write_text(
        _INIT.format(modules=" ".join(_MODULES), python=Path(sys.executable).resolve(), **places)
    )
    (tree / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    done = subprocess.run(
        ["cpio", "--quiet", "-o", "-H", "newc"], input=names.encode(), stdout=-1, cwd=tree, check=True
    )
    packed.write_bytes(gzip.compress(done.stdout, 1))


def run(*words: str, fine: tuple[int, ...] = (0,)) -> None:
    """A command that must end with one of the statuses that are fine."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode not in fine:
        pytest.fail(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")


def _packages() -> list[Path]:
    """What `guest.py` imports, other than the standard library and this checkout."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", _IMPORTED, str(GUEST)]
    told = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.split()
    places = [PACKAGES / name for name in told] + [PACKAGES / f"{name}.py" for name in told]
    return [path for path in places if path.exists()]


def _copy_folder(path: Path, tree: Path, *leave: str) -> None:
    if path.is_dir():
        ignore = shutil.ignore_patterns(*leave, "*.a")
        shutil.copytree(path, tree / path.relative_to("/"), ignore=ignore, dirs_exist_ok=True)
    else:
        _copy(path, tree)


def _copy(path: Path, tree: Path) -> None:
    target = tree / path.relative_to("/")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _libraries(path: Path) -> list[Path]:
    """What a program or library of this machine is linked to, where it lies."""
    told = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False).stdout
    return [Path(found) for found in re.findall(r"(/\S+) \(0x", told) if Path(found).exists()]
