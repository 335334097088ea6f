"""The custody ledger: append-only.

The migrations hold the checks, keys and triggers; a test holds these classes to the live schema.
Tables with a key of several columns are written with SQL alone and have no class.
"""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.table import Table


class LedgerEvent(Table, tablename="ledger_events"):
    id = UUID(primary_key=True, default=None)
    at = Timestamptz(default=None)
    kind = Text(default=None)
    department_id = UUID(null=True, default=None)
    subject_kind = Text(default=None)
    subject_id = UUID(default=None)
    actor = Text(default=None)
    body = JSONB(default=None)


TABLES = (LedgerEvent,)
