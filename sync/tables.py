"""Operations with their outcomes, quarantine, conflicts and epochs.

The migrations hold the checks, keys and triggers; a test holds these classes to the live schema.
Tables with a key of several columns are written with SQL alone and have no class.
"""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, BigInt, Bytea, Text, Timestamptz
from piccolo.table import Table


class Operation(Table, tablename="operations"):
    op_id = UUID(primary_key=True, default=None)
    device_id = UUID(default=None)
    device_seq = BigInt(default=None)
    entity = Text(default=None)
    entity_id = UUID(null=True, default=None)
    kind = Text(default=None)
    content = JSONB(default=None)
    content_sha256 = Bytea(default=None)
    occurred_at = Timestamptz(null=True, default=None)
    received_at = Timestamptz(default=None)
    officer_id = UUID(null=True, default=None)
    status = Text(default=None)
    outcome = JSONB(default=None)
    decided_at = Timestamptz(default=None)
    log = Text(default=None)
    waits_for = Text(null=True, default=None)
    waits_for_id = UUID(null=True, default=None)


class DeviceChain(Table, tablename="device_chains"):
    device_id = UUID(primary_key=True, default=None)
    seq = BigInt(default=None)
    log = Text(default=None)


class QuarantinedOperation(Table, tablename="quarantined_operations"):
    id = UUID(primary_key=True, default=None)
    op_id = Text(default=None)
    device_id = UUID(default=None)
    content = JSONB(default=None)
    content_sha256 = Bytea(default=None)
    reason = JSONB(default=None)
    received_at = Timestamptz(default=None)


class Conflict(Table, tablename="conflicts"):
    id = UUID(primary_key=True, default=None)
    department_id = UUID(default=None)
    case_id = UUID(null=True, default=None)
    entity = Text(default=None)
    entity_id = UUID(default=None)
    field = Text(default=None)
    op_id = UUID(default=None)
    base = JSONB(default=None)
    server_value = JSONB(default=None)
    server_actor = Text(default=None)
    server_at = Timestamptz(null=True, default=None)
    device_value = JSONB(default=None)
    device_actor = Text(default=None)
    occurred_at = Timestamptz(null=True, default=None)
    state = Text(default=None)
    chosen_value = JSONB(null=True, default=None)
    closed_by = Text(null=True, default=None)
    closed_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class SyncEpoch(Table, tablename="sync_epochs"):
    epoch = UUID(primary_key=True, default=None)
    begun_at = Timestamptz(default=None)
    durable_at = Timestamptz(null=True, default=None)


TABLES = (Operation, DeviceChain, QuarantinedOperation, Conflict, SyncEpoch)
