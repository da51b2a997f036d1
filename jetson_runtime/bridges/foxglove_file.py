"""`second-skin export --to foxglove`: a recording as an MCAP file that Foxglove shows, on the channels of the bridge.

Every time is of one wall clock: what `hello` last said of a synchronised one. So a clock that was set while the suit
recorded tears no gap into the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jetson_runtime.bridges.running import needs_extra
from jetson_runtime.recording.maps import Maps
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.recording.parts import in_order
from jetson_runtime.stream import messages
from jetson_runtime.suit.errors import RecordingError

_SHOWN = (messages.FRAME, messages.HELLO, messages.STATUS, messages.EVENT)


def write(paths: Sequence[Path], out: Path) -> str:
    """Writes the parts of one session, in any order; what was written, in a line. RecordingError."""
    with needs_extra():
        import foxglove

        from jetson_runtime.bridges.foxglove_channels import Channels
    out = out.with_name(out.name + ("" if out.suffix == ".mcap" else ".mcap"))
    parts = in_order(paths)
    if out.resolve() in [part.resolve() for part in parts]:
        raise RecordingError(f"{out}: is the recording itself; name another file")
    offset_ns = _utc_minus_monotonic_ns(parts)
    context = foxglove.Context()
    frames = 0
    try:
        with foxglove.open_mcap(out, allow_overwrite=True, context=context):
            channels = Channels(context, offset_ns)
            for message in _messages(parts):
                channels.take(message)
                frames += message["topic"] == messages.FRAME
            channels.close()
    except OSError as error:
        raise RecordingError(f"{out}: cannot be written: {error.strerror or error}") from error
    return f"{out}: {frames} frames"


def _utc_minus_monotonic_ns(parts: Sequence[Path]) -> int:
    """RecordingError where no `hello` tells it, or those of several sessions."""
    told: dict[str, Any] | None = None
    for path in parts:
        for message in Reading(path):
            if message.topic != messages.HELLO:
                continue
            hello = messages.decode(message.payload)
            if told is not None and hello["session"] != told["session"]:
                raise RecordingError("these are of more than one session; export one at a time")
            if told is None or hello["clock_synchronised"] or not told["clock_synchronised"]:
                told = hello
    if told is None:
        raise RecordingError(
            f"{' '.join(map(str, parts))}: holds no hello message; is it a recording of the suit?"
        )
    return int(told["utc_minus_monotonic_ns"])


def _messages(parts: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """All that is shown, and the maps that the insoles' bytes make."""
    maps: Maps | None = None
    newest: dict[str, int] = {}
    for path in parts:
        for recorded in Reading(path):
            if recorded.topic == messages.SESSION and maps is None:
                maps = _maps(messages.decode(recorded.payload))
            elif recorded.topic == messages.RAW and maps is not None:
                yield from maps.take(messages.decode(recorded.payload))
            elif recorded.topic in _SHOWN:
                message = messages.decode(recorded.payload)
                # Each part begins with what the one before has told.
                if message["publish_ns"] > newest.get(recorded.topic, -1):
                    newest[recorded.topic] = message["publish_ns"]
                    yield message


def _maps(session: dict[str, Any]) -> Maps | None:
    """None where another version of the program recorded: then the file has no maps."""
    try:
        return Maps(session)
    except ValueError:
        return None
