"""Bytes on a wire <-> samples in SI units. Knows no suit, no model, no network."""
