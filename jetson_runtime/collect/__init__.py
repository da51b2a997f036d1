"""`second-skin collect`: a session of recordings, guided from condition to condition."""
