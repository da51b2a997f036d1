"""What the paper states about its tasks, word for word, each with its place; tasks.py refers to these by key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """Words of the paper and where they stand."""

    place: str
    words: str


STATEMENTS: dict[str, Statement] = {
    "kinds": Statement(
        "Fig. 2 caption",
        "Task set of 6 core activities consisting of 33 unique conditions: lead blanket lift (L), agon push/pull (PP), "
        "pseudo-static postures (PS), shoveling (SH), static push/pull (SP), vertical ambulation (VA), and walking (W)",
    ),
    "varied": Statement(
        "II.B", "adding in varied weight conditions, symmetry conditions, and incline conditions"
    ),
    "repeated": Statement(
        "II.B",
        "Most unique sub-conditions in the taskset were performed for either 5 or 10 repetitions, depending on "
        "complexity of the task",
    ),
    "once": Statement(
        "II.B",
        "The only exceptions to this were loaded walking, pseudo-static postures, and static pushing/pulling where "
        "each sub-condition was performed only once for 30 seconds",
    ),
    "plates": Statement(
        "II.B",
        "recorded at 2000 Hz on an instrumented split-belt treadmill for walking trials and floor-embedded force "
        "plates for the rest of the task set",
    ),
    "cell": Statement(
        "II.B",
        "Load cell data from an ATI mini45 [...] were similarly sampled at 2000 Hz for shoveling, static push/pull, "
        "and wagon push/pull tasks",
    ),
    "symmetric": Statement(
        "II.D",
        "we assumed that moment and force were the same at the left and right hand for wagon pushing/pulling and "
        "static pushing/pulling due to the symmetric nature of the tasks",
    ),
    "shovel": Statement(
        "II.D",
        "For shoveling, it was assumed that the force and moment at the left and right hand was the same through the "
        "axis of the pole (z-direction) and that neither hand exerted a moment in the x and y directions",
    ),
    "shovelling": Statement("III.A and Fig. 3", 'shoveling 4.54 kg (10 lbs) to 45.7 cm (18")'),
    "ladder": Statement(
        "III.A",
        "Time series visualizations for lead blanket lifting and ladder ascent and descent can be found in the "
        "Supplement",
    ),
    "cyclic": Statement(
        "IV.B",
        ".15 Nm/kg and .13 Nm/kg for cyclic tasks and .21 Nm/kg and .16 Nm/kg for non-cyclic tasks [...] compared to "
        "our result of .22 Nm/kg and .22 Nm/kg for walking and .21 Nm/kg and .17 Nm/kg for non-cyclic tasks",
    ),
}
