"""A browser on the running product. Without Chromium or the built console these tests fail.

server    URL of the product with the story told, one for all tests of this folder
story     what the story is about
page      a fresh page; `signed_in` the same with the supervisor signed in
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from psycopg import sql

from backend.database import Database
from deploy.app import TABLES, open_store
from deploy.embedded.store import StoreAddress
from tests.web.browser import FLAGS, NoChromium, find_chromium
from tests.web.houses import SUPERVISOR
from tests.web.server import free_port, serving, settings_for
from tests.web.story import Story, tell

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=20_000)


class Product(NamedTuple):
    url: str
    story: Story


@pytest.fixture(scope="session")
def built_console() -> None:
    if not (ROOT / "console/web/dist/index.html").is_file():
        pytest.fail("the console is not built: npm ci && npm run build (or make web)", False)


@pytest.fixture(scope="session")
def product(
    postgres: str,
    migrated_template: str,
    store_address: StoreAddress,
    built_console: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    name, port = f"web_{uuid4().hex[:12]}", free_port()
    _run(postgres, "create database {} template {}", name, migrated_template)
    settings = settings_for(
        folder,
        postgres.rsplit("/", 1)[0] + f"/{name}",
        tuple(store_address),
        f"web-{uuid4().hex[:12]}",
        port,
    )
    # In a thread of its own: the browser's driver keeps an event loop in this one.
    with ThreadPoolExecutor(1) as pool:
        story = pool.submit(lambda: asyncio.run(_seed(settings, folder))).result()
    with serving(settings, port, folder / "server.log") as url:
        yield Product(url, story)
    _run(postgres, "drop database {} with (force)", name)


async def _seed(settings: object, folder: Path) -> Story:
    database = await Database.connect(settings.database_url, tables=TABLES)  # type: ignore[attr-defined]
    store = open_store(settings)  # type: ignore[arg-type]
    try:
        await store.ensure_bucket()
        return await tell(database, store, folder, datetime.now(UTC))
    finally:
        store.close()
        await database.close()


def _run(postgres: str, statement: str, *names: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        path = find_chromium()
    except NoChromium as missing:
        pytest.fail(str(missing), False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def server(product: Product) -> str:
    return product.url


@pytest.fixture
def story(product: Product) -> Story:
    return product.story


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A page in a context of its own; what the page's own code throws fails the test."""
    context = browser.new_context(base_url=server, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    yield page
    context.close()
    assert thrown == []


@pytest.fixture
def signed_in(page: Page) -> Page:
    login, password = SUPERVISOR
    answer = page.request.post("/api/session", data={"login": login, "password": password})
    assert answer.status == 201
    return page
