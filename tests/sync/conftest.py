"""市场监管局 with its officers and their handhelds, the server in this process, a real database."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from litestar import Litestar

from backend.database import Database
from backend.settings import Settings
from deploy.app import create_app
from tests.sync.cast import Bureau, build_bureau


@pytest.fixture
async def app(tmp_path: Path, database_url: str) -> AsyncIterator[Litestar]:
    key = tmp_path / "secret"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o600)
    settings = Settings(
        database_url=database_url,
        s3_endpoint="http://127.0.0.1:9",
        s3_access_key="nobody",
        s3_secret_key="reaches it",
        s3_bucket="evidence",
        public_url="http://quanji.test",
        secret_key_file=key,
        work_dir=tmp_path,
    )
    app = create_app(settings)
    started, finished = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        """A lifespan must end in the task that it began in; a fixture's two halves are two."""
        async with app.lifespan():
            started.set()
            await finished.wait()

    life = asyncio.create_task(live())
    await asyncio.wait({life, asyncio.create_task(started.wait())}, return_when="FIRST_COMPLETED")
    yield app
    finished.set()
    await life


@pytest.fixture
async def bureau(app: Litestar, tmp_path: Path) -> AsyncIterator[Bureau]:
    database: Database = app.state.database
    bureau = await build_bureau(app, database, tmp_path)
    yield bureau
    for client in bureau.clients:
        await client.close()
