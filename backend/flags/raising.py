"""Flags are raised once, cleared when the cause is gone, and their history is kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Tx, from_json, new_id, to_json
from backend.errors import Refusal, not_found
from backend.ledger.events import note
from backend.people.access import Actor

Severity = Literal["info", "warning", "serious"]
MACHINE = "judging"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person must look at. `explanation` has "zh" and "en", and may hold more.

    `explanation["size"]`, if given, says how much is wrong (seconds missing): what a person has
    acknowledged or waived opens again when it grows, or when it comes into another case.
    """

    kind: str
    department_id: UUID
    case_id: UUID | None
    subject_kind: str
    subject_id: UUID
    key: str = ""
    severity: Severity = "warning"
    article: str = ""
    explanation: dict[str, Any]


class _Change(msgspec.Struct, frozen=True):
    """One flag to write: an `id` that exists already, or a new one with `fresh`."""

    id: UUID
    state: str
    finding: Finding
    fresh: bool = False
    reopened: bool = False


async def raise_flag(tx: Tx, finding: Finding, now: datetime, *, actor: str = MACHINE) -> UUID:
    """Raise it, or find it raised already; reopened when it had been resolved. Its id."""
    known = await _existing(tx, [finding.subject_id], [finding.kind])
    await _write(tx, _raised([finding], known), actor, now)
    return await tx.fetchval(
        "select id from flags where kind = $1 and subject_id = $2 and key = $3",
        finding.kind,
        finding.subject_id,
        finding.key,
    )


async def settle(
    tx: Tx,
    subject_kind: str,
    subject_id: UUID,
    kinds: Collection[str],
    findings: Sequence[Finding],
    now: datetime,
) -> int:
    """Of `kinds`, this subject has exactly `findings`: raise what is found, resolve what is gone.

    How many flags changed.
    """
    for finding in findings:
        if (finding.subject_kind, finding.subject_id) != (subject_kind, subject_id):
            raise ValueError(f"a finding about {finding.subject_kind} {finding.subject_id}")
    return await settle_many(tx, [subject_id], kinds, findings, now)


async def settle_many(
    tx: Tx,
    subjects: Collection[UUID],
    kinds: Collection[str],
    findings: Sequence[Finding],
    now: datetime,
) -> int:
    """`settle` for many subjects with one reading; findings are about `subjects` and of `kinds`."""
    known = await _existing(tx, subjects, kinds)
    found = {(f.kind, f.subject_id, f.key) for f in findings}
    gone = [
        _Change(row["id"], "resolved", _as_finding(row))
        for key, row in known.items()
        if key not in found and row["state"] in ("open", "acknowledged")
    ]
    changes = _raised(findings, known) + gone
    await _write(tx, changes, MACHINE, now)
    return len(changes)


async def acknowledge(tx: Tx, actor: Actor, flag_id: UUID, reason: str, now: datetime) -> None:
    """A person has seen it and takes care; it stays until its cause is gone."""
    await _decide(tx, actor, flag_id, "acknowledged", ("open",), reason, now)


async def waive(tx: Tx, actor: Actor, flag_id: UUID, reason: str, now: datetime) -> None:
    """A person answers for letting it be; without a reason it is refused."""
    if not reason.strip():
        raise Refusal(
            "bad_request", detail="豁免须写明理由 / a waiver needs a reason", where="reason"
        )
    await _decide(tx, actor, flag_id, "waived", ("open", "acknowledged"), reason, now)


async def _decide(
    tx: Tx,
    actor: Actor,
    flag_id: UUID,
    state: str,
    sources: Sequence[str],
    reason: str,
    now: datetime,
) -> None:
    row = await tx.fetchrow("select * from flags where id = $1 for update", flag_id)
    if row is None:
        raise not_found("flag")
    if row["state"] not in sources:
        raise Refusal(
            "conflict",
            detail=f"预警当前状态为 {row['state']} / the flag is {row['state']}",
            where="flag.state",
            extra={"state": row["state"]},
        )
    await _write(tx, [_Change(flag_id, state, _as_finding(row))], actor.label, now, reason.strip())


Key = tuple[str, UUID, str]


async def _existing(
    tx: Tx, subjects: Collection[UUID], kinds: Collection[str]
) -> dict[Key, Record]:
    """Locked in the order of ids, so that two who settle the same flags wait instead of cross."""
    rows = await tx.fetch(
        """select * from flags where subject_id = any($1) and kind = any($2)
            order by id for update""",
        list(subjects),
        list(kinds),
    )
    return {(row["kind"], row["subject_id"], row["key"]): row for row in rows}


def _raised(findings: Sequence[Finding], known: dict[Key, Record]) -> list[_Change]:
    changes = []
    for finding in findings:
        row = known.get((finding.kind, finding.subject_id, finding.key))
        change = _new(finding) if row is None else _again(finding, row)
        changes += [change] if change else []
    return changes


def _new(finding: Finding) -> _Change:
    return _Change(new_id(), "open", finding, fresh=True, reopened=True)


def _again(finding: Finding, row: Record) -> _Change | None:
    """What a finding means for a flag that exists: nothing, new words, or open again."""
    before = _as_finding(row)
    grew = _size(finding) > _size(before) + 1 or finding.case_id != before.case_id
    if row["state"] == "resolved" or (row["state"] in ("acknowledged", "waived") and grew):
        return _Change(row["id"], "open", finding, reopened=True)
    # A waiver is for what the person saw: its words stay, and what grows is measured by them.
    if row["state"] == "waived" or _as_stored(finding) == before:
        return None
    return _Change(row["id"], row["state"], finding)


def _as_stored(finding: Finding) -> Finding:
    """As it would be read back: times have become text."""
    return msgspec.structs.replace(finding, explanation=from_json(to_json(finding.explanation)))


def _size(finding: Finding) -> float:
    return float(finding.explanation.get("size", 0))


def _as_finding(row: Record) -> Finding:
    return Finding(
        kind=row["kind"],
        department_id=row["department_id"],
        case_id=row["case_id"],
        subject_kind=row["subject_kind"],
        subject_id=row["subject_id"],
        key=row["key"],
        severity=row["severity"],
        article=row["article"],
        explanation=from_json(row["explanation"]),
    )


async def _write(
    tx: Tx, changes: Sequence[_Change], actor: str, now: datetime, reason: str = ""
) -> None:
    await _update(tx, [change for change in changes if not change.fresh], now)
    inserted = await _insert(tx, [change for change in changes if change.fresh], now)
    # What another transaction raised a moment ago is its to tell.
    written = [change for change in changes if not change.fresh or change.id in inserted]
    await _remember(tx, written, actor, now, reason)


async def _insert(tx: Tx, changes: Sequence[_Change], now: datetime) -> set[UUID]:
    """The ids of those that were not there already."""
    if not changes:
        return set()
    rows = await tx.fetch(
        """insert into flags
               (id, kind, department_id, case_id, subject_kind, subject_id, key, severity, state,
                article, explanation, opened_at, changed_at)
           select t.*, $12, $12 from unnest(
               $1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[],
               $8::text[], $9::text[], $10::text[], $11::jsonb[]) as t
           on conflict (kind, subject_id, key) do nothing returning id""",
        *zip(*(_columns(change) for change in changes), strict=True),
        now,
    )
    return {row["id"] for row in rows}


def _columns(change: _Change) -> tuple[Any, ...]:
    finding = change.finding
    return (
        change.id,
        finding.kind,
        finding.department_id,
        finding.case_id,
        finding.subject_kind,
        finding.subject_id,
        finding.key,
        finding.severity,
        change.state,
        finding.article,
        to_json(finding.explanation),
    )


async def _update(tx: Tx, changes: Sequence[_Change], now: datetime) -> None:
    await tx.executemany(
        """update flags
              set state = $2, case_id = $3, severity = $4, article = $5, explanation = $6,
                  changed_at = $7, opened_at = case when $8 then $7 else opened_at end
            where id = $1""",
        [
            (
                change.id,
                change.state,
                change.finding.case_id,
                change.finding.severity,
                change.finding.article,
                to_json(change.finding.explanation),
                now,
                change.reopened,
            )
            for change in changes
        ],
    )


async def _remember(
    tx: Tx, changes: Sequence[_Change], actor: str, now: datetime, reason: str
) -> None:
    """History, ledger, and the feeds of the cases."""
    await tx.executemany(
        """insert into flag_events (id, flag_id, state, actor, reason, explanation, at)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        [
            (new_id(), c.id, c.state, actor, reason, to_json(c.finding.explanation), now)
            for c in changes
        ],
    )
    for change in changes:
        await _note(tx, change, actor, now, reason)
        if change.finding.case_id is not None:
            tx.touch(f"case:{change.finding.case_id}", "flag", change.id)


async def _note(tx: Tx, change: _Change, actor: str, now: datetime, reason: str) -> None:
    finding = change.finding
    await note(
        tx,
        "flagged" if change.state == "open" else f"flag_{change.state}",
        (finding.subject_kind, finding.subject_id),
        actor=actor,
        now=now,
        department_id=finding.department_id,
        flag_id=change.id,
        flag=finding.kind,
        key=finding.key,
        reason=reason,
    )
