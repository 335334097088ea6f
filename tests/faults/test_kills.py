"""Power goes off under the API, the store, the database, while uploads are under way: after the
restart each goes on from the bytes that were durable, and every object equals its source."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
import pytest_asyncio

from deploy.embedded.postgres import PostgresServer
from deploy.embedded.store import StoreServer
from deploy.migrate import migrate
from media.s3_store import S3Settings
from tests.faults.clients import MIB, ROWS, Trip
from tests.faults.conftest import Product, products

pytestmark = pytest.mark.asyncio(loop_scope="module")

UPLOADS = int(os.environ.get("QUANJI_FAULT_UPLOADS", 6))
KILLS = max(1, UPLOADS // 10)  # of each victim
AT_ONCE = 6
OFF_S = 1.0  # seconds that the power is off
SIZES = [9 * MIB, 17 * MIB, 12 * MIB + 1]


class Plant(msgspec.Struct, frozen=True):
    """A product on a database and a store of its own, which keep their promises to the disk."""

    product: Product
    postgres: PostgresServer
    store: StoreServer

    def kill(self, victim: str) -> None:
        if victim == "api":
            for server in self.product.servers:
                server.kill()
            return
        process = self._service(victim).process
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    async def restart(self, victim: str) -> None:
        if victim == "api":
            for server in self.product.servers:
                server.start()
                await server.ready()
            return
        service = self._service(victim)
        service.launch()
        await asyncio.to_thread(service.wait_ready)

    def _service(self, victim: str) -> PostgresServer | StoreServer:
        return {"database": self.postgres, "store": self.store}[victim]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    folder = tmp_path_factory.mktemp("plant")
    postgres, store = PostgresServer(folder / "postgres"), StoreServer(folder / "store")
    try:
        postgres.start()
        url = postgres.create_database("quanji")
        await migrate(url)
        settings = S3Settings(*store.start(), bucket="evidence")
        async for product in products(folder, url, settings):
            yield Plant(product, postgres, store)
    finally:
        store.stop()
        postgres.stop()


@pytest.mark.parametrize("victim", ["api", "store", "database"])
async def test_uploads_go_on_after_a_kill_of_the(plant: Plant, tmp_path: Path, victim: str) -> None:
    contents = _contents(tmp_path, victim)
    gate, done = asyncio.Semaphore(AT_ONCE), set[str]()

    async def send(number: int, path: Path) -> None:
        async with gate:
            trip = Trip(plant.product.url, plant.product.device, path, path.name)
            await ROWS[number % len(ROWS)].send(trip)
        done.add(path.name)

    line = plant.product.line
    passed = line.passed
    total = sum(len(content) for content in contents.values())
    async with asyncio.TaskGroup() as group:
        for number, path in enumerate(contents):
            group.create_task(send(number, path))
        for kill in range(KILLS):
            await line.reached(passed + int(total * (kill + 0.4) / (KILLS + 0.4)))
            assert len(done) < len(contents), "nothing was under way any more"
            plant.kill(victim)
            await asyncio.sleep(OFF_S)
            await plant.restart(victim)
    await line.quiet()
    for path, content in contents.items():
        await plant.product.behind.holds(path.name, content)


async def test_while_the_database_is_away_clients_are_told_to_come_again(plant: Plant) -> None:
    device = {**plant.product.device, "Tus-Resumable": "1.0.0"}
    chunk = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    async with httpx.AsyncClient(base_url=plant.product.url, headers=device) as http:
        made = await http.post("/api/uploads", headers={"Upload-Length": "5"})
        url = made.headers["Location"]
        plant.kill("database")
        # Only 423 keeps tus-js-client from starting over.
        assert [(await http.head(url)).status_code for _ in range(3)] == [423] * 3
        for refused in (
            await http.post("/api/uploads", headers={"Upload-Length": "5"}),
            await http.patch(url, headers=chunk, content=b"12345"),
            await http.get("/health"),
        ):
            assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
        await plant.restart("database")
        assert (await http.head(url)).headers["Upload-Offset"] == "0"
        assert (await http.patch(url, headers=chunk, content=b"12345")).status_code == 204


def _contents(folder: Path, victim: str) -> dict[Path, bytes]:
    contents = {}
    for number in range(UPLOADS):
        chance = random.Random(f"{victim} {number}")
        path = folder / f"{victim}-{number}.mp4"
        contents[path] = chance.randbytes(SIZES[number % len(SIZES)])
        path.write_bytes(contents[path])
    return contents
