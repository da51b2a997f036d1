"""What the paper prints of its own errors, to stand beside ours; on its ten people, not on anyone else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Printed(NamedTuple):
    """Mean and SD over withheld subjects."""

    mean: float
    sd: float


# Abstract and III.C, III.D: overall RMSE by outcome.
TCN: Mapping[str, Printed] = {
    "hip_flexion": Printed(8.60, 1.01),
    "knee_angle": Printed(7.58, 0.89),
    "ankle_angle": Printed(6.00, 0.73),
    "lumbar_extension": Printed(6.56, 0.92),
    "hip_flexion_moment": Printed(0.242, 0.044),
    "knee_angle_moment": Printed(0.202, 0.038),
    "ankle_angle_moment": Printed(0.193, 0.034),
    "lumbar_extension_moment": Printed(0.207, 0.069),
}
# Abstract, III.D: as printed, "at the lower back, hip, knee, and ankle, respectively".
ANALYTICAL: Mapping[str, Printed] = {
    "hip_flexion": Printed(15.31, 1.0),
    "knee_angle": Printed(10.76, 0.70),
    "ankle_angle": Printed(7.56, 0.48),
    "lumbar_extension": Printed(13.9, 1.3),
    "hip_flexion_moment": Printed(0.407, 0.021),
    "knee_angle_moment": Printed(1.18, 0.022),
    "ankle_angle_moment": Printed(1.73, 0.071),
    "lumbar_extension_moment": Printed(0.306, 0.036),
}
CONTRADICTION = (
    "The paper prints its analytical moment errors for lower back, hip, knee and ankle as .306, .407, 1.18 and 1.73 "
    'Nm/kg, while its discussion says they get "increasingly worse performance moving proximally from the ground". '
    "One of the two must be wrong, and the text does not tell which. They are quoted as printed and set no bar for any "
    "joint."
)
# IV.B: mean absolute error in walking, and RMSE of moments in walking and in non-cyclic tasks.
MAE_WALKING: Mapping[str, float] = {"hip_flexion": 6.1, "knee_angle": 4.8, "ankle_angle": 4.3}
R2_WALKING: Mapping[str, float] = {"hip_flexion": 0.94, "knee_angle": 0.96, "ankle_angle": 0.82}
WALKING: Mapping[str, float] = {"hip_flexion_moment": 0.22, "knee_angle_moment": 0.22}
NON_CYCLIC: Mapping[str, float] = {"hip_flexion_moment": 0.21, "knee_angle_moment": 0.17}
# III.B: insoles against force plates, overall and in walking.
INSOLES: Mapping[str, Printed] = {
    "vgrf": Printed(0.146, 0.022),
    "cop_ap": Printed(0.102, 0.009),
    "cop_ml": Printed(0.096, 0.013),
}
INSOLES_WALKING: Mapping[str, Printed] = {
    "vgrf": Printed(0.235, 0.084),
    "cop_ap": Printed(0.141, 0.015),
    "cop_ml": Printed(0.171, 0.096),
}
