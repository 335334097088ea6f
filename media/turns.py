"""Whose turn it is to send the bytes of an upload, within this process.

Only so that a newer request ends an older one quickly and with its bytes kept; the lease in the
database is what keeps the two apart, here and across processes.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterator

from media.uploads import LeaseLost

IDLE_S = 60.0  # seconds without a byte after which a body is taken to have ended
LAST_BYTES_S = 0.2  # seconds without a byte after which an ended turn reads no further
ENDING_S = 10.0  # seconds an older request gets to make its last bytes durable


class Silent(Exception):
    """Nothing came for IDLE_S."""


class Turn:
    """One request's turn at an upload, which a newer request may end."""

    def __init__(self) -> None:
        self.stop, self.done, self.keep = asyncio.Event(), asyncio.Event(), True

    async def end(self, *, keep: bool) -> bool:
        """False when it hasn't ended within ENDING_S."""
        self.keep = keep
        self.stop.set()
        try:
            async with asyncio.timeout(ENDING_S):
                await self.done.wait()
        except TimeoutError:
            return False
        return True

    async def chunks(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """`body` until it ends; LeaseLost when the turn does, Silent when nothing comes.

        A turn that ends with its bytes kept still takes what is on its way already."""
        stopped = asyncio.create_task(self.stop.wait())
        try:
            while True:
                coming = asyncio.create_task(_next(body))
                await asyncio.wait({coming, stopped}, timeout=IDLE_S, return_when=FIRST_COMPLETED)
                if not coming.done() and stopped.done() and self.keep:
                    await asyncio.wait({coming}, timeout=LAST_BYTES_S)
                if not coming.done():
                    await _cancelled(coming)
                    raise LeaseLost if stopped.done() else Silent
                chunk = coming.result()
                if chunk is None:
                    return
                yield chunk
        finally:
            stopped.cancel()


async def _cancelled(task: asyncio.Task[bytes | None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _next(body: AsyncIterator[bytes]) -> bytes | None:
    try:
        return await anext(body)
    except StopAsyncIteration:
        return None
