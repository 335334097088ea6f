"""The seizure at 青城烧烤店: two cameras, one of them 97 s ahead, a hole of eight minutes, photos,
an inquiry on the next day, two officers' copies of one visit, and two edits of one field."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from backend.database import Database, Tx, new_id, to_json
from backend.flags.raising import Finding, raise_flag
from media.store import ObjectStore
from tests.web import recordings
from tests.web.houses import SUPERVISOR, House, add_deadline, open_case
from tests.web.seeding import add, add_recording, add_step, attribute


async def tell_seizure(
    database: Database, store: ObjectStore, folder: Path, house: House, at: datetime, now: datetime
) -> UUID:
    def minute(n: float) -> datetime:
        return at + timedelta(minutes=n)

    async with database.transaction() as tx:
        party = await add(
            tx,
            "parties",
            department_id=house.id,
            kind="organisation",
            name="青城烧烤店",
            uscc="91150103MA0N00000X",
            address="回民区中山西路 88 号",
        )
        filed = at - timedelta(days=84)
        case = await open_case(
            tx, house, "青城烧烤店经营超过保质期食品案", filed, 12, party_id=party
        )
        await add_deadline(tx, case, filed, filed + timedelta(days=90, hours=15), "near", now)
        visit = await add(
            tx,
            "inspections",
            department_id=house.id,
            case_id=case,
            party_id=party,
            kind="seizure",
            title="冷库现场检查与扣押",
            place="回民区中山西路 88 号",
            reason="投诉举报",
            result="扣押超过保质期的羊肉卷 42 箱",
            started_at=at,
            ended_at=minute(65),
        )
        steps = await _steps_of_seizure(tx, visit, minute)
        await _people_and_words(tx, house, visit, minute)
        await _second_copy(tx, house, case, party, visit, at)
        await _inquiry(tx, house, case, party, minute(29 * 60))
        await _desk_conflict(tx, house, case, visit, minute(70))
        gap = Finding(
            kind="recording_gap",
            department_id=house.id,
            case_id=case,
            subject_kind="step",
            subject_id=steps["seize"],
            severity="serious",
            article="内蒙古令244 第19条",
            explanation={
                "zh": "查封扣押须全程录像：40 分钟内缺 480 秒（09:36:00–09:44:00），无说明",
                "en": "a seizure is recorded throughout: 480 s of 40 min are missing, unexplained",
                "size": 480,
            },
        )
        await raise_flag(tx, gap, now)
    await _recordings(database, store, folder, house, case, steps, minute, now)
    return case


async def _steps_of_seizure(tx: Tx, visit: UUID, minute: Any) -> dict[str, UUID]:
    pause = (minute(15), minute(15.5), "更换电池，已口述原因")
    hole = (minute(36), minute(44), None)
    plan: tuple[tuple[str, float, float, Any], ...] = (
        ("arrive", 0, 2, None),
        ("show_id", 2, 5, ()),
        ("notify", 5, 8, ()),
        ("examine", 8, 22, (pause,)),
        ("seize", 22, 62, (hole,)),
        ("leave", 62, 65, None),
    )
    return {
        kind: await add_step(tx, visit, kind, minute(begin), minute(end), covered=gaps)
        for kind, begin, end, gaps in plan
    }


async def _people_and_words(tx: Tx, house: House, visit: UUID, minute: Any) -> None:
    for officer in house.officers.values():
        await tx.execute("insert into inspection_officers values ($1, $2)", visit, officer)
    record = await add(
        tx, "records", inspection_id=visit, kind="scene_record", title="现场检查笔录"
    )
    for number, body in enumerate(
        (
            "现场冷库内存放羊肉卷 40 箱，均超过保质期。",
            "现场冷库内存放羊肉卷 42 箱，均超过保质期。",
        ),
        start=1,
    ):
        await add(
            tx,
            "record_versions",
            record_id=record,
            number=number,
            body=body,
            signed_by=["巴特尔", "王秀英", "店主 陈某"],
            signed_at=minute(60 + number),
            officer_id=house.officers["巴特尔"],
            created_at=minute(60 + number),
        )


async def _second_copy(
    tx: Tx, house: House, case: UUID, party: UUID, kept: UUID, at: datetime
) -> None:
    """王秀英 had opened the same visit on her own phone."""
    copy = await add(
        tx,
        "inspections",
        department_id=house.id,
        case_id=case,
        party_id=party,
        kind="seizure",
        title="青城烧烤店检查",
        place="中山西路 88 号",
        started_at=at + timedelta(minutes=3),
        ended_at=at + timedelta(minutes=64),
        duplicate_of=kept,
        placement={
            "decision": "duplicate",
            "score": 0.93,
            "reasons": (
                {"code": "party", "zh": "同一当事人", "en": "the same party"},
                {"code": "time", "zh": "时间重叠 61 分钟", "en": "61 minutes overlap"},
            ),
        },
    )
    await tx.execute(
        "insert into inspection_officers values ($1, $2)", copy, house.officers["王秀英"]
    )


async def _inquiry(tx: Tx, house: House, case: UUID, party: UUID, at: datetime) -> None:
    visit = await add(
        tx,
        "inspections",
        department_id=house.id,
        case_id=case,
        party_id=party,
        kind="inquiry",
        title="询问店主",
        place="市场监管局询问室",
        started_at=at,
        ended_at=at + timedelta(minutes=12),
    )
    for officer in ("巴特尔", "王秀英"):
        await tx.execute(
            "insert into inspection_officers values ($1, $2)", visit, house.officers[officer]
        )
    begin = at + timedelta(minutes=1)
    await add_step(tx, visit, "show_id", at, begin, covered=())
    await add_step(tx, visit, "question", begin, at + timedelta(minutes=12), covered=())


async def _desk_conflict(tx: Tx, house: House, case: UUID, visit: UUID, at: datetime) -> None:
    operation = new_id()
    await tx.execute(
        """insert into operations values
           ($1, $2, 1, 'inspection', $3, 'set', '{}', sha256('x'), $4, $4, $5, 'conflict', '{}', $4)
        """,
        operation,
        house.cameras["王秀英"],
        visit,
        at,
        house.officers["王秀英"],
    )
    account = await tx.fetchval("select id from accounts where login = $1", SUPERVISOR[0])
    await add(
        tx,
        "conflicts",
        department_id=house.id,
        case_id=case,
        entity="inspection",
        entity_id=visit,
        field="result",
        op_id=operation,
        base=to_json("扣押羊肉卷"),
        server_value=to_json("扣押超过保质期的羊肉卷 42 箱"),
        server_actor=f"account:{account}",
        server_at=at - timedelta(minutes=20),
        device_value=to_json("扣押羊肉卷 42 箱、鸡翅 3 箱"),
        device_actor=f"device:{house.cameras['王秀英']}",
        occurred_at=at - timedelta(minutes=40),
        created_at=at,
    )


async def _recordings(
    database: Database,
    store: ObjectStore,
    folder: Path,
    house: House,
    case: UUID,
    steps: dict[str, UUID],
    minute: Any,
    now: datetime,
) -> None:
    plan = (
        ("巴特尔", "BTR_0001.mp4", 0, 36, 0, ("show_id", "notify", "examine", "seize")),
        ("巴特尔", "BTR_0002.mp4", 44, 21, 0, ("seize",)),
        ("王秀英", "WXY_0007.mp4", 8, 22, 97, ("examine", "seize")),
    )
    for person, name, begin, minutes, offset, shown in plan:
        file = folder / name
        body = recordings.video(file, minutes * 60, tone=300 + begin)
        recording = await add_recording(
            database,
            store,
            department=(house.id, house.code),
            device_id=house.cameras[person],
            file_name=name,
            media_kind="video",
            original=body,
            made={"proxy": body, "poster": recordings.still(file, 5)},
            begin=minute(begin),
            seconds=minutes * 60,
            offset_s=offset,
            received_at=now - timedelta(hours=2),
        )
        await _show(
            database, recording, [steps[kind] for kind in shown],
            (minute(begin), minute(begin + minutes)), now,
        )  # fmt: skip
    await _others(database, store, folder, house, case, steps, minute, now)


async def _others(
    database: Database,
    store: ObjectStore,
    folder: Path,
    house: House,
    case: UUID,
    steps: dict[str, UUID],
    minute: Any,
    now: datetime,
) -> None:
    for at, words in ((25, "COLD STORE 1"), (31, "LAMB ROLLS 42"), (52, "SEAL 0042")):
        picture = recordings.photo(words)
        photo = await add_recording(
            database,
            store,
            department=(house.id, house.code),
            device_id=house.cameras["李强"],
            file_name=f"IMG_{at:04}.jpg",
            media_kind="photo",
            original=picture,
            made={"preview": picture},
            begin=minute(at),
            seconds=0,
            received_at=now - timedelta(hours=2),
        )
        await _show(database, photo, [steps["seize"]], (minute(at), minute(at)), now)
    sound = recordings.audio(folder / "inquiry.m4a", 720)
    inquiry = minute(29 * 60)
    recording = await add_recording(
        database,
        store,
        department=(house.id, house.code),
        device_id=house.cameras["王秀英"],
        file_name="WXY_0009.m4a",
        media_kind="audio",
        original=sound,
        made={"proxy": sound},
        begin=inquiry,
        seconds=720,
        offset_s=97,
        received_at=now - timedelta(hours=1),
    )
    async with database.snapshot() as tx:
        question = await tx.fetchval(
            """select s.id from steps s join inspections i on i.id = s.inspection_id
                where i.case_id = $1 and s.kind = 'question'""",
            case,
        )
    span = (inquiry, inquiry + timedelta(minutes=12))
    await _show(database, recording, [question], span, now)


async def _show(
    database: Database,
    recording: UUID,
    shown: list[UUID],
    span: tuple[datetime, datetime],
    now: datetime,
) -> None:
    async with database.transaction() as tx:
        for step in shown:
            times = await tx.fetchrow("select started_at, ended_at from steps where id = $1", step)
            begin = max(span[0], times["started_at"])
            end = max(begin, min(span[1], times["ended_at"]))
            await attribute(tx, recording, step, begin, end, now)
