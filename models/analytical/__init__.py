"""Joint angles and hand forces by formula, without learning: what the networks are compared with.

    relative_angles   the compared way: first angle of the distal segment's orientation in the proximal one's
    orientation       quaternions for sensors that give none, from specific force and angular rate
    trial_angles      the same for a whole trial
    inverse_dynamics  joint moments with the suit's readings put in place of the truth
    wearer_dynamics   of a virtual wearer's trial
    opensim_dynamics  of an OpenSim set's trial, by OpenSim's own tool
    estimates         all of it for one trial, in the order of its labels
    errors            with the constant offset and without it
    hand_forces       the wrench of each hand from one six-axis load cell

Tare and the angles from gravity are the runtime's (jetson_runtime/inference/tare.py, segment_angles.py), which tells
them in every frame. Quaternions are w, x, y, z and turn sensor axes into the world's. Segment axes are those of
suit/signals.py: x anterior, y superior, z to the wearer's right.
"""
