"""What the desk reads: one case with all that hangs on it.

Times are aware UTC; the pages show them in Asia/Shanghai. `zh`/`en` pairs are texts for people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import from_json

_JSONB = frozenset(
    ("explanation", "body", "placement", "reasons", "time_explanation", "state_reason", "quality")
)


def shaped(kind: type[Any], row: Record, **given: Any) -> Any:
    """A shape with its fields from the columns of the same names; `given` goes before columns."""
    values = {
        name: from_json(row[name]) if name in _JSONB else row[name]
        for name in kind.__struct_fields__
        if name not in given
    }
    return kind(**values, **given)


def grouped(kind: type[Any], rows: Sequence[Record]) -> dict[UUID, list[Any]]:
    """Shapes by the column `parent`; a parent without any has an empty list."""
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["parent"]].append(shaped(kind, row))
    return found


class Named(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    name_en: str = ""


class OfficerView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    kind: str  # officer | auxiliary
    employee_no: str


class PartyView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str  # citizen | organisation
    name: str
    uscc: str | None
    address: str


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    kind: str  # handheld | body_camera | fixed_camera | dock


class FlagBrief(msgspec.Struct, frozen=True, kw_only=True):
    """Why a case stands in the list."""

    id: UUID
    kind: str
    severity: str  # info | warning | serious
    state: str  # open | acknowledged | resolved | waived
    article: str
    explanation: dict[str, Any]  # zh, en, and details of the kind
    changed_at: datetime


class LooseFlag(FlagBrief, frozen=True, kw_only=True):
    """A flag that belongs to no case yet: the inbox."""

    department: Named
    subject_kind: str
    subject_id: UUID


class FlagEventView(msgspec.Struct, frozen=True, kw_only=True):
    state: str
    actor: str
    actor_name: str | None  # of an account; None for a part of the system
    reason: str
    at: datetime


class FlagView(FlagBrief, frozen=True, kw_only=True):
    subject_kind: str  # step | recording | inspection | deadline | …
    subject_id: UUID
    key: str
    opened_at: datetime
    history: list[FlagEventView]


class GapView(msgspec.Struct, frozen=True, kw_only=True):
    begin: datetime
    end: datetime
    seconds: float
    cause: str | None  # None: nobody explained it
    certain: bool


class CoverageView(msgspec.Struct, frozen=True, kw_only=True):
    """What must be recorded of a step, and what was: the last judgement."""

    checklist_item: str
    required_from: datetime
    required_to: datetime
    required_s: float
    covered_s: float
    explained_s: float
    gaps: list[GapView]
    complete: bool
    certain: bool
    article: str
    judged_at: datetime


class FactView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    step_id: UUID | None
    kind: str
    body: dict[str, Any]
    occurred_at: datetime
    officer_name: str | None
    retracted_at: datetime | None


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    zh: str
    en: str
    note: str
    started_at: datetime | None
    ended_at: datetime | None
    version: int
    coverage: CoverageView | None  # None: nothing must be recorded, or not judged yet


class RecordVersionView(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    text: str
    signed_by: list[str]
    signed_at: datetime | None
    officer_name: str | None
    created_at: datetime


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    title: str
    versions: list[RecordVersionView]  # oldest first; the last one counts


class InspectionView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    zh: str
    en: str
    title: str
    place: str
    latitude: float | None
    longitude: float | None
    reason: str
    summary: str
    result: str
    started_at: datetime
    ended_at: datetime | None
    duplicate_of: UUID | None
    placement: dict[str, Any]  # why it stands in this case
    version: int
    officers: list[OfficerView]
    steps: list[StepView]
    facts: list[FactView]
    records: list[RecordView]


class AttributionView(msgspec.Struct, frozen=True, kw_only=True):
    """This recording shows this step over [begins_at, ends_at], corrected time."""

    step_id: UUID
    begins_at: datetime
    ends_at: datetime
    score: float
    reasons: list[dict[str, Any]]  # {"code", "weight", "zh", "en"}
    decided_by: str  # machine | person
    rejected: bool  # a person said: no


class RecordingView(msgspec.Struct, frozen=True, kw_only=True):
    """`captured_*` is corrected time ± `uncertainty_ms`; `claimed_begin` is the device's word."""

    id: UUID
    file_name: str
    media_kind: str  # video | audio | photo | unknown
    state: str  # uploading | received | verified | probed | ready | rejected
    state_reason: dict[str, Any] | None
    size: int | None
    sha256: str | None
    claimed_begin: datetime | None
    claimed_source: str | None
    captured_from: datetime | None
    captured_to: datetime | None
    clock_offset_ms: int | None
    uncertainty_ms: int | None
    time_explanation: dict[str, Any] | None
    duration_ms: int | None
    quality: list[Any]
    declared: bool  # the device named this case
    received_at: datetime | None
    verified_at: datetime | None
    ready_at: datetime | None
    device: DeviceView
    holder: OfficerView | None  # who held the device when it was captured
    renditions: list[str]  # kinds
    attributions: list[AttributionView]


class DeadlineView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    rule_id: str
    key: str
    triggered_at: datetime
    due_at: datetime
    strict_at: datetime
    provisional: bool
    state: str  # open | near | overdue | met | void
    next_change_at: datetime | None
    article: str
    explanation: dict[str, Any]  # title {zh,en}, state, due, strict, steps [{zh,en}]


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    zh: str
    en: str
    at: datetime
    body: dict[str, Any]
    actor: str
    recorded_at: datetime
    retracted_at: datetime | None


class VerdictView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    verdict: str  # accept | return
    reason: str
    seen_version: int
    by: str
    at: datetime


class CaseHead(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    number: str | None
    title: str
    cause: str
    summary: str
    stage: str
    department: Named
    party: PartyView | None
    lead: OfficerView | None
    officers: list[OfficerView]
    pack_id: str | None
    opened_at: datetime
    filed_at: datetime | None
    closed_at: datetime | None
    version: int


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Where one timeline of all inspections and recordings begins and ends."""

    begin: datetime
    end: datetime


class CasePage(msgspec.Struct, frozen=True, kw_only=True):
    case: CaseHead
    bounds: Bounds | None  # None: nothing has a time yet
    inspections: list[InspectionView]
    recordings: list[RecordingView]
    flags: list[FlagView]
    deadlines: list[DeadlineView]
    events: list[EventView]
    verdicts: list[VerdictView]
