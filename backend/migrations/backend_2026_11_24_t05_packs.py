"""The rule packs that filed cases pinned, word for word."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.database import raw_migration

ID = "2026-11-24T05:00:00:000001"

SQL = """
-- `content` is what `backend.rules.pack.restore` reads, and the id is made from it.
-- `in_force`: the first day on which the law read so.
create table rule_packs (
    id text primary key,
    sector text,
    in_force date not null,
    content bytea not null,
    pinned_at timestamptz not null,
    check (right(id, 16) = left(encode(sha256(content), 'hex'), 16))
);
create trigger rule_packs_are_append_only before update or delete on rule_packs
    for each row execute function forbid_change();
create trigger rule_packs_are_never_emptied before truncate on rule_packs
    for each statement execute function forbid_change();
"""


async def forwards() -> MigrationManager:
    return raw_migration(ID, "backend", SQL)
