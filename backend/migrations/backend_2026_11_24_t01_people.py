"""Departments, officers with certificates, accounts, devices and who held them when."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.database import raw_migration

ID = "2026-11-24T01:00:00:000001"

SQL = """
create extension if not exists btree_gist;

create table departments (
    id uuid primary key,
    parent_id uuid references departments,
    code text not null unique check (code ~ '^[a-z0-9-]{2,40}$'),
    name text not null check (name <> ''),
    name_en text not null default '',
    sector text check (sector in ('shijian', 'zhujian', 'chengguan')),
    created_at timestamptz not null default now(),
    check (parent_id is distinct from id)
);

create function department_subtree(root uuid) returns setof uuid
language sql stable as $$
    with recursive below as (
        select id from departments where id = root
        union
        select d.id from departments d join below b on d.parent_id = b.id
    )
    select id from below
$$;

create table officers (
    id uuid primary key,
    department_id uuid not null references departments,
    employee_no text not null,
    name text not null check (name <> ''),
    kind text not null check (kind in ('officer', 'auxiliary')),
    created_at timestamptz not null default now(),
    unique (department_id, employee_no)
);

create table certificates (
    id uuid primary key,
    officer_id uuid not null references officers,
    number text not null unique check (number <> ''),
    valid_from date not null,
    valid_to date not null,
    suspended_from timestamptz,
    revoked_from timestamptz,
    check (valid_from <= valid_to)
);
create index on certificates (officer_id);

create table accounts (
    id uuid primary key,
    department_id uuid not null references departments,
    officer_id uuid references officers,
    login text not null unique check (login ~ '^[a-z0-9._-]{2,60}$'),
    name text not null check (name <> ''),
    password_hash text not null,
    roles text[] not null check (
        roles <> '{}' and roles <@ array[
            'inspector', 'supervisor', 'legal_reviewer', 'publicity_clerk', 'archivist',
            'department_admin', 'bureau_supervisor', 'auditor']),
    failed_attempts int not null default 0 check (failed_attempts >= 0),
    locked_until timestamptz,
    disabled_at timestamptz,
    created_at timestamptz not null default now()
);

-- Only the digest of a session's token is kept: a stolen table opens no door.
create table account_sessions (
    token_digest bytea primary key check (length(token_digest) = 32),
    account_id uuid not null references accounts,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    check (created_at < expires_at)
);
create index on account_sessions (account_id);

create table devices (
    id uuid primary key,
    department_id uuid not null references departments,
    kind text not null check (kind in ('handheld', 'body_camera', 'fixed_camera', 'dock')),
    name text not null check (name <> ''),
    serial text unique,
    token_digest bytea unique check (length(token_digest) = 32),
    public_key bytea,
    enrolled_at timestamptz,
    revoked_at timestamptz,
    last_seen_at timestamptz,
    created_at timestamptz not null default now(),
    check ((token_digest is null) = (enrolled_at is null))
);

create table enrolment_codes (
    code_digest bytea primary key check (length(code_digest) = 32),
    device_id uuid not null references devices,
    expires_at timestamptz not null,
    used_at timestamptz
);

-- Each contact's offset interval, device clock minus true time (NTP style).
create table device_contacts (
    id uuid primary key,
    device_id uuid not null references devices,
    boot_id text not null,
    monotonic_ms bigint not null,
    device_time timestamptz not null,
    server_time timestamptz not null,
    offset_low_ms bigint not null,
    offset_high_ms bigint not null,
    check (offset_low_ms <= offset_high_ms)
);
create index on device_contacts (device_id, server_time);

create table assignments (
    id uuid primary key,
    device_id uuid not null references devices,
    officer_id uuid not null references officers,
    held_from timestamptz not null,
    held_to timestamptz,
    check (held_from < held_to),
    exclude using gist (device_id with =, tstzrange(held_from, held_to) with &&)
);
create index on assignments (officer_id);
"""


async def forwards() -> MigrationManager:
    return raw_migration(ID, "backend", SQL)
