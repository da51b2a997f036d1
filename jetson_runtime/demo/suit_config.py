"""The files a simulated suit leaves for others: suit.toml, with which `second-skin run` works, and simulation.json."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w

from jetson_runtime.inference.bundle import SHIPPED
from jetson_runtime.suit.addresses import IPC_PATH_LIMIT
from jetson_runtime.suit.signals import Stream
from jetson_runtime.suit.trial import TrialMeta

# How each IMU of the simulated suit is strapped on: cable down, the sensor's face outwards.
MOUNTING_OF_PART: dict[str, str] = {
    "back": "x_up_z_back",
    "pelvis": "x_up_z_back",
    "thigh_r": "x_up_z_right",
    "thigh_l": "x_up_z_left",
    "shank_r": "x_up_z_right",
    "shank_l": "x_up_z_left",
}
DEMO_BUNDLE = SHIPPED


class PluggedIn(NamedTuple):
    """One emulated device as the host finds it."""

    stream: Stream
    port: Path
    serial: str


def write_suit_config(
    path: Path, meta: TrialMeta, devices: list[PluggedIn], *, bundle: Path, sockets: Path, tcp_port: int
) -> None:
    """Writes suit.toml for these devices and this wearer; tcp_port 0: local sockets alone."""
    table = {
        "suit": {"sides": "both"},
        "wearer": {
            "mass_kg": meta.body_mass_kg,
            "foot_length_m": meta.foot_length_m,
            "foot_width_m": meta.foot_width_m,
        },
        "model": {"bundle": str(bundle)},
        "output": {
            "public": [f"ipc://{sockets}/public", *([f"tcp://127.0.0.1:{tcp_port}"] if tcp_port else [])],
            "latest": [f"ipc://{sockets}/latest", *([f"tcp://127.0.0.1:{tcp_port + 1}"] if tcp_port else [])],
            "control": [
                f"ipc://{sockets}/control",
                *([f"tcp://127.0.0.1:{tcp_port + 2}"] if tcp_port else []),
            ],
            "local": [f"ipc://{sockets}/local"],
        },
        "discovery": {"ports": [str(path.parent / "ports" / "*")]},
        "streams": {device.stream.name: _stream_table(device) for device in devices},
    }
    write_whole(path, tomli_w.dumps(table))


def write_simulation(path: Path, content: dict[str, Any]) -> None:
    """Writes simulation.json; its appearance says that every port is there."""
    write_whole(path, json.dumps(content, indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that a reader sees the old one or the new one, never a part."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)


def socket_folder(directory: Path) -> Path:
    """`directory`, or a folder with a short name where an ipc:// address there would be too long for a socket."""
    if len(f"{directory}/public".encode()) <= IPC_PATH_LIMIT:
        return directory
    return Path(tempfile.mkdtemp(prefix="second-skin-"))


def _stream_table(device: PluggedIn) -> dict[str, str]:
    table = {"port": str(device.port), "serial": device.serial}
    if device.stream.kind == "imu":
        table["mounting"] = MOUNTING_OF_PART[device.stream.part]
    return table
