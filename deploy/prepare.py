"""What a data folder needs before its processes start: schema, bucket, first accounts.

`quanji up` runs it as a child, `python -m deploy.prepare FOLDER`, with its settings in the
environment. Doing it again changes nothing.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import backend.tables
from backend.database import Database
from backend.settings import Settings, read_settings
from deploy.app import open_store
from deploy.first_logins import first_logins
from deploy.migrate import migrate


async def prepare(settings: Settings, folder: Path) -> None:
    """Raises what the database or the store refuses."""
    await migrate(settings.database_url)
    store = open_store(settings)
    try:
        await store.ensure_bucket()
    finally:
        store.close()
    database = await Database.connect(settings.database_url, tables=backend.tables.TABLES, most=2)
    try:
        await first_logins(database, folder)
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(prepare(read_settings(), Path(sys.argv[1])))
