"""立案, events and the deadlines that they open."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from backend.cases.events import record_event, retract_event
from backend.cases.filing import Filed, case_number, file_case
from backend.database import from_json
from backend.errors import Refusal
from backend.rules.calendar import SHANGHAI
from tests.evidence.scene import Scene, at, said

FILED = datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)
# 90 natural days after 2026-03-02: Sunday 31 May, so Monday 1 June.
DUE = datetime(2026, 6, 1, 23, 59, 59, tzinfo=SHANGHAI)


async def filed(scene: Scene, case: UUID, when: datetime = FILED) -> Filed:
    async with scene.database.transaction() as tx:
        return await file_case(tx, scene.supervisor, case, when, when)


async def happened(scene: Scene, kind: str, when: datetime, **body: object) -> UUID:
    async with scene.database.transaction() as tx:
        return await record_event(tx, scene.case, kind, when, body, scene.supervisor, when)


async def test_filing_gives_a_number_a_law_and_ninety_days(scene: Scene) -> None:
    got = await filed(scene, scene.case)
    case = await scene.row("select * from cases where id = $1", scene.case)
    assert (case["number"], case["stage"]) == ("回市监罚〔2026〕1号", "filed")
    assert case["pack_id"] == got.pack_id
    assert got.pack_id.startswith("shijian-")
    assert await scene.flags(FILED) == {}
    due = await scene.row("select * from deadlines where rule_id = 'case.decide'")
    assert (due["state"], due["due_at"]) == ("open", DUE)
    assert from_json(due["explanation"])["steps"]


async def test_numbers_have_no_gap_by_year_even_when_a_filing_fails(scene: Scene) -> None:
    async with scene.database.transaction() as tx:
        cases = [await scene.new_case(tx) for _ in range(6)]
    with pytest.raises(RuntimeError):
        async with scene.database.transaction() as tx:
            await file_case(tx, scene.supervisor, cases[0], FILED, FILED)
            raise RuntimeError("the power went")
    await asyncio.gather(*(filed(scene, case) for case in cases))
    await filed(scene, scene.case, FILED.replace(year=2025))
    rows = await scene.rows("select year, seq from cases where seq is not null order by 1, 2")
    assert [tuple(row) for row in rows] == [(2025, 1), *((2026, n) for n in range(1, 7))]


async def test_a_case_is_filed_once(scene: Scene) -> None:
    await filed(scene, scene.case)
    with pytest.raises(Refusal) as refused:
        await filed(scene, scene.case)
    assert refused.value.kind == "conflict"


@pytest.mark.parametrize(
    ("sector", "code", "number"),
    [
        ("shijian", "shijian", "回市监罚〔2026〕12号"),
        ("zhujian", "zhujian-2", "回住建罚（zhujian-2）〔2026〕12号"),
        (None, "sfj", "回执法罚（sfj）〔2026〕12号"),
    ],
)
def test_numbers_are_readable(sector: str | None, code: str, number: str) -> None:
    assert case_number(sector, code, 2026, 12) == number


async def test_a_deadline_next_week_is_near_and_an_hour_over_it_is_overdue(scene: Scene) -> None:
    await filed(scene, scene.case)
    near = (await scene.flags(DUE - timedelta(days=7)))["deadline_near"]
    assert "2026-06-01" in said(near)
    assert "《行政处罚法》第60条" in near["article"]
    assert await scene.rows("select * from judging_queue") == []
    over = await scene.flags(DUE + timedelta(hours=1))
    assert list(over) == ["deadline_overdue"]
    assert (over["deadline_overdue"]["severity"], over["deadline_overdue"]["case_id"]) == (
        "serious",
        scene.case,
    )


async def test_a_decision_meets_it_and_clears_the_flag(scene: Scene) -> None:
    await filed(scene, scene.case)
    assert list(await scene.flags(DUE - timedelta(days=7))) == ["deadline_near"]
    decided = DUE - timedelta(days=6)
    await happened(scene, "decision_made", decided)
    assert "deadline_near" not in await scene.flags(decided)
    due = await scene.row("select * from deadlines where rule_id = 'case.decide'")
    assert due["state"] == "met"


async def test_a_deadline_follows_the_event_not_the_day_it_was_entered(scene: Scene) -> None:
    await filed(scene, scene.case)
    event = await happened(scene, "clue_received", FILED - timedelta(days=1))
    await scene.sweep(FILED + timedelta(days=60))
    row = await scene.row("select * from deadlines where rule_id = 'lead.sj'")
    assert row["triggered_at"] == FILED - timedelta(days=1)
    async with scene.database.transaction() as tx:
        await retract_event(tx, event, scene.supervisor, "录入有误", FILED + timedelta(days=60))
    await scene.sweep(FILED + timedelta(days=60))
    row = await scene.row("select * from deadlines where rule_id = 'lead.sj'")
    assert (row["state"], row["next_change_at"]) == ("void", None)


async def test_a_seizure_at_the_scene_opens_its_thirty_days(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:32:00")
    await scene.sweep()
    row = await scene.row("select * from deadlines where rule_id = 'seize.end'")
    assert row["key"] == f"seize.end@{step}"
    assert from_json(row["explanation"])["due"] == "2026-12-23"


async def test_a_seizure_that_the_desk_also_records_is_not_a_second_one(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.step("seize", "10:40:00", "10:50:00")
    await scene.sweep()
    assert len(await scene.rows("select * from deadlines where state = 'open'")) == 2
    event = await happened(scene, "seizure_started", at("11:00:00"))
    await scene.sweep()
    rows = await scene.rows("select key from deadlines where state = 'open'")
    assert [row["key"] for row in rows] == [f"seize.end@{event}"]


@pytest.mark.parametrize(
    ("kind", "when", "where"),
    [
        ("party_feels_wronged", FILED, "kind"),
        ("notice_served", FILED.replace(tzinfo=None), "at"),
        ("notice_served", FILED + timedelta(hours=1), "at"),
    ],
)
async def test_events_that_cannot_be_are_refused(
    scene: Scene, kind: str, when: datetime, where: str
) -> None:
    with pytest.raises(Refusal) as refused:
        async with scene.database.transaction() as tx:
            await record_event(tx, scene.case, kind, when, {}, scene.supervisor, FILED)
    assert refused.value.where == where


async def test_events_that_cannot_be_counted_are_flagged_and_stop_nobody_else(
    scene: Scene,
) -> None:
    await happened(scene, "hearing_set", FILED, on="next week perhaps")
    flag = (await scene.flags(FILED))["gate_blocked"]
    assert "事件无法计算期限" in said(flag)
