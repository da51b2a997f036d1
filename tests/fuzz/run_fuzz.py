"""Coverage-guided fuzzing of a codec or of the control socket: `python tests/fuzz/run_fuzz.py mip --minutes 10`.

Ends with status 0 where nothing was found; what was found is written beside as `crash-...`, and is given as FILE to be
run again. Begins with true packets and requests, so that the search starts inside the format.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

with atheris.instrument_imports(
    include=["drivers", "jetson_runtime.stream.control", "codec_targets", "control_target"]
):
    import codec_targets
    import control_target

import struct

from drivers.microstrain.codec import build_packet
from drivers.xsensor import codec

_LONGEST = 2048
TARGETS = codec_targets.TARGETS | {"control": control_target.request}


def main() -> None:
    """Does not return: libFuzzer ends the process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=tuple(TARGETS))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--corpus", type=Path, help="folder that keeps what was interesting (default: none)")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="run this input alone")
    options = parser.parse_args()
    target = TARGETS[options.target]
    if options.file is not None:
        target(options.file.read_bytes())
        return
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(control_target.seeds() if options.target == "control" else _seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    seconds = round(60 * options.minutes)
    words = [
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST}",
        "-timeout=120",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *words], target)
    atheris.Fuzz()


def _seeds() -> list[bytes]:
    """Both ways of `codec_targets`: true streams as they are, and payloads to be wrapped."""
    fields = [
        (0x04, struct.pack(">3f", 0.1, 0.2, -1.0)),
        (0x05, struct.pack(">3f", 0.1, 0.2, 0.3)),
        (0x0A, struct.pack(">4f", 1.0, 0.0, 0.0, 0.0)),
        (0x12, struct.pack(">dHH", 12.5, 0, 6)),
    ]
    packet = build_packet(0x80, fields)
    sample = codec.encode_sample(
        codec.Sample((1, 2, 3), (4, 5, 6), (7, 8, 9, 10), 10_000, 600, 1600, 3700, 250, bytes(470))
    )
    frame = codec.build_frame(codec.SAMPLE, codec.RIGHT, sample, flags=1, sequence=1, device_us=1000)
    return [
        b"\x3f\x00" + 3 * packet,
        b"\x05\x01" + bytes((len(packet) - 6,)) + packet[4:-2],
        b"\x3f\x00" + 2 * frame,
        b"\x20\x01" + bytes((codec.SAMPLE, len(sample) // 4 + 1)) + sample,
    ]


if __name__ == "__main__":
    main()
