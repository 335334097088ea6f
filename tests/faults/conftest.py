"""The product as it ships, behind a bad line, once for all tests of a module.

How much is tried is told by the environment: `make test-faults RUNS=200 UPLOADS=50`.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

import backend.tables
import media.tables
import sync.tables
from backend.database import Database
from backend.settings import Settings
from deploy.embedded.store import StoreAddress
from media.s3_store import S3Settings, S3Store
from tests.api.cast import build_house, bureau
from tests.conftest import Bucket, fresh_database
from tests.faults.aftermath import Behind
from tests.faults.proxy import BadLine
from tests.uploads.conftest import Granian, free_port

TABLES = (*backend.tables.TABLES, *sync.tables.TABLES, *media.tables.TABLES)


class Product(msgspec.Struct, frozen=True):
    """Two replicas of the API; `url` leads to them in turn, through `line`."""

    url: str
    line: BadLine
    servers: tuple[Granian, Granian]
    behind: Behind
    device: dict[str, str]


async def products(
    folder: Path, database_url: str, store_settings: S3Settings
) -> AsyncIterator[Product]:
    """One product on this database and this store, with 巴特尔's camera enrolled."""
    settings = _settings(folder, database_url, store_settings)
    database = await Database.connect(database_url, tables=TABLES)
    store = S3Store(store_settings)
    await store.ensure_bucket()
    house = await build_house(database, await bureau(database), "shijian", "市场监管局", "巴特尔")
    behind = Behind(
        database, store, store_settings, settings.secret_key_file.read_bytes(), house.device_id
    )
    device = {"Authorization": f"Bearer {house.device_token}"}
    ports, line_port = (free_port(), free_port()), int(settings.public_url.rsplit(":", 1)[1])
    with (
        Granian(settings, ports[0]) as one,
        Granian(settings, ports[1]) as other,
        BadLine(line_port, *ports) as line,
    ):
        await one.ready()
        await other.ready()
        yield Product(settings.public_url, line, (one, other), behind, device)
    store.close()
    await database.close()


def _settings(folder: Path, database_url: str, store: S3Settings) -> Settings:
    key = folder / "secret"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o600)
    return Settings(
        database_url=database_url,
        s3_endpoint=store.endpoint,
        s3_access_key=store.access_key,
        s3_secret_key=store.secret_key,
        s3_bucket=store.bucket,
        public_url=f"http://127.0.0.1:{free_port()}",
        secret_key_file=key,
        work_dir=folder,
        max_upload_bytes=300 * 1024 * 1024,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: str,
    migrated_template: str,
    store_address: StoreAddress,
) -> AsyncIterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    bucket = Bucket(*store_address, f"faults-{secrets.token_hex(8)}")
    with fresh_database(postgres, migrated_template) as url:
        async for one in products(folder, url, S3Settings(**bucket._asdict())):
            yield one
