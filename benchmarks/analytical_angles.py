"""Joint angles by formula on real sensors, against optical motion capture: one walk there and back.

    python benchmarks/analytical_angles.py [FOLDER]

FOLDER: gaittoolbox_xsens_vicon_S02, else the one in ../shared (see real_walk.py: how it is scored, what enters).

gravity           each segment's angle from gravity, orientation from specific force and angular rate alone (VQF), as
                  without a magnetometer
gravity, onboard  the same, orientation by the sensor's own filter with its magnetometer
relative          one segment's orientation in the other's, by the sensor's own filter

Degrees RMSE, with the constant offset / without it; the offset holds the tare's error and both systems' zeros. The bar
is for the offset removed. Needs the extra `lab`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from real_walk import BARS, ENU, FOLDER, errors, inertial, onboard, recordings, tares, truth

from jetson_runtime.inference import segment_angles
from models.analytical import relative_angles
from models.analytical.errors import AngleError

SHARED = Path(__file__).resolve().parents[2] / "shared" / FOLDER


def main() -> int:
    """Print the table; 1 where a bar is missed by the gravity way."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    if not folder.is_dir():
        print(f"{folder} is not here; give the folder of the recording", file=sys.stderr)
        return 2
    ways = _ways(folder)
    print(f"{'':18s}" + "".join(f"{name:>22s}" for name in ways) + f"{'bar':>8s}")
    for angle in next(iter(ways.values())):
        cells = "".join(_cell(found[angle]) for found in ways.values())
        print(f"{angle:18s}{cells}{BARS.get(angle, float('nan')):8.1f}")
    return int(any(ways["gravity"][name].rmse_offset_removed > bar for name, bar in BARS.items()))


def _ways(folder: Path) -> dict[str, dict[str, AngleError]]:
    raws, true = recordings(folder), truth(folder)
    own, alone = onboard(raws), inertial(raws)
    zero = tares(own, ENU)
    return {
        "gravity": errors(segment_angles.joint_angles(alone, tares(alone)), true),
        "gravity, onboard": errors(segment_angles.joint_angles(own, zero, ENU), true),
        "relative": errors(relative_angles.joint_angles(own, zero), true),
    }


def _cell(error: AngleError) -> str:
    told = f"{error.rmse:.1f} / {error.rmse_offset_removed:.1f} (r {error.r:.2f})"
    return f"{told:>22s}"


if __name__ == "__main__":
    sys.exit(main())
