"""`second-skin keys`: who may connect from another machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jetson_runtime.stream import curve, key_files

DEFAULT_FOLDER = Path("/etc/second-skin/keys")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands, each with its `action`."""
    parser.add_argument(
        "--keys",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="FOLDER",
        help=f"the folder of keys ({DEFAULT_FOLDER})",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    init = actions.add_parser("init", help="make the service's own pair and the folder")
    init.set_defaults(action=_init)
    add = actions.add_parser("add", help="make a client's pair and let it in; hand it the file this writes")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where to write it (here)")
    add.set_defaults(action=_add)
    authorise = actions.add_parser("authorise", help="let in a client that made its pair itself")
    authorise.add_argument("name", metavar="NAME")
    authorise.add_argument("public", type=Path, metavar="FILE", help="its public key")
    authorise.set_defaults(action=_authorise)
    revoke = actions.add_parser("revoke", help="shut a client out; a running service closes its connections")
    revoke.add_argument("name", metavar="NAME")
    revoke.set_defaults(action=_revoke)
    actions.add_parser("list", help="the clients that may connect").set_defaults(action=_list)


def run(options: argparse.Namespace) -> int:
    """Does what was asked for; KeyFileError says what to do instead."""
    for line in options.action(options):
        sys.stdout.write(f"{line}\n")
    return 0


def _init(options: argparse.Namespace) -> list[str]:
    secret = key_files.init(options.keys)
    public = curve.load_server(options.keys).public.decode()
    return [f"{secret}: the service's own; its public key is {public}"]


def _add(options: argparse.Namespace) -> list[str]:
    file = key_files.add(options.keys, options.name, options.out)
    return [f"{file}: give it to the client on a safe way, then remove it here"]


def _authorise(options: argparse.Namespace) -> list[str]:
    key_files.authorise(options.keys, options.name, options.public)
    public = curve.load_server(options.keys).public.decode()
    return [f"{options.name} may connect; the service's public key is {public}"]


def _revoke(options: argparse.Namespace) -> list[str]:
    key_files.revoke(options.keys, options.name)
    return [f"{options.name} may no longer connect"]


def _list(options: argparse.Namespace) -> list[str]:
    known, mistakes = curve.authorised(options.keys)
    return [*(f"{name}  {key}" for key, name in known.items()), *mistakes]
