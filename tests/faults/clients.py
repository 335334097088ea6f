"""The clients of the tables: each uploads one file with its own retries, as its users would.

A row is a name and a coroutine that returns once its client says that all is uploaded.
"""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiotus
import httpx
import msgspec
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from mobile_api.dock.client import upload

MIB = 1024 * 1024
RETRIES = 100  # attempts of any client: more than a plan has faults, enough for a restart
PAUSE_S = 0.15
NODE_SCRIPT = Path(__file__).parent / "node" / "upload.js"


class Trip(msgspec.Struct, frozen=True):
    """One file on its way to `server` as the device that `headers` name; `key` is its name for
    what it uploads, so that a creation whose answer was lost can be asked for again."""

    server: str
    headers: dict[str, str]
    path: Path
    key: str

    @property
    def endpoint(self) -> str:
        return f"{self.server}/api/uploads"

    @property
    def metadata(self) -> dict[str, str]:
        return {"filename": self.path.name, "key": self.key}


class Row(msgspec.Struct, frozen=True):
    """One client in one of its ways of uploading."""

    name: str
    send: Callable[[Trip], Awaitable[None]]


def tuspy(**options: Any) -> Callable[[Trip], Awaitable[None]]:
    return lambda trip: asyncio.to_thread(_tuspy, trip, options)


def _tuspy(trip: Trip, options: dict[str, Any]) -> None:
    """tuspy asks for no creation again, and reads an answer that broke off in its head as if it
    were whole: half a `Location`, no `Upload-Offset` (a TypeError). Its user creates again, and
    the key finds the same upload."""
    client = TusClient(trip.endpoint, headers=trip.headers)
    for _ in range(RETRIES):
        uploader = client.uploader(
            str(trip.path), metadata=trip.metadata, retries=12, retry_delay=PAUSE_S, **options
        )
        try:
            uploader.upload()
        except (TusCommunicationError, TusUploadFailed, TypeError):
            time.sleep(PAUSE_S)
        else:
            return
    raise AssertionError("tuspy gave up")


async def with_aiotus(trip: Trip) -> None:
    patience = aiotus.RetryConfiguration(retry_attempts=RETRIES, max_retry_period_seconds=PAUSE_S)
    said = {name: value.encode() for name, value in trip.metadata.items()}
    with trip.path.open("rb") as file:
        url = await aiotus.upload(
            trip.endpoint, file, said, config=patience, headers=trip.headers, chunksize=3 * MIB
        )
    assert url is not None, "aiotus gave up"


async def with_aiotus_in_parallel(trip: Trip) -> None:
    """Three pieces as partial uploads, and a final of them."""
    patience = aiotus.RetryConfiguration(retry_attempts=RETRIES, max_retry_period_seconds=PAUSE_S)
    said = {name: value.encode() for name, value in trip.metadata.items()}
    content = trip.path.read_bytes()
    third = -(-len(content) // 3)
    pieces = [io.BytesIO(content[n * third : (n + 1) * third]) for n in range(3)]
    url = await aiotus.upload_multiple(
        trip.endpoint, pieces, said, config=patience, headers=trip.headers, chunksize=3 * MIB
    )
    assert url is not None, "aiotus gave up"


def tus_js(**options: Any) -> Callable[[Trip], Awaitable[None]]:
    """`options` are tus-js-client's."""

    async def send(trip: Trip) -> None:
        said = {
            "endpoint": trip.endpoint,
            "headers": trip.headers,
            "metadata": trip.metadata,
            "retryDelays": [round(PAUSE_S * 1000)] * RETRIES,
            **options,
        }
        if not trip.path.stat().st_size:
            said["uploadDataDuringCreation"] = False  # it can't read a slice of an empty file
        await _node(json.dumps({"file": str(trip.path), "options": said}))

    return send


async def _node(told: str) -> None:
    node = shutil.which("node")
    assert node is not None, "these tests need Node on the PATH"
    child = await asyncio.create_subprocess_exec(
        node, str(NODE_SCRIPT), told, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        said, complaint = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    assert child.returncode == 0, f"tus-js-client gave up: {complaint.decode()}{said.decode()}"


async def our_dock(trip: Trip) -> None:
    async with httpx.AsyncClient(base_url=trip.server, headers=trip.headers, timeout=30) as http:
        await upload(http, trip.path, metadata=trip.metadata)


ROWS = [
    Row("tuspy", tuspy()),
    Row("tuspy in chunks with checksums", tuspy(chunk_size=3 * MIB, upload_checksum=True)),
    Row("aiotus", with_aiotus),
    Row("tus-js-client", tus_js()),
    Row("tus-js-client in chunks", tus_js(chunkSize=6 * MIB)),
    Row(
        "tus-js-client with bytes in the creation",
        tus_js(chunkSize=6 * MIB, uploadDataDuringCreation=True),
    ),
    Row("our dock", our_dock),
]
