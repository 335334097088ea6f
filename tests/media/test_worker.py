"""The queue on real PostgreSQL: what is deferred is done, once, whoever dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from backend.database import new_id
from deploy.demo.samples import make_photo
from deploy.worker import (
    DEATHS,
    FAILURES,
    BackOff,
    Tried,
    add_task,
    own_folder,
    queue_app,
    revive_stalled,
    run_job,
)
from media.memory_store import MemoryStore
from media.pipeline import Pipeline, back_off
from media.probe import ProbeFailed
from media.queue import QUEUE, defer_processing
from tests.media.cast import BEGIN, NOW, SECRET, camera, recording, renditions, uploaded

ROOT = Path(__file__).parents[2]


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def pipeline(database, memory, tmp_path) -> Pipeline:
    return Pipeline(database, memory, SECRET, tmp_path, lambda: NOW)


@pytest.fixture
async def owner(database):
    return await camera(database)


async def jobs(database) -> list[dict[str, object]]:
    async with database.snapshot() as tx:
        rows = await tx.fetch(
            """select status::text, attempts, priority, scheduled_at, args
                 from procrastinate_jobs order by id"""
        )
    return [dict(row) for row in rows]


async def work_off(database_url: str, pipeline: Pipeline) -> None:
    """Runs a worker until the queue is empty."""
    app = queue_app(database_url)
    add_task(app, pipeline)
    async with app.open_async():
        await app.run_worker_async(
            queues=[QUEUE], wait=False, install_signal_handlers=False, listen_notify=False
        )


async def test_a_deferred_job_happens_only_if_its_transaction_does(database):
    class Changed(Exception):
        pass

    with pytest.raises(Changed):
        async with database.transaction() as tx:
            await defer_processing(tx, new_id())
            raise Changed
    assert await jobs(database) == []


async def test_the_same_recording_waits_in_the_queue_once_unless_more_urgent(database):
    recording_id = new_id()
    async with database.transaction() as tx:
        await defer_processing(tx, recording_id)
        await defer_processing(tx, recording_id)
        await defer_processing(tx, recording_id, priority=10)
        await defer_processing(tx, new_id())
    assert [job["priority"] for job in await jobs(database)] == [0, 10, 0]


async def test_the_worker_does_what_was_deferred(
    database, database_url, memory, pipeline, owner, tmp_path
):
    photos = [make_photo(tmp_path / f"{n}.jpg", BEGIN, label=f"CAM-{n}") for n in range(3)]
    ids = [await uploaded(database, memory, owner, photo) for photo in photos]
    async with database.transaction() as tx:
        for recording_id in ids:
            await defer_processing(tx, recording_id)
    await work_off(database_url, pipeline)
    assert {(await recording(database, i))["state"] for i in ids} == {"ready"}
    assert {job["status"] for job in await jobs(database)} == {"succeeded"}


async def test_a_bad_file_ends_rejected_and_the_others_go_on(
    database, database_url, memory, pipeline, owner, tmp_path
):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 40)
    first = await uploaded(database, memory, owner, bad)
    second = await uploaded(database, memory, owner, make_photo(tmp_path / "p.jpg", BEGIN))
    async with database.transaction() as tx:
        await defer_processing(tx, first)
        await defer_processing(tx, second)
    await work_off(database_url, pipeline)
    assert (await recording(database, first))["state"] == "rejected"
    assert (await recording(database, second))["state"] == "ready"


async def test_a_file_that_keeps_failing_is_rejected_after_its_attempts(
    database, memory, pipeline, owner, tmp_path, monkeypatch
):
    async def fails(*_: object) -> None:
        raise ProbeFailed("the child was killed")

    monkeypatch.setattr("media.pipeline.probe", fails)
    recording_id = await uploaded(database, memory, owner, make_photo(tmp_path / "p.jpg", BEGIN))
    for failures in range(FAILURES - 1):
        await run_job(pipeline, recording_id, Tried(failures=failures))
        assert (await recording(database, recording_id))["state"] == "verified"
    await run_job(pipeline, recording_id, Tried(failures=FAILURES - 1))
    row = await recording(database, recording_id)
    assert row["state"] == "rejected"
    assert "gave_up" in row["state_reason"]


async def test_a_file_that_kills_its_workers_is_rejected_unopened(
    database, memory, pipeline, owner, tmp_path
):
    recording_id = await uploaded(database, memory, owner, make_photo(tmp_path / "p.jpg", BEGIN))
    await run_job(pipeline, recording_id, Tried(deaths=DEATHS))
    assert (await recording(database, recording_id))["state"] == "rejected"


async def test_a_store_that_is_away_is_waited_for_and_never_counted_against_the_file(
    database, memory, pipeline, owner, tmp_path, monkeypatch
):
    from media.store import StoreUnavailable

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("no answer")

    recording_id = await uploaded(database, memory, owner, make_photo(tmp_path / "p.jpg", BEGIN))
    monkeypatch.setattr(memory, "put", away)
    await run_job(pipeline, recording_id, Tried(outages=20))
    (job,) = await jobs(database)
    assert (job["attempts"], '"outages": 21' in job["args"]) == (0, True)
    assert '"failures": 0' in job["args"]
    assert job["scheduled_at"] == NOW + back_off(20)
    assert (await recording(database, recording_id))["state"] == "probed"


def test_back_off_grows_and_is_bounded():
    assert [back_off(n).total_seconds() for n in (0, 1, 2, 7, 50)] == [2, 4, 8, 256, 300]


async def test_the_jobs_of_a_dead_worker_are_given_back(database, database_url):
    async with database.transaction() as tx:
        await defer_processing(tx, new_id())
        await tx.execute(
            """with dead as (insert into procrastinate_workers (last_heartbeat)
                             values (now() - interval '1 minute') returning id)
               update procrastinate_jobs set status = 'doing', worker_id = (select id from dead)"""
        )
    app = queue_app(database_url)
    async with app.open_async():
        assert await revive_stalled(app, 30) == 1
        assert await revive_stalled(app, 30) == 0
    (job,) = await jobs(database)
    assert (job["status"], job["attempts"]) == ("todo", 1)


async def test_a_living_worker_keeps_its_job(database, database_url):
    async with database.transaction() as tx:
        await defer_processing(tx, new_id())
        await tx.execute(
            """with alive as (insert into procrastinate_workers default values returning id)
               update procrastinate_jobs set status = 'doing', worker_id = (select id from alive)"""
        )
    app = queue_app(database_url)
    async with app.open_async():
        assert await revive_stalled(app, 30) == 0


def test_folders_of_dead_workers_are_removed_and_those_of_the_living_are_not(tmp_path):
    with own_folder(tmp_path) as living:
        (tmp_path / "dead").mkdir()
        (tmp_path / "dead" / "original").write_bytes(b"half a video")
        with own_folder(tmp_path) as mine:
            assert {p.name for p in tmp_path.iterdir()} == {living.name, mine.name}
    assert list(tmp_path.iterdir()) == []


def test_a_job_is_always_tried_again_later_and_later():
    class Job:
        attempts = 0

    waits = []
    for Job.attempts in range(5):
        decision = BackOff().get_retry_decision(exception=OSError(), job=Job)  # type: ignore[arg-type]
        waits.append(decision.retry_at)
    assert waits == sorted(waits)


async def test_a_worker_outlives_an_outage_of_its_database(
    database, database_url, s3, store_settings, owner, tmp_path
):
    worker = await start_worker(worker_settings(database_url, store_settings, tmp_path))
    await one_more(database, s3, owner, tmp_path, "before")
    await until_ready(database, 1, worker)
    name = database_url.rsplit("/", 1)[1]
    async with postgres_of(database_url) as server:
        await server.execute(f'alter database "{name}" with allow_connections false')
        await server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
        )
        assert worker.stderr is not None
        while b"the queue was lost" not in (line := await worker.stderr.readline()):
            assert line, "the worker ended"
        await server.execute(f'alter database "{name}" with allow_connections true')
    await one_more(database, s3, owner, tmp_path, "after")
    await until_ready(database, 2, worker)
    worker.terminate()
    await worker.communicate()
    assert worker.returncode == 0


async def one_more(database, store, owner, folder: Path, label: str) -> None:
    photo = make_photo(folder / f"{label}.jpg", BEGIN, label=label)
    recording_id = await uploaded(database, store, owner, photo)
    async with database.transaction() as tx:
        await defer_processing(tx, recording_id)


@asynccontextmanager
async def postgres_of(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The server's maintenance database: the one that stays."""
    connection = await asyncpg.connect(database_url.rsplit("/", 1)[0] + "/postgres")
    yield connection
    await connection.close()


async def test_a_worker_that_lost_its_database_connections_goes_on(
    database, database_url, s3, store_settings, owner, tmp_path
):
    settings = worker_settings(database_url, store_settings, tmp_path)
    worker = await start_worker(settings)
    for reached in (1, 2):
        await one_more(database, s3, owner, tmp_path, f"CAM-{reached}")
        await until_ready(database, reached, worker)
        async with database.snapshot() as tx:
            await tx.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()"""
            )
    worker.terminate()
    await worker.communicate()
    assert worker.returncode == 0


async def test_a_worker_killed_hard_loses_nothing(
    database, database_url, s3, store_settings, owner, tmp_path
):
    photos = [make_photo(tmp_path / f"{n}.jpg", BEGIN, label=f"CAM-{n}") for n in range(12)]
    ids = [await uploaded(database, s3, owner, photo) for photo in photos]
    async with database.transaction() as tx:
        for recording_id in ids:
            await defer_processing(tx, recording_id)
    settings = worker_settings(database_url, store_settings, tmp_path)
    for reached in (2, 5):
        worker = await start_worker(settings)
        await until_ready(database, reached, worker)
        os.kill(worker.pid, signal.SIGKILL)
        await worker.wait()
        await forget_heartbeats(database)
    worker = await start_worker(settings)
    await until_ready(database, len(ids), worker)
    worker.terminate()
    await worker.communicate()
    assert worker.returncode == 0

    assert {(await recording(database, i))["state"] for i in ids} == {"ready"}
    for recording_id in ids:
        assert set(await renditions(database, recording_id)) == {"proxy", "poster", "thumbnail"}
    assert list((tmp_path / "work" / "media").iterdir()) == []
    async with database.snapshot() as tx:
        twice = await tx.fetch(
            """select subject_id from ledger_events where kind = 'verified'
                group by 1 having count(*) > 1"""
        )
    assert twice == []


def worker_settings(database_url: str, store, tmp_path: Path) -> str:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    settings = {
        "database_url": database_url,
        "s3_endpoint": store.endpoint,
        "s3_access_key": store.access_key,
        "s3_secret_key": store.secret_key,
        "s3_bucket": store.bucket,
        "public_url": "http://127.0.0.1:1",
        "secret_key_file": str(secret),
        "work_dir": str(tmp_path / "work"),
    }
    return json.dumps(settings)


async def start_worker(settings: str) -> asyncio.subprocess.Process:
    code = (
        "import asyncio, sys, msgspec; from pathlib import Path;"
        "from backend.settings import Settings; from deploy.worker import run_worker;"
        "hook = lambda kind, value: kind(value);"
        "settings = msgspec.json.decode(sys.argv[1], type=Settings, dec_hook=hook);"
        "asyncio.run(run_worker(settings, concurrency=2))"
    )
    command = [sys.executable, "-c", code, settings]
    return await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=asyncio.subprocess.PIPE
    )


async def until_ready(database, count: int, worker: asyncio.subprocess.Process) -> None:
    """Asks until `count` recordings are ready or the worker ends, which fails the test."""
    ready = "select count(*) from recordings where state = 'ready'"
    while worker.returncode is None:
        async with database.snapshot() as tx:
            if await tx.fetchval(ready) >= count:
                return
        await asyncio.sleep(0.05)
    pytest.fail(f"the worker ended with {worker.returncode}")


async def forget_heartbeats(database) -> None:
    """Stands for the 30 s after which a dead worker counts as dead."""
    async with database.transaction() as tx:
        await tx.execute("update procrastinate_workers set last_heartbeat = now() - interval '1 h'")
