"""What a demo must remember to go on after it was killed: its day, its tokens, what is done.

One file, readable to its owner alone, replaced as a whole at each note.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

_DEMOS = UUID("5175616e-6a69-5000-8000-0000de300000")


class DemoFailed(Exception):
    """One sentence for the person who started it, Chinese and English."""


class Journal:
    """Notes by name; `put` is on disk when it returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "journal.json"
        self._notes: dict[str, Any] = {}
        if self._path.exists():
            self._notes = json.loads(self._path.read_text())

    def get(self, name: str) -> Any:
        """The note, or None."""
        return self._notes.get(name)

    def put(self, name: str, value: Any) -> None:
        self._notes[name] = value
        write_privately(self._path, json.dumps(self._notes, ensure_ascii=False, indent=0))

    def once(self, name: str, value: Any) -> Any:
        """The note, written now if this is the first time."""
        if name not in self._notes:
            self.put(name, value)
        return self._notes[name]

    def id_of(self, name: str) -> UUID:
        """The same id for the same thing, however often the demo begins again."""
        return uuid5(uuid5(_DEMOS, str(self.get("seed"))), name)


@contextmanager
def open_journal(folder: Path) -> Iterator[Journal]:
    """The journal in `folder`, for one demo at a time; `DemoFailed` when another one runs."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoFailed(
                f"已有演示在使用 {folder} / another demo is using this folder"
            ) from error
        yield Journal(folder)


def write_privately(path: Path, text: str) -> None:
    """Whole or not at all, and for the owner's eyes."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
