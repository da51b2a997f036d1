"""What a streaming insole sends, to samples. No port: a recording is read by the same code."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan, radians
from typing import Any

import numpy as np

from drivers.samples import FLAG_IMU_VALID, ClockFacts, FullScale, InsoleSample, Quaternion, Vector3
from drivers.units import STANDARD_GRAVITY
from drivers.xsensor import codec
from drivers.xsensor.codec import Info, InsoleFrame, InsoleParser, Sample
from drivers.xsensor.pressure import CELL_TYPE, Load, LoadSwitch, PressureGrid

# What the device's own force and centre may differ from ours by, before it counts as a disagreement.
_FORCE_SHARE, _FORCE_N = 0.02, 2.0
_CENTRE_CELLS = 0.5
# A heavy person's jump lands with 10 kN; the wire can say 43 MN. (It cannot say an impossible acceleration or rate:
# its integers end at 16 g and 2048 deg/s.)
_MOST_FORCE_N = 20_000.0

_ACCEL_SI = STANDARD_GRAVITY / codec.ACCEL_PER_G
_GYRO_SI = radians(1.0) / codec.GYRO_PER_DEG_S
_QUATERNION_SI = 1.0 / codec.QUATERNION_PER_UNIT
_SEQUENCES = 1 << 32
_OVERTAKEN = 8
_MOST_I16 = 0x7FFF


class InsoleReader:
    """Of the insole on one side (codec.LEFT or RIGHT) that announced `info`; `pending`: bytes that came before."""

    # The link says microseconds in 64 bits; behind it an X4 counts milliseconds.
    clock_facts = ClockFacts(stamp_resolution_ns=None)
    full_scale = FullScale(_ACCEL_SI * _MOST_I16, _GYRO_SI * _MOST_I16)

    def __init__(self, side: int, info: Info, switch: LoadSwitch, pending: bytes = b"") -> None:
        self.info = info
        self._side = side
        self._switch = switch
        self._parser = InsoleParser(pending)
        self._grid = PressureGrid(info, side)
        self._sequence: int | None = None
        self._unusable = False
        self._lost = 0
        self._refused = 0
        self._out_of_range = 0
        self._force_disagreements = 0
        self._centre_disagreements = 0

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> InsoleReader:
        """The reader that `facts` were told of."""
        info = Info._make((*facts["info"][:-1], tuple(facts["info"][-1])))
        switch = LoadSwitch(facts["on_n"], facts["off_n"])
        switch.loaded = facts["loaded"]
        reader = cls(facts["side"], info, switch, facts["pending"])
        reader._unusable = facts["unusable"]
        return reader

    @property
    def serial(self) -> str:
        """Of the insole."""
        return self.info.serial

    @property
    def rate_hz(self) -> float:
        """As the newest INFO says it; another than before means that the device was set to it while streaming."""
        return self.info.rate_hz

    def facts(self) -> dict[str, Any]:
        """All that the meaning of the bytes to come depends on, of plain types."""
        return {
            "side": self._side,
            "info": tuple(self.info),
            "on_n": self._switch.on_n,
            "off_n": self._switch.off_n,
            "loaded": self._switch.loaded,
            "unusable": self._unusable,
            "pending": self._parser.pending,
        }

    def set_load(self, on_n: float, off_n: float) -> None:
        """Other thresholds (`LoadSwitch`) from the next sample on; a foot that is loaded stays so down to `off_n`."""
        loaded = self._switch.loaded
        self._switch = LoadSwitch(on_n, off_n)
        self._switch.loaded = loaded

    def feed(self, data: bytes, receive_ns: int) -> list[InsoleSample]:
        """Samples completed by `data`, in order; what cannot become one is counted."""
        samples = []
        for frame in self._parser.feed(data, receive_ns):
            if frame.type == codec.SAMPLE:
                sample = self._sample(frame)
                if sample is not None:
                    samples.append(sample)
            elif frame.type == codec.INFO:
                self._take_info(frame)
        return samples

    def counters(self) -> dict[str, int]:
        """Since bring-up. lost: gaps in the sequence. refused: samples of another side, device or geometry.

        out_of_range: samples with a force that no person exerts, or a centre of pressure beside the grid.
        """
        parser = self._parser
        return {
            "frames": parser.frames,
            "bad_cobs": parser.bad_cobs,
            "bad_crc": parser.bad_crc,
            "bad_lengths": parser.bad_lengths,
            "unknown_versions": parser.unknown_versions,
            "discarded_bytes": parser.discarded_bytes,
            "lost": self._lost,
            "refused": self._refused,
            "out_of_range": self._out_of_range,
            "force_disagreements": self._force_disagreements,
            "centre_disagreements": self._centre_disagreements,
        }

    def _sample(self, frame: InsoleFrame) -> InsoleSample | None:
        sample = codec.decode_sample(frame.body)
        mapped = bool(sample.cells)
        readable = not mapped or len(sample.cells) == 2 * self._grid.cells
        if frame.side != self._side or self._unusable or not readable:
            self._refused += 1
            return None
        self._count_lost(frame.sequence)
        load = self._from_map(sample) if mapped else self._from_device(sample)
        if load.force_n > _MOST_FORCE_N or self._grid.beside(load):
            self._out_of_range += 1
            return None
        if not self._switch.update(load.force_n):
            load = Load(load.force_n, nan, nan)
        valid = bool(frame.flags & FLAG_IMU_VALID)
        return InsoleSample(
            frame.device_us * 1000,
            frame.receive_ns,
            frame.sequence,
            frame.flags,
            *load,
            _vector(sample.accel, _ACCEL_SI) if valid else None,
            _vector(sample.gyro, _GYRO_SI) if valid else None,
            _quaternion(sample.quaternion) if valid else None,
            sample.cells,
            sample.battery_mv,
            sample.temperature / codec.TEMPERATURE_PER_C,
            self._grid.grid,
        )

    def _count_lost(self, sequence: int) -> None:
        """A step back is a restart of the device, not four billion lost samples; a small one, a sample overtaken."""
        if self._sequence is not None:
            missing = (sequence - self._sequence - 1) % _SEQUENCES
            if missing >= _SEQUENCES - _OVERTAKEN:
                return
            self._lost += missing if missing < _SEQUENCES // 2 else 0
        self._sequence = sequence

    def _from_map(self, sample: Sample) -> Load:
        load = self._grid.load(np.frombuffer(sample.cells, CELL_TYPE))
        self._cross_check(load, self._from_device(sample))
        return load

    def _from_device(self, sample: Sample) -> Load:
        return Load(sample.force / codec.FORCE_PER_N, *self._grid.centre(sample.cop_column, sample.cop_row))

    def _cross_check(self, ours: Load, theirs: Load) -> None:
        if abs(ours.force_n - theirs.force_n) > _FORCE_N + _FORCE_SHARE * ours.force_n:
            self._force_disagreements += 1
        if ours.force_n < self._switch.on_n or isnan(theirs.ap_m):
            return
        apart_m = max(abs(ours.ap_m - theirs.ap_m), abs(ours.ml_m - theirs.ml_m))
        if apart_m > _CENTRE_CELLS * self._grid.cell_m:
            self._centre_disagreements += 1

    def _take_info(self, frame: InsoleFrame) -> None:
        """A changed geometry or rate is adopted; one that no sample can have, or another insole's, ends their use."""
        info = codec.decode_info(frame.body)
        if frame.side != self._side or info.serial != self.info.serial or lacking(info):
            self._unusable = True
        elif (info.geometry, info.rate_centihz) != (self.info.geometry, self.info.rate_centihz):
            self.info = info
            self._grid = PressureGrid(info, self._side)


def lacking(info: Info) -> str:
    """What this INFO announces that no samples can be read with, in words; empty where it is usable."""
    if not (info.rows and info.columns and info.pitch_um):
        return "no grid"
    if not info.live_cells:
        return "no live cell"
    return "" if info.rate_centihz else "a rate of 0 Hz"


def _vector(raw: tuple[int, int, int], si: float) -> Vector3:
    return raw[0] * si, raw[1] * si, raw[2] * si


def _quaternion(raw: tuple[int, int, int, int]) -> Quaternion | None:
    """None while the device has no attitude (all zero)."""
    w, x, y, z = raw
    if not any(raw):
        return None
    return w * _QUATERNION_SI, x * _QUATERNION_SI, y * _QUATERNION_SI, z * _QUATERNION_SI
