"""Types, units and meanings of the messages beside `frame`, of which `received.py` is the type.

For who type-checks a client, and for docs/messages.md, which is made of them. Each key is `Annotated` with its unit
(empty: none) and its meaning. Ages that no clock can tell are nil (None in Python).
Standard library only, and `record_schema.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from jetson_runtime.stream.record_schema import RecordingTold, RecordTold

_S, _MS, _NS = "s", "ms", "ns"


class Envelope(TypedDict):
    """In every message."""

    topic: Annotated[str, "", "the message's own topic"]
    v: Annotated[int, "", "schema version; a change of meaning raises it"]
    session: Annotated[str, "", "random at each start of the service"]
    t: Annotated[float, _S, "`t_ns` in seconds"]
    t_ns: Annotated[int, _NS, "the instant spoken of: of the grid in `frame` and `features`, else of sending"]
    publish_ns: Annotated[int, _NS, "the instant of sending; like `t_ns` on the service's CLOCK_MONOTONIC"]


class Model(TypedDict):
    """`model` of `hello`."""

    name: Annotated[str, "", "of the bundle"]
    sha256: Annotated[str, "", "of the bundle"]


class Outcome(TypedDict):
    """One of `outcomes` of `hello`."""

    name: Annotated[str, "", "by OpenSim"]
    kind: Annotated[Literal["angle", "moment"], "", "which map of `frame` holds it"]
    joint: Annotated[str, "", "of the body"]
    unit: Annotated[str, "", "of its number"]
    positive: Annotated[str, "", "which way its number grows, in words"]


class Velocity(TypedDict):
    """One of `velocities` of `hello`."""

    name: Annotated[str, "", "of the joint's angle"]
    unit: Annotated[str, "", "of its number"]
    positive: Annotated[str, "", "which way its number grows, in words"]


class ChannelName(TypedDict):
    """One of `channels` of `hello`."""

    name: Annotated[str, "", "of the row's value"]
    unit: Annotated[str, "", "of its number"]


class Hello(Envelope):
    """Once a second, and as soon as somebody subscribes to it: what the numbers mean."""

    model: Annotated[Model, "", "the network"]
    engine: Annotated[str, "", "what computes it"]
    precision: Annotated[str, "", "fp32 or fp16, of its weights"]
    rate_hz: Annotated[int, "Hz", "of the frames"]
    sides: Annotated[list[str], "", "legs that are computed, of r and l"]
    body_mass_kg: Annotated[float | None, "kg", "the wearer's, unloaded; nil where none is set"]
    outcomes: Annotated[list[Outcome], "", "each angle and moment of `frame`"]
    velocities: Annotated[list[Velocity], "", "each velocity of `frame`"]
    channels: Annotated[list[ChannelName], "", "the 54 values of a row of `features`, in its order"]
    coverage: Annotated[
        float | None, "", "how often an `interval` holds the truth, nominal; nil: not calibrated"
    ]
    tare_time_ns: Annotated[int | None, _NS, "of the tare that holds, on the wall clock (UTC)"]
    tare_id: Annotated[str | None, "", "of the tare that holds"]
    utc_minus_monotonic_ns: Annotated[int, _NS, "to have UTC of an instant of this stream, at sending"]
    clock_synchronised: Annotated[
        bool | None, "", "whether the wall clock was set since boot; nil: not known"
    ]


class Clock(TypedDict):
    """`clock` of a stream of `status`."""

    offset_ms: Annotated[float, _MS, "of the device's clock to the host's; NaN before any sample"]
    skew_ppm: Annotated[float, "ppm", "how much faster the device's clock runs"]
    uncertainty_ms: Annotated[float, _MS, "of the offset"]
    restarts: Annotated[int, "", "of the device's clock"]


class Stream(TypedDict):
    """One device of `streams` of `status`."""

    alive: Annotated[bool, "", "samples come"]
    rate_hz: Annotated[float, "Hz", "samples a second"]
    rate_ok: Annotated[bool, "", "within 10 % of what was asked for"]
    valid: Annotated[bool, "", "fresh at the newest tick"]
    age_ms: Annotated[float, _MS, "of the newest sample; NaN before any"]
    drops: Annotated[int, "", "samples that never came"]
    out_of_order: Annotated[int, "", "samples that came after a newer one"]
    bad_bytes: Annotated[int, "", "bytes that belong to no packet"]
    stuck: Annotated[bool, "", "it repeats one reading"]
    saturated: Annotated[int, "", "readings at the end of the sensor's range"]
    counters: Annotated[dict[str, int], "", "its driver's own"]
    clock: Annotated[Clock, "", "the device's clock beside the host's"]
    port: Annotated[str, "", "of the device in use, else empty"]
    serial: Annotated[str, "", "of the device in use, else empty"]
    model: Annotated[str, "", "of the device in use, else empty"]
    notes: Annotated[list[str], "", "what is unusual about it and no fault"]
    detail: Annotated[str, "", "what is wrong and what to do, else empty"]
    missing_since_s: Annotated[float | None, _S, "how long it has been missing, else nil"]


class FaultTold(TypedDict):
    """One of `faults` of `status`."""

    number: Annotated[int, "", "of [faults.md](faults.md); never changes its meaning"]
    stream: Annotated[str, "", "the device; empty: the whole suit"]
    what: Annotated[str, "", "is wrong, in `language`"]
    text: Annotated[str, "", "its particulars, in English"]
    remedy: Annotated[str, "", "what to do, in `language`"]


class Lateness(TypedDict):
    """`lateness_ms` of `status`: how long after its deadline a tick was computed, 0 for one in time."""

    p50: Annotated[float, _MS, "of the last 20 s"]
    p99: Annotated[float, _MS, "of the last 20 s"]
    max: Annotated[float, _MS, "since the start"]


class PublisherTold(TypedDict):
    """`publisher` of `status`."""

    sent: Annotated[int, "", "frames since the start"]
    dropped: Annotated[int, "", "frames that found its queue full, or were stale in it"]


class TareTold(TypedDict):
    """`tare` of `status`."""

    tare_id: Annotated[str, "", "of the tare that holds"]
    age_s: Annotated[float | None, _S, "since it was taken"]
    stale: Annotated[bool, "", "damage of the disk: it is the one before the last"]
    without_heading: Annotated[list[str], "", "parts that were power-cycled since"]
    other_device: Annotated[list[str], "", "parts that carry another device since"]


class WearerTold(TypedDict):
    """`wearer` of `status` and of an event."""

    mass_kg: Annotated[float, "kg", "unloaded, unsuited"]
    foot_length_m: Annotated[float, "m", "of the foot"]
    foot_width_m: Annotated[float, "m", "of the foot"]


class ZeroTold(TypedDict):
    """One side of `insole_zero` of `status`."""

    force_n: Annotated[float, "N", "that is taken off"]
    age_s: Annotated[float | None, _S, "since it was taken"]


class FitTold(TypedDict):
    """`fit` of `status`."""

    verdict: Annotated[Literal["never", "passed", "refused", "outdated"], "", "of `second-skin fit`"]
    age_s: Annotated[float | None, _S, "since then"]
    found: Annotated[list[str], "", "what was wrong"]


class ClientsTold(TypedDict):
    """`clients` of `status`: on public, latest and control together."""

    connected: Annotated[int, "", "now"]
    refused: Annotated[int, "", "since the start: no key, a wrong one, or no ZeroMQ at all"]
    revoked: Annotated[int, "", "since the start: its key was taken away"]
    over_limit: Annotated[int, "", "since the start: one too many"]
    flooding: Annotated[int, "", "since the start: subscriptions or parts without end"]


class PowerTold(TypedDict):
    """`power` of `status`."""

    rail_v: Annotated[float, "V", "of the input"]
    current_a: Annotated[float, "A", "at that voltage"]
    watts: Annotated[float, "W", "of the whole module"]


class DiskTold(TypedDict):
    """`disk` of `status`."""

    path: Annotated[str, "", "which file system"]
    free_mb: Annotated[int, "MB", "left"]
    total_mb: Annotated[int, "MB", "in all"]


class SupplyTold(TypedDict):
    """`supply` of `status`."""

    low: Annotated[bool, "", "power is low"]
    percent: Annotated[float | None, "%", "by the pack's fuel gauge"]
    minutes: Annotated[float | None, "min", "left"]
    minutes_from: Annotated[str | None, "", "who says so: fuel gauge, or an estimate"]
    used_wh: Annotated[float, "Wh", "since the start"]
    mode: Annotated[str | None, "", "power mode"]
    hot: Annotated[list[str], "", "thermal zones that are too hot"]
    throttled: Annotated[list[str], "", "what is slowed down to cool it"]


class StartTold(TypedDict):
    """`start` of `status`."""

    warm: Annotated[bool, "", "it went on where the service before was"]
    text: Annotated[str, "", "how this start went"]


class SyncTold(TypedDict):
    """`sync` of `status`."""

    edges: Annotated[int, "", "since the start"]
    lost: Annotated[int, "", "of them"]
    last_ns: Annotated[int | None, _NS, "of the newest, on CLOCK_MONOTONIC"]
    edge: Annotated[Literal["rising", "falling", "both"], "", "as [sync] says"]


class UdpTold(TypedDict):
    """`udp` of `status`."""

    sent: Annotated[int, "", "packets since the start"]
    errors: Annotated[int, "", "packets that could not be sent"]


class Status(Envelope):
    """Once a second, and the last one as soon as somebody subscribes: how the service is."""

    state: Annotated[str, "", "of the newest frame"]
    unusual: Annotated[list[str], "", "of the newest frame"]
    diverging: Annotated[list[str], "", "of the newest frame"]
    model: Annotated[str, "", "the bundle's name"]
    engine: Annotated[str, "", "what computes it"]
    language: Annotated[str, "", "of `faults`"]
    uptime_s: Annotated[float, _S, "since the start"]
    rate_hz: Annotated[float, "Hz", "frames a second since the last `status`"]
    publisher: Annotated[PublisherTold, "", "of frames"]
    missed_ticks: Annotated[int, "", "grid times of which no client could get a frame"]
    late_ticks: Annotated[int, "", "of them those that were computed too late to be sent"]
    lateness_ms: Annotated[Lateness, _MS, "of ticks"]
    non_finite: Annotated[int, "", "frames that are not valid because a value was no number"]
    streams: Annotated[dict[str, Stream], "", "by port name"]
    faults: Annotated[list[FaultTold], "", "what is wrong now"]
    tare: Annotated[TareTold | None, "", "that holds"]
    wearer: Annotated[WearerTold | None, "", "that is set"]
    insole_zero: Annotated[dict[str, ZeroTold], "", "by side"]
    fit: Annotated[FitTold, "", "the last fit check"]
    clients: Annotated[ClientsTold, "", "connections"]
    udp: Annotated[UdpTold, "", "packets of [output] udp"]
    power: Annotated[PowerTold | None, "", "of the power monitor; nil without one"]
    temperature: Annotated[dict[str, float], "°C", "by thermal zone"]
    disk: Annotated[DiskTold, "", "of `/`"]
    supply: Annotated[SupplyTold, "", "battery and heat"]
    record: Annotated[RecordTold | None, "", "what is asked of the recorder; nil where nobody ever asked"]
    recording: Annotated[RecordingTold | None, "", "nil where no recorder ever spoke"]
    start: Annotated[StartTold | None, "", "nil without [standby]"]
    sync: Annotated[SyncTold | None, "", "nil without [sync]"]


class InsoleMap(TypedDict):
    """One side of `insoles` of `pressure`: as the insole reads, its zero not taken off."""

    t_ns: Annotated[int, _NS, "the instant of the sampling"]
    force_n: Annotated[float, "N", "vertical"]
    loaded: Annotated[bool, "", "enough for a centre of pressure"]
    cop_ap_m: Annotated[float, "m", "from the middle of the grid to the toes; NaN while not loaded"]
    cop_ml_m: Annotated[float, "m", "from the middle of the grid to the lateral edge; NaN while not loaded"]
    rows: Annotated[int, "", "of the grid, row 0 at the toes"]
    columns: Annotated[int, "", "of the grid, column 0 leftmost"]
    pitch_m: Annotated[float, "m", "from one cell to the next"]
    cells: Annotated[list[int], "", "of each cell its place, row x `columns` + column"]
    kpa: Annotated[list[float], "kPa", "of each of `cells`; empty where the insole sends no map"]


class Pressure(Envelope):
    """Twenty times a second, while somebody has subscribed to it."""

    insoles: Annotated[dict[str, InsoleMap | None], "", "by side r and l; nil while that insole is missing"]
