"""What the media worker found out about a recording: verified → probed → ready, or rejected.

A worker may die and repeat its step, so each step also accepts the state it leads to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Tx, new_id, to_json
from backend.evidence.recordings import move, tell


class NewRendition(msgspec.Struct, frozen=True):
    """An object made from an original by `command` (one line, for people to repeat)."""

    kind: str
    object_key: str
    media_type: str
    size: int
    sha256: bytes
    command: str


async def probed(
    tx: Tx,
    id: UUID,  # noqa: A002
    *,
    facts: dict[str, Any],
    media_kind: str,
    duration_ms: int | None,
    claimed_begin: datetime | None,
    claimed_source: str | None,
    captured_from: datetime | None,
    captured_to: datetime | None,
    clock_offset_ms: int | None,
    uncertainty_ms: int | None,
    time_explanation: dict[str, str],
    now: datetime,
) -> None:
    """What the file is and when it was taken; no time at all is None, and is flagged.

    `clock_offset_ms` is device − true time, `uncertainty_ms` a half-width.
    """
    row = await move(
        tx,
        id,
        ("verified", "probed"),
        "probed",
        {
            "facts": to_json(facts),
            "media_kind": media_kind,
            "duration_ms": duration_ms,
            "claimed_begin": claimed_begin,
            "claimed_source": claimed_source,
            "captured_from": captured_from,
            "captured_to": captured_to,
            "clock_offset_ms": clock_offset_ms,
            "uncertainty_ms": uncertainty_ms,
            "time_explanation": to_json(time_explanation),
        },
    )
    await tell(
        tx,
        row,
        "probed",
        actor="media",
        now=now,
        claimed_begin=claimed_begin,
        captured_from=captured_from,
        captured_to=captured_to,
        clock_offset_ms=clock_offset_ms,
        uncertainty_ms=uncertainty_ms,
    )


async def ready(
    tx: Tx,
    id: UUID,  # noqa: A002
    *,
    renditions: Sequence[NewRendition],
    quality: list[Any],
    now: datetime,
) -> None:
    """Playable: its renditions replace older ones of the same kind."""
    row = await move(
        tx,
        id,
        ("probed", "ready"),
        "ready",
        {"quality": to_json(quality), "ready_at": now},
    )
    await _keep_renditions(tx, row, renditions, now)
    await tell(
        tx,
        row,
        "rendered",
        actor="media",
        now=now,
        renditions={made.kind: made.sha256.hex() for made in renditions},
    )


async def _keep_renditions(
    tx: Tx, row: Record, renditions: Sequence[NewRendition], now: datetime
) -> None:
    await tx.executemany(
        """insert into renditions
               (id, recording_id, kind, object_key, media_type, size, sha256, parent_sha256,
                command, created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           on conflict (recording_id, kind) do update
              set object_key = excluded.object_key, media_type = excluded.media_type,
                  size = excluded.size, sha256 = excluded.sha256,
                  parent_sha256 = excluded.parent_sha256, command = excluded.command,
                  created_at = excluded.created_at""",
        [
            (
                new_id(),
                row["id"],
                made.kind,
                made.object_key,
                made.media_type,
                made.size,
                made.sha256,
                row["sha256"],
                made.command,
                now,
            )
            for made in renditions
        ],
    )


async def rejected(
    tx: Tx,
    id: UUID,  # noqa: A002
    *,
    reason: dict[str, str],
    now: datetime,
) -> None:
    """Not usable, for `reason` ({"code", "zh", "en"}); the original stays in quarantine."""
    row = await move(
        tx,
        id,
        ("received", "verified", "probed", "rejected"),
        "rejected",
        {"state_reason": to_json(reason)},
    )
    await tell(tx, row, "rejected", actor="media", now=now, **reason)


async def never_came(
    tx: Tx,
    id: UUID,  # noqa: A002
    *,
    reason: dict[str, str],
    now: datetime,
) -> bool:
    """Its upload ended without all bytes, for `reason` ({"code", "zh", "en"}): nothing is kept, and
    nobody waits for it any longer. False when it isn't `uploading`."""
    row = await tx.fetchrow(
        """update recordings set state = 'rejected', state_reason = $2
            where id = $1 and state = 'uploading' returning id, department_id, case_id""",
        id,
        to_json(reason),
    )
    if row is None:
        return False
    await tell(tx, row, "rejected", actor="media", now=now, **reason)
    return True


async def clock_contacts(tx: Tx, device_id: UUID) -> list[Record]:
    """The device's known offsets, oldest first: boot_id, monotonic_ms, device_time, server_time,
    offset_low_ms, offset_high_ms (device − true)."""
    return await tx.fetch(
        """select boot_id, monotonic_ms, device_time, server_time, offset_low_ms, offset_high_ms
             from device_contacts where device_id = $1 order by server_time""",
        device_id,
    )
