"""Logs of wiped phones, what a held operation waits for, and a durable horizon per epoch."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.database import raw_migration

ID = "2026-11-24T05:00:00:000001"

# A phone that was wiped counts from 1 again, under a new log.
SQL = """
alter table operations
    add column log text not null default '',
    add column waits_for text check (waits_for in (
        'gap', 'schema', 'author', 'subject', 'earlier', 'membership', 'case', 'person')),
    add column waits_for_id uuid,
    add check (status = 'held' or waits_for is null);
drop index operations_device_id_device_seq_idx;
drop index operations_device_id_device_seq_idx1;
create unique index on operations (device_id, log, device_seq);
create index on operations (device_id, log, device_seq) where status = 'held';
create index on operations (waits_for_id) where status = 'held';

-- The log that the chain's number belongs to: the one the device sent last.
alter table device_chains add column log text not null default '';

-- Only an operation's own device and log count as one hand in a merge.
alter table field_writes add column op_id uuid;

-- A party may be in dispute before any case speaks of it.
alter table conflicts alter column case_id drop not null;

-- What the server received up to then is in a backup; devices may forget it.
alter table sync_epochs add column durable_at timestamptz;
insert into sync_epochs (epoch) values (gen_random_uuid());
"""


async def forwards() -> MigrationManager:
    return raw_migration(ID, "sync", SQL)
