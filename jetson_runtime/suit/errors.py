"""What the user gave is wrong: the message names the file, the key and the remedy.

SuitError
  ConfigError    suit.toml
    ConfigDamaged  it is cut off, unreadable or no TOML: not what anybody wrote
  TrialError     a trial's Parquet file
  BundleError    a model bundle, or the engine asked for cannot run it here
  RecordingError a recording that cannot be read, repaired, replayed or exported
  ProtocolError  a protocol of a session, or how far one had come
  FleetError     a fleet's server holds no such suit or session, or nothing that can be used
  EndpointError  an address that cannot be bound or connected
  NoValue        nothing in the stream that may be acted on now
  CommandRefused a command that the service did not do
  StateError     what is to outlive the service cannot be kept
  ShiftError     the file of a shift's dose is damaged, of other moments, of another wearer or of another shift
  KeyFileError   a CURVE key or the dashboard's password that is not there, not well-formed, or readable by others
"""


class SuitError(Exception):
    """Bad input from outside the program."""


class ConfigError(SuitError):
    """The suit's config; lists every mistake at once."""


class ConfigDamaged(ConfigError):
    """The config's file is cut off, unreadable or no TOML."""


class TrialError(SuitError):
    """A trial's file; lists every defect at once."""


class BundleError(SuitError):
    """A model bundle that is damaged or made for something else, or that the engine asked for cannot run here."""


class RecordingError(SuitError):
    """A recording, or a folder of them, that cannot be used."""


class ProtocolError(SuitError):
    """A session's protocol, or the file of its progress; lists every mistake at once."""


class FleetError(SuitError):
    """What was asked of a fleet's server is not there, or is not what a bridge writes."""


class EndpointError(SuitError):
    """A ZeroMQ address that cannot be used."""


class NoValue(SuitError):
    """What the stream told last is too old, not valid, or not at its rate; the text says which."""


class StateError(SuitError):
    """The state folder cannot be written."""


class CommandRefused(SuitError):
    """A command that the service did not do: `code` of messages.ControlCode, what is wrong, what to do."""

    def __init__(self, code: str, text: str, remedy: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(f"{text}; {remedy}")
        self.code, self.text, self.remedy, self.reasons = code, text, remedy, reasons


class KeyFileError(SuitError):
    """A file with a secret, a CURVE key or a password, that cannot be used, or must not be."""


class ShiftError(SuitError):
    """The file in which the dose of a shift is kept."""


def missing_package(error: ModuleNotFoundError, extra: str) -> SuitError | ModuleNotFoundError:
    """What to raise: a package of `extra` is a matter of installation; a module of ours is a bug and stays it."""
    if (error.name or "").partition(".")[0] in ("models", "jetson_runtime", "drivers"):
        return error
    return SuitError(f"needs the Python package {error.name}: pip install '.[{extra}]' in the checkout")
