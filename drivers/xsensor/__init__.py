"""Pressure insoles on the open insole link, version 1: codec, commands, bring-up, map to force and centre."""
