"""How each column of the synced tables may be written, declared in one place beside the tables.

mutable: merged per field, three ways · fact: appended, united by id, never changed · record: a
new version each time · once: given at creation, fixed from then on · derived: the server's own
reckoning, never taken from a device. A test holds every column of these tables to one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from backend.rules.events import Label, labels

Policy = Literal["mutable", "fact", "record", "once", "derived"]

Line = Annotated[str, msgspec.Meta(max_length=500)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Prose = Annotated[str, msgspec.Meta(max_length=20_000)]
LongText = Annotated[str, msgspec.Meta(max_length=200_000)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]
Uscc = Annotated[str, msgspec.Meta(pattern="^[0-9A-HJ-NPQRTUWXY]{18}$")]
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
PartyKind = Literal["citizen", "organisation"]
InspectionKind = Literal["check", "seizure", "inquiry", "hearing", "service"]
StepKind = Literal[
    "arrive",
    "show_id",
    "notify",
    "examine",
    "question",
    "sample",
    "preserve",
    "seize",
    "demolish",
    "hearing",
    "serve",
    "serve_by_leaving",
    "serve_by_announcement",
    "serve_electronic",
    "simple_penalty",
    "premises",
    "leave",
]


class StepTime(msgspec.Struct, frozen=True):
    edge: Literal["start", "end"]
    at: Time


class Text(msgspec.Struct, frozen=True):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]


class EvidenceItem(msgspec.Struct, frozen=True):
    name: Name
    quantity: Line | Annotated[float, msgspec.Meta(ge=0)] = ""


class Signature(msgspec.Struct, frozen=True):
    name: Name
    role: Line


class GapExplanation(msgspec.Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    begin: Time
    end: Time
    cause: Name


class OfficerPresent(msgspec.Struct, frozen=True):
    officer_id: UUID


FACT_BODIES: dict[str, type[msgspec.Struct]] = {
    "step_time": StepTime,
    "finding": Text,
    "evidence_item": EvidenceItem,
    "signature": Signature,
    "gap_explanation": GapExplanation,
    "officer_present": OfficerPresent,
    "note": Text,
}


class Field(msgspec.Struct, frozen=True):
    """`type` is what a device may send (JSON's reading of it); None for what it may not."""

    policy: Policy
    type: Any = None
    required: bool = False


class Entity(msgspec.Struct, frozen=True):
    """A synced table: its fields, and which kinds of operation it knows."""

    table: str
    kinds: frozenset[str]
    fields: dict[str, Field]

    @property
    def mutable(self) -> frozenset[str]:
        return frozenset(n for n, field in self.fields.items() if field.policy == "mutable")

    @property
    def sendable(self) -> frozenset[str]:
        return frozenset(n for n, field in self.fields.items() if field.type is not None)


DERIVED = Field("derived")


def _mutable(kind: Any, *, required: bool = False) -> Field:
    return Field("mutable", kind, required)


def _once(kind: Any, *, required: bool = False) -> Field:
    return Field("once", kind, required)


def _derived(*names: str) -> dict[str, Field]:
    return dict.fromkeys(names, DERIVED)


EDITED = frozenset({"create", "set"})
EDITED_AND_DELETED = EDITED | {"delete"}

ENTITIES: dict[str, Entity] = {
    "party": Entity(
        "parties",
        EDITED,
        {
            "kind": _mutable(PartyKind, required=True),
            "name": _mutable(Name, required=True),
            "uscc": _mutable(Uscc | None),
            "id_digest": _mutable(Digest | None),
            "address": _mutable(Line),
            **_derived("id", "department_id", "version", "field_versions", "created_at"),
        },
    ),
    "case": Entity(
        "cases",
        EDITED_AND_DELETED,
        {
            "title": _mutable(Line),
            "cause": _mutable(Line),
            "summary": _mutable(Prose),
            "party_id": _mutable(UUID | None),
            "lead_officer_id": _mutable(UUID | None),
            **_derived("id", "department_id", "number", "year", "seq", "stage", "pack_id"),
            **_derived("filed_at", "closed_at", "opened_at", "deleted_at"),
            **_derived("version", "field_versions", "created_at"),
        },
    ),
    "inspection": Entity(
        "inspections",
        EDITED_AND_DELETED,
        {
            "case_id": _once(UUID | None),
            "officer_ids": _once(Annotated[list[UUID], msgspec.Meta(max_length=50)]),
            "party_id": _mutable(UUID | None),
            "kind": _mutable(InspectionKind, required=True),
            "title": _mutable(Line),
            "place": _mutable(Line),
            "latitude": _mutable(Latitude | None),
            "longitude": _mutable(Longitude | None),
            "reason": _mutable(Prose),
            "summary": _mutable(Prose),
            "result": _mutable(Prose),
            "started_at": _mutable(Time, required=True),
            "ended_at": _mutable(Time | None),
            **_derived("id", "department_id", "duplicate_of", "placement", "deleted_at"),
            **_derived("version", "field_versions", "created_at"),
        },
    ),
    "step": Entity(
        "steps",
        EDITED_AND_DELETED,
        {
            "inspection_id": _once(UUID, required=True),
            "kind": _once(StepKind, required=True),
            "note": _mutable(Prose),
            **_derived("id", "started_at", "ended_at", "deleted_at"),
            **_derived("version", "field_versions", "created_at"),
        },
    ),
    "fact": Entity(
        "facts",
        frozenset({"append", "retract"}),
        {
            "inspection_id": Field("fact", UUID, required=True),
            "step_id": Field("fact", UUID | None),
            "kind": Field("fact", Literal[tuple(FACT_BODIES)], required=True),
            "body": Field("fact", dict[str, Any], required=True),
            **_derived("id", "occurred_at", "officer_id", "device_id", "retracted_at"),
            **_derived("created_at"),
        },
    ),
    "record": Entity(
        "records",
        frozenset({"append"}),
        {
            "inspection_id": Field("record", UUID, required=True),
            "kind": Field("record", Name, required=True),
            "title": Field("record", Name, required=True),
            "text": Field("record", LongText, required=True),
            "signed_by": Field("record", Annotated[list[Name], msgspec.Meta(max_length=50)]),
            "signed_at": Field("record", Time | None),
            **_derived("id", "created_at"),
        },
    ),
}

# What people call them.
ENTITY_LABELS: Mapping[str, Label] = labels("""
party      | 当事人 | party
case       | 案件   | case
inspection | 检查   | inspection
step       | 环节   | step
fact       | 事实   | fact
record     | 笔录   | record
""")
FIELD_LABELS: Mapping[str, Label] = labels("""
title           | 名称     | title
cause           | 案由     | cause
summary         | 情况     | summary
party_id        | 当事人   | party
lead_officer_id | 主办人   | lead officer
kind            | 类别     | kind
name            | 名称     | name
uscc            | 统一社会信用代码 | unified social credit code
id_digest       | 身份证号 | ID number
address         | 地址     | address
place           | 地点     | place
latitude        | 纬度     | latitude
longitude       | 经度     | longitude
reason          | 事由     | reason
result          | 结果     | result
started_at      | 开始时间 | begin
ended_at        | 结束时间 | end
note            | 备注     | note
deleted         | 删除     | deletion
""")

# What a field's id names. Officers come from the desk; the rest may still be on its way.
REFERENCES: dict[str, dict[str, str]] = {
    "case": {"party_id": "party", "lead_officer_id": "officer"},
    "inspection": {"case_id": "case", "party_id": "party", "officer_ids": "officer"},
    "step": {"inspection_id": "inspection"},
    "fact": {"inspection_id": "inspection", "step_id": "step"},
    "record": {"inspection_id": "inspection"},
}

# A record's text lives in its versions: the column is `body`, the protocol's word is `text`.
RECORD_VERSION_COLUMNS: dict[str, Policy] = {
    "body": "record",
    "signed_by": "record",
    "signed_at": "record",
    "id": "derived",
    "record_id": "derived",
    "number": "derived",
    "officer_id": "derived",
    "device_id": "derived",
    "created_at": "derived",
}


class BadField(Exception):
    """A value that the field's declaration does not allow."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem


def read_field(entity: str, name: str, value: Any) -> Any:
    """JSON's value as Python's: UUID, aware datetime, bytes … Raises `BadField`."""
    try:
        return msgspec.convert(value, ENTITIES[entity].fields[name].type)
    except msgspec.ValidationError as e:
        raise BadField(name, str(e)) from e


def read_fact_body(kind: str, body: dict[str, Any]) -> msgspec.Struct:
    """A fact's body by its kind; keys beyond those known are kept, not judged."""
    try:
        read = msgspec.convert(body, FACT_BODIES[kind])
    except msgspec.ValidationError as e:
        raise BadField("body", str(e)) from e
    if isinstance(read, GapExplanation) and read.end < read.begin:
        raise BadField("body", "`to` lies before `from`")
    return read
