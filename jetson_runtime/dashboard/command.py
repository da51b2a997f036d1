"""`second-skin dashboard`: its arguments, and the setting of the page's password."""

from __future__ import annotations

import argparse
import getpass
import logging
import sys
from pathlib import Path

from jetson_runtime.doctor.command import DEFAULT_CONFIG, DEFAULT_STATE
from jetson_runtime.stream.background import stand_back
from jetson_runtime.suit import config_copy
from jetson_runtime.suit.errors import ConfigError, SuitError, missing_package

_log = logging.getLogger("second-skin-dashboard")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments and handler of `dashboard`."""
    add = parser.add_argument
    add("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"({DEFAULT_CONFIG})")
    add(
        "--state",
        type=Path,
        default=DEFAULT_STATE,
        metavar="FOLDER",
        help=f"of the service: for the support archive, and the last good copy of a damaged config ({DEFAULT_STATE})",
    )
    add(
        "--set-password",
        action="store_true",
        help="instead: ask for the page's password, and keep its hash in password_file of [dashboard]",
    )
    parser.set_defaults(handler=_run)


def _run(options: argparse.Namespace) -> int:
    """ConfigError, KeyFileError, EndpointError: what is wrong and what to do."""
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    config, copied = config_copy.load(options.config, options.state)
    if copied:
        _log.warning("%s", copied)
    if options.set_password:
        return _set_password(options.config, config.dashboard.password_file)
    stand_back()
    try:
        from jetson_runtime.dashboard import server
    except ModuleNotFoundError as error:
        raise missing_package(error, "dashboard") from error
    return server.serve(config, options.config, options.state)


def _set_password(config: Path, path: Path | None) -> int:
    from jetson_runtime.dashboard import password

    if path is None:
        raise ConfigError(
            f"{config}: names no password_file under [dashboard]; add one, such as "
            '"/etc/second-skin/keys/dashboard.password"'
        )
    password.write(path, _asked())
    sys.stdout.write(f"{path}: the page asks for it from its next start on\n")
    return 0


def _asked() -> str:
    """From a terminal twice and unseen, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    told = getpass.getpass("password: ")
    if getpass.getpass("once more: ") != told:
        raise SuitError("these were two different passwords; try again")
    return told
