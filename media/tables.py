"""Uploads, sightings and receipts.

The migrations hold the checks, keys and triggers; a test holds these classes to the live schema.
Tables with a key of several columns are written with SQL alone and have no class.
"""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Array, BigInt, Boolean, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table


class Upload(Table, tablename="uploads"):
    id = UUID(primary_key=True, default=None)
    recording_id = UUID(null=True, default=None)
    device_id = UUID(default=None)
    idempotency_key = Text(null=True, default=None)
    length = BigInt(null=True, default=None)
    offset_bytes = BigInt(default=None)
    part_size = BigInt(default=None)
    store_upload_id = Text(null=True, default=None)
    tail_key = Text(null=True, default=None)
    tail_size = BigInt(default=None)
    metadata = JSONB(default=None)
    lease = UUID(null=True, default=None)
    lease_until = Timestamptz(null=True, default=None)
    next_part = Integer(default=None)
    direct = Boolean(default=None)
    concat = Text(null=True, default=None)
    object_key = Text(null=True, default=None)
    final_id = UUID(null=True, default=None)
    partials = Array(base_column=UUID(), null=True, default=None)
    state = Text(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    finished_at = Timestamptz(null=True, default=None)


class Sighting(Table, tablename="sightings"):
    id = UUID(primary_key=True, default=None)
    recording_id = UUID(default=None)
    device_id = UUID(default=None)
    file_name = Text(default=None)
    seen_at = Timestamptz(default=None)


class Receipt(Table, tablename="receipts"):
    recording_id = UUID(primary_key=True, default=None)
    body = JSONB(default=None)
    signature = Bytea(default=None)
    signed_at = Timestamptz(default=None)


class Orphan(Table, tablename="orphans"):
    id = UUID(primary_key=True, default=None)
    key = Text(default=None)
    store_upload_id = Text(default=None)
    size = BigInt(null=True, default=None)
    stored_at = Timestamptz(default=None)
    found_at = Timestamptz(default=None)


TABLES = (Upload, Sighting, Receipt, Orphan)
