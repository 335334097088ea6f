"""Uploads that go past us straight to the store, and what the store holds that no row names."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.database import raw_migration

ID = "2026-11-24T05:00:00:000005"

SQL = """
-- Its parts are put by presigned URLs; their numbers follow from their place in the file.
alter table uploads add column direct boolean not null default false;
create index on uploads (store_upload_id) where store_upload_id is not null;
create index on uploads (tail_key) where tail_key is not null;

-- Objects, and unfinished multipart uploads (store_upload_id), that no row names. Removed after a
-- grace time; the row goes when the object is named again or gone, the ledger keeps the story.
create table orphans (
    id uuid primary key,
    key text not null,
    store_upload_id text not null default '',
    size bigint check (size >= 0),
    stored_at timestamptz not null,
    found_at timestamptz not null,
    unique (key, store_upload_id)
);
create index on orphans (found_at);
"""


async def forwards() -> MigrationManager:
    return raw_migration(ID, "media", SQL)
