"""`second-skin bridge nats`: its arguments."""

from __future__ import annotations

import argparse
import importlib.util
import logging
from pathlib import Path

from jetson_runtime.stream.background import stand_back
from jetson_runtime.stream.options import add_key
from jetson_runtime.suit.errors import ConfigError, SuitError

_SUIT_CONFIG = Path("/etc/second-skin/suit.toml")
_STATE = Path("/var/lib/second-skin")
_log = logging.getLogger("second-skin-fleet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bridge nats`; those without a default here override the settings' file."""
    add = parser.add_argument
    add(
        "--settings",
        type=Path,
        metavar="FILE",
        help="fleet.toml; each option below comes before its key there",
    )
    add(
        "--server",
        action="append",
        metavar="URL",
        help="nats://HOST:4222 or tls://HOST:4222; may be given again",
    )
    add("--site", metavar="NAME", help="where the suit is: a word of the subject")
    add("--suit", metavar="NAME", help="which suit it is: a word of the subject")
    add("--config", type=Path, default=_SUIT_CONFIG, metavar="FILE", help=f"for the address ({_SUIT_CONFIG})")
    add(
        "--state",
        type=Path,
        default=_STATE,
        metavar="FOLDER",
        help=f"of the service, for a damaged config ({_STATE})",
    )
    add("--endpoint", metavar="ADDRESS", help="where the service publishes, instead of --config")
    add_key(parser)
    add("--store", type=Path, metavar="FOLDER", help="of what waits (/var/lib/second-skin/fleet)")
    add("--store-mb", type=int, metavar="MB", help="its bound: beyond it the oldest is dropped (2000)")
    add("--kb-s", type=int, metavar="N", help="how fast what has waited is forwarded, kB/s (1000)")
    add(
        "--stream",
        metavar="NAME",
        help="of the server's stream, where it has none for these subjects (SECONDSKIN)",
    )
    add_access(parser)


def add_access(parser: argparse.ArgumentParser, default: object = None) -> None:
    """What a server is shown; the names are those of `FleetSettings`."""

    def add(name: str, told: str) -> None:
        parser.add_argument(name, type=Path, default=default, metavar="FILE", help=told)

    add("--login", "user and password on a line, chmod 600")
    add("--creds", "a user's JWT and seed, chmod 600 (needs the package nkeys)")
    add("--tls-ca", "whose certificates are believed")
    add("--tls-cert", "this machine's certificate")
    add("--tls-key", "its key, chmod 600")
    told = "no TLS, though others can reach the server"
    parser.add_argument("--plain", action="store_true", default=default, help=told)


def run(options: argparse.Namespace) -> int:
    """SuitErrors: what is wrong and what to do."""
    from jetson_runtime.fleet import settings

    need_nats()
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    given = {key: getattr(options, key, None) for key in settings.FleetSettings.model_fields}
    # Of each lost TLS connection it says that nats-py's way has no effect.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    found = settings.load(options.settings, given)
    endpoint = options.endpoint or _endpoint(options.config, options.state)
    stand_back()
    from jetson_runtime.fleet import bridge

    return bridge.run(found, endpoint, options.key)


def need_nats() -> None:
    """SuitError where nats-py is not installed."""
    if importlib.util.find_spec("nats") is None:
        raise SuitError("needs the Python package nats-py: pip install '.[fleet]' in the checkout")


def _endpoint(config: Path, state: Path) -> str:
    """The local address, where 10 s may wait; else a public one of this machine."""
    from jetson_runtime.suit import config_copy
    from jetson_runtime.suit.addresses import is_loopback

    found, copied = config_copy.load(config, state)
    if copied:
        _log.warning("%s", copied)
    for address in (*found.output.local, *found.output.public):
        if is_loopback(address):
            return address
    raise ConfigError(f"{config}: names no address of this machine under [output]; add a local one")
