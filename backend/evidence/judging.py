"""What the law wanted recorded of these cases, and what of it is there: coverage and flags.

Everything is read with a few queries for the whole batch and judged by pure functions; what is
written is what changed. The law is the one that the case pinned when it was filed, before that the
law of the day on which the step happened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases.packs import pinned_packs
from backend.database import Tx, from_json, to_json
from backend.evidence import explanations
from backend.evidence.officers import Wanted, judge_visits, people_on
from backend.flags.raising import Finding, settle_many
from backend.rules.calendar import law_date
from backend.rules.checklists import Judgement, Recorded, StepEvidence, judge_step, required_for
from backend.rules.coverage import Coverage, ExplainedGap, Gap, Interval, subtract
from backend.rules.facts import Person, certified_officers
from backend.rules.pack import Pack, load_pack
from backend.rules.rows import ChecklistItem

STEP_KINDS_OF_FLAGS = ("missing_recording", "recording_gap")
# Cameras close one file and open the next, and a button is pressed before a lens is uncovered:
# holes up to this long are shown on the page, and nobody is called for them.
SEAM_S = 5.0
# A picture that is black shows nothing, and a hole in the file is one.
BLIND = frozenset(("gap", "black"))


class JudgedStep(msgspec.Struct, frozen=True):
    """A step that something must be recorded of, with its evidence and the verdict."""

    row: Record
    item: ChecklistItem
    begin: datetime
    end: datetime
    hours: int
    recorded: tuple[Recorded, ...]
    judgement: Judgement


def upload_hours(pack: Pack) -> int:
    """Within how many hours a recording must be uploaded (内蒙古令244 art. 20)."""
    rule = pack.rules.get("media.upload")
    return rule.limit if rule is not None and rule.on else 24


async def judge_cases(tx: Tx, case_ids: Collection[UUID], now: datetime) -> int:
    """Judge coverage and people of these cases anew. How many flags changed."""
    steps = await _steps(tx, case_ids)
    people = await people_on(tx, {row["visit"] for row in steps})
    judged = await _judged(tx, steps, people)
    all_steps = await _all_steps(tx, case_ids)
    await _write_coverages(tx, all_steps, judged, now)
    findings = [finding for step in judged for finding in step_findings(step, now)]
    changed = await settle_many(tx, all_steps, STEP_KINDS_OF_FLAGS, findings, now)
    wants = [
        Wanted(step.row["visit"], step.begin, step.item.officers, step.item.article)
        for step in judged
        if step.item.mandatory and step.item.officers
    ]
    return changed + await judge_visits(tx, case_ids, wants, people, now)


async def _steps(tx: Tx, case_ids: Collection[UUID]) -> list[Record]:
    """Steps with a beginning and an end that can be true."""
    return await tx.fetch(
        """select s.id, s.kind, s.started_at, coalesce(s.ended_at, i.ended_at) as ended_at,
                  i.id as inspection_id, coalesce(i.duplicate_of, i.id) as visit, i.case_id,
                  i.department_id, d.sector, c.pack_id
             from inspections i
             join steps s on s.inspection_id = i.id
             join departments d on d.id = i.department_id
             join cases c on c.id = i.case_id
            where i.case_id = any($1) and i.deleted_at is null and s.deleted_at is null
              and s.started_at <= coalesce(s.ended_at, i.ended_at)
            order by s.id""",
        list(case_ids),
    )


async def _all_steps(tx: Tx, case_ids: Collection[UUID]) -> list[UUID]:
    """Deleted ones too: their flags are to be cleared."""
    rows = await tx.fetch(
        """select s.id from inspections i join steps s on s.inspection_id = i.id
            where i.case_id = any($1)""",
        list(case_ids),
    )
    return [row["id"] for row in rows]


async def _judged(
    tx: Tx, steps: Sequence[Record], people: Mapping[UUID, tuple[Person, ...]]
) -> list[JudgedStep]:
    recorded = await _recorded(tx, [row["id"] for row in steps])
    explained = await _explained(tx, steps)
    packs = await pinned_packs(tx, {row["pack_id"] for row in steps})
    judged = []
    for row in steps:
        pack = packs.get(row["pack_id"]) or load_pack(row["sector"], law_date(row["started_at"]))
        item = required_for(pack, row["kind"])
        if item is None or not item.media:
            continue
        evidence = StepEvidence(
            span=Interval(row["started_at"], row["ended_at"]),
            recorded=tuple(recorded[row["id"]]),
            explained=tuple(explained[row["id"]]),
            # Papers are judged by the gates, not by what was recorded.
            documents=item.documents,
            officers=len(certified_officers(people[row["visit"]], row["started_at"])),
        )
        judged.append(
            JudgedStep(
                row,
                item,
                row["started_at"],
                row["ended_at"],
                upload_hours(pack),
                evidence.recorded,
                judge_step(item, evidence),
            )
        )
    return judged


async def _recorded(tx: Tx, step_ids: list[UUID]) -> dict[UUID, list[Recorded]]:
    rows = await tx.fetch(
        """select t.step_id, t.decided_by, t.begins_at, t.ends_at, r.media_kind, r.captured_from,
                  r.captured_to, r.uncertainty_ms, r.quality, r.facts->'gaps' as gaps,
                  s.started_at, coalesce(s.ended_at, i.ended_at) as ended_at
             from attributions t
             join recordings r on r.id = t.recording_id and r.state in ('probed', 'ready')
             join steps s on s.id = t.step_id
             join inspections i on i.id = s.inspection_id
            where t.step_id = any($1) and not t.rejected
              and r.captured_from is not null and r.captured_to is not null
            order by t.begins_at, t.id""",
        step_ids,
    )
    found: dict[UUID, list[Recorded]] = defaultdict(list)
    for row in rows:
        doubt = timedelta(milliseconds=row["uncertainty_ms"] or 0)
        spans = _usable(row)
        found[row["step_id"]] += [Recorded(row["media_kind"], span, doubt) for span in spans]
    return found


def _usable(row: Record) -> list[Interval]:
    """What can be seen of a recording.

    The whole recording counts, not its part inside the step: an edge that the step cut is no edge
    of the recording, and no clock error moves it. A person's interval is taken as given.
    """
    begin, end = row["captured_from"], row["captured_to"]
    if row["decided_by"] == "person":
        begin, end = row["begins_at"], row["ends_at"]
    if begin == end:
        # A photo taken a moment before or after, but attributed, shows the step's edge.
        at = min(max(begin, row["started_at"]), row["ended_at"])
        return [Interval(at, at)]
    return subtract(Interval(begin, end), _blind(row))


def _blind(row: Record) -> list[Interval]:
    origin = row["captured_from"]
    quality = from_json(row["quality"]) or []
    spans = [(one["begin_s"], one["end_s"]) for one in quality if one.get("kind") in BLIND]
    spans += from_json(row["gaps"]) or []
    found: list[Interval] = []
    for begin_s, end_s in sorted((float(a), float(b)) for a, b in spans):
        begin, end = origin + timedelta(seconds=begin_s), origin + timedelta(seconds=end_s)
        if found and begin <= found[-1].end:
            found[-1] = Interval(found[-1].begin, max(found[-1].end, end))
        elif begin < end:
            found.append(Interval(begin, end))
    return found


class _Explanation(msgspec.Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    begin: datetime
    end: datetime
    cause: str


async def _explained(tx: Tx, steps: Sequence[Record]) -> dict[UUID, list[ExplainedGap]]:
    """Causes spoken or written for an interruption; one about the visit counts for its steps."""
    rows = await tx.fetch(
        """select coalesce(i.duplicate_of, i.id) as visit, f.step_id, f.body
             from facts f join inspections i on i.id = f.inspection_id
            where f.inspection_id = any($1) and f.kind = 'gap_explanation'
              and f.retracted_at is null order by f.id""",
        list({row["inspection_id"] for row in steps}),
    )
    steps_of = defaultdict(list)
    for step in steps:
        steps_of[step["visit"]].append(step["id"])
    found = defaultdict(list)
    for row in rows:
        said = msgspec.json.decode(row["body"], type=_Explanation)
        if said.begin >= said.end or not said.cause.strip():
            continue
        gap = ExplainedGap(said.begin, said.end, said.cause)
        for step_id in [row["step_id"]] if row["step_id"] else steps_of[row["visit"]]:
            found[step_id].append(gap)
    return found


async def _write_coverages(
    tx: Tx, all_steps: list[UUID], judged: Sequence[JudgedStep], now: datetime
) -> None:
    """The last judgement of each step; none for a step that needs no recording (any more)."""
    covered = [(step, step.judgement.coverage) for step in judged if step.item.mandatory]
    rows = [_coverage_row(step, c, now) for step, c in covered if c is not None]
    await tx.execute(
        "delete from coverages where step_id = any($1) and not step_id = any($2)",
        all_steps,
        [row[0] for row in rows],
    )
    await tx.executemany(
        """insert into coverages
               (step_id, checklist_item, required_from, required_to, required_s, covered_s,
                explained_s, gaps, complete, certain, article, judged_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
           on conflict (step_id) do update
              set checklist_item = excluded.checklist_item,
                  required_from = excluded.required_from, required_to = excluded.required_to,
                  required_s = excluded.required_s, covered_s = excluded.covered_s,
                  explained_s = excluded.explained_s, gaps = excluded.gaps,
                  complete = excluded.complete, certain = excluded.certain,
                  article = excluded.article, judged_at = excluded.judged_at""",
        rows,
    )


def _coverage_row(step: JudgedStep, coverage: Coverage, now: datetime) -> tuple[Any, ...]:
    return (
        step.row["id"],
        step.item.id,
        step.begin,
        step.end,
        coverage.required_s,
        coverage.covered_s,
        coverage.explained_s,
        to_json([_gap(gap) for gap in coverage.gaps]),
        coverage.complete,
        coverage.certain,
        step.item.article,
        now,
    )


def _gap(gap: Gap) -> dict[str, Any]:
    return {**msgspec.structs.asdict(gap), "seconds": gap.seconds}


def step_findings(step: JudgedStep, now: datetime) -> Iterator[Finding]:
    """missing_recording once the upload's time is over; recording_gap as soon as it shows."""
    coverage = step.judgement.coverage
    lacking = [f for f in step.judgement.findings if f.code in STEP_KINDS_OF_FLAGS]
    if not step.item.mandatory or not lacking or coverage is None:
        return
    if not step.recorded:
        if now >= step.end + timedelta(hours=step.hours):
            words = explanations.missing_words(
                step.item, step.row["kind"], step.begin, step.end, step.hours
            )
            yield _step_finding(step, "missing_recording", "serious", words)
        return
    gaps = [gap for gap in coverage.unexplained if gap.seconds > SEAM_S]
    if gaps or step.item.mode != "continuous":
        words = explanations.gap_words(step.item, step.row["kind"], step.begin, step.end, gaps)
        sure = any(gap.certain for gap in gaps)
        yield _step_finding(step, "recording_gap", "serious" if sure else "warning", words)


def _step_finding(
    step: JudgedStep, kind: str, severity: Any, explanation: dict[str, Any]
) -> Finding:
    return Finding(
        kind=kind,
        department_id=step.row["department_id"],
        case_id=step.row["case_id"],
        subject_kind="step",
        subject_id=step.row["id"],
        severity=severity,
        article=step.item.article,
        explanation=explanation,
    )
