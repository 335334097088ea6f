"""The HTTP application: one readable wiring function."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Router, get
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

import backend.tables
import console.routes
import media.tables
import mobile_api.routes
import sync.tables
from backend.database import Database, utc_now
from backend.people.access import ANYONE
from backend.settings import Settings, read_secret, read_settings
from deploy.http.authentication import Authentication, hold_to_declaration
from deploy.http.problems import HANDLERS
from deploy.http.web import console_page
from media.s3_store import S3Settings, S3Store
from media.store import ObjectStore

VERSION = "0.1.0"
TABLES = (*backend.tables.TABLES, *sync.tables.TABLES, *media.tables.TABLES)


def create_app(settings: Settings | None = None) -> Litestar:
    """The whole API. Without `settings` it reads the environment, as a server's factory needs."""
    settings = settings or read_settings()
    secret = read_secret(settings.secret_key_file)
    return Litestar(
        route_handlers=[*mobile_api.routes.ROUTES, *console.routes.ROUTES, health, console_page],
        dependencies={
            "database": Provide(_database, sync_to_thread=False),
            "store": Provide(_store, sync_to_thread=False),
            "settings": Provide(lambda: settings, sync_to_thread=False),
            "secret": Provide(lambda: secret, sync_to_thread=False),
            "now": Provide(utc_now, sync_to_thread=False),
            "actor": Provide(_actor, sync_to_thread=False),
        },
        guards=[hold_to_declaration],
        middleware=[DefineMiddleware(Authentication)],
        exception_handlers=HANDLERS,
        lifespan=[lambda app: _running(app, settings)],
        openapi_config=OpenAPIConfig(
            title="Quanji 全记",
            version=VERSION,
            path="/schema",
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
            openapi_router=Router(path="/schema", route_handlers=[], opt={"who": ANYONE}),
        ),
    )


@asynccontextmanager
async def _running(app: Litestar, settings: Settings) -> AsyncIterator[None]:
    app.state.database = await Database.connect(settings.database_url, tables=TABLES)
    app.state.store = open_store(settings)
    try:
        yield
    finally:
        app.state.store.close()
        await app.state.database.close()


def open_store(settings: Settings) -> S3Store:
    """The object store that the settings name; it is contacted at the first call."""
    return S3Store(
        S3Settings(
            endpoint=settings.s3_endpoint,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            bucket=settings.s3_bucket,
            public_endpoint=settings.s3_public_endpoint or None,
        )
    )


def _database(request: Request[Any, Any, Any]) -> Database:
    return request.app.state.database


def _store(request: Request[Any, Any, Any]) -> ObjectStore:
    return request.app.state.store


def _actor(request: Request[Any, Any, Any]) -> Any:
    return request.user


@get("/health", opt={"who": ANYONE})
async def health(database: Database) -> dict[str, str]:
    """Answers when the database does."""
    async with database.snapshot() as tx:
        await tx.fetchval("select 1")
    return {"status": "ok", "version": VERSION}
