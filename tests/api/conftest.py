"""The whole application in this process, on a real database and a real store."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from backend.database import Database
from backend.settings import Settings
from deploy.app import create_app
from tests.api.cast import House, build_house, bureau


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a server whose store is never reached: these tests need none."""
    key = tmp_path / "secret"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o600)
    return Settings(
        database_url=database_url,
        s3_endpoint="http://127.0.0.1:9",
        s3_access_key="nobody",
        s3_secret_key="reaches it",
        s3_bucket="evidence",
        public_url="http://quanji.test",
        secret_key_file=key,
        work_dir=tmp_path,
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Litestar]:
    """Its lifespan runs in a task of its own: it must end in the task that it began in."""
    app = create_app(settings)
    started, finished = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await finished.wait()

    life = asyncio.create_task(live())
    await asyncio.wait({life, asyncio.create_task(started.wait())}, return_when="FIRST_COMPLETED")
    yield app
    finished.set()
    await life


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://quanji.test") as client:
        yield client


@pytest.fixture
async def houses(app: Litestar) -> tuple[House, House]:
    """市场监管局 with 巴特尔, and 住建局 with 王秀英, both below 司法局."""
    database: Database = app.state.database
    top = await bureau(database)
    return (
        await build_house(database, top, "shijian", "市场监管局", "巴特尔"),
        await build_house(database, top, "zhujian", "住建局", "王秀英"),
    )
