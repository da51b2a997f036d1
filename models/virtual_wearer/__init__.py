"""A physics model of a person in the suit: trials with known truth, as many as wanted.

Eight rigid segments with published anthropometry (arms and a load are point masses) follow planned feet, trunk and
support; the pelvis path is solved so that the ground reaction acts where the plan puts it. Sensor signals, joint
angles and joint moments all come from that one motion by the Newton-Euler equations.

What a virtual cohort proves is the software and the method (that the network can learn this mapping, that the
stream is exact, that nothing is mirrored or misnamed). It never proves accuracy on people.
"""
