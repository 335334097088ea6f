"""The migrations and the Piccolo classes tell of one schema, and the schema holds its line."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

import asyncpg
import pytest

from backend.database import Database, new_id
from deploy.app import TABLES

# Tables whose key has several columns: Piccolo knows none such, so they are written with SQL.
SQL_ONLY = {
    "case_numbers",
    "case_officers",
    "feed",
    "field_writes",
    "inspection_officers",
    "judging_queue",
    "upload_parts",
}
PICCOLO_TYPE = {
    "UUID": "uuid",
    "TEXT": "text",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "TIMESTAMPTZ": "timestamp with time zone",
    "DATE": "date",
    "JSONB": "jsonb",
    "BYTEA": "bytea",
    "BOOLEAN": "boolean",
    "DOUBLE PRECISION": "double precision",
    "TEXT[]": "ARRAY",
    "UUID[]": "ARRAY",
}


async def live_columns(database: Database) -> dict[str, dict[str, tuple[str, bool]]]:
    async with database.snapshot() as tx:
        rows = await tx.fetch(
            """select table_name, column_name, data_type, is_nullable = 'YES' as nullable
                 from information_schema.columns join information_schema.tables
                      using (table_schema, table_name)
                where table_schema = 'public' and table_type = 'BASE TABLE'
                  and table_name not like 'procrastinate%' and table_name <> 'migration'"""
        )
    tables: dict[str, dict[str, tuple[str, bool]]] = {}
    for row in rows:
        column = (row["data_type"], row["nullable"])
        tables.setdefault(row["table_name"], {})[row["column_name"]] = column
    return tables


async def test_every_table_and_column_is_told_to_piccolo_as_it_is(database: Database) -> None:
    live = await live_columns(database)
    told = {
        table._meta.tablename: {
            column._meta.db_column_name: (
                PICCOLO_TYPE[column.column_type],
                column._meta.null,
            )
            for column in table._meta.columns
        }
        for table in TABLES
    }
    assert told.keys() | SQL_ONLY == live.keys()
    assert told == {name: columns for name, columns in live.items() if name not in SQL_ONLY}


MIGRATE = (
    "import asyncio, sys; from deploy.migrate import migrate; asyncio.run(migrate(sys.argv[1]))"
)


async def test_three_starts_at_once_migrate_once(empty_database_url: str) -> None:
    starts = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, empty_database_url)
        for _ in range(3)
    ]
    assert [await start.wait() for start in starts] == [0, 0, 0]
    connection = await asyncpg.connect(empty_database_url)
    try:
        noted = await connection.fetch("select app_name, name from migration order by id")
    finally:
        await connection.close()
    assert len(noted) == len(set(noted))
    assert {row["app_name"] for row in noted} == {"backend", "sync", "media"}


@pytest.mark.parametrize("table", ["ledger_events", "flag_events", "verdicts", "record_versions"])
async def test_what_is_append_only_has_a_trigger_against_change(
    database: Database, table: str
) -> None:
    async with database.snapshot() as tx:
        triggers = await tx.fetch(
            """select event_manipulation from information_schema.triggers
                where event_object_table = $1 and action_timing = 'BEFORE'""",
            table,
        )
    assert {"UPDATE", "DELETE"} <= {row["event_manipulation"] for row in triggers}


async def test_a_ledger_event_cannot_be_changed_deleted_or_emptied(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            """insert into ledger_events (id, at, kind, subject_kind, subject_id, actor)
               values ($1, $2, 'received', 'recording', $1, 'test')""",
            new_id(),
            datetime.now(UTC),
        )
    for change in (
        "update ledger_events set kind = 'verified'",
        "delete from ledger_events",
        "truncate ledger_events",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with database.transaction() as tx:
                await tx.execute(change)
    async with database.snapshot() as tx:
        assert await tx.fetchval("select kind from ledger_events") == "received"


async def test_a_transaction_whose_commit_fails_gives_its_connection_back(
    database_url: str,
) -> None:
    database = await Database.connect(database_url, most=1)
    try:
        for _ in range(3):
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                async with database.transaction() as tx:
                    await tx.execute("select pg_terminate_backend(pg_backend_pid())")
        async with asyncio.timeout(10):
            async with database.transaction() as tx:
                assert await tx.fetchval("select 1") == 1
    finally:
        await database.close()


async def test_feed_numbers_are_taken_last_and_once_per_entity(database: Database) -> None:
    first, second = new_id(), new_id()
    async with database.transaction() as tx:
        for entity_id in (first, second, first):
            tx.touch("case:x", "step", entity_id)
    async with database.transaction() as tx:
        tx.touch("case:x", "step", first)
    async with database.snapshot() as tx:
        rows = await tx.fetch("select n, entity_id from feed where scope = 'case:x' order by n")
    assert [(row["n"], row["entity_id"]) for row in rows] == [(2, second), (3, first)]


async def test_what_was_rolled_back_takes_no_feed_number(database: Database) -> None:
    with pytest.raises(ValueError, match="undo"):
        async with database.transaction() as tx:
            tx.touch("case:x", "step", new_id())
            raise ValueError("undo")
    async with database.snapshot() as tx:
        assert await tx.fetchval("select count(*) from feed_counters") == 0
