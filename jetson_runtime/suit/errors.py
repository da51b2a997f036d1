"""What the user gave is wrong: the message names the file, the key and the remedy.

SuitError
  ConfigError    suit.toml
  TrialError     a trial's Parquet file
  BundleError    a model bundle, or the engine asked for cannot run it here
  EndpointError  an address that cannot be bound or connected
"""


class SuitError(Exception):
    """Bad input from outside the program."""


class ConfigError(SuitError):
    """The suit's config; lists every mistake at once."""


class TrialError(SuitError):
    """A trial's file; lists every defect at once."""


class BundleError(SuitError):
    """A model bundle that is damaged or made for something else, or that the engine asked for cannot run here."""


class EndpointError(SuitError):
    """A ZeroMQ address that cannot be used."""
