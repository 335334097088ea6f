"""The media worker: a procrastinate worker on the media queue, and the sweep for its dead kin."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import UUID

import procrastinate
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from backend.database import Database, utc_now
from backend.settings import Settings, read_secret
from deploy.app import TABLES, open_store
from media.fence import layers_missing
from media.pipeline import RETRIED, Pipeline, outage_wait
from media.queue import QUEUE, TASK, defer_processing
from media.store import StoreUnavailable

log = logging.getLogger("quanji.worker")

HEARTBEAT_S, STALLED_S, SWEEP_S = 5.0, 30.0, 10.0
# A file that fails three times for itself is rejected; so is one during which six workers died.
FAILURES, DEATHS = 3, 6


class BackOff(BaseRetryStrategy):
    """5 s, 20 s, 80 s, then every five minutes. The job itself decides when it is enough."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        return RetryDecision(retry_in={"seconds": min(300, 5 * 4**job.attempts)})


def queue_app(database_url: str) -> procrastinate.App:
    """Procrastinate on its own small pool: psycopg's, whereas the rest speaks asyncpg."""
    connector = procrastinate.PsycopgConnector(conninfo=database_url, min_size=1, max_size=4)
    return procrastinate.App(connector=connector)


def add_task(app: procrastinate.App, pipeline: Pipeline) -> None:
    """Teaches `app` to process recordings."""

    @app.task(name=TASK, queue=QUEUE, pass_context=True, retry=BackOff())
    async def process_recording(
        context: procrastinate.JobContext, recording_id: str, outages: int = 0
    ) -> None:
        await run_job(pipeline, UUID(recording_id), context.job.attempts, outages)


async def run_job(pipeline: Pipeline, recording_id: UUID, attempts: int, outages: int) -> None:
    """One attempt. Raises when procrastinate is to try again."""
    if attempts >= DEATHS:
        await pipeline.give_up(recording_id, f"{attempts} attempts")
        return
    try:
        await pipeline.process(recording_id)
    except StoreUnavailable as e:
        # A new job, so that waiting for the store is never counted against the file.
        log.warning("store unavailable, %s waits: %s", recording_id, e)
        later = pipeline.clock() + outage_wait(outages)
        async with pipeline.database.transaction() as tx:
            await defer_processing(tx, recording_id, not_before=later, outages=outages + 1)
    except RETRIED as e:
        if attempts + 1 < FAILURES:
            raise
        log.error("giving up on %s: %s", recording_id, e)
        await pipeline.give_up(recording_id, str(e))


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


async def run_worker(settings: Settings, *, concurrency: int | None = None) -> None:
    """Works until SIGTERM or Ctrl-C, which lets the jobs in hand end for up to 10 s; what is cut
    off then is taken up by the next worker."""
    async with open_pipeline(settings) as pipeline:
        missing = await layers_missing(pipeline.work_dir)
        if missing:
            log.warning("this kernel gives the fence no %s; keep workers off the network", missing)
        app = queue_app(settings.database_url)
        add_task(app, pipeline)
        async with app.open_async():
            sweeping = asyncio.create_task(_sweep(app))
            try:
                await app.run_worker_async(
                    queues=[QUEUE],
                    name=f"media-{os.getpid()}",
                    concurrency=concurrency or os.cpu_count() or 1,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=STALLED_S,
                    shutdown_graceful_timeout=10,
                    delete_jobs="successful",
                )
            finally:
                sweeping.cancel()


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
