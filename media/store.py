"""The promise every object store keeps. `s3_store.py` and `memory_store.py` keep it,
`tests/media/test_store_contract.py` holds both to it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import BinaryIO, Protocol, runtime_checkable

import msgspec

MIN_PART = 5 * 1024 * 1024  # bytes; S3's floor for every part but the last
MAX_PARTS = 10_000  # S3's ceiling
CHUNK = 1024 * 1024  # bytes handed out at a time by `open`


class StoreError(Exception):
    """The store said no, or said nothing. Carries the key in its text."""


class StoreUnavailable(StoreError):
    """No answer, or a 5xx: the same call may succeed later. Doors answer 503."""


class StoreRefused(StoreError):
    """The store understood and refused: wrong credentials, no such bucket, a locked object."""


class ObjectMissing(StoreError):
    """A read of a key under which nothing is stored."""


class UploadUnknown(StoreError):
    """The multipart upload was completed, aborted, or never begun."""


class PartsRefused(StoreError):
    """`complete_parts` named a part that isn't there, is too small, or has another etag."""


class ObjectFacts(msgspec.Struct, frozen=True):
    """What the store knows of one object. `size` in bytes."""

    key: str
    size: int
    etag: str
    modified_at: datetime
    content_type: str | None = None


class Part(msgspec.Struct, frozen=True, order=True):
    """One stored part. `number` counts from 1; `size` in bytes."""

    number: int
    etag: str
    size: int


class Digest(msgspec.Struct, frozen=True):
    """What reading an object back found: lower-case hex SHA-256 and length in bytes."""

    sha256: str
    size: int


@runtime_checkable  # Litestar checks what it injects
class ObjectStore(Protocol):
    """Bytes under keys.

    Every method MUST raise `StoreUnavailable` when the store can't be reached or answers 5xx,
    and `StoreRefused` for any other refusal, with the vendor's exception as the cause. No method
    may hold more than a few parts in memory, whatever the object's size.
    """

    async def put(
        self,
        key: str,
        body: bytes | BinaryIO,
        *,
        length: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> None:
        """MUST store exactly `length` bytes (needed for a stream) or nothing, replacing what was
        there, and MUST NOT return before they are durable."""

    async def begin_parts(self, key: str, *, content_type: str = "application/octet-stream") -> str:
        """MUST return a new upload id. The key MUST stay as it was until `complete_parts`."""

    async def put_part(self, key: str, upload_id: str, number: int, body: bytes) -> Part:
        """MUST store the part durably before returning; the same number again replaces it.
        MUST raise `UploadUnknown` when the upload has ended."""

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: str, start: int, length: int
    ) -> Part:
        """MUST store `length` bytes of the object `source` from `start` as a part, as `put_part`
        does, without handing them out. MUST raise `ObjectMissing` without that object."""

    async def list_parts(self, key: str, upload_id: str) -> list[Part]:
        """MUST return all stored parts by number, or raise `UploadUnknown`. A part that was
        replaced MAY be listed beside its successor (SeaweedFS does): the etag tells them apart."""

    async def complete_parts(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """MUST make the object of exactly these parts, in the order of their numbers. MUST raise
        `PartsRefused` and keep the upload when one is missing, differs, or is smaller than
        `MIN_PART` without being the last; `UploadUnknown` when the upload has ended."""

    async def abort_parts(self, key: str, upload_id: str) -> None:
        """MUST drop the upload's parts. Aborting twice is no error."""

    def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """MUST yield the bytes from `start`, `length` of them (to the end when None), in chunks of
        at most `CHUNK`, or raise: `ObjectMissing`, or `StoreUnavailable` when it breaks off early.
        Reading past the end yields nothing. Closing the iterator MUST free the connection."""

    async def stat(self, key: str) -> ObjectFacts | None:
        """MUST return None when nothing is stored under the key."""

    async def delete(self, key: str) -> None:
        """MUST leave nothing readable under the key. Deleting nothing is no error."""

    def list_keys(self, prefix: str) -> AsyncIterator[ObjectFacts]:
        """MUST yield every object whose key begins with `prefix`, in the order of keys, paging as
        needed. Unfinished multipart uploads are not objects."""

    async def presign_get(
        self,
        key: str,
        *,
        expires_s: int,
        content_type: str | None = None,
        disposition: str | None = None,
    ) -> str:
        """MUST return a URL that serves the object, ranges included, to anyone for `expires_s`
        seconds, with these response headers."""

    async def presign_part(self, key: str, upload_id: str, number: int, *, expires_s: int) -> str:
        """MUST return a URL that takes one part by PUT from anyone for `expires_s` seconds."""


async def read_back(store: ObjectStore, key: str) -> Digest:
    """Reads the stored object once, whole, and says what is there.

    This is the only digest that proves storage: it hashes what came back, not what was sent.
    Raises `ObjectMissing` or `StoreUnavailable`.
    """
    running, size = hashlib.sha256(), 0
    async for chunk in store.open(key):
        running.update(chunk)
        size += len(chunk)
    return Digest(running.hexdigest(), size)
