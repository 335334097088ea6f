"""The servers under measurement, all on one store: Quanji as it ships, and the peer."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

import backend.tables
from backend.database import Database
from backend.settings import Settings, variable
from deploy.app import open_store
from deploy.embedded.postgres import PostgresServer
from deploy.embedded.processes import holds_within
from deploy.embedded.store import StoreServer
from deploy.migrate import migrate
from media.s3_store import S3Store
from tests.api.cast import build_house, bureau

HERE = Path(__file__).parent
SERVE = "from deploy.serve import serve; serve('127.0.0.1', {})"


class Sites(NamedTuple):
    """`ours` and `peer` are URLs of tus collections; `pid` is of our server's first process."""

    settings: Settings
    token: str
    pid: int
    ours: str
    peer: str


@contextmanager
def running(folder: Path) -> Iterator[Sites]:
    """Everything on fresh data under `folder`, with PostgreSQL and the store as `quanji up` runs
    them: every commit and every put reaches the disk."""
    with ExitStack() as stack:
        database, store = PostgresServer(folder / "postgres"), StoreServer(folder / "store")
        url, address = database.start(), None
        stack.callback(database.stop)
        address = store.start()
        stack.callback(store.stop)
        settings = _settings(folder, url, address)
        token = asyncio.run(_prepared(settings))
        ours = stack.enter_context(_process(_our_command(settings), _our_environment(settings)))
        port = free_port()
        stack.enter_context(_process(_peer_command(settings, port), {}))
        _wait_for(int(settings.public_url.rsplit(":", 1)[1]))
        _wait_for(port)
        yield Sites(
            settings,
            token,
            ours.pid,
            f"{settings.public_url}/api/uploads",
            f"http://127.0.0.1:{port}/api/uploads",
        )


def _settings(folder: Path, url: str, address: tuple[str, str, str]) -> Settings:
    key = folder / "secret"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o600)
    return Settings(
        database_url=url,
        s3_endpoint=address[0],
        s3_access_key=address[1],
        s3_secret_key=address[2],
        s3_bucket="evidence",
        public_url=f"http://127.0.0.1:{free_port()}",
        secret_key_file=key,
        work_dir=folder,
    )


async def _prepared(settings: Settings) -> str:
    """Schema, bucket, and the token of 巴特尔's camera."""
    await migrate(settings.database_url)
    store = open_store(settings)
    await store.ensure_bucket()
    store.close()
    database = await Database.connect(settings.database_url, tables=backend.tables.TABLES, most=2)
    house = await build_house(database, await bureau(database), "shijian", "市场监管局", "巴特尔")
    await database.close()
    return house.device_token


def _our_command(settings: Settings) -> list[str]:
    return [sys.executable, "-c", SERVE.format(settings.public_url.rsplit(":", 1)[1])]


def _our_environment(settings: Settings) -> dict[str, str]:
    said = msgspec.structs.asdict(settings)
    return {variable(name): str(value) for name, value in said.items() if value is not None}


def _peer_command(settings: Settings, port: int) -> list[str]:
    if not (HERE / "node/node_modules").exists():
        subprocess.run(["npm", "ci"], cwd=HERE / "node", check=True, stdout=sys.stderr)
    said = {
        "port": port,
        "endpoint": settings.s3_endpoint,
        "bucket": settings.s3_bucket,
        "accessKeyId": settings.s3_access_key,
        "secretAccessKey": settings.s3_secret_key,
    }
    node = shutil.which("node")
    if node is None:
        raise SystemExit('Node is missing: make setup, then PATH="$(cat .node/path):$PATH"')
    return [node, str(HERE / "node/peer.js"), json.dumps(said)]


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        command, env={**os.environ, **environment}, start_new_session=True, stdout=sys.stderr
    )
    try:
        yield child
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _wait_for(port: int) -> None:
    if not holds_within(60, lambda: _listens(port)):
        raise SystemExit(f"nothing listens at port {port}")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Memory:
    """`with Memory(pid) as memory:` afterwards `memory.grown` is by how many bytes the process
    and its children exceeded what they held at the beginning."""

    def __init__(self, pid: int) -> None:
        self.pid, self.grown = pid, 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)

    def __enter__(self) -> Memory:
        self._idle = self._held()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.is_set():
            self.grown = max(self.grown, self._held() - self._idle)
            time.sleep(0.05)

    def _held(self) -> int:
        rows = subprocess.run(
            ["ps", "-o", "rss=", "-s", str(self.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        return sum(map(int, rows)) * 1024


def store_of(settings: Settings) -> S3Store:
    return open_store(settings)
