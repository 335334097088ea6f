"""Recordings, what was made of them, and what they prove.

The migrations hold the checks, keys and triggers; a test holds these classes to the live schema.
Tables with a key of several columns are written with SQL alone and have no class.
"""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Bytea, DoublePrecision, Text, Timestamptz
from piccolo.table import Table


class Recording(Table, tablename="recordings"):
    id = UUID(primary_key=True, default=None)
    department_id = UUID(default=None)
    device_id = UUID(default=None)
    case_id = UUID(null=True, default=None)
    file_name = Text(default=None)
    media_kind = Text(default=None)
    state = Text(default=None)
    state_reason = JSONB(null=True, default=None)
    object_key = Text(default=None)
    size = BigInt(null=True, default=None)
    declared_sha256 = Bytea(null=True, default=None)
    sha256 = Bytea(null=True, default=None)
    declared_begin = Timestamptz(null=True, default=None)
    declared_boot_id = Text(null=True, default=None)
    claimed_begin = Timestamptz(null=True, default=None)
    claimed_source = Text(null=True, default=None)
    captured_from = Timestamptz(null=True, default=None)
    captured_to = Timestamptz(null=True, default=None)
    clock_offset_ms = BigInt(null=True, default=None)
    uncertainty_ms = BigInt(null=True, default=None)
    time_explanation = JSONB(null=True, default=None)
    duration_ms = BigInt(null=True, default=None)
    facts = JSONB(null=True, default=None)
    quality = JSONB(default=None)
    received_at = Timestamptz(null=True, default=None)
    verified_at = Timestamptz(null=True, default=None)
    last_verified_at = Timestamptz(null=True, default=None)
    ready_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class Rendition(Table, tablename="renditions"):
    id = UUID(primary_key=True, default=None)
    recording_id = UUID(default=None)
    kind = Text(default=None)
    object_key = Text(default=None)
    media_type = Text(default=None)
    size = BigInt(default=None)
    sha256 = Bytea(default=None)
    parent_sha256 = Bytea(default=None)
    command = Text(default=None)
    created_at = Timestamptz(default=None)


class Attribution(Table, tablename="attributions"):
    id = UUID(primary_key=True, default=None)
    recording_id = UUID(default=None)
    step_id = UUID(default=None)
    begins_at = Timestamptz(default=None)
    ends_at = Timestamptz(default=None)
    score = DoublePrecision(default=None)
    reasons = JSONB(default=None)
    decided_by = Text(default=None)
    actor = Text(default=None)
    rejected = Boolean(default=None)
    decided_at = Timestamptz(default=None)


class Coverage(Table, tablename="coverages"):
    step_id = UUID(primary_key=True, default=None)
    checklist_item = Text(default=None)
    required_from = Timestamptz(default=None)
    required_to = Timestamptz(default=None)
    required_s = DoublePrecision(default=None)
    covered_s = DoublePrecision(default=None)
    explained_s = DoublePrecision(default=None)
    gaps = JSONB(default=None)
    complete = Boolean(default=None)
    certain = Boolean(default=None)
    article = Text(default=None)
    judged_at = Timestamptz(default=None)


class Verdict(Table, tablename="verdicts"):
    id = UUID(primary_key=True, default=None)
    case_id = UUID(default=None)
    verdict = Text(default=None)
    reason = Text(default=None)
    seen_version = BigInt(default=None)
    account_id = UUID(default=None)
    at = Timestamptz(default=None)


TABLES = (Recording, Rendition, Attribution, Coverage, Verdict)
