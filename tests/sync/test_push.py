"""What phones push, on a real database, through the real application."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from sync.edits import _HANDLERS
from sync.holds import retry_waiting
from sync.ops import Outcome
from tests.sync.cast import MORNING, Bureau, Phone, open_visit

PUSH = "/api/device/sync/push"


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def codes(outcome: Outcome) -> list[tuple[str, str]]:
    return [(reason.code, reason.field) for reason in outcome.reasons]


def raw_op(seq: int, entity: str = "party", **more: Any) -> dict[str, Any]:
    return {
        "op_id": str(uuid4()),
        "device_seq": seq,
        "entity": entity,
        "id": str(uuid4()),
        "kind": "create",
        "fields": {"kind": "organisation", "name": "青城烧烤店"},
        "occurred_at": MORNING.isoformat(),
        **more,
    }


async def push_raw(phone: Phone, operations: list[Any], **envelope: Any) -> list[Outcome]:
    body = msgspec.json.encode({"schema": 1, "log": "raw", **envelope, "operations": operations})
    response = await phone.client.http.post(PUSH, content=body)
    assert response.status_code == 200, response.text
    return msgspec.convert(response.json()["outcomes"], list[Outcome])


async def test_a_day_offline_lands_as_a_case_with_its_inspection_steps_facts_and_record(
    bureau: Bureau,
) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    step = client.create("step", {"inspection_id": visit, "kind": "examine"}, at=MORNING)
    client.step_started(visit, step, MORNING)
    client.step_ended(visit, step, MORNING + timedelta(minutes=20))
    client.step_ended(visit, step, MORNING + timedelta(minutes=30))
    client.append_fact(visit, "finding", {"text": "后厨无消毒记录"}, step_id=step, at=MORNING)
    record = client.append_record(visit, "笔录", "现场笔录", "……", signed_by=["巴特尔"], at=MORNING)
    report = await client.sync()
    assert report.counts == {"applied": 8}
    row = client.get("inspection", visit)
    assert row is not None
    case = client.get("case", UUID(row["case_id"]))
    assert case is not None
    assert (case["stage"], case["lead_officer_id"]) == ("opened", str(bureau.bateer.officer_id))
    assert client.get("step", step)["ended_at"].startswith("2026-03-02T01:30")  # type: ignore[index]
    assert client.get("record", record)["versions"][0]["text"] == "……"  # type: ignore[index]
    assert len(client.rows("fact")) == 4
    assert await bureau.one("select count(*) from judging_queue") == 1


async def test_a_push_whose_answer_was_lost_is_answered_the_same_and_changes_nothing(
    bureau: Bureau,
) -> None:
    open_visit(bureau.bateer)
    operations = [
        msgspec.json.decode(body) for _, body in bureau.bateer.client.outbox.unanswered(10)
    ]
    first = await push_raw(bureau.bateer, operations)
    before = await bureau.fetch("select * from feed order by scope, n")
    again = await push_raw(bureau.bateer, operations)
    assert again == first
    assert await bureau.fetch("select * from feed order by scope, n") == before
    assert await bureau.one("select count(*) from inspections") == 1


async def test_malformed_operations_fail_alone_with_field_and_reason_and_are_kept(
    bureau: Bureau,
) -> None:
    good = raw_op(1), raw_op(9)
    outcomes = await push_raw(
        bureau.bateer,
        [
            good[0],
            raw_op(2, "pony"),
            raw_op(3, fields={"kind": "organisation"}),
            raw_op(4, fields={"kind": "organisation", "name": "x", "colour": "red"}),
            raw_op(5, fields={"kind": "organisation", "name": 7}),
            raw_op(6, kind="explode"),
            {**raw_op(7), "occurred_at": "yesterday"},
            {**raw_op(8), "fields": {"kind": "organisation", "name": "a\0b"}},
            good[1],
            42,
        ],
    )
    assert [(o.status, codes(o)) for o in outcomes] == [
        ("applied", []),
        ("rejected", [("unknown_entity", "entity")]),
        ("rejected", [("missing_field", "name")]),
        ("rejected", [("unknown_field", "colour")]),
        ("rejected", [("bad_value", "name")]),
        ("rejected", [("unknown_kind", "kind")]),
        ("rejected", [("malformed", "occurred_at")]),
        ("rejected", [("unstorable_text", "")]),
        ("applied", []),
        ("rejected", [("malformed", "")]),
    ]
    assert await bureau.one("select count(*) from parties") == 2
    assert await bureau.one("select count(*) from quarantined_operations") == 8
    assert await bureau.one("select count(*) from flags where kind = 'operation_held'") == 8


async def test_what_no_json_parser_takes_is_rejected_alone(bureau: Bureau) -> None:
    deep = b'{"device_seq": 2, "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    half = b'{"device_seq": 3, "x": "\\ud800"}'
    parts = [msgspec.json.encode(raw_op(1)), deep, half, msgspec.json.encode(raw_op(4))]
    body = b'{"schema":1,"log":"raw","operations":[' + b",".join(parts) + b"]}"
    response = await bureau.bateer.client.http.post(PUSH, content=body)
    outcomes = msgspec.convert(response.json()["outcomes"], list[Outcome])
    assert statuses(outcomes) == ["applied", "rejected", "rejected", "applied"]


async def test_an_edit_offline_against_the_desk_keeps_both_values_with_both_hands(
    bureau: Bureau,
) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    await client.sync()
    client.set("inspection", visit, {"summary": "责令改正", "result": "不合格"}, at=MORNING)
    await bureau.at_desk("inspection", visit, {"summary": "立案查处"})
    report = await client.sync()
    assert report.counts == {"conflict": 1}
    row = client.get("inspection", visit)
    assert row is not None
    assert (row["summary"], row["result"]) == ("立案查处", "不合格")
    [conflict] = client.rows("conflict")
    assert conflict["server_value"] == "立案查处"
    assert conflict["device_value"] == "责令改正"
    assert conflict["server_actor"] == bureau.zhao_min.label
    assert conflict["device_actor"] == bureau.bateer.actor.label
    flags = await bureau.fetch("select state from flags where kind = 'sync_conflict'")
    assert flags == [{"state": "open"}]


async def test_other_fields_changed_meanwhile_merge_with_a_soft_note(bureau: Bureau) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    await client.sync()
    client.set("inspection", visit, {"summary": "责令改正"}, at=MORNING)
    await bureau.at_desk("inspection", visit, {"result": "不合格"})
    report = await client.sync()
    assert report.counts == {"merged": 1}
    assert codes(report.outcomes[0]) == [("others_changed", "result")]


async def test_a_phone_never_conflicts_with_its_own_earlier_edits(bureau: Bureau) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    await client.push()
    for text in ("一", "二", "三"):
        client.set("inspection", visit, {"summary": text}, at=MORNING)
    assert (await client.sync()).counts == {"applied": 3}
    assert client.get("inspection", visit)["summary"] == "三"  # type: ignore[index]


async def test_two_officers_who_both_opened_the_visit_become_one_inspection(
    bureau: Bureau,
) -> None:
    _, first = open_visit(bureau.bateer)
    _, second = open_visit(bureau.xiuying, started_at=MORNING + timedelta(minutes=4))
    bureau.bateer.client.append_fact(first, "finding", {"text": "甲"}, at=MORNING)
    bureau.xiuying.client.append_fact(second, "finding", {"text": "乙"}, at=MORNING)
    await bureau.bateer.client.sync()
    report = await bureau.xiuying.client.sync()
    assert report.counts == {"applied": 3}
    placement = report.outcomes[1].placement
    assert placement is not None
    assert (placement["kind"], placement["inspection_id"]) == ("duplicate_of", str(first))
    assert await bureau.one("select count(*) from cases") == 1
    officers = await bureau.fetch(
        "select officer_id from inspection_officers where inspection_id = $1", first
    )
    assert {row["officer_id"] for row in officers} == {
        bureau.bateer.officer_id,
        bureau.xiuying.officer_id,
    }
    await bureau.bateer.client.sync()
    for phone in (bureau.bateer, bureau.xiuying):
        assert {fact["body"]["text"] for fact in phone.client.rows("fact")} == {"甲", "乙"}


async def test_a_gap_holds_what_is_behind_it_and_filling_it_releases_all(bureau: Bureau) -> None:
    operations = [raw_op(seq) for seq in (1, 2, 3, 4)]
    assert statuses(await push_raw(bureau.bateer, [operations[0]])) == ["applied"]
    held = await push_raw(bureau.bateer, [operations[2], operations[3]])
    assert [codes(o) for o in held] == [[("waits_for_gap", "")]] * 2
    assert statuses(await push_raw(bureau.bateer, [operations[1]])) == ["applied"]
    assert statuses(await push_raw(bureau.bateer, operations)) == ["applied"] * 4
    assert await bureau.one("select count(*) from parties") == 4
    pulled = await bureau.bateer.client.http.get("/api/device/sync/pull")
    told = [c["row"]["status"] for c in pulled.json()["changes"] if c["entity"] == "operation"]
    assert told == ["applied", "applied"]


async def test_an_update_before_its_create_waits_for_it_and_the_queue_goes_on(
    bureau: Bureau,
) -> None:
    party = str(uuid4())
    early = raw_op(1, id=party, kind="set", fields={"address": "中山西路 12 号"})
    outcomes = await push_raw(bureau.xiuying, [early, raw_op(2)])
    assert statuses(outcomes) == ["held", "applied"]
    assert codes(outcomes[0]) == [("waits_for_subject", "")]
    await push_raw(bureau.bateer, [raw_op(1, id=party)])
    assert (
        await bureau.one("select status from operations where op_id = $1", UUID(early["op_id"]))
        == "applied"
    )
    assert (
        await bureau.one("select address from parties where id = $1", UUID(party))
        == "中山西路 12 号"
    )


async def test_the_same_id_with_other_content_is_quarantined_and_shown_to_a_person(
    bureau: Bureau,
) -> None:
    first = raw_op(1)
    other = {**first, "fields": {"kind": "citizen", "name": "别人"}}
    await push_raw(bureau.bateer, [first])
    [outcome] = await push_raw(bureau.bateer, [other])
    assert (outcome.status, codes(outcome)) == ("rejected", [("op_id_reused", "")])
    [used] = await push_raw(bureau.bateer, [raw_op(1)])
    assert codes(used) == [("seq_used", "")]
    assert await bureau.one("select count(*) from quarantined_operations") == 2
    assert await bureau.one("select count(*) from flags where state = 'open'") == 2
    assert await bureau.one("select name from parties") == "青城烧烤店"


async def test_a_wiped_phone_counts_from_one_again_under_a_new_log(bureau: Bureau) -> None:
    assert statuses(await push_raw(bureau.bateer, [raw_op(1), raw_op(2)])) == ["applied"] * 2
    assert statuses(await push_raw(bureau.bateer, [raw_op(1)], log="new")) == ["applied"]
    assert statuses(await push_raw(bureau.bateer, [raw_op(3)])) == ["applied"]


async def test_without_a_holder_at_that_time_it_is_held_until_the_desk_says_who(
    bureau: Bureau,
) -> None:
    op = raw_op(1, occurred_at="1970-01-01T00:00:00Z")
    [outcome] = await push_raw(bureau.bateer, [op])
    assert (outcome.status, codes(outcome)) == ("held", [("no_holder", "")])
    assert await bureau.one("select state from flags where kind = 'operation_held'") == "open"
    await bureau.execute("update assignments set held_from = '1969-01-01'")
    await push_raw(bureau.bateer, [raw_op(2)])
    assert await bureau.one("select count(*) from parties") == 2
    assert await bureau.one("select state from flags where kind = 'operation_held'") == "resolved"


async def test_the_monotonic_clock_of_a_known_boot_finds_the_author_of_a_1970_clock(
    bureau: Bureau,
) -> None:
    await bureau.execute(
        """insert into device_contacts values ($1, $2, 'boot', 5000, $3, $3, 0, 0)""",
        uuid4(),
        bureau.bateer.device_id,
        MORNING,
    )
    op = raw_op(1, occurred_at="1970-01-01T00:00:00Z", boot_id="boot", monotonic_ms=1000)
    assert statuses(await push_raw(bureau.bateer, [op])) == ["applied"]


async def test_a_closed_case_holds_an_archived_one_refuses_and_another_department_sees_none(
    bureau: Bureau,
) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    await client.sync()
    await bureau.execute("update cases set stage = 'closed', closed_at = now()")
    client.append_fact(visit, "note", {"text": "迟到的备注"}, at=MORNING)
    [held] = await client.push()
    assert (held.status, codes(held)) == ("held", [("case_closed", "")])
    await bureau.execute("update cases set stage = 'archived'")
    client.append_fact(visit, "note", {"text": "更迟的备注"}, at=MORNING)
    [refused] = await client.push()
    assert (refused.status, codes(refused)) == ("rejected", [("case_archived", "")])
    bureau.neighbour.client.append_fact(visit, "note", {"text": "外人"}, at=MORNING)
    [foreign] = await bureau.neighbour.client.push()
    assert (foreign.status, codes(foreign)) == ("rejected", [("not_found", "inspection_id")])
    assert await bureau.one("select count(*) from facts") == 0


async def test_operations_for_a_case_one_has_left_are_held_for_a_person(bureau: Bureau) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    await client.sync()
    client.append_fact(visit, "note", {"text": "离开前写的"}, at=MORNING)
    await bureau.execute("update case_officers set until = now()")
    report = await client.sync()
    assert codes(report.outcomes[0]) == [("left_case", "")]
    assert any(scope.startswith("case:") for scope in report.purged)
    assert client.rows("inspection") == []


async def test_a_revoked_device_gets_401_and_more_than_ten_thousand_get_413(
    bureau: Bureau,
) -> None:
    http = bureau.bateer.client.http
    body = msgspec.json.encode({"schema": 1, "operations": [1] * 10_001})
    assert (await http.post(PUSH, content=body)).status_code == 413
    assert (await http.post(PUSH, content=b"nonsense")).status_code == 400
    await bureau.execute("update devices set revoked_at = now()")
    assert (await http.post(PUSH, content=b"{}")).status_code == 401


async def test_of_a_newer_schema_unknown_fields_are_kept_and_unknown_words_held(
    bureau: Bureau,
) -> None:
    coloured = raw_op(1, fields={"kind": "organisation", "name": "x", "colour": "red"})
    outcomes = await push_raw(bureau.bateer, [coloured, raw_op(2, "drone")], schema=2)
    assert [(o.status, codes(o)) for o in outcomes] == [
        ("applied", [("unknown_field_kept", "colour")]),
        ("held", [("newer_schema", "")]),
    ]


async def test_what_the_schema_does_not_allow_is_rejected_alone(bureau: Bureau) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    client.set("inspection", visit, {"ended_at": MORNING - timedelta(hours=1)}, at=MORNING)
    client.set("inspection", visit, {"summary": "照常"}, at=MORNING)
    outcomes = (await client.sync()).outcomes
    assert statuses(outcomes) == ["applied", "applied", "rejected", "applied"]
    assert codes(outcomes[2])[0][0] == "constraint"
    assert client.get("inspection", visit)["summary"] == "照常"  # type: ignore[index]


async def test_an_operation_that_breaks_the_server_is_held_for_a_person_and_the_rest_goes_on(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise KeyError("a bug of ours")

    monkeypatch.setitem(_HANDLERS, ("fact", "append"), broken)
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    client.append_fact(visit, "note", {"text": "毒"}, at=MORNING)
    client.create("step", {"inspection_id": visit, "kind": "notify"}, at=MORNING)
    outcomes = (await client.sync()).outcomes
    assert statuses(outcomes) == ["applied", "applied", "held", "applied"]
    assert codes(outcomes[2]) == [("server_fault", "")]
    assert await bureau.one("select state from flags where kind = 'operation_held'") == "open"
    monkeypatch.undo()
    await client.push()
    assert await retry_waiting(bureau.database, MORNING) == 1
    assert await bureau.one("select count(*) from facts") == 1
    assert await bureau.one("select state from flags where kind = 'operation_held'") == "resolved"


async def test_two_phones_that_push_the_same_visit_at_the_same_moment_make_one(
    bureau: Bureau,
) -> None:
    open_visit(bureau.bateer)
    open_visit(bureau.xiuying)
    await asyncio.gather(bureau.bateer.client.push(), bureau.xiuying.client.push())
    assert await bureau.one("select count(*) from cases") == 1
    assert await bureau.one("select count(*) from inspections where duplicate_of is null") == 1


async def test_many_phones_writing_to_one_case_at_once_lose_nothing(bureau: Bureau) -> None:
    _, visit = open_visit(bureau.bateer)
    open_visit(bureau.xiuying)
    await bureau.bateer.client.sync()
    await bureau.xiuying.client.sync()
    for phone in (bureau.bateer, bureau.xiuying):
        for n in range(30):
            phone.client.append_fact(visit, "note", {"text": f"{n}"}, at=MORNING)
            phone.client.create("party", {"kind": "citizen", "name": f"某{n}"}, at=MORNING)
    await asyncio.gather(bureau.bateer.client.push(), bureau.xiuying.client.push())
    assert await bureau.one("select count(*) from facts") == 60
