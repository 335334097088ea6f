"""The tus client that docks, cameras' simulators and the demo share: it goes on until every byte is
there, or says clearly why it can't.

    bearer = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=server, headers=bearer) as http:
        result = await upload(http, path, metadata={"begin": "2026-03-02T09:00:00+08:00"})
        result.recording_id, result.state, result.receipt
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec

CHUNK = 8 * 1024 * 1024  # bytes a request carries, each under its own checksum
PATIENCE = 8  # attempts in a row without progress before giving up
LONGEST_PAUSE = 20.0  # seconds
AGAIN = frozenset({408, 409, 423, 429, 460, 500, 502, 503, 504, 507})
LOST = frozenset({404, 410})
SETTLED = frozenset({"verified", "probed", "ready", "rejected"})
VERSION = {"Tus-Resumable": "1.0.0"}
OFFSET_TYPE = {"Content-Type": "application/offset+octet-stream"}


class UploadFailed(Exception):
    """The server refused, or patience ran out. `problem` is its RFC 9457 document, if it sent one.

    What had arrived stays: `url` goes on from there."""

    def __init__(
        self, text: str, *, url: str | None, problem: dict[str, Any] | None = None
    ) -> None:
        super().__init__(text)
        self.url = url
        self.problem = problem or {}


class UploadResult(msgspec.Struct, frozen=True):
    """A finished upload. `state` is the recording's; `receipt` the signed safe-to-clear document,
    None until the server has read the stored object back. `recording_id` is the recording that
    keeps these bytes: an earlier one if they were known."""

    recording_id: UUID
    receipt: dict[str, Any] | None
    state: str
    url: str
    sha256: str
    size: int


class _File(msgspec.Struct, frozen=True):
    path: Path
    size: int
    sha256: str

    def read(self, offset: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(CHUNK)


async def upload(
    http: httpx.AsyncClient,
    path: Path | str,
    *,
    metadata: Mapping[str, str],
    url: str | None = None,
    created: Callable[[str], None] | None = None,
    progress: Callable[[int], None] | None = None,
    wait_s: float = 0.0,
) -> UploadResult:
    """Upload one file to the server that `http` points at (base_url, Authorization).

    `metadata` takes filename, filetype, begin, boot_id, monotonic_ms, case_id, media_kind, key;
    filename, sha256 and key are filled in when absent. `url` resumes an earlier upload; `created`
    is told the URL to resume at, `progress` the offset in bytes after each step. Waits up to
    `wait_s` seconds for the receipt of a large file. Raises UploadFailed, or OSError for the file.
    """
    file = await asyncio.to_thread(digest_file, Path(path))
    said = {"filename": file.path.name, "sha256": file.sha256, **metadata}
    said.setdefault("key", f"{file.sha256}:{said['filename']}"[:200])
    run = _Run(http, file, said, url, created or _ignore, progress or _ignore)
    recording_id = await run.finish()
    told = await settled_recording(http, recording_id, wait_s)
    return UploadResult(
        recording_id=UUID(told["recording_id"]),
        receipt=told["receipt"],
        state=told["state"],
        url=run.url or "",
        sha256=file.sha256,
        size=file.size,
    )


def digest_file(path: Path) -> _File:
    """Reads the file once."""
    running, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(1024 * 1024):
            running.update(chunk)
            size += len(chunk)
    return _File(path, size, running.hexdigest())


async def settled_recording(
    http: httpx.AsyncClient, recording_id: UUID, wait_s: float
) -> dict[str, Any]:
    """GET /api/device/recordings/{id}, again until it is settled or `wait_s` seconds are over.

    Raises UploadFailed when the server refuses to tell, or when no answer comes: PATIENCE times in
    a row and for all that time."""
    clock = asyncio.get_running_loop().time
    deadline, pause, failures = clock() + wait_s, 0.2, 0
    while True:
        answer = await _asked(http, f"/api/device/recordings/{recording_id}")
        last = clock() >= deadline
        if isinstance(answer, httpx.Response) and answer.is_success:
            told: dict[str, Any] = answer.json()
            if last or told["state"] in SETTLED:
                return told
            failures = 0
        else:
            failures += 1
            if failures >= PATIENCE and last:
                raise _unanswered(answer)
            if isinstance(answer, httpx.Response) and answer.status_code not in AGAIN:
                raise _failure(answer, None)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 3.0)


async def _asked(http: httpx.AsyncClient, path: str) -> httpx.Response | httpx.TransportError:
    try:
        return await http.get(path)
    except httpx.TransportError as e:
        return e


def _unanswered(answer: httpx.Response | httpx.TransportError) -> UploadFailed:
    if isinstance(answer, httpx.Response):
        return _failure(answer, None)
    return UploadFailed(f"no answer: {answer or type(answer).__name__}", url=None)


class _Run:
    """One file on its way. `url` and `offset` are what the server last said."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        file: _File,
        metadata: Mapping[str, str],
        url: str | None,
        created: Callable[[str], None],
        progress: Callable[[int], None],
    ) -> None:
        self.http, self.file, self.metadata = http, file, metadata
        self.url = url
        self.created, self.progress = created, progress
        self.offset: int | None = None if url else 0
        self.recording_id: UUID | None = None
        self.failures = 0

    async def finish(self) -> UUID:
        """Steps until the server has all of it."""
        while not (self.recording_id and self.url and self.offset == self.file.size):
            before = self.offset
            try:
                answer = await self._step()
            except httpx.TransportError as e:
                await self._pause(str(e) or type(e).__name__, None)
                continue
            if not answer.is_success:
                await self._mend(answer)
                continue
            self._learn(answer)
            if self.offset != before:
                self.failures = 0
            self.progress(self.offset or 0)
        return self.recording_id

    async def _step(self) -> httpx.Response:
        if self.url is None:
            return await self._create()
        if self.offset is None or self.recording_id is None:
            return await self.http.head(self.url, headers=VERSION)
        return await self._send(self.url, self.offset)

    async def _create(self) -> httpx.Response:
        headers = {
            **VERSION,
            "Upload-Length": str(self.file.size),
            "Upload-Metadata": encode_metadata(self.metadata),
        }
        # Once the line broke, bytes may be there already: an answer that comes before a body that
        # isn't wanted is easily lost, again and again, so the next creation brings none.
        if self.file.size > CHUNK or self.failures:
            return await self.http.post("/api/uploads", headers=headers)
        body = await asyncio.to_thread(self.file.read, 0)
        with_body = {**headers, **OFFSET_TYPE, "Upload-Checksum": checksum(body)}
        return await self.http.post("/api/uploads", headers=with_body, content=body)

    async def _send(self, url: str, offset: int) -> httpx.Response:
        body = await asyncio.to_thread(self.file.read, offset)
        headers = {
            **VERSION,
            **OFFSET_TYPE,
            "Upload-Offset": str(offset),
            "Upload-Checksum": checksum(body),
        }
        return await self.http.patch(url, headers=headers, content=body)

    def _learn(self, answer: httpx.Response) -> None:
        if answer.status_code == 201:
            self.url = str(answer.request.url.join(answer.headers["Location"]))
            self.created(self.url)
        self.offset = int(answer.headers.get("Upload-Offset", 0))
        if told := answer.headers.get("Quanji-Recording"):
            self.recording_id = UUID(told)

    async def _mend(self, answer: httpx.Response) -> None:
        """Lost uploads begin again, refusals end it, everything else is asked about by HEAD."""
        if answer.status_code in LOST and self.url is not None:
            self.url, self.offset = None, 0
            await self._pause("the upload is gone", None)
        elif answer.status_code in AGAIN:
            await self._pause(f"HTTP {answer.status_code}", answer.headers.get("Retry-After"))
        else:
            raise _failure(answer, self.url)

    async def _pause(self, why: str, retry_after: str | None) -> None:
        self.failures += 1
        if self.url is not None:
            self.offset = None
        if self.failures >= PATIENCE:
            raise UploadFailed(f"{self.file.path.name}: {why}, {PATIENCE} times", url=self.url)
        told = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
        await asyncio.sleep(min(max(told, 0.1 * 2**self.failures), LONGEST_PAUSE))


def encode_metadata(metadata: Mapping[str, str]) -> str:
    """`key base64,key base64`, as the tus creation extension has it."""
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items()
    )


def checksum(body: bytes) -> str:
    """An Upload-Checksum header."""
    return f"sha256 {base64.b64encode(hashlib.sha256(body).digest()).decode()}"


def _failure(answer: httpx.Response, url: str | None) -> UploadFailed:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    told = problem.get("detail") or answer.text[:200] or answer.reason_phrase
    return UploadFailed(f"HTTP {answer.status_code}: {told}", url=url, problem=problem)


def _ignore(_: object) -> None:
    """Nobody asked to be told."""
