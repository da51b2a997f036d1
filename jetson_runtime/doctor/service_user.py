"""Looks at files with the eyes of the service's user: root, who runs the doctor, can read everything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """What is opened within is opened by the owner of `folder` (systemd gives the service its state folder), where this
    is root and there is such a folder; else by who runs this. For a process of one thread."""
    if os.geteuid() != 0 or not folder.is_dir():
        yield
        return
    owner, group, groups = folder.stat(), os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
