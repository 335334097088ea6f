"""What a dock remembers across power loss: one SQLite file, written through before it goes on."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from mobile_api.dock.folders import Found

SCHEMA = """
create table if not exists files (
    server text not null,
    path text not null,
    size integer not null,
    mtime_ns integer not null,
    sha256 text,
    url text,
    offset integer not null default 0,
    receipt text,
    cleared integer not null default 0,
    primary key (server, path, size, mtime_ns)
)
"""


class Entry(msgspec.Struct, frozen=True):
    """How far a file is. `receipt` is the signed document once its signature was checked."""

    sha256: str | None = None
    url: str | None = None
    offset: int = 0
    receipt: dict[str, Any] | None = None
    cleared: bool = False


class Journal:
    """One dock's memory of what went to one server."""

    def __init__(self, file: Path, server: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.server = server
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.execute(SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def entry(self, found: Found) -> Entry:
        """An empty entry for a file that was never seen."""
        row = self._connection.execute(
            """select sha256, url, offset, receipt, cleared from files
                where server = ? and path = ? and size = ? and mtime_ns = ?""",
            self._key(found),
        ).fetchone()
        if row is None:
            return Entry()
        receipt = msgspec.json.decode(row[3]) if row[3] else None
        return Entry(row[0], row[1], row[2], receipt, bool(row[4]))

    def begun(self, found: Found, url: str) -> None:
        """An upload has a URL to go on at."""
        self._write(found, "url", url)

    def moved(self, found: Found, offset: int) -> None:
        """The server holds `offset` bytes."""
        self._write(found, "offset", offset)

    def receipted(self, found: Found, sha256: str, receipt: dict[str, Any]) -> None:
        """The server has proven the bytes; the signature was checked."""
        self._write(found, "sha256", sha256)
        self._write(found, "receipt", msgspec.json.encode(receipt).decode())

    def forgotten(self, found: Found) -> None:
        """Its upload led nowhere: the next attempt begins anew."""
        self._write(found, "url", None)

    def cleared(self, found: Found) -> None:
        self._write(found, "cleared", 1)

    def _write(self, found: Found, column: str, value: object) -> None:
        self._connection.execute(
            # The column's name is written in this file.
            f"""insert into files (server, path, size, mtime_ns, {column}) values (?, ?, ?, ?, ?)
                on conflict do update set {column} = excluded.{column}""",  # noqa: S608
            (*self._key(found), value),
        )

    def _key(self, found: Found) -> tuple[str, str, int, int]:
        return (self.server, str(found.path.absolute()), found.size, found.mtime_ns)
