"""`second-skin bridge` itself: what is told where a package or a library is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jetson_runtime.bridges.command import BRIDGES
from jetson_runtime.cli import main

EXTRA = {"lsl": "pylsl", "foxglove": "foxglove"}


@pytest.mark.parametrize("name", EXTRA)
def test_a_bridge_says_what_to_install(name, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, EXTRA[name], None)
    for module in [key for key in sys.modules if key.startswith(f"jetson_runtime.bridges.{name}_")]:
        monkeypatch.delitem(sys.modules, module)
    assert main(["bridge", name]) == 2
    assert f"needs the Python package {EXTRA[name]}: pip install" in capsys.readouterr().err


def test_the_help_names_every_bridge_and_imports_no_extra():
    code = (
        "import sys; from jetson_runtime import cli\n"
        "try: cli.main(['bridge', '--help'])\n"
        "except SystemExit: pass\n"
        f"print({set(EXTRA.values())!r} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"    {name} " in done.stdout for name in BRIDGES)
    assert done.stdout.endswith("set()\n")


def test_a_pylsl_without_its_library_is_told(tmp_path):
    """As its package for aarch64 is."""
    pylsl = pytest.importorskip("pylsl", reason="needs the extra bridges")
    shutil.copytree(Path(pylsl.__file__).parent, tmp_path / "pylsl", ignore=shutil.ignore_patterns("*.so*"))
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "jetson_runtime.cli", "bridge", "lsl"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 2, done.stderr
    assert "PYLSL_LIB" in done.stderr
    assert "Traceback" not in done.stderr
