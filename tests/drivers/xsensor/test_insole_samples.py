"""From streamed frames to insole samples: units, the low-load rule, and what is refused or counted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.samples import FLAG_CLOCK_STEPPED, FLAG_IMU_VALID, FLAG_ZEROED
from drivers.serial_port import SerialPort
from drivers.xsensor import codec
from drivers.xsensor.codec import Info, Sample, build_frame
from drivers.xsensor.insole import Insole
from drivers.xsensor.pressure import LoadSwitch, pressures_kpa
from drivers.xsensor.reader import InsoleReader

if TYPE_CHECKING:
    from conftest import Pty

ROWS, COLUMNS, PITCH_UM = 4, 3, 10_000  # a cell is 1 cm², so 10 kPa on it are 1 N
INFO = Info("X4", "R-1", ROWS, COLUMNS, PITCH_UM, 7513, (True,) * 12)


@pytest.fixture
def insole(pty: Pty) -> Iterator[Insole]:
    port = SerialPort(pty.name)
    yield Insole(port, InsoleReader(codec.RIGHT, INFO, LoadSwitch(35.0, 21.0)))
    port.close()


def body(
    newtons: dict[tuple[int, int], float] | None,
    *,
    force_n: float | None = None,
    cop: tuple[int, int] | None = None,
) -> bytes:
    """A SAMPLE's body with these forces at (row, column), 1-based; None: no map. The device's own figures agree."""
    cells = np.zeros((ROWS, COLUMNS), "<u2")
    for (row, column), newton in (newtons or {}).items():
        cells[row - 1, column - 1] = round(newton * 1000)
    total = cells.sum(dtype=float)
    rows, columns = np.mgrid[1 : ROWS + 1, 1 : COLUMNS + 1]
    centre = (
        (codec.COP_UNDEFINED,) * 2
        if total == 0
        else (round(100 * (cells * columns).sum() / total), round(100 * (cells * rows).sum() / total))
    )
    column, row = cop or centre
    force = round(100 * (total / 1000 if force_n is None else force_n))
    data = b"" if newtons is None else cells.tobytes()
    return codec.encode_sample(
        Sample((2048, -1024, 0), (16, -160, 0), (16384, 0, -16384, 0), force, column, row, 3700, -12, data)
    )


def sample_frame(
    content: bytes, sequence: int = 0, *, side: int = codec.RIGHT, flags: int = FLAG_IMU_VALID
) -> bytes:
    return build_frame(codec.SAMPLE, side, content, sequence=sequence, device_us=1_234_567, flags=flags)


def info_frame(info: Info, side: int = codec.RIGHT) -> bytes:
    return build_frame(codec.INFO, side, codec.encode_info(info))


def test_one_sample_with_all_its_values(insole: Insole) -> None:
    frame = sample_frame(body({(1, 3): 30.0, (4, 3): 10.0}), 41)
    assert insole.feed(frame[:20], 1) == []
    (sample,) = insole.feed(frame[20:], 99)
    assert (sample.device_ns, sample.receive_ns, sample.sequence, sample.flags) == (1_234_567_000, 99, 41, 1)
    assert sample.force_n == pytest.approx(40.0)
    assert sample.cop_ap_m == pytest.approx(0.0075)
    assert sample.cop_ml_m == pytest.approx(0.01)
    assert sample.accel == pytest.approx((9.80665, -9.80665 / 2, 0.0))
    assert sample.gyro == pytest.approx((math.radians(1), math.radians(-10), 0.0))
    assert sample.quaternion == (1.0, 0.0, -1.0, 0.0)
    pressures = pressures_kpa(sample.cells)
    assert len(pressures) == 12
    assert (pressures[2], pressures[11]) == (300.0, 100.0)
    assert (sample.battery_mv, sample.temperature_c) == (3700, -1.2)
    assert sum(insole.counters().values()) == 1


def test_the_foot_imu_is_absent_while_it_is_not_valid(insole: Insole) -> None:
    (sample,) = insole.feed(sample_frame(body({}), flags=FLAG_ZEROED), 1)
    assert (sample.accel, sample.gyro, sample.quaternion) == (None, None, None)
    assert sample.flags == FLAG_ZEROED


def test_a_stepped_clock_is_handed_on(insole: Insole) -> None:
    flags = [sample_frame(body({}), n, flags=n * FLAG_CLOCK_STEPPED) for n in (0, 1)]
    samples = insole.feed(b"".join(flags), 1)
    assert [bool(sample.flags & FLAG_CLOCK_STEPPED) for sample in samples] == [False, True]


def test_centre_is_undefined_at_low_load_with_hysteresis(insole: Insole) -> None:
    forces = [0.0, 34.0, 36.0, 22.0, 20.0, 30.0, 35.0]
    frames = b"".join(sample_frame(body({(2, 2): force}), i) for i, force in enumerate(forces))
    samples = insole.feed(frames, 1)
    assert [sample.force_n for sample in samples] == pytest.approx(forces)
    assert [math.isnan(s.cop_ap_m) for s in samples] == [True, True, False, False, True, True, False]
    assert [math.isnan(s.cop_ml_m) for s in samples] == [True, True, False, False, True, True, False]


def test_without_a_map_the_device_s_own_figures_are_used(insole: Insole) -> None:
    (sample,) = insole.feed(sample_frame(body(None, force_n=50.0, cop=(300, 100))), 1)
    assert (sample.force_n, sample.cells) == (50.0, b"")
    assert (sample.cop_ap_m, sample.cop_ml_m) == pytest.approx((0.015, 0.01))
    undefined = (codec.COP_UNDEFINED, codec.COP_UNDEFINED)
    (sample,) = insole.feed(sample_frame(body(None, force_n=50.0, cop=undefined), 1), 1)
    assert math.isnan(sample.cop_ap_m)


@pytest.mark.parametrize(
    ("force_n", "cop"),
    [(4e7, (200, 200)), (20_001.0, (200, 200)), (50.0, (32767, 200)), (50.0, (200, -300)), (50.0, (40, 200))],
)
def test_what_no_foot_can_do_is_not_handed_on(insole: Insole, force_n: float, cop: tuple[int, int]) -> None:
    assert insole.feed(sample_frame(body(None, force_n=force_n, cop=cop)), 1) == []
    assert insole.counters()["out_of_range"] == 1


@pytest.mark.parametrize("cop", [(50, 50), (350, 450)])
def test_the_edge_of_the_grid_and_a_hard_landing_are_handed_on(insole: Insole, cop: tuple[int, int]) -> None:
    assert len(insole.feed(sample_frame(body(None, force_n=15_000.0, cop=cop)), 1)) == 1


def test_lost_samples_are_counted_by_their_sequence(insole: Insole) -> None:
    top = 2**32
    for sequence in (
        top - 2,
        top - 1,
        0,
        1,
        4,
        5,
        2,
        3,
    ):  # wraps, loses 2 and 3, then the device restarts at 2
        insole.feed(sample_frame(body({}), sequence), 1)
    assert insole.counters()["lost"] == 2


def test_a_map_of_unknown_geometry_is_refused(insole: Insole) -> None:
    content = body({(2, 2): 50.0})
    cut = content[:32] + (11).to_bytes(2, "little") + content[34:-2]
    assert insole.feed(sample_frame(cut), 1) == []
    assert insole.counters()["refused"] == 1


def test_a_new_geometry_is_taken_from_its_info(insole: Insole) -> None:
    smaller = INFO._replace(mask=(True,) * 11 + (False,))
    content = body({(4, 2): 50.0})
    cut = content[:32] + (11).to_bytes(2, "little") + content[34:-2]
    (sample,) = insole.feed(info_frame(smaller) + sample_frame(cut), 1)
    assert sample.cop_ap_m == pytest.approx(-0.015)
    assert insole.info == smaller
    wider = INFO._replace(pitch_um=20_000)
    (sample,) = insole.feed(info_frame(wider) + sample_frame(content, 1), 1)
    assert sample.force_n == pytest.approx(200.0)


def test_a_new_rate_is_taken_from_its_info(insole: Insole) -> None:
    assert insole.rate_hz == 75.13
    assert len(insole.feed(info_frame(INFO._replace(rate_centihz=5000)) + sample_frame(body({})), 1)) == 1
    assert insole.rate_hz == insole.info.rate_hz == 50.0


@pytest.mark.parametrize("change", [{"rate_centihz": 0}, {"pitch_um": 0}, {"mask": (False,) * 12}])
def test_an_info_that_bring_up_would_refuse_ends_the_use_of_the_samples(
    insole: Insole, change: dict[str, object]
) -> None:
    assert insole.feed(info_frame(INFO._replace(**change)) + sample_frame(body({})), 1) == []
    assert insole.rate_hz == 75.13
    assert insole.counters()["refused"] == 1


def test_the_other_foot_s_samples_are_refused(insole: Insole) -> None:
    assert insole.feed(sample_frame(body({}), side=codec.LEFT), 1) == []
    assert insole.counters()["refused"] == 1


def test_a_second_insole_on_the_same_line_ends_the_use_of_its_samples(insole: Insole) -> None:
    assert len(insole.feed(info_frame(INFO) + sample_frame(body({}), 1), 1)) == 1
    stranger = INFO._replace(serial="R-2")
    assert insole.feed(info_frame(stranger) + sample_frame(body({}), 2) + info_frame(INFO), 1) == []
    assert insole.feed(sample_frame(body({}), 3), 1) == []
    assert insole.counters()["refused"] == 2


def test_disagreement_with_the_device_s_own_figures_is_counted(insole: Insole) -> None:
    pressed = {(2, 2): 50.0}
    insole.feed(sample_frame(body(pressed, force_n=52.5), 0), 1)
    assert insole.counters()["force_disagreements"] == 0
    insole.feed(sample_frame(body(pressed, force_n=55.0), 1), 1)
    insole.feed(sample_frame(body(pressed, cop=(200, 240)), 2), 1)
    insole.feed(sample_frame(body(pressed, cop=(200, 260)), 3), 1)
    insole.feed(
        sample_frame(body({(2, 2): 5.0}, cop=(200, 400)), 4), 1
    )  # hardly loaded: no centre to compare
    counters = insole.counters()
    assert (counters["force_disagreements"], counters["centre_disagreements"]) == (1, 1)


def test_damage_costs_one_sample_and_is_counted(insole: Insole) -> None:
    frames = [sample_frame(body({}), i) for i in range(3)]
    damaged = bytearray(frames[1])
    damaged[30] ^= 0x55
    assert len(insole.feed(frames[0] + bytes(damaged) + frames[2], 1)) == 2
    counters = insole.counters()
    assert counters["lost"] == 1
    assert counters["bad_crc"] + counters["bad_cobs"] == 1
    assert counters["discarded_bytes"] == len(damaged)


sample_bodies = st.builds(
    lambda head, cells: head + (len(cells) // 2).to_bytes(2, "little") + cells[: len(cells) // 2 * 2],
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=24, max_size=24) | st.binary(max_size=30),
)
infos = st.builds(
    lambda serial, rows, columns, pitch_um, live: codec.encode_info(
        Info("X4", serial, rows, columns, pitch_um, 7513, tuple(i % 3 < live for i in range(rows * columns)))
    ),
    st.sampled_from(["R-1", "R-1", "R-1", "R-2"]),
    st.integers(0, 6),
    st.integers(0, 6),
    st.integers(0, 20_000),
    st.integers(0, 3),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.just(codec.SAMPLE), sample_bodies)
        | st.tuples(st.just(codec.INFO), infos)
        | st.tuples(st.integers(0, 255), st.binary(max_size=60)),
        max_size=6,
    ),
    st.integers(0, 255),
)
def test_whatever_bodies_come_nothing_raises_and_no_number_is_infinite(
    insole: Insole, stream: list[tuple[int, bytes]], flags: int
) -> None:
    data = b"".join(build_frame(kind, codec.RIGHT, content, flags=flags) for kind, content in stream)
    for sample in insole.feed(data, 1):
        assert math.isfinite(sample.force_n)
        assert math.isnan(sample.cop_ap_m) == math.isnan(sample.cop_ml_m)
        assert not math.isinf(sample.cop_ap_m)
        assert (sample.accel is not None) == bool(flags & FLAG_IMU_VALID)
