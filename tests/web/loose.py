"""What came in and belongs to no case: a recording that a person must place, and an operation
that the server would not take."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from backend.database import Database, Tx, new_id
from backend.flags.raising import Finding, raise_flag
from media.store import ObjectStore
from tests.web import recordings
from tests.web.houses import House
from tests.web.seeding import add, add_recording, add_step


async def add_visit(tx: Tx, house: House, case: UUID, begin: datetime) -> UUID:
    """A visit of the case with one step, an hour before the recording was taken."""
    end = begin + timedelta(minutes=20)
    visit = await add(
        tx,
        "inspections",
        department_id=house.id,
        case_id=case,
        kind="check",
        title="加工坊复查",
        place="工业园 3 号",
        started_at=begin,
        ended_at=end,
    )
    return await add_step(tx, visit, "examine", begin, end)


async def tell_loose(
    database: Database, store: ObjectStore, folder: Path, house: House, at: datetime, now: datetime
) -> UUID:
    """The recording's id."""
    body = recordings.video(folder / "WXY_0020.mp4", 20, tone=700)
    recording = await add_recording(
        database,
        store,
        department=(house.id, house.code),
        device_id=house.cameras["王秀英"],
        file_name="WXY_0020.mp4",
        media_kind="video",
        original=body,
        made={"proxy": body},
        begin=at,
        seconds=20,
        offset_s=97,
        received_at=now,
    )
    async with database.transaction() as tx:
        words = {
            "zh": "WXY_0020.mp4 未能归集：拍摄时由 王秀英 领用，但其当时没有检查环节",
            "en": "WXY_0020.mp4 belongs to no step: 王秀英 was on no step then",
        }
        await _flag(tx, house, "unattributed_recording", "recording", recording, words, now)
        await _quarantine(tx, house, now)
    return recording


async def _quarantine(tx: Tx, house: House, now: datetime) -> None:
    kept = await add(
        tx,
        "quarantined_operations",
        op_id=str(new_id()),
        device_id=house.cameras["李强"],
        content={"entity": "fact", "kind": "append", "fields": {"body": {"text": "冷柜已贴封条"}}},
        content_sha256=bytes(32),
        reason=({"code": "op_id_reused", "zh": "同一操作编号，内容不同", "en": "other content"},),
        received_at=now,
    )
    words = {"zh": "操作未被采用，原样保留：同一操作编号，内容不同", "en": "Kept as it came"}
    await _flag(tx, house, "operation_held", "quarantined_operation", kept, words, now)


async def _flag(
    tx: Tx, house: House, kind: str, subject: str, of: UUID, words: dict[str, str], now: datetime
) -> None:
    finding = Finding(
        kind=kind,
        department_id=house.id,
        case_id=None,
        subject_kind=subject,
        subject_id=of,
        explanation=words,
    )
    await raise_flag(tx, finding, now)
