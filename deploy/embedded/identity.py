"""Under which user the database and the store run: they refuse root, or shouldn't be it."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple

LAST_RESORT = 65534  # nobody on Debian, Fedora and Alpine


class Identity(NamedTuple):
    uid: int
    gid: int


def service_identity(folder: Path) -> Identity:
    """Who runs a service whose state is in `folder`.

    An ordinary user: itself. Root: whoever owns the state already, else a user without rights.
    """
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid())
    if folder.exists() and folder.stat().st_uid != 0:
        return Identity(folder.stat().st_uid, folder.stat().st_gid)
    return _without_rights()


def _without_rights() -> Identity:
    for name in ("quanji", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(user.pw_uid, user.pw_gid)
    return Identity(LAST_RESORT, LAST_RESORT)


def owned_folder(path: Path) -> tuple[Path, Identity]:
    """Make `path` (0700) for the service that will live in it, and say who that is."""
    identity = service_identity(path)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.stat().st_uid != identity.uid:
        os.chown(path, *identity)
    return path, identity


def may_run(identity: Identity, program: Path) -> bool:
    """Whether `identity` can walk to `program`, read it and execute it, by its mode bits."""
    program = program.resolve()
    return _allows(identity, program, 0o5) and all(
        _allows(identity, folder, 0o1) for folder in program.parents
    )


def _allows(identity: Identity, path: Path, bits: int) -> bool:
    facts = path.stat()
    mode = stat.S_IMODE(facts.st_mode)
    if identity.uid == 0:
        return True
    if facts.st_uid == identity.uid:
        return (mode >> 6) & bits == bits
    if facts.st_gid == identity.gid:
        return (mode >> 3) & bits == bits
    return mode & bits == bits
