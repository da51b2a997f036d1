"""`second-skin` itself: what it imports, what it says to bad input, and its exit status."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from jetson_runtime import __version__, cli
from jetson_runtime.bench import clock
from jetson_runtime.suit.errors import SuitError, missing_package

COMMANDS = ("run", "simulate", "demo", "echo", "hz", "status")


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"second-skin {__version__}\n"


def test_help_names_every_command_and_imports_none_of_them():
    code = (
        "import sys; from jetson_runtime import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'numpy', 'zmq', 'pyarrow', 'pydantic', 'serial', 'rich'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"    {command} " in result.stdout for command in COMMANDS)
    assert result.stdout.endswith("set()\n")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["run"],
        ["echo", "--count", "0"],
        ["echo", "--count", "many"],
        ["hz", "--seconds", "-1"],
        ["hz", "--seconds", "nan"],
        ["status", "--unknown"],
    ],
)
def test_bad_arguments_end_with_usage_and_status_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "usage: second-skin" in capsys.readouterr().err


def test_a_config_that_is_not_there_is_one_message_and_status_2(tmp_path):
    command = [sys.executable, "-m", "jetson_runtime.cli", "run", "--config", str(tmp_path / "no.toml")]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert result.returncode == 2
    assert result.stderr.startswith("second-skin: ")
    assert "no.toml" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_address_that_is_none_is_one_message_and_status_2(capsys):
    assert cli.main(["echo", "--endpoint", "nonsense"]) == 2
    assert capsys.readouterr().err.startswith("second-skin: nonsense: ")


def test_a_missing_extra_says_what_to_install():
    error = missing_package(ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow"), "sim")
    assert isinstance(error, SuitError)
    assert "pip install '.[sim]'" in str(error)
    own = ModuleNotFoundError("No module named 'jetson_runtime.x'", name="jetson_runtime.x")
    assert missing_package(own, "sim") is own


def test_a_reader_that_leaves_is_no_error(ticking):
    publisher, _ = ticking()
    address = publisher.addresses["public"][0]
    echo = f"{sys.executable} -m jetson_runtime.cli echo --endpoint {address} --count 20000 --json"
    result = subprocess.run(
        ["bash", "-c", f"{echo} | head -2; exit ${{PIPESTATUS[0]}}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode == 0
    assert result.stdout.count("\n") == 2
    assert result.stderr == ""


def test_ctrl_c_ends_quietly(ticking):
    publisher, _ = ticking()
    command = [
        sys.executable,
        "-m",
        "jetson_runtime.cli",
        "echo",
        "--endpoint",
        publisher.addresses["public"][0],
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert "running" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told == ""


@pytest.mark.parametrize(
    "words",
    ["engines --seconds nan", "clock --seeds 0", "scale --rounds 0", "scale --seconds -1"],
)
def test_a_benchmark_of_nothing_is_refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", *words.split()])
    assert ended.value.code == cli.BAD_INPUT
    assert "invalid" in capsys.readouterr().err


def test_sigterm_ends_a_benchmark_with_its_process(monkeypatch):
    """As Ctrl-C does, by unwinding: a process that it waits for is taken down on the way."""
    taken_down = []

    def wait(_options):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            taken_down.append(True)

    monkeypatch.setattr(clock, "run", wait)
    before = signal.getsignal(signal.SIGTERM)
    assert cli.main(["bench", "clock"]) == cli.INTERRUPTED
    assert taken_down == [True]
    assert signal.getsignal(signal.SIGTERM) is before
