"""Cases and everything an inspector records at the scene.

The migrations hold the checks, keys and triggers; a test holds these classes to the live schema.
Tables with a key of several columns are written with SQL alone and have no class.
"""

from __future__ import annotations

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    Bytea,
    Date,
    DoublePrecision,
    Integer,
    Text,
    Timestamptz,
)
from piccolo.table import Table


class Party(Table, tablename="parties"):
    id = UUID(primary_key=True, default=None)
    department_id = UUID(default=None)
    kind = Text(default=None)
    name = Text(default=None)
    uscc = Text(null=True, default=None)
    id_digest = Bytea(null=True, default=None)
    address = Text(default=None)
    version = BigInt(default=None)
    field_versions = JSONB(default=None)
    created_at = Timestamptz(default=None)


class RulePack(Table, tablename="rule_packs"):
    id = Text(primary_key=True, default=None)
    sector = Text(null=True, default=None)
    in_force = Date(default=None)
    content = Bytea(default=None)
    pinned_at = Timestamptz(default=None)


class Case(Table, tablename="cases"):
    id = UUID(primary_key=True, default=None)
    department_id = UUID(default=None)
    number = Text(null=True, default=None)
    year = Integer(null=True, default=None)
    seq = Integer(null=True, default=None)
    title = Text(default=None)
    cause = Text(default=None)
    summary = Text(default=None)
    party_id = UUID(null=True, default=None)
    lead_officer_id = UUID(null=True, default=None)
    stage = Text(default=None)
    pack_id = Text(null=True, default=None)
    filed_at = Timestamptz(null=True, default=None)
    closed_at = Timestamptz(null=True, default=None)
    opened_at = Timestamptz(default=None)
    version = BigInt(default=None)
    field_versions = JSONB(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class CaseEvent(Table, tablename="case_events"):
    id = UUID(primary_key=True, default=None)
    case_id = UUID(default=None)
    kind = Text(default=None)
    at = Timestamptz(default=None)
    body = JSONB(default=None)
    actor = Text(default=None)
    recorded_at = Timestamptz(default=None)
    retracted_at = Timestamptz(null=True, default=None)


class Inspection(Table, tablename="inspections"):
    id = UUID(primary_key=True, default=None)
    department_id = UUID(default=None)
    case_id = UUID(default=None)
    party_id = UUID(null=True, default=None)
    kind = Text(default=None)
    title = Text(default=None)
    place = Text(default=None)
    latitude = DoublePrecision(null=True, default=None)
    longitude = DoublePrecision(null=True, default=None)
    reason = Text(default=None)
    summary = Text(default=None)
    result = Text(default=None)
    started_at = Timestamptz(default=None)
    ended_at = Timestamptz(null=True, default=None)
    duplicate_of = UUID(null=True, default=None)
    placement = JSONB(default=None)
    version = BigInt(default=None)
    field_versions = JSONB(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class Step(Table, tablename="steps"):
    id = UUID(primary_key=True, default=None)
    inspection_id = UUID(default=None)
    kind = Text(default=None)
    note = Text(default=None)
    started_at = Timestamptz(null=True, default=None)
    ended_at = Timestamptz(null=True, default=None)
    version = BigInt(default=None)
    field_versions = JSONB(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class Fact(Table, tablename="facts"):
    id = UUID(primary_key=True, default=None)
    inspection_id = UUID(default=None)
    step_id = UUID(null=True, default=None)
    kind = Text(default=None)
    body = JSONB(default=None)
    occurred_at = Timestamptz(default=None)
    officer_id = UUID(null=True, default=None)
    device_id = UUID(null=True, default=None)
    retracted_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class Record(Table, tablename="records"):
    id = UUID(primary_key=True, default=None)
    inspection_id = UUID(default=None)
    kind = Text(default=None)
    title = Text(default=None)
    created_at = Timestamptz(default=None)


class RecordVersion(Table, tablename="record_versions"):
    id = UUID(primary_key=True, default=None)
    record_id = UUID(default=None)
    number = Integer(default=None)
    body = Text(default=None)
    signed_by = Array(base_column=Text(), default=None)
    signed_at = Timestamptz(null=True, default=None)
    officer_id = UUID(null=True, default=None)
    device_id = UUID(null=True, default=None)
    created_at = Timestamptz(default=None)


class FeedCounter(Table, tablename="feed_counters"):
    scope = Text(primary_key=True, default=None)
    n = BigInt(default=None)


TABLES = (
    Party,
    RulePack,
    Case,
    CaseEvent,
    Inspection,
    Step,
    Fact,
    Record,
    RecordVersion,
    FeedCounter,
)
