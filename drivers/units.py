"""What a unit of another system is worth in SI. Imports nothing, so that the table of signals can use it."""

STANDARD_GRAVITY = 9.80665  # m/s² in one g (CGPM 1901)
