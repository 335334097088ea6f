"""Flags with their history, and the deadlines that raise some of them.

The migrations hold the checks, keys and triggers; a test holds these classes to the live schema.
Tables with a key of several columns are written with SQL alone and have no class.
"""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Boolean, Text, Timestamptz
from piccolo.table import Table


class Flag(Table, tablename="flags"):
    id = UUID(primary_key=True, default=None)
    kind = Text(default=None)
    department_id = UUID(default=None)
    case_id = UUID(null=True, default=None)
    subject_kind = Text(default=None)
    subject_id = UUID(default=None)
    key = Text(default=None)
    severity = Text(default=None)
    state = Text(default=None)
    article = Text(default=None)
    explanation = JSONB(default=None)
    opened_at = Timestamptz(default=None)
    changed_at = Timestamptz(default=None)


class FlagEvent(Table, tablename="flag_events"):
    id = UUID(primary_key=True, default=None)
    flag_id = UUID(default=None)
    state = Text(default=None)
    actor = Text(default=None)
    reason = Text(default=None)
    explanation = JSONB(default=None)
    at = Timestamptz(default=None)


class Deadline(Table, tablename="deadlines"):
    id = UUID(primary_key=True, default=None)
    case_id = UUID(default=None)
    rule_id = Text(default=None)
    key = Text(default=None)
    triggered_at = Timestamptz(default=None)
    due_at = Timestamptz(default=None)
    strict_at = Timestamptz(default=None)
    provisional = Boolean(default=None)
    state = Text(default=None)
    next_change_at = Timestamptz(null=True, default=None)
    article = Text(default=None)
    explanation = JSONB(default=None)
    judged_at = Timestamptz(default=None)


TABLES = (Flag, FlagEvent, Deadline)
