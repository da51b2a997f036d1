"""MicroStrain inertial sensors over MIP: codec, fields, commands, and the bring-up of a 3DM-GX5-25."""
