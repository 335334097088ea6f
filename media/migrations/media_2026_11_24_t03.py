"""Concatenation: partial uploads are no recordings; the final that is made of them is one."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.database import raw_migration

ID = "2026-11-24T05:00:00:000003"

SQL = """
alter table uploads
    alter column recording_id drop not null,
    add column concat text check (concat in ('partial', 'final')),
    -- What a partial holds in the store lies here; null once that was given back.
    add column object_key text unique,
    -- The final that takes it. A final's partials are in their order, one may come twice.
    add column final_id uuid references uploads,
    add column partials uuid[],
    add check ((recording_id is null) = (concat is not distinct from 'partial')),
    add check ((partials is not null) = (concat is not distinct from 'final')),
    add check (concat is not distinct from 'partial' or (object_key is null and final_id is null));
create index on uploads (final_id) where final_id is not null;
create index on uploads (expires_at) where concat = 'partial';
"""


async def forwards() -> MigrationManager:
    return raw_migration(ID, "media", SQL)
