"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def private_folder(path: Path) -> Path:
    """Make `path` with its parents; itself readable to its owner alone."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(path: Path, text: str, owner: tuple[int, int] | None = None) -> None:
    """Write `text` with mode 0600, for `owner` (uid, gid) if given; never half a file."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        if owner is not None:
            os.fchown(file.fileno(), *owner)
        os.fsync(file.fileno())
    draft.replace(path)


def remembered_secret(path: Path) -> str:
    """The random secret kept in `path`; made (256 bits, URL-safe) when there is none yet."""
    if not path.exists():
        private_folder(path.parent)
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()
