"""The pull: what a device has not seen, scope by scope, in the order of commits.

A scope's numbers are taken as the last write of each transaction, so that number order is commit
order and nothing committed late can lie behind a cursor. The cursor is opaque to devices.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Database, Tx
from backend.errors import Refusal
from backend.people.access import Actor
from sync.ops import Change, PullAnswer
from sync.rows import read_rows

LARGEST_PAGE = 5000
_LARGEST_CURSOR = 1 << 20


class Cursor(msgspec.Struct, frozen=True):
    """How far each scope has been seen, under one epoch of the server."""

    epoch: UUID
    scopes: dict[str, int]


async def pull(
    database: Database,
    actor: Actor,
    cursor: str | None,
    now: datetime,
    *,
    limit: int = 1000,
    again: Collection[str] = (),
) -> PullAnswer:
    """The next page. `again`: scopes to be sent from their beginning, the device's copy being
    wrong. A cursor of another epoch counts for nothing."""
    async with database.snapshot() as tx:
        epoch = await tx.fetchrow(
            "select epoch, durable_at from sync_epochs order by begun_at desc limit 1"
        )
        scopes = await scopes_of(tx, actor, now)
        seen = _seen(cursor, epoch["epoch"])
        at = {s: 0 if s in again else seen.get(s, 0) for s in scopes}
        lines, more = await _page(tx, await _behind(tx, at), min(max(limit, 1), LARGEST_PAGE))
        rows = await read_rows(tx, lines)
        done = _completed(lines, more)
        checksums = await _checksums(tx, done)
    at |= {line["scope"]: line["n"] for line in lines}
    return PullAnswer(
        changes=[
            Change(scope=x["scope"], entity=x["entity"], id=x["entity_id"], version=x["n"], row=row)
            for x, row in zip(lines, rows, strict=True)
        ],
        purged=sorted(seen.keys() - set(scopes)),
        cursor=write_cursor(Cursor(epoch["epoch"], at)),
        more=more,
        epoch=epoch["epoch"],
        checksums=checksums,
        durable=epoch["durable_at"],
    )


async def scopes_of(tx: Tx, actor: Actor, now: datetime) -> list[str]:
    """The device's inbox, its department, the officers who hold it, and the cases they are on.

    Archived cases leave the phones.
    """
    rows = await tx.fetch(
        """with holders as (
               select officer_id from assignments
                where device_id = $1 and held_from <= $2 and (held_to is null or held_to > $2))
           select 'officer:' || officer_id as scope from holders
           union
           select 'case:' || m.case_id from holders h
             join case_officers m on m.officer_id = h.officer_id and m.until is null
             join cases c on c.id = m.case_id and c.stage <> 'archived'""",
        actor.id,
        now,
    )
    return sorted(
        {f"device:{actor.id}", f"department:{actor.department_id}", *(r["scope"] for r in rows)}
    )


async def _behind(tx: Tx, at: Mapping[str, int]) -> dict[str, int]:
    """Only the scopes with something new: an idle device costs one look at the counters."""
    rows = await tx.fetch(
        "select scope, n from feed_counters where scope = any($1) order by scope", list(at)
    )
    return {row["scope"]: at[row["scope"]] for row in rows if row["n"] > at[row["scope"]]}


async def _page(tx: Tx, behind: Mapping[str, int], limit: int) -> tuple[list[Record], bool]:
    if not behind:
        return [], False
    rows = await tx.fetch(
        """select f.* from unnest($1::text[], $2::bigint[]) as at (scope, n)
             cross join lateral (
                 select scope, n, entity, entity_id from feed
                  where feed.scope = at.scope and feed.n > at.n order by feed.n limit $3) f
            order by f.scope, f.n limit $3""",
        list(behind),
        list(behind.values()),
        limit + 1,
    )
    return rows[:limit], len(rows) > limit


def _completed(lines: list[Record], more: bool) -> list[str]:
    """The scopes of this page that have been told to their end; the last may go on."""
    scopes = list(dict.fromkeys(line["scope"] for line in lines))
    return scopes[:-1] if more else scopes


async def _checksums(tx: Tx, scopes: list[str]) -> dict[str, str]:
    """SHA-256 over `entity id version` lines in the order of their versions."""
    if not scopes:
        return {}
    rows = await tx.fetch(
        """select scope, encode(sha256(convert_to(string_agg(
                      entity || ' ' || entity_id || ' ' || n || E'\\n', '' order by n), 'UTF8')),
                  'hex') as sum
             from feed where scope = any($1) group by scope""",
        scopes,
    )
    return {row["scope"]: row["sum"] for row in rows}


def _seen(cursor: str | None, epoch: UUID) -> dict[str, int]:
    if not cursor:
        return {}
    told = read_cursor(cursor)
    return dict(told.scopes) if told.epoch == epoch else {}


def write_cursor(cursor: Cursor) -> str:
    packed = zlib.compress(msgspec.json.encode(cursor), 6)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """Refuses what this server did not write (`bad_request`)."""
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        unpacked = zlib.decompressobj().decompress(packed, _LARGEST_CURSOR)
        return msgspec.json.decode(unpacked, type=Cursor)
    except (binascii.Error, ValueError, zlib.error, msgspec.DecodeError) as e:
        raise Refusal(
            "bad_request", detail="游标无效 / not a cursor of this server", where="cursor"
        ) from e
