"""Part numbers are never given twice: a request that lost its lease can't overwrite a newer one's
part, however late its own lands in the store."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.database import raw_migration

ID = "2026-11-24T05:00:00:000002"

SQL = """
alter table uploads add column next_part int not null default 1
    check (next_part between 1 and 10001);
create index on uploads (device_id) where state = 'open';
create index on uploads (expires_at) where state = 'open';
"""


async def forwards() -> MigrationManager:
    return raw_migration(ID, "media", SQL)
