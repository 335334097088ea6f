"""A camera of 市场监管局 and recordings as an upload leaves them."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from backend.database import Database, new_id
from backend.evidence.recordings import create_recording, received
from backend.people.devices import register_device
from backend.people.staff import create_department
from media.keys import original_key
from media.store import ObjectStore

BEGIN = datetime(2026, 3, 2, 6, 15, 3, tzinfo=UTC)
NOW = BEGIN + timedelta(hours=3)
SECRET = b"s" * 32
CAMERA_AHEAD_S = 97.0


async def camera(database: Database) -> tuple[UUID, UUID]:
    """(department, device): a body camera 97 s ahead, as two contacts of boot b1 tell."""
    async with database.transaction() as tx:
        department = await create_department(
            tx, code="shijian", name="市场监管局", name_en="Market Regulation"
        )
        device = await register_device(
            tx, department_id=department, kind="body_camera", name="执法记录仪 0007"
        )
        for hours in (-1, 2):
            met = BEGIN + timedelta(hours=hours)
            await tx.execute(
                """insert into device_contacts values ($1, $2, 'b1', $3, $4, $5, $6, $7)""",
                new_id(),
                device,
                (hours + 1) * 3_600_000,
                met + timedelta(seconds=CAMERA_AHEAD_S),
                met,
                round(CAMERA_AHEAD_S * 1000) - 50,
                round(CAMERA_AHEAD_S * 1000) + 50,
            )
    return department, device


async def uploaded(
    database: Database,
    store: ObjectStore,
    owner: tuple[UUID, UUID],
    path: Path,
    *,
    name: str | None = None,
    declared: bytes | None = None,
) -> UUID:
    """A `received` recording with the bytes of `path`, as the upload door leaves it."""
    recording_id, body = new_id(), await asyncio.to_thread(path.read_bytes)
    key = original_key("shijian", date(2026, 3, 2), recording_id, path.suffix)
    await store.put(key, body)
    async with database.transaction() as tx:
        await create_recording(
            tx,
            id=recording_id,
            department_id=owner[0],
            device_id=owner[1],
            file_name=name or path.name,
            media_kind="unknown",
            object_key=key,
            declared_sha256=declared or hashlib.sha256(body).digest(),
            declared_boot_id="b1",
            now=BEGIN,
        )
        await received(tx, recording_id, len(body), NOW)
    return recording_id


async def recording(database: Database, recording_id: UUID) -> dict[str, object]:
    async with database.snapshot() as tx:
        return dict(await tx.fetchrow("select * from recordings where id = $1", recording_id))


async def renditions(database: Database, recording_id: UUID) -> dict[str, dict[str, object]]:
    async with database.snapshot() as tx:
        rows = await tx.fetch("select * from renditions where recording_id = $1", recording_id)
    return {row["kind"]: dict(row) for row in rows}
