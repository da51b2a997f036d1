"""`second-skin bridge lsl` on a live suit, heard by LSL's own inlet."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from bridged_suit import PATIENCE_S, BridgedSuit, Tap, bridged, free_port, same
from logged_process import LoggedProcess
from lsl_inlets import channels_of, inlet_of, lsl_minus_monotonic, pulled
from worn_suit import RUN, until

from jetson_runtime.bridges.lsl_clock import Offset
from jetson_runtime.stream.control_client import ControlClient

pylsl = pytest.importorskip("pylsl", reason="needs the extra bridges")

NAME = "suit-under-test"
MILLISECOND = 1e-3


@pytest.fixture(scope="module")
def bridge(suit: BridgedSuit) -> Iterator[LoggedProcess]:
    process = suit.bridge("lsl", "--name", NAME)
    yield process
    if process.process.poll() is None:
        assert process.stop() == 0, process.log


def matched(samples, frames, offset_s, tolerance_s=MILLISECOND):
    """Each sample with the frame of its instant, for those instants of which both are there."""
    by_tick = {round(frame["t_ns"] / 5e6): frame for frame in frames}
    pairs = []
    for stamp, values in samples:
        frame = by_tick.get(round((stamp - offset_s) / 5e-3))
        if frame is not None:
            assert abs(stamp - offset_s - frame["t_ns"] * 1e-9) < tolerance_s
            pairs.append((values, frame))
    return pairs


def test_each_channel_tells_its_label_unit_type_and_sign(suit, bridge):
    inlet = inlet_of(NAME, bridge)
    with Tap(suit.endpoint, "hello") as tap:
        assert until(lambda: tap.messages, PATIENCE_S)
    told = {channel["label"]: channel for channel in channels_of(inlet)}
    outcomes = tap.messages[0]["outcomes"]
    assert len(outcomes) == 14
    for outcome in outcomes:
        channel = told[outcome["name"]]
        assert (channel["unit"], channel["positive"]) == (outcome["unit"], outcome["positive"])
        assert channel["type"] == ("Angle" if outcome["kind"] == "angle" else "Moment")
    assert told["vgrf_r"]["unit"] == "bodyweights"
    assert told["cop_ap_l"]["unit"] == "foot lengths"
    assert told["valid"] == {"label": "valid", "unit": "0 or 1", "type": "Validity", "positive": ""}
    info = inlet.info(timeout=PATIENCE_S)
    assert (info.nominal_srate(), info.channel_count(), info.type()) == (200.0, len(told), "MoCap")
    made = info.desc().child("acquisition")
    assert made.child_value("model_sha256") == tap.messages[0]["model"]["sha256"]
    assert float(made.child_value("body_mass_kg")) == tap.messages[0]["body_mass_kg"]


def test_every_frame_is_a_sample_of_its_instant_with_its_numbers(suit, bridge):
    inlet = inlet_of(NAME, bridge)
    labels = [channel["label"] for channel in channels_of(inlet)]
    samples: list[tuple[float, list[float]]] = []
    offset_s = lsl_minus_monotonic()
    with Tap(suit.endpoint, "frame") as tap:

        def enough() -> bool:
            samples.extend(pulled(inlet))
            return sum(frame["valid"] for _, frame in matched(samples, tap.of("frame"), offset_s)) > 300

        assert until(enough, PATIENCE_S)
        pairs = matched(samples, tap.of("frame"), offset_s)
    for values, frame in pairs:
        told = dict(zip(labels, values, strict=True))
        # A frame that the bridge itself missed, on a busy machine, is a sample without numbers.
        if told["valid"] == frame["valid"]:
            assert_same(told, frame)
    assert sum(values[labels.index("valid")] for values, _ in pairs) > 200
    stamps = [stamp for stamp, _ in samples]
    steps = [after - before for before, after in itertools.pairwise(stamps)]
    assert all(abs(step - 5e-3) < MILLISECOND or step > 1.0 for step in steps), "also where no frame came"


def assert_same(told: dict[str, float], frame: dict[str, Any]) -> None:
    for group in ("angle", "moment", "velocity"):
        for name, value in frame.get(group, {}).items():
            label = f"{name}_velocity" if group == "velocity" else name
            assert same(told[label], value if frame["valid"] or group == "velocity" else math.nan)
    for name, value in frame["angle_imu"].items():
        assert same(told[f"{name}_imu"], value)
    for side, foot in frame["ground"].items():
        assert all(same(told[f"{key}_{side}"], float(foot[key])) for key in ("vgrf", "cop_ap", "contact"))


def test_a_mark_arrives_as_a_marker_of_its_instant(suit, bridge):
    inlet = inlet_of(f"{NAME}-events", bridge)
    info = inlet.info(timeout=PATIENCE_S)
    assert (info.type(), info.nominal_srate(), info.channel_count()) == ("Markers", 0.0, 1)
    at_ns = suit.ask("mark", text="höher", task="L3", trial="7")["at_ns"]
    markers: list[tuple[float, list[str]]] = []
    assert until(lambda: markers.extend(pulled(inlet)) or markers, PATIENCE_S)
    stamp, (text,) = markers[-1]
    told = json.loads(text)
    assert (told["kind"], told["text"], told["task"], told["trial"]) == ("mark", "höher", "L3", "7")
    assert abs(stamp - lsl_minus_monotonic() - at_ns * 1e-9) < MILLISECOND


def test_a_wearer_who_is_changed_is_a_marker(suit, bridge):
    inlet = inlet_of(f"{NAME}-events", bridge)
    wearer = suit.service.status["wearer"]
    suit.ask("set_wearer", wearer=wearer)
    markers: list[tuple[float, list[str]]] = []
    assert until(lambda: markers.extend(pulled(inlet)) or markers, PATIENCE_S)
    told = json.loads(markers[-1][1][0])
    assert (told["kind"], told["wearer"]) == ("wearer", wearer)


def test_no_number_while_a_sensor_is_missing_and_the_time_axis_goes_on(suit, bridge):
    inlet = inlet_of(NAME, bridge)
    labels = [channel["label"] for channel in channels_of(inlet)]
    samples: list[tuple[float, list[float]]] = []

    def newest(label: str) -> float:
        samples.extend(pulled(inlet))
        return dict(zip(labels, samples[-1][1], strict=True))[label] if samples else math.nan

    suit.worn.unplug("imu_thigh_r")
    try:
        assert until(lambda: newest("valid") == 0.0, PATIENCE_S)
        assert math.isnan(newest("knee_angle_r"))
        assert math.isnan(newest("hip_flexion_l_moment"))
        assert newest("vgrf_r") > 0.0, "the insoles are there"
    finally:
        suit.worn.replug("imu_thigh_r")
    assert until(lambda: newest("valid") == 1.0, PATIENCE_S)
    assert math.isfinite(newest("knee_angle_r"))


def test_the_streams_survive_a_restart_of_the_service(suit, bridge):
    frames, events = inlet_of(NAME, bridge), inlet_of(f"{NAME}-events", bridge)
    uid = frames.info(timeout=PATIENCE_S).uid()
    before = suit.service.client.session
    assert suit.service.stop() == 0
    pulled(frames)
    suit.start_service()
    assert until(suit.valid, PATIENCE_S), suit.service.log
    samples: list[tuple[float, list[float]]] = []
    assert until(lambda: samples.extend(pulled(frames)) or len(samples) > 100, PATIENCE_S)
    assert frames.info(timeout=PATIENCE_S).uid() == uid, "the same outlet: no recorder has to look for it"
    kinds = [json.loads(text) for _, (text,) in pulled(events)]
    begun = [told["id"] for told in kinds if told["kind"] == "session"]
    assert begun == [suit.service.client.session]
    assert begun != [before]


def test_sigterm_ends_it_with_0(suit, bridge):
    assert bridge.stop() == 0, bridge.log


def test_an_offset_is_that_of_the_best_measurement_and_ages_with_drift():
    still, drifting = Offset(0.0), Offset(1e-4)
    assert still.best_ns(0) is None
    for offset in (still, drifting):
        offset.add(0, 1_000, 10)  # bracketed within 10 ns: 995 ahead
        offset.add(10_000_000_000, 10_000_002_000, 10_000_001_000)  # within 1 us, ten seconds later
    assert still.best_ns(10_000_001_000) == 995
    assert drifting.best_ns(10_000_001_000) == 1_500


def test_an_address_of_another_machine_needs_its_control(capsys):
    from jetson_runtime.cli import main

    assert main(["bridge", "lsl", "--endpoint", "tcp://192.0.2.1:5565"]) == 2
    assert "--control" in capsys.readouterr().err


def test_a_service_whose_clock_is_another_is_stamped_on_this_machines_clock(tmp_path):
    """As of another machine: its CLOCK_MONOTONIC is a thousand hours ahead."""
    ahead_s = 3_600_000
    shifted = ["unshare", "--time", "--monotonic", str(ahead_s), "--fork", "--kill-child"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*shifted, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("needs unshare --time (root, Linux 5.6)")
    with bridged(tmp_path) as suit:
        assert suit.service.stop() == 0
        config, port = suit.config, free_port()
        config.write_text(config.read_text().replace("control = [", f'control = ["tcp://127.0.0.1:{port}", '))
        log = (tmp_path / "shifted.log").open("w")
        service = subprocess.Popen([*shifted, sys.executable, *RUN, str(config)], stderr=log)
        words = ("--name", f"{NAME}-shifted", "--control", f"tcp://127.0.0.1:{port}")
        process = suit.bridge("lsl", *words)
        try:
            inlet = inlet_of(f"{NAME}-shifted", process)
            with Tap(suit.endpoint, "frame") as tap, ControlClient(suit.worn.control) as control:
                assert until(lambda: tap.messages, PATIENCE_S)
                service_ns, doubt_ns = control.clock_offset_ns()
                assert service_ns > 0.99e9 * ahead_s
                offset_s = lsl_minus_monotonic() - service_ns * 1e-9
                samples: list[tuple[float, list[float]]] = []

                def enough() -> bool:
                    samples.extend(pulled(inlet))
                    pairs = matched(samples, tap.of("frame"), offset_s, MILLISECOND + doubt_ns * 1e-9)
                    return len(pairs) > 200

                assert until(enough, PATIENCE_S)
        finally:
            assert process.stop() == 0, process.log
            # unshare waits for its child, whatever it is sent; killed, it takes it along.
            service.kill()
            service.wait()
            log.close()
            suit.start_service()
