"""A physics model of a person in the suit: trials with known truth, as many as wanted.

    footsteps, foot_path, gait, lift, standing   what the person means to do: a Plan of feet, trunk, hands and balance
    walks, blankets, push_pull, postures,        the same for the conditions of suit/tasks.csv; one of the left
    shovel, stepping, box, ladder, mirror        is the mirror image of that of the right
    plays                                        from a kind of task or a condition's code to its plan
    hands                                        where they are, what they hold, what pushes on them
    motion                                       the whole body that follows the plan; its pelvis path is solved so
                                                 that the ground's force acts where the plan puts it
    dynamics                                     what the ground must give, and the moments at the joints (Newton-Euler)
    donning, sensors                             what the suit, put on askew, measures of that motion
    wearer                                       all of it: `generate` makes a trial

Eight rigid segments; the arms and what the hands hold are point masses that the trunk carries, what pushes on the
hands are forces on it. Sensor signals, joint angles and joint moments come from one motion, so the labels are exact for
that body.

What a virtual cohort proves is the software and the method: that the network can learn this mapping, that the stream
is exact, that nothing is mirrored or misnamed. It never proves accuracy on people.

Sources: segment masses, centres and radii of gyration of legs, pelvis and arms from de Leva 1996 (J Biomech 29,
1223-1230); leg lengths from Winter 2009 (Biomechanics and Motor Control of Human Movement, 4th ed.); joint places from
Rajagopal et al. 2016 (IEEE TBME 63, 2068-2079), whose coordinates and signs the outcomes follow; step length and
cadence from Sekiya & Nagasaki 1998 (Gait & Posture 7, 225-227); gait timing from Perry & Burnfield 2010 (Gait
Analysis, 2nd ed.); sway from Winter 1995 (Gait & Posture 3, 193-214); balance from the linear inverted pendulum (Kajita
et al. 2001). The head and upper trunk's inertia and every figure of style (subject.py) are plain estimates.
docs/virtual-wearer.md says what was checked and what is weak.
"""
