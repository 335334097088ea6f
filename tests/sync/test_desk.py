"""What people do about conflicts, copies and held operations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from backend.cases.apply import edit_at_desk
from backend.cases.placing import place_by_person, split
from backend.errors import Refusal
from sync.conflicts import close, explain, list_conflicts
from sync.holds import hand_over_stuck, retry_waiting
from tests.sync.cast import MORNING, Bureau, open_visit
from tests.sync.test_push import push_raw, raw_op

NOW = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)


async def a_conflict(bureau: Bureau) -> tuple[UUID, UUID]:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    client.set("inspection", visit, {"summary": "初稿"}, at=MORNING)
    await client.sync()
    client.set("inspection", visit, {"summary": "责令改正"}, at=MORNING)
    await bureau.at_desk("inspection", visit, {"summary": "立案查处"})
    [outcome] = (await client.sync()).outcomes
    return visit, outcome.conflicts[0]


async def test_a_conflict_explains_base_both_values_who_when_and_on_which_device(
    bureau: Bureau,
) -> None:
    _, conflict = await a_conflict(bureau)
    async with bureau.database.snapshot() as tx:
        [listed] = await list_conflicts(tx, bureau.zhao_min)
        view = await explain(tx, bureau.zhao_min, conflict)
    assert listed == view
    assert (view.base, view.server.value, view.device.value) == ("初稿", "立案查处", "责令改正")
    assert (view.server.officer_name, view.server.clock) == ("赵敏", "server")
    assert (view.device.officer_name, view.device.device_name) == ("巴特尔", "巴特尔的手持机")
    assert (view.device.at, view.device.clock) == (MORNING, "unmeasured")


async def test_closing_writes_the_choice_and_the_phone_sees_it_and_the_flag_goes(
    bureau: Bureau,
) -> None:
    visit, conflict = await a_conflict(bureau)
    async with bureau.database.transaction() as tx:
        seen = await explain(tx, bureau.zhao_min, conflict)
        closed = await close(tx, bureau.zhao_min, conflict, "责令改正", seen.seen_version, NOW)
    assert (closed.state, closed.current) == ("closed", "责令改正")
    await bureau.bateer.client.sync()
    assert bureau.bateer.client.get("inspection", visit)["summary"] == "责令改正"  # type: ignore[index]
    assert [row["state"] for row in bureau.bateer.client.rows("conflict")] == ["closed"]
    assert await bureau.one("select state from flags where kind = 'sync_conflict'") == "resolved"
    with pytest.raises(Refusal) as again:
        async with bureau.database.transaction() as tx:
            await close(tx, bureau.zhao_min, conflict, "x", closed.seen_version, NOW)
    assert again.value.kind == "conflict"


async def test_closing_on_an_older_look_or_with_a_wrong_value_is_refused(bureau: Bureau) -> None:
    visit, conflict = await a_conflict(bureau)
    async with bureau.database.snapshot() as tx:
        seen = await explain(tx, bureau.zhao_min, conflict)
    with pytest.raises(Refusal) as wrong:
        async with bureau.database.transaction() as tx:
            await close(tx, bureau.zhao_min, conflict, 7, seen.seen_version, NOW)
    await bureau.at_desk("inspection", visit, {"summary": "又改了"})
    with pytest.raises(Refusal) as stale:
        async with bureau.database.transaction() as tx:
            await close(tx, bureau.zhao_min, conflict, "x", seen.seen_version, NOW)
    assert (wrong.value.kind, stale.value.kind) == ("bad_request", "stale_version")


async def test_deleting_what_the_desk_has_edited_is_a_conflict(bureau: Bureau) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    await client.sync()
    client.delete("inspection", visit, at=MORNING)
    await bureau.at_desk("inspection", visit, {"summary": "重要"})
    [outcome] = (await client.sync()).outcomes
    assert (outcome.status, outcome.reasons[0].code) == ("conflict", "edited_meanwhile")
    assert client.get("inspection", visit)["deleted_at"] is None  # type: ignore[index]
    async with bureau.database.transaction() as tx:
        seen = await explain(tx, bureau.zhao_min, outcome.conflicts[0])
        await close(tx, bureau.zhao_min, outcome.conflicts[0], True, seen.seen_version, NOW)
    assert await bureau.one("select deleted_at from inspections where id = $1", visit) == NOW


async def test_the_desk_cannot_write_over_what_it_has_not_seen(bureau: Bureau) -> None:
    _, visit = open_visit(bureau.bateer)
    await bureau.bateer.client.push()
    await bureau.at_desk("inspection", visit, {"summary": "一"})
    with pytest.raises(Refusal) as stale:
        async with bureau.database.transaction() as tx:
            await edit_at_desk(
                tx, bureau.zhao_min, "inspection", visit, {"summary": 1}, {"summary": "二"}, NOW
            )
    assert stale.value.kind == "stale_version"
    assert stale.value.extra["current"]["summary"] == {"value": "一", "version": 2}


async def test_a_copy_can_be_split_off_again_and_joined_by_hand_with_nothing_lost(
    bureau: Bureau,
) -> None:
    _, first = open_visit(bureau.bateer)
    _, second = open_visit(bureau.xiuying)
    bureau.xiuying.client.append_fact(second, "finding", {"text": "乙"}, at=MORNING)
    await bureau.bateer.client.sync()
    await bureau.xiuying.client.sync()
    async with bureau.database.transaction() as tx:
        own_case = await split(tx, bureau.zhao_min, second, NOW)
    await bureau.xiuying.client.sync()
    row = bureau.xiuying.client.get("inspection", second)
    assert row is not None
    assert (row["case_id"], row["duplicate_of"]) == (str(own_case), None)
    assert [f["body"]["text"] for f in bureau.xiuying.client.rows("fact")] == ["乙"]
    async with bureau.database.transaction() as tx:
        joined = await place_by_person(tx, bureau.zhao_min, second, first, NOW)
    assert joined != own_case
    assert await bureau.one("select duplicate_of from inspections where id = $1", second) == first


async def test_what_waits_too_long_is_handed_to_a_person_and_never_forced(
    bureau: Bureau,
) -> None:
    held = raw_op(5)
    await push_raw(bureau.bateer, [held])
    soon = datetime.now(UTC)
    assert await hand_over_stuck(bureau.database, soon) == 0
    assert await hand_over_stuck(bureau.database, soon + timedelta(hours=2)) == 1
    assert await hand_over_stuck(bureau.database, soon + timedelta(hours=2)) == 0
    assert await bureau.one("select count(*) from parties") == 0
    await push_raw(bureau.bateer, [raw_op(seq) for seq in (1, 2, 3, 4)])
    assert await bureau.one("select count(*) from parties") == 5
    assert await bureau.one("select state from flags where kind = 'operation_held'") == "resolved"


async def test_a_sweep_releases_what_the_desk_has_put_right(bureau: Bureau) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    await client.sync()
    await bureau.execute("update cases set stage = 'closed', closed_at = now()")
    client.append_fact(visit, "note", {"text": "迟到的备注"}, at=MORNING)
    await client.sync()
    assert await retry_waiting(bureau.database, NOW) == 0
    await bureau.execute("update cases set stage = 'opened', closed_at = null")
    assert await retry_waiting(bureau.database, NOW) == 1
    await client.sync()
    assert [fact["body"]["text"] for fact in client.rows("fact")] == ["迟到的备注"]
    assert [o.status for op, o in client.outcomes() if op.entity == "fact"] == ["applied"]
