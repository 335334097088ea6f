"""Uploads with their parts, sightings of the same bytes, receipts, and the job queue."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from procrastinate.schema import SchemaManager

from backend.database import raw_migration

ID = "2026-11-24T05:00:00:000001"

SQL = """
create table uploads (
    id uuid primary key,
    recording_id uuid not null unique references recordings,
    device_id uuid not null references devices,
    -- The device's own name for what it uploads: creation is idempotent per device and key.
    idempotency_key text,
    length bigint check (length >= 0),
    offset_bytes bigint not null default 0 check (offset_bytes >= 0),
    part_size bigint not null check (part_size > 0),
    store_upload_id text,
    tail_key text,
    tail_size bigint not null default 0 check (tail_size >= 0),
    metadata jsonb not null default '{}',
    lease uuid,
    lease_until timestamptz,
    state text not null check (state in ('open', 'finished', 'expired', 'terminated')),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    finished_at timestamptz,
    unique (device_id, idempotency_key),
    check (length is null or offset_bytes <= length),
    check (state <> 'finished' or offset_bytes = length)
);

create table upload_parts (
    upload_id uuid not null references uploads,
    number int not null check (number between 1 and 10000),
    etag text not null,
    size bigint not null check (size > 0),
    primary key (upload_id, number)
);

-- The same file from a dock, a card and a phone is one recording seen three times.
create table sightings (
    id uuid primary key,
    recording_id uuid not null references recordings,
    device_id uuid not null references devices,
    file_name text not null,
    seen_at timestamptz not null,
    unique (recording_id, device_id, file_name)
);

create table receipts (
    recording_id uuid primary key references recordings,
    body jsonb not null,
    signature bytea not null,
    signed_at timestamptz not null
);
"""


async def forwards() -> MigrationManager:
    return raw_migration(ID, "media", SQL + SchemaManager.get_schema())
