"""Recordings of others -> trials of the suit's format."""
