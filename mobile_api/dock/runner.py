"""The camera-side uploader: every recording below a folder, in parallel, until each is receipted.

A file is cleared only when it was asked for, a receipt of the server's key names its digest and
size, and the file is still the one that was read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec

from media.capture_time import NameScheme
from media.receipts import BadReceipt, check_receipt, read_keys
from mobile_api.dock.client import UploadFailed, UploadResult, upload
from mobile_api.dock.folders import Found, claims_of, recordings_below
from mobile_api.dock.journal import Journal

KEYS = "/.well-known/quanji-receipts.json"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a dock was told to do. `wait_s`: how long to wait for a large file's receipt."""

    folder: Path
    schemes: tuple[NameScheme, ...]
    parallel: int = 4
    clear: bool = False
    wait_s: float = 600.0


class Watcher(Protocol):
    """Is told how files get on."""

    def begin(self, found: Found) -> Callable[[int], None]:
        """A file starts; the answer is called with its offset in bytes."""

    def end(self, found: Found, outcome: Outcome) -> None:
        """It is done, or left for the next time."""


class Outcome(msgspec.Struct, frozen=True):
    """How one file ended. `state`: `receipted`, `known` (receipted before) or `left`."""

    path: str
    state: str
    recording_id: str | None = None
    cleared: bool = False
    error: str | None = None


class Summary(msgspec.Struct, frozen=True):
    """Of one pass; the last line of `--once`."""

    files: int
    receipted: int
    cleared: int
    left: int
    outcomes: list[Outcome]


async def run_once(
    http: httpx.AsyncClient, journal: Journal, plan: Plan, watcher: Watcher
) -> Summary:
    """One pass over the folder. Raises OSError for a folder that can't be read, and UploadFailed
    or BadReceipt when the server's keys can't be had: without them nothing may be cleared."""
    found = await asyncio.to_thread(lambda: list(recordings_below(plan.folder)))
    dock = _Dock(http, journal, plan, await _server_keys(http), watcher)
    outcomes = await _all_or_none_running([dock.handle(file) for file in found])
    return Summary(
        files=len(outcomes),
        receipted=sum(o.state != "left" for o in outcomes),
        cleared=sum(o.cleared for o in outcomes),
        left=sum(o.state == "left" for o in outcomes),
        outcomes=outcomes,
    )


async def _all_or_none_running(files: Sequence[Coroutine[Any, Any, Outcome]]) -> list[Outcome]:
    """When the pass breaks off, no file of it goes on being sent or cleared behind its back."""
    tasks = [asyncio.create_task(file) for file in files]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _server_keys(http: httpx.AsyncClient) -> dict[str, bytes]:
    try:
        answer = await http.get(KEYS)
        answer.raise_for_status()
    except httpx.HTTPError as e:
        raise UploadFailed(f"{http.base_url}: {e}", url=None) from e
    return read_keys(answer.json())


class _Dock:
    def __init__(
        self,
        http: httpx.AsyncClient,
        journal: Journal,
        plan: Plan,
        keys: dict[str, bytes],
        watcher: Watcher,
    ) -> None:
        self.http, self.journal, self.plan = http, journal, plan
        self.keys, self.watcher = keys, watcher
        self.turns = asyncio.Semaphore(plan.parallel)

    async def handle(self, found: Found) -> Outcome:
        async with self.turns:
            known = self.journal.entry(found).receipt
            try:
                outcome = await self._known(found, known) if known else await self._send(found)
            except (UploadFailed, BadReceipt, OSError, httpx.HTTPError) as e:
                outcome = Outcome(found.relative, "left", error=str(e) or type(e).__name__)
        self.watcher.end(found, outcome)
        return outcome

    async def _known(self, found: Found, document: dict[str, object]) -> Outcome:
        """Receipted before, by this journal: the receipt is checked again before it clears."""
        receipt = check_receipt(document, self.keys)
        cleared = await self._clear(found)
        return Outcome(found.relative, "known", str(receipt.recording_id), cleared)

    async def _send(self, found: Found) -> Outcome:
        moved = self.watcher.begin(found)

        def progress(offset: int) -> None:
            self.journal.moved(found, offset)
            moved(offset)

        result = await upload(
            self.http,
            found.path,
            metadata=claims_of(found, self.plan.schemes),
            url=self.journal.entry(found).url,
            created=lambda url: self.journal.begun(found, url),
            progress=progress,
            wait_s=self.plan.wait_s,
        )
        return await self._conclude(found, result)

    async def _conclude(self, found: Found, result: UploadResult) -> Outcome:
        recording_id = str(result.recording_id)
        if result.receipt is None:
            if result.state == "rejected":
                self.journal.forgotten(found)
            return Outcome(
                found.relative, "left", recording_id, error=f"no receipt yet: {result.state}"
            )
        receipt = check_receipt(result.receipt, self.keys)
        if (receipt.sha256, receipt.size) != (result.sha256, found.size):
            raise BadReceipt(f"the receipt is for other bytes: {receipt.sha256}")
        self.journal.receipted(found, result.sha256, result.receipt)
        return Outcome(found.relative, "receipted", recording_id, await self._clear(found))

    async def _clear(self, found: Found) -> bool:
        """A file that changed since it was read is another recording, and stays."""
        if not self.plan.clear or not found.unchanged():
            return False
        await asyncio.to_thread(found.path.unlink)
        self.journal.cleared(found)
        return True
