"""Real services for tests, fast: a clone of a migrated database a test, one store a run.

A test that asks for none of these fixtures starts nothing.

    database_url         URL of a fresh, migrated database, dropped after the test
    empty_database_url   the same without any table
    database             a `Database` connected to `database_url`
    bucket               a `Bucket` whose name is new; the bucket itself is not made yet
    store_settings       `S3Settings` of `bucket`
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from deploy.embedded.store import StoreAddress
from tests.services import locked, shared_service

TEMPLATE = "quanji_template"


class Bucket(NamedTuple):
    endpoint: str
    access_key: str
    secret_key: str
    bucket: str


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def run_pid() -> int:
    """The process that ends when the run does: the one that started the workers, or this one."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


@pytest.fixture(scope="session")
def postgres(run_folder: Path, run_pid: int) -> str:
    """URL of the run's PostgreSQL, for its maintenance database."""
    return shared_service("postgres", run_folder, run_pid)[0]


@pytest.fixture(scope="session")
def store_address(run_folder: Path, run_pid: int) -> StoreAddress:
    """The run's S3 store."""
    return StoreAddress(*shared_service("store", run_folder, run_pid))


@pytest.fixture(scope="session")
def migrated_template(postgres: str, run_folder: Path) -> str:
    """Name of a database with every migration; made once a run."""
    done = run_folder / "template-migrated"
    with locked(run_folder / "template.lock"):
        if not done.exists():
            _migrated_database(postgres)
            done.touch()
    return TEMPLATE


def _migrated_database(postgres: str) -> None:
    from deploy.migrate import migrate

    _run(postgres, "drop database if exists {}", TEMPLATE)
    _run(postgres, "create database {}", TEMPLATE)
    # In a thread, so that it can't disturb the event loops of the tests.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(migrate(_url_of(postgres, TEMPLATE)))).result()


@pytest.fixture
def database_url(postgres: str, migrated_template: str) -> Iterator[str]:
    with fresh_database(postgres, migrated_template) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres: str) -> Iterator[str]:
    with fresh_database(postgres, "template1") as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[object]:
    import backend.tables
    import media.tables
    import sync.tables
    from backend.database import Database

    tables = (*backend.tables.TABLES, *sync.tables.TABLES, *media.tables.TABLES)
    database = await Database.connect(database_url, tables=tables)
    yield database
    await database.close()


@pytest.fixture
def bucket(store_address: StoreAddress) -> Bucket:
    return Bucket(*store_address, f"test-{uuid4().hex[:16]}")


@pytest.fixture
def store_settings(bucket: Bucket) -> object:
    from media.s3_store import S3Settings

    return S3Settings(**bucket._asdict())


@contextmanager
def fresh_database(postgres: str, template: str) -> Iterator[str]:
    """URL of a copy of `template`, dropped at the end."""
    name = f"test_{uuid4().hex[:16]}"
    _run(postgres, "create database {} template {}", name, template)
    try:
        yield _url_of(postgres, name)
    finally:
        _run(postgres, "drop database {} with (force)", name)


def _run(postgres: str, statement: str, *names: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _url_of(postgres: str, name: str) -> str:
    return postgres.rsplit("/", 1)[0] + f"/{name}"
