"""The whole application behind a real socket, on a real database and a real store."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest
import uvicorn

from backend.database import Database
from backend.settings import Settings, variable
from deploy.app import create_app
from media.s3_store import S3Settings, S3Store
from tests.api.cast import House, build_house, bureau


class Granian:
    """`with Granian(settings) as process:` serves in a child, which `kill` ends as power loss does
    and `start` starts again. `port` is its own when something stands before it."""

    def __init__(self, settings: Settings, port: int | None = None) -> None:
        self.settings = settings
        self.port = port or int(settings.public_url.rsplit(":", 1)[1])

    def __enter__(self) -> Granian:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        said = msgspec.structs.asdict(self.settings)
        environment = {variable(name): str(value) for name, value in said.items()}
        program = f"from deploy.serve import serve; serve('127.0.0.1', {self.port})"
        self.child = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def kill(self) -> None:
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def memory(self) -> int:
        """The most bytes that the server's processes ever held, summed."""
        pages = subprocess.run(
            ["ps", "-o", "pid=", "-s", str(self.child.pid)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        return sum(_peak(int(pid)) for pid in pages)

    async def ready(self) -> None:
        async with asyncio.timeout(30), httpx.AsyncClient() as anybody:
            while True:
                try:
                    answer = await anybody.get(f"http://127.0.0.1:{self.port}/health")
                except httpx.TransportError:
                    assert self.child.poll() is None, "the server did not start"
                    await asyncio.sleep(0.05)
                else:
                    assert answer.status_code == 200
                    return


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


class Site(msgspec.Struct):
    """A running server and what a test may look at behind its back."""

    url: str
    settings: Settings
    secret: bytes
    database: Database
    store: S3Store
    house: House
    neighbour: House
    process: Granian | None = None

    @property
    def device(self) -> dict[str, str]:
        """Headers of 巴特尔's camera."""
        return {"Authorization": f"Bearer {self.house.device_token}"}

    async def one(self, query: str, *values: object) -> dict[str, object]:
        async with self.database.snapshot() as tx:
            return dict(await tx.fetchrow(query, *values))

    async def recording(self, recording_id: str | UUID) -> dict[str, object]:
        return await self.one("select * from recordings where id = $1", UUID(str(recording_id)))

    async def head(self, url: str) -> httpx.Response:
        async with httpx.AsyncClient() as anybody:
            return await anybody.head(url, headers={"Tus-Resumable": "1.0.0"})

    async def stored(self, recording_id: str | UUID) -> bytes:
        key = (await self.recording(recording_id))["object_key"]
        return b"".join([chunk async for chunk in self.store.open(str(key))])


@pytest.fixture
def settings(tmp_path: Path, database_url: str, store_settings: S3Settings) -> Settings:
    key = tmp_path / "secret"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o600)
    return Settings(
        database_url=database_url,
        s3_endpoint=store_settings.endpoint,
        s3_access_key=store_settings.access_key,
        s3_secret_key=store_settings.secret_key,
        s3_bucket=store_settings.bucket,
        public_url=f"http://127.0.0.1:{free_port()}",
        secret_key_file=key,
        work_dir=tmp_path,
        max_upload_bytes=300 * 1024 * 1024,
    )


@pytest.fixture
async def store(store_settings: S3Settings) -> AsyncIterator[S3Store]:
    store = S3Store(store_settings)
    await store.ensure_bucket()
    yield store
    store.close()


@pytest.fixture
async def houses(database: Database) -> tuple[House, House]:
    """市场监管局 with 巴特尔, and 住建局 with 王秀英."""
    top = await bureau(database)
    return (
        await build_house(database, top, "shijian", "市场监管局", "巴特尔"),
        await build_house(database, top, "zhujian", "住建局", "王秀英"),
    )


@pytest.fixture
async def site(
    settings: Settings, database: Database, store: S3Store, houses: tuple[House, House]
) -> AsyncIterator[Site]:
    secret = settings.secret_key_file.read_bytes()
    with served(settings):
        yield Site(settings.public_url, settings, secret, database, store, *houses)


@pytest.fixture
async def granian(
    settings: Settings, database: Database, store: S3Store, houses: tuple[House, House]
) -> AsyncIterator[Site]:
    """The same under the server that Quanji ships with, in a process of its own."""
    secret = settings.secret_key_file.read_bytes()
    with Granian(settings) as process:
        site = Site(settings.public_url, settings, secret, database, store, *houses)
        site.process = process
        await process.ready()
        yield site


@pytest.fixture
async def http(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """巴特尔's camera."""
    async with httpx.AsyncClient(base_url=site.url, headers=site.device, timeout=60) as client:
        yield client


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class served:  # noqa: N801 - used as a statement
    """`with served(settings):` runs uvicorn in a thread, on the port of `public_url`."""

    def __init__(self, settings: Settings) -> None:
        port = int(settings.public_url.rsplit(":", 1)[1])
        config = uvicorn.Config(
            create_app(settings),
            host="127.0.0.1",
            port=port,
            log_level="warning",
            timeout_graceful_shutdown=2,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=lambda: asyncio.run(self.server.serve()))

    def __enter__(self) -> None:
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the server did not start"
            self.thread.join(0.01)

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture
def noise() -> bytes:
    """21 MiB: two full parts and a rest."""
    return secrets.token_bytes(21 * 1024 * 1024)


@pytest.fixture
def big_file(tmp_path: Path, noise: bytes) -> Path:
    path = tmp_path / "检查.mp4"
    path.write_bytes(noise)
    return path
