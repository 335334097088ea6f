"""Deadlines of cases: their events counted by the law they were filed under, and the flags.

The count itself is `backend.rules.deadlines`, pure. Here its answer is compared with the rows:
what is new is written, what no event opens any more becomes void.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases.packs import law_of, pinned_packs
from backend.database import Tx, from_json, new_id, to_json
from backend.flags.raising import Finding, Severity, settle_many
from backend.ledger.events import note
from backend.rules.calendar import midnight
from backend.rules.deadlines import Due, deadlines_of
from backend.rules.errors import RuleRefusal
from backend.rules.events import EVENT_KINDS, Event
from backend.rules.explain import when_en, when_zh
from backend.rules.pack import Pack

KINDS = ("deadline_near", "deadline_overdue")
# What an inspector did at the scene starts these clocks by itself (强制法 25, 处罚法 56).
EVENT_OF_STEP = {"seize": "seizure_started", "preserve": "registered_preservation"}
# A desk that records the same act does so within the day; it is not a second one.
SAME_ACT = timedelta(hours=24)
# The rules know more states than a list needs; the row's explanation keeps the exact one.
STATES = {
    "open": "open",
    "near": "near",
    "overdue": "overdue",
    "met": "met",
    "met_late": "met",
    "elapsed": "met",
    "suspended": "open",
    "accruing": "overdue",
}


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """A deadline as it is written; equal rows need no writing."""

    case_id: UUID
    rule_id: str
    key: str
    triggered_at: datetime
    due_at: datetime
    strict_at: datetime
    provisional: bool
    state: str
    next_change_at: datetime | None
    article: str
    explanation: dict[str, Any]


async def judge_deadlines(tx: Tx, case_ids: Collection[UUID], now: datetime) -> int:
    """Count these cases' deadlines anew. How many flags changed."""
    cases = await tx.fetch(
        """select c.id, c.department_id, c.pack_id, c.filed_at, c.opened_at, d.sector
             from cases c join departments d on d.id = c.department_id
            where c.id = any($1) and c.deleted_at is null order by c.id""",
        list(case_ids),
    )
    packs = await pinned_packs(tx, {case["pack_id"] for case in cases})
    events = await events_of(tx, case_ids)
    known = await _known(tx, case_ids)
    findings: list[Finding] = []
    for case in cases:
        dues, refusal = _count(law_of(case, packs), events[case["id"]], now)
        findings += [_uncountable(case, refusal)] if refusal else []
        ids = await _write(tx, case, dues, known[case["id"]], now)
        findings += [f for due in dues if (f := _finding(case, due, ids[due.key])) is not None]
    return await _settle(tx, case_ids, findings, now)


async def _settle(
    tx: Tx, case_ids: Collection[UUID], findings: Sequence[Finding], now: datetime
) -> int:
    rows = await tx.fetch("select id from deadlines where case_id = any($1)", list(case_ids))
    mine = [f for f in findings if f.kind in KINDS]
    changed = await settle_many(tx, [row["id"] for row in rows], KINDS, mine, now)
    rest = [f for f in findings if f.kind not in KINDS]
    return changed + await settle_many(tx, list(case_ids), ("gate_blocked",), rest, now)


async def events_of(tx: Tx, case_ids: Collection[UUID]) -> dict[UUID, list[Event]]:
    """What happened in each case, recorded at the desk or done at the scene, by event time."""
    rows = await tx.fetch(
        """select id, case_id, kind, at, coalesce(body->>'subject', '') as subject, body,
                  false as at_scene
             from case_events where case_id = any($1) and retracted_at is null
           union all
           select s.id, i.case_id, s.kind, s.started_at, s.id::text, '{}', true
             from inspections i join steps s on s.inspection_id = i.id
            where i.case_id = any($1) and s.kind = any($2) and s.started_at is not null
              and i.deleted_at is null and s.deleted_at is null and i.duplicate_of is null
            order by at_scene, at, id""",
        list(case_ids),
        list(EVENT_OF_STEP),
    )
    found: dict[UUID, list[Event]] = defaultdict(list)
    for row in rows:
        event, known = _event(row), found[row["case_id"]]
        if not (row["at_scene"] and _recorded(event, known)):
            known.append(event)
    for events in found.values():
        events.sort(key=lambda event: (event.at, event.id))
    return found


def _event(row: Record) -> Event:
    kind = EVENT_OF_STEP[row["kind"]] if row["at_scene"] else row["kind"]
    return Event(kind, row["at"], str(row["id"]), row["subject"], from_json(row["body"]))


def _recorded(event: Event, events: Sequence[Event]) -> bool:
    """Whether the desk has recorded what a step says; two steps are two acts."""
    return any(
        one.kind == event.kind and one.subject != one.id and abs(one.at - event.at) <= SAME_ACT
        for one in events
    )


def _count(
    pack: Pack, events: Sequence[Event], now: datetime
) -> tuple[tuple[Due, ...], RuleRefusal | None]:
    """One case whose events can't be counted must not stop the others: it is flagged instead."""
    try:
        return deadlines_of(pack, events, now), None
    except RuleRefusal as refusal:
        return (), refusal


async def _known(tx: Tx, case_ids: Collection[UUID]) -> dict[UUID, dict[str, Record]]:
    rows = await tx.fetch(
        "select * from deadlines where case_id = any($1) order by id for update", list(case_ids)
    )
    found: dict[UUID, dict[str, Record]] = defaultdict(dict)
    for row in rows:
        found[row["case_id"]][row["key"]] = row
    return found


async def _write(
    tx: Tx, case: Record, dues: Sequence[Due], known: Mapping[str, Record], now: datetime
) -> dict[str, UUID]:
    """Rows that differ from what is known; the ids by key."""
    ids = {key: row["id"] for key, row in known.items()}
    wanted = {due.key: _row(case, due) for due in dues}
    for key, row in wanted.items():
        ids.setdefault(key, new_id())
        if key not in known or _as_row(known[key]) != _as_stored(row):
            await _upsert(tx, case, ids[key], row, now)
    for key, old in known.items():
        if key not in wanted and old["state"] != "void":
            void = msgspec.structs.replace(_as_row(old), state="void", next_change_at=None)
            await _upsert(tx, case, old["id"], void, now)
    return ids


def _row(case: Record, due: Due) -> _Row:
    return _Row(
        case_id=case["id"],
        rule_id=due.rule,
        key=due.key,
        triggered_at=due.event.at,
        due_at=_instant(due.due),
        strict_at=_instant(due.strict),
        provisional=due.provisional,
        state=STATES[due.state],
        next_change_at=due.next_change_at,
        article=due.article,
        explanation={
            "title": {"zh": due.title_zh, "en": due.title_en},
            "state": due.state,
            "due": due.due.isoformat(),
            "strict": due.strict.isoformat(),
            "met_at": due.met_at,
            "event": msgspec.structs.asdict(EVENT_KINDS[due.event.kind]),
            "steps": [{"zh": step.zh, "en": step.en} for step in due.steps],
        },
    )


def _instant(due: date | datetime) -> datetime:
    """The last second of the day, where the limit is a day (民法典 203: until 24:00)."""
    if isinstance(due, datetime):
        return due
    return midnight(due.toordinal() + 1) - timedelta(seconds=1)


def _as_row(record: Record) -> _Row:
    values = {name: record[name] for name in _Row.__struct_fields__}
    return _Row(**{**values, "explanation": from_json(record["explanation"])})


def _as_stored(row: _Row) -> _Row:
    return msgspec.structs.replace(row, explanation=from_json(to_json(row.explanation)))


async def _upsert(tx: Tx, case: Record, deadline_id: UUID, row: _Row, now: datetime) -> None:
    values = msgspec.structs.asdict(row)
    await tx.execute(
        """insert into deadlines
               (case_id, rule_id, key, triggered_at, due_at, strict_at, provisional, state,
                next_change_at, article, explanation, id, judged_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
           on conflict (case_id, key) do update
              set triggered_at = excluded.triggered_at, due_at = excluded.due_at,
                  strict_at = excluded.strict_at, provisional = excluded.provisional,
                  state = excluded.state, next_change_at = excluded.next_change_at,
                  article = excluded.article, explanation = excluded.explanation,
                  judged_at = excluded.judged_at""",
        *{**values, "explanation": to_json(row.explanation)}.values(),
        deadline_id,
        now,
    )
    await note(
        tx,
        "deadline_counted",
        ("deadline", deadline_id),
        actor="judging",
        now=now,
        department_id=case["department_id"],
        case_id=case["id"],
        rule=row.rule_id,
        due_at=row.due_at,
        state=row.state,
    )
    tx.touch(f"case:{case['id']}", "deadline", deadline_id)


def _finding(case: Record, due: Due, deadline_id: UUID) -> Finding | None:
    """What the department must do or may no longer do; a party's right that lapses is no alarm."""
    if due.row.kind not in ("duty", "bar"):
        return None
    if due.state == "near" and due.row.actor == "department":
        kind, words = "deadline_near", _near_words(due)
    elif due.state == "overdue":
        kind, words = "deadline_overdue", _overdue_words(due)
    else:
        return None
    return Finding(
        kind=kind,
        department_id=case["department_id"],
        case_id=case["id"],
        subject_kind="deadline",
        subject_id=deadline_id,
        severity=_severity(due),
        article=due.article,
        explanation={**words, "rule": due.rule, "due": due.due.isoformat()},
    )


def _severity(due: Due) -> Severity:
    if due.row.actor != "department":
        return "info"
    return "serious" if due.state == "overdue" else "warning"


def _near_words(due: Due) -> dict[str, str]:
    return {
        "zh": f"{due.title_zh}将于 {when_zh(due.due)} 到期{_doubt(due)[0]}",
        "en": f"{due.title_en} is due on {when_en(due.due)}{_doubt(due)[1]}",
    }


def _overdue_words(due: Due) -> dict[str, str]:
    return {
        "zh": f"{due.title_zh}已于 {when_zh(due.due)} 到期，尚未完成{_doubt(due)[0]}",
        "en": f"{due.title_en} was due on {when_en(due.due)} and is not done{_doubt(due)[1]}",
    }


def _doubt(due: Due) -> tuple[str, str]:
    if not due.provisional:
        return "", ""
    return "（该年放假安排未公布，暂计）", " (provisional: that year's holidays are unpublished)"


def _uncountable(case: Record, refusal: RuleRefusal) -> Finding:
    return Finding(
        kind="gate_blocked",
        department_id=case["department_id"],
        case_id=case["id"],
        subject_kind="case",
        subject_id=case["id"],
        key="events",
        severity="serious",
        explanation={
            "zh": f"事件无法计算期限：{refusal.detail} {refusal.mend}",
            "en": f"The case's events can't be counted: {refusal.detail} {refusal.mend}",
        },
    )
