"""A device's durable memory: its log of operations, and the rows it has pulled. SQLite."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec

from sync.ops import Op, Outcome

_SCHEMA = """
create table if not exists meta (key text primary key, value text not null);
create table if not exists log (
    seq integer primary key,
    op_id text not null unique,
    entity text not null,
    id text not null,
    body blob not null,
    outcome blob,
    received_at text
);
create index if not exists log_unanswered on log (seq) where outcome is null;
create index if not exists log_entity on log (entity, id);
create table if not exists rows (
    scope text not null,
    entity text not null,
    id text not null,
    version integer not null,
    row blob not null,
    primary key (scope, entity, id)
);
create index if not exists rows_entity on rows (entity, id);
"""


class Outbox:
    """One file; every method is one transaction, on disk when it returns.

    `path` may be ":memory:" for a device that may forget everything.
    """

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(str(path), isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(_SCHEMA)
        with self._writing():
            self._db.execute("insert or ignore into meta values ('log', ?)", (str(uuid4()),))

    def close(self) -> None:
        self._db.close()

    @property
    def log(self) -> str:
        """The name of this log: a wiped device gets a new one."""
        return self.meta("log") or ""

    def meta(self, key: str) -> str | None:
        found = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return found[0] if found else None

    def next_seq(self) -> int:
        """Gap-free: the last number is remembered even when its operation has been forgotten."""
        return int(self.meta("last_seq") or 0) + 1

    def append(self, op: Op) -> None:
        """Keep `op`, whose device_seq is `next_seq()`."""
        with self._writing():
            self._db.execute(
                "insert into log (seq, op_id, entity, id, body) values (?, ?, ?, ?, ?)",
                (op.device_seq, str(op.op_id), op.entity, str(op.id), msgspec.json.encode(op)),
            )
            self._put_meta("last_seq", str(op.device_seq))

    def unanswered(self, most: int) -> list[tuple[int, bytes]]:
        """(device_seq, operation as JSON) not yet answered, oldest first."""
        return self._db.execute(
            "select seq, body from log where outcome is null order by seq limit ?", (most,)
        ).fetchall()

    def count_unanswered(self) -> int:
        return self._one("select count(*) from log where outcome is null")

    def answered(self, answers: Iterable[tuple[int, Outcome]]) -> None:
        with self._writing():
            for seq, outcome in answers:
                self._db.execute(
                    "update log set outcome = ?, received_at = ? where seq = ?",
                    (msgspec.json.encode(outcome), _iso(outcome), seq),
                )

    def heard(self, outcomes: Iterable[Outcome]) -> None:
        """Later news of operations already answered: a held one was released, say."""
        with self._writing():
            self._db.executemany(
                "update log set outcome = ? where op_id = ? and outcome is not null",
                [(msgspec.json.encode(outcome), outcome.op_id) for outcome in outcomes],
            )

    def outcomes(self) -> Iterator[tuple[Op, Outcome]]:
        """Every operation still kept that has an answer, oldest first."""
        for body, outcome in self._db.execute(
            "select body, outcome from log where outcome is not null order by seq"
        ).fetchall():
            yield (
                msgspec.json.decode(body, type=Op),
                msgspec.json.decode(outcome, type=Outcome),
            )

    def unseen_edits(self, entity: str, entity_id: UUID) -> list[Op]:
        """This device's own operations on an entity that no answer has come to yet."""
        found = self._db.execute(
            "select body from log where entity = ? and id = ? and outcome is null order by seq",
            (entity, str(entity_id)),
        )
        return [msgspec.json.decode(body, type=Op) for (body,) in found]

    def send_all_again(self, epoch: str) -> None:
        """A restored server may have forgotten what it once answered: nothing counts as seen."""
        with self._writing():
            self._db.execute("update log set outcome = null, received_at = null")
            self._db.execute("delete from meta where key in ('cursor', 'complete')")
            self._db.execute("delete from rows")
            self._put_meta("epoch", epoch)

    def note_epoch(self, epoch: str) -> None:
        with self._writing():
            self._put_meta("epoch", epoch)

    def take_page(
        self,
        changes: Iterable[tuple[str, str, str, int, bytes]],
        purged: Iterable[str],
        cursor: str,
        *,
        complete: bool,
        durable: str | None,
    ) -> None:
        """Rows and cursor together, so that an interrupted first sync is never taken as complete.

        A change is (scope, entity, id, version, row as JSON).
        """
        with self._writing():
            self._db.executemany("delete from rows where scope = ?", [(s,) for s in purged])
            self._db.executemany(
                "insert or replace into rows (scope, entity, id, version, row)"
                " values (?, ?, ?, ?, ?)",
                changes,
            )
            self._put_meta("cursor", cursor)
            self._put_meta("complete", "yes" if complete else "no")
            if durable:
                self._db.execute(
                    "delete from log where received_at <= ?"
                    " and json_extract(cast(outcome as text), '$.status') <> 'held'",
                    (durable,),
                )

    def row(self, entity: str, entity_id: UUID) -> dict[str, Any] | None:
        found = self._db.execute(
            "select row from rows where entity = ? and id = ? order by row = ?, version desc"
            " limit 1",
            (entity, str(entity_id), b"null"),
        ).fetchone()
        return msgspec.json.decode(found[0]) if found else None

    def rows(self, entity: str) -> list[dict[str, Any]]:
        found = self._db.execute(
            "select row from rows where entity = ? and row <> ? group by id order by id",
            (entity, b"null"),
        )
        return [msgspec.json.decode(row) for (row,) in found]

    def scopes(self) -> list[str]:
        return [s for (s,) in self._db.execute("select distinct scope from rows order by scope")]

    def checksum(self, scope: str) -> str:
        """SHA-256 over `entity id version` lines in the order of their versions."""
        found = self._db.execute(
            "select entity, id, version from rows where scope = ? order by version", (scope,)
        )
        lines = "".join(f"{entity} {row_id} {version}\n" for entity, row_id, version in found)
        return hashlib.sha256(lines.encode()).hexdigest()

    def drop_scope(self, scope: str) -> None:
        with self._writing():
            self._db.execute("delete from rows where scope = ?", (scope,))

    def _one(self, sql: str) -> int:
        return int(self._db.execute(sql).fetchone()[0])

    def _put_meta(self, key: str, value: str) -> None:
        self._db.execute("insert or replace into meta values (?, ?)", (key, value))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")


def _iso(outcome: Outcome) -> str | None:
    return outcome.received_at.isoformat() if outcome.received_at else None
