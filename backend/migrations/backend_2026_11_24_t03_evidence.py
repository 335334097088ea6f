"""Recordings, renditions, attributions, coverage, deadlines, flags, verdicts and the ledger."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.database import raw_migration

ID = "2026-11-24T03:00:00:000001"

SQL = """
create table recordings (
    id uuid primary key,
    department_id uuid not null references departments,
    device_id uuid not null references devices,
    case_id uuid references cases,
    file_name text not null,
    media_kind text not null check (media_kind in ('video', 'audio', 'photo', 'unknown')),
    state text not null check (state in (
        'uploading', 'received', 'verified', 'probed', 'ready', 'rejected')),
    state_reason jsonb,
    object_key text not null unique,
    size bigint check (size >= 0),
    declared_sha256 bytea check (length(declared_sha256) = 32),
    sha256 bytea check (length(sha256) = 32),
    declared_begin timestamptz,
    declared_boot_id text,
    claimed_begin timestamptz,
    claimed_source text check (claimed_source in ('declared', 'container', 'exif', 'file_name')),
    captured_from timestamptz,
    captured_to timestamptz,
    clock_offset_ms bigint,
    uncertainty_ms bigint check (uncertainty_ms >= 0),
    time_explanation jsonb,
    duration_ms bigint check (duration_ms >= 0),
    facts jsonb,
    quality jsonb not null default '[]',
    received_at timestamptz,
    verified_at timestamptz,
    last_verified_at timestamptz,
    ready_at timestamptz,
    created_at timestamptz not null default now(),
    check (captured_from <= captured_to),
    -- Verified means: read back, counted and digested.
    check (state not in ('verified', 'probed', 'ready') or
           (sha256 is not null and size is not null and verified_at is not null)),
    check (state <> 'rejected' or state_reason is not null)
);
create index on recordings (device_id, captured_from);
create index on recordings (department_id, state);
create index on recordings (sha256);

create table renditions (
    id uuid primary key,
    recording_id uuid not null references recordings,
    kind text not null check (kind in (
        'proxy', 'poster', 'thumbnail', 'preview', 'waveform', 'sprite', 'sprite_map', 'clip')),
    object_key text not null unique,
    media_type text not null,
    size bigint not null check (size >= 0),
    sha256 bytea not null check (length(sha256) = 32),
    parent_sha256 bytea not null check (length(parent_sha256) = 32),
    command text not null,
    created_at timestamptz not null default now(),
    unique (recording_id, kind)
);

create table attributions (
    id uuid primary key,
    recording_id uuid not null references recordings,
    step_id uuid not null references steps,
    begins_at timestamptz not null,
    ends_at timestamptz not null,
    score double precision not null check (score between 0 and 1),
    reasons jsonb not null,
    decided_by text not null check (decided_by in ('machine', 'person')),
    actor text not null,
    rejected boolean not null default false,
    decided_at timestamptz not null,
    check (begins_at <= ends_at),
    unique (recording_id, step_id)
);
create index on attributions (step_id);

-- What the law wanted recorded of a step and what was: the last judgement.
create table coverages (
    step_id uuid primary key references steps,
    checklist_item text not null,
    required_from timestamptz not null,
    required_to timestamptz not null,
    required_s double precision not null,
    covered_s double precision not null,
    explained_s double precision not null,
    gaps jsonb not null,
    complete boolean not null,
    certain boolean not null,
    article text not null,
    judged_at timestamptz not null
);

create table deadlines (
    id uuid primary key,
    case_id uuid not null references cases,
    rule_id text not null,
    key text not null,
    triggered_at timestamptz not null,
    due_at timestamptz not null,
    strict_at timestamptz not null,
    provisional boolean not null,
    state text not null check (state in ('open', 'near', 'overdue', 'met', 'void')),
    next_change_at timestamptz,
    article text not null,
    explanation jsonb not null,
    judged_at timestamptz not null,
    unique (case_id, key)
);
create index on deadlines (next_change_at) where next_change_at is not null;

create table flags (
    id uuid primary key,
    kind text not null check (kind in (
        'missing_recording', 'recording_gap', 'late_upload', 'unattributed_recording',
        'bad_recording', 'clock_unreliable', 'digest_mismatch', 'deadline_near',
        'deadline_overdue', 'gate_blocked', 'too_few_officers', 'certificate_invalid',
        'sync_conflict', 'operation_held')),
    department_id uuid not null references departments,
    case_id uuid references cases,
    subject_kind text not null,
    subject_id uuid not null,
    key text not null default '',
    severity text not null check (severity in ('info', 'warning', 'serious')),
    state text not null check (state in ('open', 'acknowledged', 'resolved', 'waived')),
    article text not null default '',
    explanation jsonb not null,
    opened_at timestamptz not null,
    changed_at timestamptz not null,
    unique (kind, subject_id, key),
    check (explanation ? 'zh' and explanation ? 'en')
);
create index on flags (department_id, state);
create index on flags (case_id);

create table flag_events (
    id uuid primary key,
    flag_id uuid not null references flags,
    state text not null check (state in ('open', 'acknowledged', 'resolved', 'waived')),
    actor text not null,
    reason text not null default '',
    explanation jsonb not null,
    at timestamptz not null,
    check (state <> 'waived' or reason <> '')
);
create index on flag_events (flag_id, at);
create trigger flag_events_are_append_only before update or delete on flag_events
    for each row execute function forbid_change();

-- A reviewer's word on the case as it stood: accepted, or returned with a reason.
create table verdicts (
    id uuid primary key,
    case_id uuid not null references cases,
    verdict text not null check (verdict in ('accept', 'return')),
    reason text not null,
    seen_version bigint not null,
    account_id uuid not null references accounts,
    at timestamptz not null,
    check (verdict = 'accept' or reason <> '')
);
create index on verdicts (case_id, at);
create trigger verdicts_are_append_only before update or delete on verdicts
    for each row execute function forbid_change();

-- What changed and is to be judged by the next pass; a row names a case or a recording.
create table judging_queue (
    subject_kind text not null check (subject_kind in ('case', 'recording')),
    subject_id uuid not null,
    since timestamptz not null,
    primary key (subject_kind, subject_id)
);

create table ledger_events (
    id uuid primary key,
    at timestamptz not null,
    kind text not null,
    department_id uuid references departments,
    subject_kind text not null,
    subject_id uuid not null,
    actor text not null,
    body jsonb not null default '{}'
);
create index on ledger_events (subject_id, at);
create trigger ledger_is_append_only before update or delete on ledger_events
    for each row execute function forbid_change();
create trigger ledger_is_never_emptied before truncate on ledger_events
    for each statement execute function forbid_change();
"""


async def forwards() -> MigrationManager:
    return raw_migration(ID, "backend", SQL)
