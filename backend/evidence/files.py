"""Flags about single recordings: late, unusable, out of time, belonging nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from backend.cases.packs import pinned_packs
from backend.database import Tx, from_json
from backend.evidence import explanations
from backend.evidence.attributing import Placed
from backend.evidence.judging import upload_hours
from backend.flags.raising import Finding, settle_many
from backend.rules.calendar import law_date
from backend.rules.pack import Pack, load_pack

KINDS = ("late_upload", "bad_recording", "clock_unreliable", "unattributed_recording")
# Phones may be out of reach for a day, and the step that a recording shows comes with the phone.
GRACE = timedelta(hours=24)
# Beyond this, seconds no longer decide what was recorded: one contact a day keeps a crystal within.
TRUSTED_MS = 120_000
# Reasons of a rejection that are no fault of the file, or that have a flag of their own.
TOLD_ELSEWHERE = frozenset(("known_bytes", "digest_mismatch", "object_missing"))
# Shorter black passages are a hand before the lens.
BLACK_S = 10.0


async def judge_recordings(tx: Tx, placed: Mapping[UUID, Placed], now: datetime) -> int:
    """Settle the flags of these recordings. How many changed."""
    rows = await _rows(tx, placed.keys())
    laws = await _laws(tx, rows, placed)
    findings = [
        finding
        for row in rows
        for finding in recording_findings(row, placed[row["id"]], laws[row["id"]], now)
    ]
    return await settle_many(tx, list(placed), KINDS, findings, now)


async def _rows(tx: Tx, recording_ids: Collection[UUID]) -> list[Record]:
    return await tx.fetch(
        """select r.*, d.sector,
                  exists (select from attributions t
                           where t.recording_id = r.id and not t.rejected) as placed,
                  (select o.name from assignments a join officers o on o.id = a.officer_id
                    where a.device_id = r.device_id
                      and tstzrange(a.held_from, a.held_to) @> r.captured_from) as holder
             from recordings r join departments d on d.id = r.department_id
            where r.id = any($1) order by r.id""",
        list(recording_ids),
    )


async def _laws(
    tx: Tx, rows: Collection[Record], placed: Mapping[UUID, Placed]
) -> dict[UUID, Pack]:
    """By recording: what its case pinned; without a filed case the law of its own day."""
    cases = {row["id"]: placed[row["id"]].case_id or row["case_id"] for row in rows}
    filed = await tx.fetch(
        "select id, pack_id from cases where id = any($1) and pack_id is not null",
        [case_id for case_id in cases.values() if case_id is not None],
    )
    pack_ids = {row["id"]: row["pack_id"] for row in filed}
    packs = await pinned_packs(tx, pack_ids.values())
    return {
        row["id"]: packs.get(pack_ids.get(cases[row["id"]], ""))
        or load_pack(row["sector"], law_date(row["captured_to"] or row["created_at"]))
        for row in rows
    }


def recording_findings(row: Record, placed: Placed, pack: Pack, now: datetime) -> Iterator[Finding]:
    """What is wrong with one recording, by `pack`."""
    case_id = placed.case_id or row["case_id"]
    for kind, severity, words in (*_bad(row), *_clock(row), *_loose(row, placed, now)):
        yield _finding(row, case_id, kind, severity, words, pack)
    if (late := _late(row, upload_hours(pack))) is not None:
        yield _finding(row, case_id, "late_upload", "warning", late, pack)


Said = tuple[str, Any, dict[str, Any]]


def _bad(row: Record) -> Iterator[Said]:
    if row["state"] == "rejected":
        reason = from_json(row["state_reason"])
        if reason.get("code") not in TOLD_ELSEWHERE:
            words = explanations.rejected_words(row["file_name"], reason)
            yield "bad_recording", "serious", words
        return
    quality = from_json(row["quality"])
    black = sum(one["end_s"] - one["begin_s"] for one in quality if one["kind"] == "black")
    if black > BLACK_S:
        yield "bad_recording", "warning", explanations.unseen_words(row["file_name"], black)


def _clock(row: Record) -> Iterator[Said]:
    if row["state"] not in ("probed", "ready"):
        return
    if row["captured_from"] is None:
        yield "clock_unreliable", "warning", explanations.clock_words(row["file_name"], None)
    elif (row["uncertainty_ms"] or 0) > TRUSTED_MS:
        words = explanations.clock_words(row["file_name"], row["uncertainty_ms"])
        yield "clock_unreliable", "info", words


def _loose(row: Record, placed: Placed, now: datetime) -> Iterator[Said]:
    """An ambiguous one is a person's at once; one that fits nothing gets its time of grace."""
    if row["placed"] or row["state"] not in ("probed", "ready"):
        return
    ambiguous = placed.attribution.verdict == "ambiguous"
    if ambiguous or now >= row["received_at"] + GRACE:
        words = explanations.unattributed_words(row["file_name"], row["holder"], ambiguous)
        words["suggestions"] = [
            {"step_id": one.step_id, "case_id": one.case_id, "score": one.score}
            for one in placed.attribution.suggested[:5]
        ]
        yield "unattributed_recording", "warning", words


def _late(row: Record, hours: int) -> dict[str, Any] | None:
    """Certainly late: beyond the limit even if the recording ended as late as its clock allows."""
    ended, came = row["captured_to"], row["received_at"]
    if ended is None or came is None:
        return None
    doubt = timedelta(milliseconds=row["uncertainty_ms"] or 0)
    if came <= ended + doubt + timedelta(hours=hours):
        return None
    return explanations.late_words(row["file_name"], ended, came, hours)


def _finding(
    row: Record,
    case_id: UUID | None,
    kind: str,
    severity: Any,
    words: dict[str, Any],
    pack: Pack,
) -> Finding:
    return Finding(
        kind=kind,
        department_id=row["department_id"],
        case_id=case_id,
        subject_kind="recording",
        subject_id=row["id"],
        severity=severity,
        article=_article(kind, pack),
        explanation=words,
    )


def _article(kind: str, pack: Pack) -> str:
    """The upload's article for what came late; nothing in law is about a clock or a bad file."""
    rule = pack.rules.get("media.upload")
    if kind != "late_upload" or rule is None:
        return ""
    return f"{rule.article_zh} / {rule.article_en}"
