"""The running service: bring-up, reactor, health, wiring."""
