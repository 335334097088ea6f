"""One leader by advisory lock; a standby takes over; each flag is raised once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from backend import sweeps
from backend.settings import Settings
from deploy.scheduler import LEADER_LOCK, SWEEPS, Sweep, run_scheduler
from tests.evidence.scene import Scene


def settings(url: str) -> Settings:
    return Settings(
        database_url=url,
        s3_endpoint="http://127.0.0.1:1",
        s3_access_key="",
        s3_secret_key="",
        s3_bucket="evidence",
        public_url="http://127.0.0.1:1",
        secret_key_file=Path("none"),
        work_dir=Path("none"),
    )


@asynccontextmanager
async def scheduler(url: str, table: tuple[Sweep, ...] = SWEEPS) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    running = asyncio.create_task(run_scheduler(settings(url), stop, table=table))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a state; the time limit only ends a test that has failed."""
    async with asyncio.timeout(60):
        while not await happened():  # noqa: ASYNC110 - the state is in the database
            await asyncio.sleep(0.05)


async def leaders(scene: Scene) -> list[int]:
    rows = await scene.rows(
        """select pid from pg_locks where locktype = 'advisory' and granted
              and database = (select oid from pg_database where datname = current_database())
              and ((classid::bigint << 32) | objid::bigint) = $1""",
        LEADER_LOCK,
    )
    return [row["pid"] for row in rows]


async def led_by_another(scene: Scene, pid: int) -> bool:
    now = await leaders(scene)
    return bool(now) and now != [pid]


async def with_two_holes(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:12:00")
    await scene.film(scene.camera, "10:20:00", "10:32:00")


async def flagged(scene: Scene) -> bool:
    return await scene.rows("select * from flags where kind = 'recording_gap'") != []


async def raised(scene: Scene) -> list[tuple[str, int]]:
    rows = await scene.rows(
        """select f.kind, count(*) as times from flags f
             join flag_events e on e.flag_id = f.id and e.state = 'open'
            where f.kind in ('recording_gap', 'missing_recording') group by f.id, f.kind"""
    )
    return [(row["kind"], row["times"]) for row in rows]


async def test_three_schedulers_have_one_leader_and_raise_each_flag_once(
    scene: Scene, database_url: str
) -> None:
    await with_two_holes(scene)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(scheduler(database_url))
        await until(lambda: flagged(scene))
        assert len(await leaders(scene)) == 1
        assert await raised(scene) == [("recording_gap", 1)]


async def test_a_standby_takes_over_when_the_leaders_session_ends(
    scene: Scene, database_url: str
) -> None:
    async with scheduler(database_url), scheduler(database_url):
        await until(lambda: led_by_another(scene, 0))
        (first,) = await leaders(scene)
        await scene.rows("select pg_terminate_backend($1)", first)
        await until(lambda: led_by_another(scene, first))
        await with_two_holes(scene)
        await until(lambda: flagged(scene))
    # Judged before the first film came in, the step was rightly flagged as missing for a moment.
    assert ("recording_gap", 1) in await raised(scene)
    assert await leaders(scene) == []


async def test_a_leader_killed_in_a_sweep_leaves_nothing_half_done(
    scene: Scene, database_url: str
) -> None:
    await with_two_holes(scene)
    kills = 0

    async def dies_once(database: sweeps.Transactions, now: datetime) -> int:
        nonlocal kills
        async with database.transaction() as tx:
            rows = await tx.fetch("select subject_id from judging_queue")
            if not rows:
                return 0
            await sweeps.judge(tx, [scene.case], [], now)
            if kills == 0:
                kills = 1
                pid = await tx.fetchval("select pg_backend_pid()")
                await scene.rows("select pg_terminate_backend($1)", pid)
            return await tx.fetchval(
                "with gone as (delete from judging_queue returning 1) select count(*) from gone"
            )

    table = (Sweep("judge", dies_once, 0.2),)
    async with scheduler(database_url, table), scheduler(database_url, table):
        await until(lambda: flagged(scene))
    assert kills == 1
    assert await raised(scene) == [("recording_gap", 1)]


async def test_a_sweep_that_fails_does_not_stop_the_others(
    scene: Scene, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(database: sweeps.Transactions, now: datetime) -> int:
        raise RuntimeError("this sweep is broken")

    await with_two_holes(scene)
    async with scheduler(database_url, (Sweep("broken", fails, 0.1), *SWEEPS)):
        await until(lambda: flagged(scene))
    assert "the sweep broken failed" in caplog.text


async def test_without_a_database_it_waits_and_stops_when_told(
    scene: Scene, database_url: str
) -> None:
    away = database_url.rsplit("/", 1)[0] + "/no_such_database"
    async with scheduler(away):
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(away)


async def test_two_judges_at_once_judge_as_one(scene: Scene) -> None:
    await with_two_holes(scene)
    now = (await scene.row("select max(received_at) as at from recordings"))["at"]
    await asyncio.gather(*(sweeps.judge_changed(scene.database, now) for _ in range(4)))
    assert await raised(scene) == [("recording_gap", 1)]
    assert await scene.rows("select * from judging_queue") == []


async def test_what_changes_while_it_is_judged_is_judged_again(scene: Scene) -> None:
    await with_two_holes(scene)
    now = (await scene.row("select max(received_at) as at from recordings"))["at"]
    async with scene.database.transaction() as tx:
        taken = await sweeps._take(tx)
        async with scene.database.engine.pool.acquire() as other:
            await other.execute("update judging_queue set since = since")
        await sweeps._done(tx, taken)
    assert len(await scene.rows("select * from judging_queue")) == len(taken)
    await sweeps.judge_changed(scene.database, now)
    assert await scene.rows("select * from judging_queue") == []
