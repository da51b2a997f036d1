"""`second-skin fit` beside the real service: a virtual wearer's movements on emulated devices, one worn upside down."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetson_runtime.client import FrameClient
from jetson_runtime.demo.children import Child
from jetson_runtime.fitting import command
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.signals import CHANNEL_INDEX
from jetson_runtime.suit.trial import Trial, write_trial
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import fit_check

_LEAD_IN_S = 20.0


@pytest.fixture(scope="module")
def trial() -> Trial:
    return fit_check(Subject.random(7100), Donning.worn(7100, 0))


def checked(
    trial: Trial, folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any], Any]:
    """Exit status and result of the command, and the service's own word on the fit afterwards."""
    write_trial(folder / "fit.parquet", trial)
    words = ["simulate", "--dir", str(folder), "--trial", str(folder / "fit.parquet"), "--tcp-port", "0"]
    with Child([*words, "--lead-in", str(_LEAD_IN_S)], folder / "simulate.log") as suit:
        while not (folder / "simulation.json").exists():
            suit.check()
            time.sleep(0.05)
        begin_ns = json.loads((folder / "simulation.json").read_text())["start_ns"]
        path = folder / "suit.toml"
        with Child(["run", "--config", str(path)], folder / "run.log") as service:
            address = configs.load(path).output.public[0]
            with FrameClient(address) as client:
                while client.latest is None or client.latest.state != "running":
                    service.check()
                    client.recv_all(100)
                assert time.monotonic_ns() < begin_ns, "the machine is too busy to begin in time"
                status = command.run(argparse.Namespace(config=path, json=True), begin_ns)
                result = json.loads(capsys.readouterr().out)
                end_s = time.monotonic() + 10.0
                while time.monotonic() < end_s and fit_of(client).get("verdict") in (None, "never"):
                    service.check()
                    client.recv_all(100)
                return status, result, fit_of(client)


def fit_of(client: FrameClient) -> dict[str, Any]:
    return (client.status or {}).get("fit", {})


def test_the_suit_worn_well_passes(trial: Trial, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, result, fit = checked(trial, tmp_path, capsys)
    assert (status, result) == (0, {"passed": True, "found": []})
    assert (fit["verdict"], fit["found"]) == ("passed", [])


def test_an_imu_upside_down_is_named(
    trial: Trial, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = CHANNEL_INDEX["thigh_r_accel_x"]
    channels = trial.channels.copy()
    channels[:, first : first + 6] *= np.tile(np.float32([1.0, -1.0, -1.0]), 2)
    quaternions = {part: turn for part, turn in trial.quaternions.items() if part != "thigh_r"}
    turned = Trial(trial.time_s, channels, trial.labels, trial.meta, quaternions)
    status, result, fit = checked(turned, tmp_path, capsys)
    assert status == 1
    assert [(found["code"], found["stream"]) for found in result["found"]] == [("upside_down", "imu_thigh_r")]
    assert fit["verdict"] == "refused"
