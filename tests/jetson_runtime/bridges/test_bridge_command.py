"""`second-skin bridge` itself: what is told where a package or a library is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bridged_suit import PATIENCE_S, free_port
from logged_process import SECOND_SKIN, LoggedProcess
from worn_suit import until

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


def refused(*words: str) -> str:
    """What `second-skin bridge` with these words says as it ends with 2: one line."""
    done = subprocess.run(
        [sys.executable, *SECOND_SKIN, "bridge", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    return done.stderr


def test_a_control_address_that_is_none_is_refused():
    pytest.importorskip("pylsl", reason="needs the extra bridges")
    assert "garbage: " in refused("lsl", "--control", "garbage")


def test_addresses_where_nobody_answers_are_told_once_and_waited_for(tmp_path):
    pytest.importorskip("pylsl", reason="needs the extra bridges")
    stream, control = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    words = ("bridge", "lsl", "--endpoint", stream, "--control", control)
    bridge = LoggedProcess(tmp_path, *SECOND_SKIN, *words)
    try:
        assert until(lambda: stream in bridge.log and control in bridge.log, PATIENCE_S), bridge.log
        time.sleep(3.0)
        assert (bridge.log.count(stream), bridge.log.count(control)) == (1, 1), bridge.log
    finally:
        assert bridge.stop() == 0, bridge.log


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_is_none_is_refused(port):
    pytest.importorskip("foxglove", reason="needs the extra bridges")
    assert f"--port {port}: is no port; write one" in refused("foxglove", "--port", port)


def test_a_stream_without_a_name_is_refused():
    assert "--name: is empty; write" in refused("lsl", "--name", "")
