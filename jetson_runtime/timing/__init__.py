"""Device time to host time, rings, rows on the 5 ms grid. Pure: time is an argument."""
