"""PostgreSQL: the pool, transactions that end cleanly, and feed numbers taken last."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit
from uuid import UUID

import asyncpg
import msgspec
import uuid6
from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.apps.migrations.tables import Migration
from piccolo.engine import engine_finder
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction
from piccolo.table import Table

# What a call raises while PostgreSQL is away, shutting down or starting: it may succeed later.
UNAVAILABLE: tuple[type[Exception], ...] = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,  # an idle connection on which the server had said goodbye
)


def new_id() -> UUID:
    """UUIDv7 (RFC 9562): sorted by time of making, so indexes grow at one end."""
    return UUID(int=uuid6.uuid7().int)


def to_json(value: Any) -> str:
    """For a `jsonb` parameter: asyncpg takes JSON as text."""
    return msgspec.json.encode(value).decode()


def from_json(text: str | bytes | None) -> Any:
    """From a `jsonb` column as asyncpg gives it."""
    return None if text is None else msgspec.json.decode(text)


class _Transaction(PostgresTransaction):
    """Piccolo's, but a COMMIT or ROLLBACK that fails no longer keeps the connection.

    The original releases only after success: four killed back-ends starved a pool of four.
    """

    async def __aexit__(self, exception_type: Any, exception: Any, traceback: Any) -> bool:
        if self._parent:
            return exception is None
        try:
            if exception is not None and not self._rolled_back:
                await self.rollback()  # type: ignore[no-untyped-call]
            elif exception is None and not (self._committed or self._rolled_back):
                await self.commit()  # type: ignore[no-untyped-call]
        finally:
            self.engine.current_transaction.reset(self.context)
            if self.engine.pool:
                await self.engine.pool.release(self.connection)
            else:
                await self.connection.close()
        return exception is None


class Engine(PostgresEngine):
    """Piccolo's engine; it neither asks the server for its version nor makes extensions."""

    async def check_version(self) -> None:
        return None

    def transaction(self, allow_nested: bool = True) -> _Transaction:
        return _Transaction(engine=self, allow_nested=allow_nested)


class Tx:
    """One transaction: asyncpg's query methods, and `touch` for what the feed must tell.

    Feed numbers are taken when the transaction ends, in sorted scope order, as its last writes:
    so number order is commit order, and no reader can skip a row committed late.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.fetch = connection.fetch
        self.fetchrow = connection.fetchrow
        self.fetchval = connection.fetchval
        self.execute = connection.execute
        self.executemany = connection.executemany
        self._touched: dict[str, dict[tuple[str, UUID], None]] = {}

    def touch(self, scope: str, entity: str, entity_id: UUID) -> None:
        """Tell the devices of `scope` that `entity` changed."""
        self._touched.setdefault(scope, {})[entity, entity_id] = None

    def savepoint(self) -> Any:
        """`async with tx.savepoint():` undoes its block alone when it raises."""
        return self.connection.transaction()

    async def number_changes(self) -> None:
        for scope in sorted(self._touched):
            await _number(self.connection, scope, list(self._touched[scope]))
        self._touched.clear()


async def _number(
    connection: asyncpg.Connection, scope: str, changed: list[tuple[str, UUID]]
) -> None:
    last = await connection.fetchval(
        """insert into feed_counters as c (scope, n) values ($1, $2)
           on conflict (scope) do update set n = c.n + excluded.n returning n""",
        scope,
        len(changed),
    )
    await connection.execute(
        """insert into feed (scope, n, entity, entity_id)
           select $1, $2 + i, entity, id
             from unnest($3::text[], $4::uuid[]) with ordinality as t (entity, id, i)
           on conflict (scope, entity, entity_id) do update set n = excluded.n""",
        scope,
        last - len(changed),
        [entity for entity, _ in changed],
        [entity_id for _, entity_id in changed],
    )


class Transactions(Protocol):
    """What a sweep needs of a database: the pool gives it, and so does a leader's one session."""

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """All or nothing."""

    def snapshot(self) -> AbstractAsyncContextManager[Tx]:
        """Read only, one moment."""


class Database:
    """The pool that one process shares. Make it with `connect`, end it with `close`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    async def connect(
        cls, url: str, *, tables: Iterable[type[Table]] = (), most: int = 10
    ) -> Database:
        """Open a pool and let Piccolo's `tables` speak through it."""
        database = cls(engine_for(url))
        await database.engine.start_connection_pool(min_size=1, max_size=most)
        bind(database.engine, tables)
        return database

    def _pool(self) -> asyncpg.Pool:
        if self.engine.pool is None:
            raise RuntimeError("this Database is closed")
        return self.engine.pool

    async def close(self) -> None:
        await self.engine.close_connection_pool()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """All or nothing; durable when the block has ended without an exception."""
        async with self.engine.transaction(allow_nested=False) as transaction:
            tx = Tx(transaction.connection)
            yield tx
            await tx.number_changes()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """Read only, and everything as it stood at one moment."""
        async with (
            self._pool().acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield Tx(connection)


def engine_for(url: str) -> Engine:
    """`postgresql://user:password@host:port/name` → an engine that has not connected yet."""
    parts = urlsplit(url)
    return Engine(
        config={
            "host": parts.hostname,
            "port": parts.port or 5432,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "database": parts.path.lstrip("/"),
        }
    )


def bind(engine: Engine, tables: Iterable[type[Table]]) -> None:
    """Piccolo looks its engine up in a settings module at import; here it is handed over."""
    for table in [*tables, Migration]:
        table._meta._db = engine  # type: ignore[attr-defined]


def raw_migration(migration_id: str, app: str, sql: str) -> MigrationManager:
    """A Piccolo migration that is plain SQL: checks, exclusions and triggers said as they are.

    Piccolo notes a migration as done after its transaction, so a crash between the two would run
    it again; the note is therefore also written inside (`deploy.migrate` drops the second one).
    """
    manager = MigrationManager(migration_id=migration_id, app_name=app, description=app)

    async def run() -> None:
        engine = cast(Engine, engine_finder())
        connection = cast(_Transaction, engine.current_transaction.get()).connection
        await connection.execute(sql)
        await connection.execute(
            "insert into migration (name, app_name) values ($1, $2)", migration_id, app
        )

    manager.add_raw(run)
    return manager


def utc_now() -> datetime:
    """The clock, for doors and processes: rules get the time as an argument."""
    return datetime.now(UTC)
