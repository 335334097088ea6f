"""Operations with their outcomes, quarantine, and conflicts until a person closes them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.database import raw_migration

ID = "2026-11-24T04:00:00:000001"

SQL = """
create table operations (
    op_id uuid primary key,
    device_id uuid not null references devices,
    device_seq bigint not null check (device_seq > 0),
    entity text not null,
    entity_id uuid,
    kind text not null,
    content jsonb not null,
    content_sha256 bytea not null check (length(content_sha256) = 32),
    occurred_at timestamptz,
    received_at timestamptz not null,
    officer_id uuid references officers,
    status text not null check (status in ('applied', 'merged', 'conflict', 'held', 'rejected')),
    outcome jsonb not null,
    decided_at timestamptz not null
);
create unique index on operations (device_id, device_seq);
create index on operations (entity_id);
create index on operations (device_id, device_seq) where status = 'held';

-- How far each device's chain has been taken in order: seq + 1 is what comes next.
create table device_chains (
    device_id uuid primary key references devices,
    seq bigint not null default 0 check (seq >= 0)
);

-- The same op_id with other content, or a sequence number used twice: kept for a person.
create table quarantined_operations (
    id uuid primary key,
    op_id text not null,
    device_id uuid not null references devices,
    content jsonb not null,
    content_sha256 bytea not null,
    reason jsonb not null,
    received_at timestamptz not null,
    unique (device_id, op_id, content_sha256)
);

create table conflicts (
    id uuid primary key,
    department_id uuid not null references departments,
    case_id uuid not null references cases,
    entity text not null,
    entity_id uuid not null,
    field text not null,
    op_id uuid not null references operations,
    base jsonb not null,
    server_value jsonb not null,
    server_actor text not null,
    server_at timestamptz,
    device_value jsonb not null,
    device_actor text not null,
    occurred_at timestamptz,
    state text not null default 'open' check (state in ('open', 'closed')),
    chosen_value jsonb,
    closed_by text,
    closed_at timestamptz,
    created_at timestamptz not null,
    unique (op_id, field),
    check ((state = 'closed') = (closed_by is not null and closed_at is not null))
);
create index on conflicts (case_id) where state = 'open';

-- Who last wrote each mutable field and what it was before: a conflict names both hands.
create table field_writes (
    entity text not null,
    entity_id uuid not null,
    field text not null,
    version bigint not null,
    value jsonb not null,
    actor text not null,
    at timestamptz not null,
    primary key (entity, entity_id, field, version)
);

create table sync_epochs (
    epoch uuid primary key,
    begun_at timestamptz not null default now()
);
"""


async def forwards() -> MigrationManager:
    return raw_migration(ID, "sync", SQL)
