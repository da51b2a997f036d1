from __future__ import annotations

import struct

import numpy as np
import pytest
from emulated import SECOND, START_NS, run

from drivers.emulator.clock import DeviceClock
from drivers.emulator.motion import FootLoad, InsoleContent, SensorNoise, standing
from drivers.emulator.transport import make_transport
from drivers.emulator.xsensor import EmulatedInsole, InsoleIdentity
from drivers.samples import FLAG_IMU_VALID, FLAG_SATURATED, FLAG_SIMULATED, FLAG_ZEROED
from drivers.xsensor import codec
from drivers.xsensor.codec import LEFT, RIGHT, Command, InsoleFrame, InsoleParser
from drivers.xsensor.pressure import PressureGrid

CLOCK = DeviceClock(START_NS - 30 * SECOND, skew_ppm=-70.0, drift_ppm=1.0)


def pressing(force_n: float, ap_m: float, ml_m: float, *, known: bool = True) -> InsoleContent:
    """A constant load."""

    def content(host_ns: np.ndarray) -> FootLoad:
        n = len(host_ns)
        return FootLoad(np.full(n, force_n), np.full(n, ap_m), np.full(n, ml_m), np.full(n, known), None)

    return content


def make_insole(content: InsoleContent, side: int = RIGHT, **options: object) -> EmulatedInsole:
    identity = InsoleIdentity(side, pitch_um=9000)
    return EmulatedInsole(content, CLOCK, make_transport("none", 0), identity=identity, **options)  # type: ignore[arg-type]


def frames_of(sent: list[tuple[int, bytes]], kind: int | None = None) -> list[InsoleFrame]:
    """Frames of the real parser, which must have found nothing wrong; receive_ns is the time of sending."""
    parser = InsoleParser()
    frames = [frame for at_ns, data in sent for frame in parser.feed(data, at_ns)]
    assert (parser.bad_crc, parser.bad_cobs, parser.bad_lengths, parser.discarded_bytes) == (0, 0, 0, 0)
    return [frame for frame in frames if kind in (None, frame.type)]


def frames_for(insole: EmulatedInsole, seconds: float = 1.0, kind: int | None = None) -> list[InsoleFrame]:
    return frames_of(run(insole, START_NS, START_NS + round(seconds * SECOND)), kind)


def command(
    insole: EmulatedInsole, op: int, arguments: bytes = b"", at_ns: int = START_NS
) -> list[InsoleFrame]:
    """What comes in the half second after a command with tag 9."""
    body = codec.encode_command(Command(op, 9, arguments))
    insole.feed(codec.build_frame(codec.COMMAND, insole.identity.side, body), at_ns)
    return frames_of(run(insole, at_ns, at_ns + SECOND // 2))


def status_of(frames: list[InsoleFrame]) -> int:
    (reply,) = [codec.decode_reply(frame.body) for frame in frames if frame.type == codec.REPLY]
    assert reply.tag == 9
    return reply.status


@pytest.mark.parametrize("side", [RIGHT, LEFT])
@pytest.mark.parametrize("force_n", [21.0, 350.0, 1100.0])
@pytest.mark.parametrize(("ap_m", "ml_m"), [(0.0, 0.0), (-0.10, 0.004), (0.07, -0.015), (0.07, 0.015)])
def test_the_drivers_geometry_finds_the_wanted_force_and_centre_in_the_map(
    side: int, force_n: float, ap_m: float, ml_m: float
) -> None:
    insole = make_insole(pressing(force_n, ap_m, ml_m), side)
    frames = frames_for(insole)
    info = codec.decode_info(next(frame for frame in frames if frame.type == codec.INFO).body)
    samples = [codec.decode_sample(frame.body) for frame in frames if frame.type == codec.SAMPLE]
    grid = PressureGrid(info, side)
    load = grid.load(np.frombuffer(samples[0].cells, "<u2").astype(np.float64))
    assert load.force_n == pytest.approx(force_n, abs=0.05)
    assert load.ap_m == pytest.approx(ap_m, abs=1e-4)
    assert load.ml_m == pytest.approx(ml_m, abs=1e-4)
    own = grid.centre(samples[0].cop_column, samples[0].cop_row)
    assert own == pytest.approx((ap_m, ml_m), abs=1e-4)
    assert samples[0].force == round(force_n * 100)


def test_lateral_is_to_the_right_on_the_right_foot_and_to_the_left_on_the_left() -> None:
    for side, sign in ((RIGHT, 1), (LEFT, -1)):
        sample = codec.decode_sample(
            frames_for(make_insole(pressing(400.0, 0.06, 0.02), side), kind=codec.SAMPLE)[0].body
        )
        assert sign * (sample.cop_column - 600) > 0
        assert sample.cop_row < 1600


def test_a_force_whose_centre_is_unknown_lies_somewhere_and_the_device_tells_no_centre() -> None:
    for ap_m, ml_m in ((float("nan"), float("nan")), (-0.05, 0.0)):
        sample = codec.decode_sample(
            frames_for(make_insole(pressing(15.0, ap_m, ml_m, known=False)), kind=codec.SAMPLE)[0].body
        )
        assert (sample.cop_column, sample.cop_row) == (codec.COP_UNDEFINED, codec.COP_UNDEFINED)
        assert sample.force == 1500
        assert np.frombuffer(sample.cells, "<u2").sum() * 10 * 0.009**2 == pytest.approx(15.0, rel=0.01)


def test_a_foot_in_the_air_presses_nowhere() -> None:
    sample = codec.decode_sample(frames_for(make_insole(pressing(0.0, 0.0, 0.0)), kind=codec.SAMPLE)[0].body)
    assert sample.force == 0
    assert not any(sample.cells)
    assert sample.cop_column == codec.COP_UNDEFINED


def test_more_force_than_the_cells_around_it_can_say_keeps_the_force_and_moves_the_centre() -> None:
    insole = make_insole(pressing(1800.0, 0.14, 0.0))
    frame = frames_for(insole, kind=codec.SAMPLE)[0]
    pressures = np.frombuffer(codec.decode_sample(frame.body).cells, "<u2").astype(float)
    assert pressures.sum() * 10 * 0.009**2 == pytest.approx(1800.0, rel=1e-3)
    assert not frame.flags & FLAG_SATURATED
    assert insole.samples.unreachable_samples > 0


@pytest.mark.parametrize(("rate_hz", "centihz"), [(80.0, 8000), (75.13, 7513)])
def test_samples_come_at_the_insoles_rate_with_its_own_time(rate_hz: float, centihz: int) -> None:
    insole = make_insole(standing(), rate_hz=rate_hz, noise=SensorNoise(1))
    frames = frames_for(insole, seconds=10.0)
    samples = [frame for frame in frames if frame.type == codec.SAMPLE]
    assert len(samples) == pytest.approx(10 * rate_hz, abs=1)
    assert [frame.sequence for frame in samples] == list(range(len(samples)))
    device_s = np.asarray([frame.device_us for frame in samples]) * 1e-6
    assert np.abs(np.diff(device_s) - 1 / rate_hz).max() < 2e-6
    assert np.abs(CLOCK.host_ns(device_s) - [frame.receive_ns for frame in samples]).max() <= 1001
    (info, *_) = [codec.decode_info(frame.body) for frame in frames if frame.type == codec.INFO]
    assert info.rate_centihz == centihz
    assert info.live_cells == 235


def test_coarse_stamps_have_their_step() -> None:
    stamps = [
        frame.device_us
        for frame in frames_for(make_insole(standing(), rate_hz=75.13, stamp_us=1000), 2.0, codec.SAMPLE)
    ]
    assert all(stamp % 1000 == 0 for stamp in stamps)
    assert set(np.diff(stamps)) == {13_000, 14_000}


def test_info_comes_at_start_every_second_and_on_request() -> None:
    insole = make_insole(standing())
    times = [frame.receive_ns for frame in frames_for(insole, seconds=4.5, kind=codec.INFO)]
    assert times[0] == START_NS
    assert np.diff(times) == pytest.approx(np.full(4, SECOND), rel=1e-3)
    answer = command(insole, codec.OP_IDENTIFY, at_ns=START_NS + 9 * SECOND // 2)
    assert status_of(answer) == codec.STATUS_OK
    assert [frame.type for frame in answer].count(codec.INFO) == 1


def test_stop_start_and_zero() -> None:
    insole = make_insole(standing())
    stopped = command(insole, codec.OP_STOP)
    assert status_of(stopped) == codec.STATUS_OK
    assert not [frame for frame in stopped if frame.type == codec.SAMPLE]
    started = command(insole, codec.OP_START, at_ns=START_NS + SECOND)
    samples = [frame for frame in started if frame.type == codec.SAMPLE]
    assert len(samples) == pytest.approx(40, abs=1)
    assert not samples[0].flags & FLAG_ZEROED
    zeroed = command(insole, codec.OP_ZERO, at_ns=START_NS + 2 * SECOND)
    assert status_of(zeroed) == codec.STATUS_OK
    after = frames_of(run(insole, START_NS + 5 * SECOND // 2, START_NS + 3 * SECOND))
    assert after[-1].flags & FLAG_ZEROED


def test_the_rate_can_be_set_up_to_the_devices_own() -> None:
    insole = make_insole(standing())
    assert status_of(command(insole, codec.OP_SET_RATE, struct.pack("<H", 5000))) == codec.STATUS_OK
    samples = frames_of(run(insole, START_NS + SECOND // 2, START_NS + 3 * SECOND // 2), codec.SAMPLE)
    assert len(samples) == pytest.approx(50, abs=1)
    for arguments in (struct.pack("<H", 20_000), b"\x00\x00", b"\x01"):
        answer = command(insole, codec.OP_SET_RATE, arguments, at_ns=START_NS + 2 * SECOND)
        assert status_of(answer) == codec.STATUS_BAD_ARGUMENT


def test_unknown_commands_are_told_so_and_the_other_sides_are_not_answered() -> None:
    insole = make_insole(standing())
    assert status_of(command(insole, 77)) == codec.STATUS_UNKNOWN
    body = codec.encode_command(Command(codec.OP_IDENTIFY, 9))
    insole.feed(codec.build_frame(codec.COMMAND, LEFT, body), START_NS + SECOND)
    assert not frames_of(run(insole, START_NS + SECOND, START_NS + 3 * SECOND // 2), codec.REPLY)


def test_the_foot_imu_speaks_in_the_links_units_and_its_absence_is_flagged() -> None:
    frame = frames_for(make_insole(standing()), kind=codec.SAMPLE)[0]
    sample = codec.decode_sample(frame.body)
    assert sample.accel == (0, codec.ACCEL_PER_G, 0)
    assert sample.quaternion == (11585, -11585, 0, 0)
    assert frame.flags == FLAG_IMU_VALID | FLAG_SIMULATED
    without = frames_for(make_insole(pressing(100.0, 0.0, 0.0)), kind=codec.SAMPLE)[0]
    assert without.flags == FLAG_SIMULATED


def test_a_restart_starts_clock_and_sequence_at_zero() -> None:
    insole = make_insole(standing())
    frames_for(insole)
    at_ns = START_NS + SECOND
    insole.restart(at_ns)
    samples = frames_of(run(insole, at_ns, at_ns + SECOND), codec.SAMPLE)
    assert samples[0].sequence == 0
    assert samples[0].device_us < 500_000
    assert insole.clock.powered_ns == at_ns


def test_a_held_insole_repeats_its_reading_but_its_sequence_goes_on() -> None:
    insole = make_insole(standing(), noise=SensorNoise(1, factor=6.0))
    assert len({frame.body for frame in frames_for(insole, kind=codec.SAMPLE)}) > 70
    insole.hold(START_NS + SECOND)
    held = frames_of(run(insole, START_NS + SECOND, START_NS + 2 * SECOND), codec.SAMPLE)
    assert len({frame.body for frame in held}) == 1
    assert set(np.diff([frame.sequence for frame in held])) == {1}


def test_without_maps_samples_carry_force_and_centre_alone() -> None:
    sample = codec.decode_sample(
        frames_for(make_insole(pressing(300.0, 0.01, 0.0), maps=False), kind=codec.SAMPLE)[0].body
    )
    assert (sample.cells, sample.force) == (b"", 30_000)
    assert sample.cop_row == pytest.approx(1600 - 111, abs=1)
