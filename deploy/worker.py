"""The media worker: a procrastinate worker on the media queue, and the sweep for its dead kin."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import procrastinate
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from backend.database import Database, utc_now
from backend.settings import Settings, read_secret
from deploy.app import TABLES, open_store
from media.fence import layers_missing
from media.pipeline import RETRIED, Pipeline, back_off
from media.queue import QUEUE, TASK, defer_processing
from media.store import StoreUnavailable

log = logging.getLogger("quanji.worker")

HEARTBEAT_S, STALLED_S, SWEEP_S = 5.0, 30.0, 10.0
# A file on which processing fails three times is rejected; so is one during which six workers died
# or were stopped. Waiting for the store counts as neither.
FAILURES, DEATHS = 3, 6


class BackOff(BaseRetryStrategy):
    """For what no one foresaw: always again, later and later, until `DEATHS` ends it."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        return RetryDecision(retry_in={"seconds": int(back_off(job.attempts).total_seconds())})


def queue_app(database_url: str) -> procrastinate.App:
    """Procrastinate on its own small pool: psycopg's, whereas the rest speaks asyncpg."""
    connector = procrastinate.PsycopgConnector(
        conninfo=database_url, min_size=1, max_size=4, timeout=5.0
    )
    return procrastinate.App(connector=connector)


def add_task(app: procrastinate.App, pipeline: Pipeline) -> None:
    """Teaches `app` to process recordings."""

    @app.task(name=TASK, queue=QUEUE, pass_context=True, retry=BackOff())
    async def process_recording(
        context: procrastinate.JobContext, recording_id: str, outages: int = 0, failures: int = 0
    ) -> None:
        tried = Tried(context.job.attempts, outages, failures)
        await run_job(pipeline, UUID(recording_id), tried)


class Tried(NamedTuple):
    """How often a job's worker died or was stopped, the store was away, the file failed."""

    deaths: int = 0
    outages: int = 0
    failures: int = 0


async def run_job(pipeline: Pipeline, recording_id: UUID, tried: Tried) -> None:
    """One attempt. What is to be tried again becomes a new job, so that each cause of trouble is
    counted by itself: rejecting evidence because the store was away would be wrong."""
    if tried.deaths >= DEATHS:
        await pipeline.give_up(recording_id, f"{tried.deaths} × worker died")
        return
    try:
        await pipeline.process(recording_id)
    except StoreUnavailable as e:
        log.warning("store unavailable, %s waits: %s", recording_id, e)
        await _again(pipeline, recording_id, tried._replace(outages=tried.outages + 1))
    except RETRIED as e:
        if tried.failures + 1 >= FAILURES:
            log.error("giving up on %s: %s", recording_id, e)
            await pipeline.give_up(recording_id, str(e))
        else:
            log.warning("processing %s failed: %s", recording_id, e)
            await _again(pipeline, recording_id, tried._replace(failures=tried.failures + 1))


async def _again(pipeline: Pipeline, recording_id: UUID, tried: Tried) -> None:
    later = pipeline.clock() + back_off(tried.outages + tried.failures - 1)
    async with pipeline.database.transaction() as tx:
        await defer_processing(
            tx, recording_id, not_before=later, outages=tried.outages, failures=tried.failures
        )


async def revive_stalled(app: procrastinate.App, seconds_since_heartbeat: float) -> int:
    """Gives the jobs of dead workers back to the queue; returns how many.

    After a `kill -9` a job stays `doing` and its lock blocks all jobs of that recording for ever.
    Two sweeps at once are harmless: the slower one finds the job taken.
    """
    revived = 0
    for job in await app.job_manager.get_stalled_jobs(
        queue=QUEUE, seconds_since_heartbeat=seconds_since_heartbeat
    ):
        try:
            await app.job_manager.retry_job(job)
        except ConnectorException as e:
            log.info("job %s was revived by another worker: %s", job.id, e)
        else:
            revived += 1
    return revived


async def run_worker(
    settings: Settings, *, concurrency: int | None = None, stopping: asyncio.Event | None = None
) -> None:
    """Works until `stopping` is set (by SIGTERM or Ctrl-C when None is given); jobs in hand get
    10 s to end, and what is cut off then is taken up by the next worker."""
    stopping = stopping or _stopped_by_signals()
    async with open_pipeline(settings) as pipeline:
        missing = await layers_missing(pipeline.work_dir)
        if missing:
            log.warning("this kernel gives the fence no %s; keep workers off the network", missing)
        app = queue_app(settings.database_url)
        add_task(app, pipeline)
        async with app.open_async():
            sweeping = asyncio.create_task(_sweep(app))
            try:
                while not stopping.is_set():
                    await _work(app, concurrency or os.cpu_count() or 1, stopping)
            finally:
                sweeping.cancel()


async def _work(app: procrastinate.App, concurrency: int, stopping: asyncio.Event) -> None:
    """One life of procrastinate's worker. It *returns* when it loses the database (a failed
    heartbeat stops it as a signal would), so the caller begins another."""
    working = asyncio.create_task(
        app.run_worker_async(
            queues=[QUEUE],
            name=f"media-{os.getpid()}",
            concurrency=concurrency,
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=STALLED_S,
            shutdown_graceful_timeout=10,
            delete_jobs="successful",
        )
    )
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    working.cancel()  # a graceful stop; of no effect when it has ended
    (ended,) = await asyncio.gather(working, return_exceptions=True)
    if not stopping.is_set():
        log.warning("the queue was lost (%r); beginning again", ended)
        await asyncio.wait({asyncio.create_task(stopping.wait())}, timeout=1.0)


def _stopped_by_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


@asynccontextmanager
async def open_pipeline(settings: Settings) -> AsyncIterator[Pipeline]:
    """The pipeline with its real database, store and a folder of its own."""
    secret = read_secret(settings.secret_key_file)
    database = await Database.connect(settings.database_url, tables=TABLES)
    store = open_store(settings)
    try:
        with own_folder(settings.work_dir / "media") as folder:
            yield Pipeline(database, store, secret, folder, utc_now)
    finally:
        store.close()
        await database.close()


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    """A folder for this worker alone. Folders of dead workers are removed first: a lock that the
    kernel drops with its process tells the dead from the living."""
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.iterdir():
        with (old / "lock").open("a") as lock:
            if _locked(lock.fileno()):
                shutil.rmtree(old)
    folder = Path(tempfile.mkdtemp(dir=parent))
    with (folder / "lock").open("a") as lock:
        if not _locked(lock.fileno()):
            raise RuntimeError(f"{folder} was taken while it was made")
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _sweep(app: procrastinate.App) -> None:
    """Every ten seconds, also while the database is away."""
    while True:
        try:
            if revived := await revive_stalled(app, STALLED_S):
                log.warning("took over %s jobs of dead workers", revived)
        except ConnectorException:
            log.exception("could not look for stalled jobs; trying again")
        await asyncio.sleep(SWEEP_S)
