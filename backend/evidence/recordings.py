"""A recording from its announcement until its bytes are proven: uploading → received → verified.

Each step checks the state it comes from by a conditional update, writes the ledger, queues judging
and touches the feed of the cases concerned. The worker's part is in `backend.evidence.intake`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from backend.database import Tx
from backend.errors import Refusal, not_found
from backend.evidence.queue import queue_judging
from backend.ledger.events import note

VERIFIED_STATES = ("verified", "probed", "ready")


async def create_recording(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 - what the caller calls it
    department_id: UUID,
    device_id: UUID,
    file_name: str,
    media_kind: str,
    object_key: str,
    declared_sha256: bytes | None = None,
    declared_begin: datetime | None = None,
    declared_boot_id: str | None = None,
    case_id: UUID | None = None,
    now: datetime,
) -> None:
    """Announce a recording that is about to be uploaded: state `uploading`.

    A declared case that does not exist in the department is kept in the ledger only: a camera's
    wrong tag must not stop its upload.
    """
    row = await tx.fetchrow(
        """insert into recordings
               (id, department_id, device_id, case_id, file_name, media_kind, state, object_key,
                declared_sha256, declared_begin, declared_boot_id, created_at)
           values ($1, $2, $3, (select id from cases where id = $4 and department_id = $2),
                   $5, $6, 'uploading', $7, $8, $9, $10, $11)
           returning id, department_id, case_id""",
        id,
        department_id,
        device_id,
        case_id,
        file_name,
        media_kind,
        object_key,
        declared_sha256,
        declared_begin,
        declared_boot_id,
        now,
    )
    await tell(
        tx,
        row,
        "announced",
        actor=f"device:{device_id}",
        now=now,
        file_name=file_name,
        declared_sha256=declared_sha256.hex() if declared_sha256 else None,
        declared_begin=declared_begin,
        declared_case=case_id,
    )


async def received(tx: Tx, id: UUID, size: int, now: datetime) -> None:  # noqa: A002
    """All `size` bytes are in the store; not yet read back. `conflict` unless `uploading`."""
    row = await tx.fetchrow(
        """update recordings set state = 'received', size = $2, received_at = $3
            where id = $1 and state = 'uploading'
            returning id, department_id, case_id, device_id""",
        id,
        size,
        now,
    )
    if row is None:
        raise await _wrong_state(tx, id, ("uploading",))
    await tell(tx, row, "received", actor=f"device:{row['device_id']}", now=now, size=size)


async def verified(tx: Tx, id: UUID, sha256: bytes, size: int, now: datetime) -> bool:  # noqa: A002
    """The stored object was read back: `size` bytes with this digest.

    True when this made it `verified`; False when it was verified before (the reading is noted as
    a re-verification). `digest_mismatch` is for the caller to flag: a digest other than the one
    proven earlier is refused as `conflict`.
    """
    row = await tx.fetchrow(
        """update recordings
              set state = 'verified', sha256 = $2, size = $3, verified_at = $4,
                  last_verified_at = $4
            where id = $1 and state = 'received' returning id, department_id, case_id""",
        id,
        sha256,
        size,
        now,
    )
    if row is not None:
        await tell(tx, row, "verified", actor="media", now=now, sha256=sha256.hex(), size=size)
        return True
    row = await tx.fetchrow(
        """update recordings set last_verified_at = $4
            where id = $1 and state = any($5) and sha256 = $2 and size = $3
            returning id, department_id, case_id""",
        id,
        sha256,
        size,
        now,
        list(VERIFIED_STATES),
    )
    if row is None:
        raise await _wrong_state(tx, id, ("received",))
    await tell(tx, row, "reverified", actor="media", now=now, sha256=sha256.hex())
    return False


async def move(
    tx: Tx,
    id: UUID,  # noqa: A002
    sources: Sequence[str],
    target: str,
    changes: dict[str, Any],
) -> Record:
    """The conditional update behind each step: `changes` are columns and values.

    Returns (id, department_id, case_id, sha256); `not_found` without such a recording,
    `conflict` when its state is none of `sources`.
    """
    columns = "".join(f", {column} = ${n}" for n, column in enumerate(changes, start=4))
    row = await tx.fetchrow(
        # The column names are written in this package; values are parameters.
        f"""update recordings set state = $3{columns}
             where id = $1 and state = any($2)
             returning id, department_id, case_id, sha256""",  # noqa: S608
        id,
        list(sources),
        target,
        *changes.values(),
    )
    if row is None:
        raise await _wrong_state(tx, id, sources)
    return row


async def tell(tx: Tx, row: Record, kind: str, *, actor: str, now: datetime, **body: Any) -> None:
    """Ledger, judging queue and the feeds of the cases that this recording belongs to."""
    recording_id = row["id"]
    await note(
        tx,
        kind,
        ("recording", recording_id),
        actor=actor,
        now=now,
        department_id=row["department_id"],
        **body,
    )
    for case_id in await cases_of(tx, recording_id):
        tx.touch(f"case:{case_id}", "recording", recording_id)
    await queue_judging(tx, "recording", [recording_id], now)


async def cases_of(tx: Tx, recording_id: UUID) -> list[UUID]:
    """The case that the device declared and the cases that it is attributed to."""
    rows = await tx.fetch(
        """select case_id from recordings where id = $1 and case_id is not null
           union
           select i.case_id from attributions a
             join steps s on s.id = a.step_id
             join inspections i on i.id = s.inspection_id
            where a.recording_id = $1 and not a.rejected""",
        recording_id,
    )
    return [row["case_id"] for row in rows]


async def _wrong_state(tx: Tx, recording_id: UUID, wanted: Sequence[str]) -> Refusal:
    state = await tx.fetchval("select state from recordings where id = $1", recording_id)
    if state is None:
        return not_found("recording")
    return Refusal(
        "conflict",
        detail=f"音像记录当前状态为 {state} / the recording is {state}, not {' or '.join(wanted)}",
        where="recording.state",
        extra={"state": state},
    )
