"""The clock of the product: runs the sweeps in the one process that leads, whoever that is.

The leader is who holds an advisory lock, and every write of its sweeps goes through the very
session that holds it. If that session ends, for whatever reason, the lock is free and nothing of
an unfinished sweep can be committed any more: no second fence is needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
import msgspec
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from backend import sweeps
from backend.database import Transactions, Tx, utc_now
from backend.settings import Settings
from media.receiving import Server
from media.store import ObjectStore
from media.tidying import tidy_uploads
from media.uploads import Terms
from sync import holds

LEADER_LOCK = 0x5175616E6A6C
STANDBY_S = 1.0
HEARTBEAT_S = 2.0
# A statement that takes longer is stuck: better to lose the lead than to hold it asleep.
PATIENCE_S = 120.0

log = logging.getLogger("quanji.scheduler")


class Sweep(msgspec.Struct, frozen=True):
    """`run(database, now)` says how many it treated; it is called every `every_s` seconds."""

    name: str
    run: Callable[[Transactions, datetime], Awaitable[int]]
    every_s: float


SWEEPS = (
    Sweep("judge_changed", sweeps.judge_changed, 1),
    Sweep("recordings_missing", sweeps.recordings_missing, 30),
    Sweep("unattributed", sweeps.unattributed, 30),
    Sweep("deadlines_due", sweeps.deadlines_due, 30),
    Sweep("retry_waiting", holds.retry_waiting, 10),
    Sweep("hand_over_stuck", holds.hand_over_stuck, 60),
)


def sweep_of_uploads(store: ObjectStore, settings: Settings) -> Sweep:
    """Ends, expires and frees uploads; it needs the store beside the database."""
    terms = Terms(settings.max_upload_bytes, settings.upload_days)

    async def tidy(database: Transactions, now: datetime) -> int:
        return await tidy_uploads(Server(database, store, terms, utc_now), now)

    return Sweep("tidy_uploads", tidy, 60)


class LeaderSession:
    """The connection that holds the lock, as the sweeps' database: one transaction at a time."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.lost = asyncio.Event()
        self._turn = asyncio.Lock()
        connection.add_termination_listener(lambda _: self.lost.set())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self._turn, self.connection.transaction():
            tx = Tx(self.connection)
            yield tx
            await tx.number_changes()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        reading = self.connection.transaction(isolation="repeatable_read", readonly=True)
        async with self._turn, reading:
            yield Tx(self.connection)

    async def idle(self) -> None:
        """Returns when no sweep is inside a transaction."""
        async with self._turn:
            return


async def run_scheduler(
    settings: Settings, stop: asyncio.Event, *, table: tuple[Sweep, ...] = SWEEPS
) -> None:
    """Stand by, lead when the lead is free, and go on through lost connections until `stop`."""
    while not stop.is_set():
        try:
            async with _session(settings.database_url) as session:
                if await _wins(session, stop):
                    await _lead(session, stop, table)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("no database for the scheduler, trying again: %s", error)
        await _pause(stop, STANDBY_S)


@asynccontextmanager
async def _session(url: str) -> AsyncIterator[LeaderSession]:
    connection = await asyncpg.connect(
        url,
        timeout=10,
        command_timeout=PATIENCE_S,
        server_settings={
            "application_name": "quanji scheduler",
            # The server frees the lock of a leader whose machine went silent within seconds.
            "tcp_keepalives_idle": "3",
            "tcp_keepalives_interval": "1",
            "tcp_keepalives_count": "3",
        },
    )
    try:
        yield LeaderSession(connection)
    finally:
        # Terminated, not asked: a leader that stops must let go at once.
        connection.terminate()


async def _wins(session: LeaderSession, stop: asyncio.Event) -> bool:
    """Wait in standby; True once this session holds the lock, False when it is to end."""
    while not stop.is_set() and not session.lost.is_set():
        if await session.connection.fetchval("select pg_try_advisory_lock($1)", LEADER_LOCK):
            return True
        await _pause(stop, STANDBY_S)
    return False


async def _lead(session: LeaderSession, stop: asyncio.Event, table: tuple[Sweep, ...]) -> None:
    log.info("this scheduler leads")
    clock = AsyncIOScheduler(timezone="Asia/Shanghai")
    for sweep in table:
        clock.add_job(
            _run,
            IntervalTrigger(seconds=sweep.every_s),
            args=[sweep, session],
            id=sweep.name,
            next_run_time=utc_now(),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=30,
        )
    clock.start()
    try:
        await _until_over(session, stop)
    finally:
        clock.shutdown(wait=False)
        await session.idle()
        log.info("this scheduler no longer leads")


async def _until_over(session: LeaderSession, stop: asyncio.Event) -> None:
    """Ends when told to stop or when the session is gone, which a heartbeat finds out."""
    while not stop.is_set() and not session.lost.is_set():
        async with session.transaction() as tx:
            await tx.execute("select 1")
        await _pause(stop, HEARTBEAT_S, session.lost)


async def _run(sweep: Sweep, session: LeaderSession) -> None:
    """A sweep that fails is logged and tried again at its next turn; the others go on."""
    if session.lost.is_set():
        return
    try:
        treated = await sweep.run(session, utc_now())
    except Exception:
        log.exception("the sweep %s failed", sweep.name)
        return
    if treated:
        log.info("%s: %s", sweep.name, treated)


async def _pause(stop: asyncio.Event, seconds: float, *others: asyncio.Event) -> None:
    """Sleep, but wake at once for `stop` or any of `others`."""
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, *others)]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
