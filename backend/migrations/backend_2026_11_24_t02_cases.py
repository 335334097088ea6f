"""Cases, parties, inspections, steps, facts, records, and the feed that tells of changes."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.database import raw_migration

ID = "2026-11-24T02:00:00:000001"

# `version` counts a row's changes; `field_versions` names the version that last changed each
# mutable field: a three-way merge compares them with what the editor saw.
SQL = """
create table parties (
    id uuid primary key,
    department_id uuid not null references departments,
    kind text not null check (kind in ('citizen', 'organisation')),
    name text not null check (name <> ''),
    uscc text check (uscc ~ '^[0-9A-HJ-NPQRTUWXY]{18}$'),
    id_digest bytea check (length(id_digest) = 32),
    address text not null default '',
    version bigint not null default 1,
    field_versions jsonb not null default '{}',
    created_at timestamptz not null default now(),
    check (uscc is null or kind = 'organisation'),
    check (id_digest is null or kind = 'citizen')
);
create index on parties (department_id, uscc);

create table cases (
    id uuid primary key,
    department_id uuid not null references departments,
    number text unique,
    year int,
    seq int,
    title text not null default '',
    cause text not null default '',
    summary text not null default '',
    party_id uuid references parties,
    lead_officer_id uuid references officers,
    stage text not null default 'opened' check (stage in (
        'opened', 'filed', 'investigating', 'reviewing', 'noticed', 'hearing', 'deciding',
        'decided', 'served', 'executing', 'closed', 'archived')),
    pack_id text,
    filed_at timestamptz,
    closed_at timestamptz,
    opened_at timestamptz not null,
    version bigint not null default 1,
    field_versions jsonb not null default '{}',
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    unique (department_id, year, seq),
    -- A number, a year and a pinned rule pack come with filing, and with nothing else.
    check (num_nulls(number, year, seq, filed_at, pack_id) in (0, 5)),
    check (stage = 'opened' or stage in ('closed', 'archived') or filed_at is not null)
);
create index on cases (department_id, stage);
create index on cases (party_id);

-- Gap-free numbering: the row is locked until the filing commits.
create table case_numbers (
    department_id uuid not null references departments,
    year int not null,
    last int not null default 0,
    primary key (department_id, year)
);

create table case_officers (
    case_id uuid not null references cases,
    officer_id uuid not null references officers,
    since timestamptz not null,
    until timestamptz,
    primary key (case_id, officer_id)
);
create index on case_officers (officer_id);

create table case_events (
    id uuid primary key,
    case_id uuid not null references cases,
    kind text not null,
    at timestamptz not null,
    body jsonb not null default '{}',
    actor text not null,
    recorded_at timestamptz not null,
    retracted_at timestamptz
);
create index on case_events (case_id, at);

create table inspections (
    id uuid primary key,
    department_id uuid not null references departments,
    case_id uuid not null references cases,
    party_id uuid references parties,
    kind text not null check (kind in ('check', 'seizure', 'inquiry', 'hearing', 'service')),
    title text not null default '',
    place text not null default '',
    latitude double precision check (latitude between -90 and 90),
    longitude double precision check (longitude between -180 and 180),
    reason text not null default '',
    summary text not null default '',
    result text not null default '',
    started_at timestamptz not null,
    ended_at timestamptz,
    duplicate_of uuid references inspections,
    placement jsonb not null default '{}',
    version bigint not null default 1,
    field_versions jsonb not null default '{}',
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    check (started_at <= ended_at),
    check (duplicate_of is distinct from id)
);
create index on inspections (case_id);
create index on inspections (department_id, started_at);

create table inspection_officers (
    inspection_id uuid not null references inspections,
    officer_id uuid not null references officers,
    primary key (inspection_id, officer_id)
);
create index on inspection_officers (officer_id);

create table steps (
    id uuid primary key,
    inspection_id uuid not null references inspections,
    kind text not null check (kind in (
        'arrive', 'show_id', 'notify', 'examine', 'question', 'sample', 'preserve', 'seize',
        'demolish', 'hearing', 'serve', 'serve_by_leaving', 'serve_by_announcement',
        'serve_electronic', 'simple_penalty', 'premises', 'leave')),
    note text not null default '',
    -- Derived from the facts of kind step_time: earliest start, latest end.
    started_at timestamptz,
    ended_at timestamptz,
    version bigint not null default 1,
    field_versions jsonb not null default '{}',
    deleted_at timestamptz,
    created_at timestamptz not null default now()
);
create index on steps (inspection_id);
create index on steps (ended_at);

-- Append-only, united by id: nobody's fact replaces another's.
create table facts (
    id uuid primary key,
    inspection_id uuid not null references inspections,
    step_id uuid references steps,
    kind text not null check (kind in (
        'step_time', 'finding', 'evidence_item', 'signature', 'gap_explanation',
        'officer_present', 'note')),
    body jsonb not null default '{}',
    occurred_at timestamptz not null,
    officer_id uuid references officers,
    device_id uuid references devices,
    retracted_at timestamptz,
    created_at timestamptz not null default now()
);
create index on facts (inspection_id);
create index on facts (step_id);

create table records (
    id uuid primary key,
    inspection_id uuid not null references inspections,
    kind text not null check (kind <> ''),
    title text not null check (title <> ''),
    created_at timestamptz not null default now()
);
create index on records (inspection_id);

-- A signed text: new versions are appended, never overwritten.
create table record_versions (
    id uuid primary key,
    record_id uuid not null references records,
    number int not null check (number > 0),
    body text not null,
    signed_by text[] not null default '{}',
    signed_at timestamptz,
    officer_id uuid references officers,
    device_id uuid references devices,
    created_at timestamptz not null default now(),
    unique (record_id, number)
);

create table feed_counters (
    scope text primary key,
    n bigint not null default 0 check (n >= 0)
);

-- One row per entity and scope, moved to the newest number when the entity changes:
-- the feed is as long as what exists, and a pull sees each entity once.
create table feed (
    scope text not null references feed_counters,
    n bigint not null,
    entity text not null,
    entity_id uuid not null,
    primary key (scope, entity, entity_id),
    unique (scope, n)
);

create function forbid_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger record_versions_are_append_only before update or delete on record_versions
    for each row execute function forbid_change();
"""


async def forwards() -> MigrationManager:
    return raw_migration(ID, "backend", SQL)
