"""Brings a database to this version's schema, safely when two start at once."""

from __future__ import annotations

import contextlib
import io
import os

import asyncpg
from piccolo.apps.migrations.commands.forwards import run_forwards

from backend.database import bind, engine_for
from backend.errors import Refusal
from deploy import piccolo_conf

# Any constant will do, as long as every version of Quanji takes the same one.
MIGRATION_LOCK = 0x5175616E6A69


async def migrate(url: str) -> None:
    """Run what has not run yet, in the order backend, sync, media; a second run does nothing.

    Two of three concurrent starts crashed without the advisory lock, which a dying process
    releases by itself.
    """
    lock = await asyncpg.connect(url)
    try:
        await lock.execute("select pg_advisory_lock($1)", MIGRATION_LOCK)
        await _run_under_lock(url)
    finally:
        await lock.close()


async def _run_under_lock(url: str) -> None:
    engine = engine_for(url)
    os.environ["PICCOLO_CONF"] = piccolo_conf.__name__
    piccolo_conf.DB = engine
    bind(engine, ())
    said = io.StringIO()
    for app in ("backend", "sync", "media"):
        with contextlib.redirect_stdout(said):
            result = await run_forwards(app)
        if not result.success:
            raise Refusal("migration_failed", detail=f"{app}: {result.message}")
    connection = await engine.get_new_connection()
    try:
        await connection.execute(
            """delete from migration m using migration first
                where m.name = first.name and m.app_name = first.app_name and m.id > first.id"""
        )
    finally:
        await connection.close()
