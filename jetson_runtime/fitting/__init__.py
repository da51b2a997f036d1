"""The fit check: half a minute of known movements that shows whether the suit is worn as its config says."""
