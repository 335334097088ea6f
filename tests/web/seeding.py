"""Writes what the earlier parts of the product would have written, through their own functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from backend.database import Database, Tx, new_id, to_json
from backend.evidence import intake, recordings
from media.keys import original_key, rendition_key
from media.store import ObjectStore
from tests.web.recordings import digest

_TYPES = {"proxy": "video/mp4", "poster": "image/jpeg", "preview": "image/jpeg"}
_KINDS = {"video": "mp4", "audio": "m4a", "photo": "jpg"}


async def add(tx: Tx, table: str, **columns: Any) -> UUID:
    """Insert one row with a new `id` (or the one given); dicts and lists of dicts become jsonb."""
    row = {"id": new_id(), **columns}
    values = [to_json(v) if isinstance(v, dict | tuple) else v for v in row.values()]
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await tx.execute(
        f"insert into {table} ({', '.join(row)}) values ({places})",
        *values,
    )
    return row["id"]


async def add_step(
    tx: Tx,
    inspection_id: UUID,
    kind: str,
    begin: datetime,
    end: datetime,
    *,
    covered: tuple[tuple[datetime, datetime, str | None], ...] | None = None,
    article: str = "内蒙古令244 第17条、第19条",
) -> UUID:
    """A step; `covered` are its gaps (begin, end, cause) where it must be recorded."""
    step = await add(
        tx, "steps", inspection_id=inspection_id, kind=kind, started_at=begin, ended_at=end
    )
    if covered is not None:
        await _add_coverage(tx, step, begin, end, covered, article)
    return step


async def _add_coverage(
    tx: Tx, step: UUID, begin: datetime, end: datetime, gaps: Any, article: str
) -> None:
    told = tuple(
        {
            "begin": since,
            "end": until,
            "seconds": (until - since).total_seconds(),
            "cause": cause,
            "certain": True,
        }
        for since, until, cause in gaps
    )
    missing = sum(gap["seconds"] for gap in told)
    explained = sum(gap["seconds"] for gap in told if gap["cause"])
    required = (end - begin).total_seconds()
    await tx.execute(
        """insert into coverages values
           ($1, 'seize', $2, $3, $4, $5, $6, $7, $8, true, $9, $10)""",
        step,
        begin,
        end,
        required,
        required - missing,
        explained,
        to_json(told),
        missing == explained,
        article,
        end,
    )


async def add_recording(
    database: Database,
    store: ObjectStore,
    *,
    department: tuple[UUID, str],
    device_id: UUID,
    file_name: str,
    media_kind: str,
    original: bytes,
    made: Mapping[str, bytes],
    begin: datetime,
    seconds: int,
    offset_s: int = 0,
    received_at: datetime,
) -> UUID:
    """A recording that ran its whole way to `ready`; `offset_s` is how far its clock is ahead."""
    recording_id = new_id()
    key = original_key(department[1], begin.date(), recording_id, f".{_KINDS[media_kind]}")
    await store.put(key, original)
    renditions = []
    for kind, body in made.items():
        name = f"{kind}.{'mp4' if kind == 'proxy' else 'jpg'}"
        await store.put(rendition_key(key, name), body)
        renditions.append(
            intake.NewRendition(
                kind=kind,
                object_key=rendition_key(key, name),
                media_type="audio/mp4" if media_kind == "audio" else _TYPES[kind],
                size=len(body),
                sha256=digest(body),
                command="ffmpeg …",
            )
        )
    async with database.transaction() as tx:
        await recordings.create_recording(
            tx,
            id=recording_id,
            department_id=department[0],
            device_id=device_id,
            file_name=file_name,
            media_kind=media_kind,
            object_key=key,
            now=received_at,
        )
        await recordings.received(tx, recording_id, len(original), received_at)
        await recordings.verified(tx, recording_id, digest(original), len(original), received_at)
        await intake.probed(
            tx,
            recording_id,
            facts={},
            media_kind=media_kind,
            duration_ms=seconds * 1000 or None,
            claimed_begin=begin + timedelta(seconds=offset_s),
            claimed_source="container",
            captured_from=begin,
            captured_to=begin + timedelta(seconds=seconds),
            clock_offset_ms=offset_s * 1000,
            uncertainty_ms=800,
            time_explanation={
                "zh": f"容器记载的时间，按设备时钟快 {offset_s} 秒校正",
                "en": f"the container's time, corrected for a clock {offset_s} s ahead",
            },
            now=received_at,
        )
        await intake.ready(tx, recording_id, renditions=renditions, quality=[], now=received_at)
    return recording_id


async def attribute(
    tx: Tx, recording_id: UUID, step_id: UUID, begin: datetime, end: datetime, now: datetime
) -> None:
    await add(
        tx,
        "attributions",
        recording_id=recording_id,
        step_id=step_id,
        begins_at=begin,
        ends_at=end,
        score=0.95,
        reasons=(
            {"code": "holder", "weight": 0.6, "zh": "设备当时由该执法人员领用", "en": "held then"},
        ),
        decided_by="machine",
        actor="judging",
        decided_at=now,
    )
