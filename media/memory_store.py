"""An object store in a dictionary: honest enough that the S3 contract suite runs on it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import BinaryIO
from urllib.parse import quote, urlencode

from media.store import (
    CHUNK,
    MAX_PARTS,
    MIN_PART,
    ObjectFacts,
    ObjectMissing,
    Part,
    PartsRefused,
    StoreRefused,
    UploadUnknown,
)


class MemoryStore:
    """Keeps the `ObjectStore` promise for one process. Its URLs name what they would serve
    (`memory:///key?…`); nothing answers them."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[ObjectFacts, bytes]] = {}
        self.uploads: dict[str, tuple[str, str, dict[int, bytes]]] = {}

    async def put(
        self,
        key: str,
        body: bytes | BinaryIO,
        *,
        length: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> None:
        data = body if isinstance(body, bytes) else body.read(-1 if length is None else length)
        if length is not None and len(data) != length:
            raise StoreRefused(f"{key}: announced {length} bytes, the body held {len(data)}")
        self._keep(key, data, _etag(data), content_type)

    async def begin_parts(self, key: str, *, content_type: str = "application/octet-stream") -> str:
        upload_id = uuid.uuid4().hex
        self.uploads[upload_id] = (key, content_type, {})
        return upload_id

    async def put_part(self, key: str, upload_id: str, number: int, body: bytes) -> Part:
        if not 1 <= number <= MAX_PARTS:
            raise StoreRefused(f"{key}: part number {number} is outside 1..{MAX_PARTS}")
        self._parts(key, upload_id)[number] = bytes(body)
        return Part(number, _etag(body), len(body))

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: str, start: int, length: int
    ) -> Part:
        if source not in self.objects:
            raise ObjectMissing(source)
        body = self.objects[source][1][start : start + length]
        return await self.put_part(key, upload_id, number, body)

    async def list_parts(self, key: str, upload_id: str) -> list[Part]:
        stored = self._parts(key, upload_id)
        return [Part(n, _etag(stored[n]), len(stored[n])) for n in sorted(stored)]

    async def complete_parts(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        stored = self._parts(key, upload_id)
        ordered = sorted(parts)
        if not ordered:
            raise PartsRefused(f"{key}: an object needs at least one part")
        for part in ordered:
            if part.number not in stored or _etag(stored[part.number]) != part.etag:
                raise PartsRefused(f"{key}: part {part.number} is missing or differs")
        if any(len(stored[part.number]) < MIN_PART for part in ordered[:-1]):
            raise PartsRefused(f"{key}: a part before the last is under {MIN_PART} bytes")
        data = b"".join(stored[part.number] for part in ordered)
        content_type = self.uploads.pop(upload_id)[1]
        self._keep(key, data, f"{_etag(data)}-{len(ordered)}", content_type)

    async def abort_parts(self, key: str, upload_id: str) -> None:
        self.uploads.pop(upload_id, None)

    async def open(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        if key not in self.objects:
            raise ObjectMissing(key)
        data = self.objects[key][1]
        end = len(data) if length is None else min(len(data), start + length)
        for at in range(start, end, CHUNK):
            yield data[at : min(at + CHUNK, end)]

    async def stat(self, key: str) -> ObjectFacts | None:
        found = self.objects.get(key)
        return found[0] if found else None

    async def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    async def list_keys(self, prefix: str) -> AsyncIterator[ObjectFacts]:
        for key in sorted(k for k in self.objects if k.startswith(prefix)):
            yield self.objects[key][0]

    async def presign_get(
        self,
        key: str,
        *,
        expires_s: int,
        content_type: str | None = None,
        disposition: str | None = None,
    ) -> str:
        query = {"expires": expires_s, "type": content_type or "", "as": disposition or ""}
        return f"memory:///{quote(key)}?{urlencode(query)}"

    async def presign_part(self, key: str, upload_id: str, number: int, *, expires_s: int) -> str:
        query = {"partNumber": number, "uploadId": upload_id, "expires": expires_s}
        return f"memory:///{quote(key)}?{urlencode(query)}"

    def _parts(self, key: str, upload_id: str) -> dict[int, bytes]:
        upload = self.uploads.get(upload_id)
        if upload is None or upload[0] != key:
            raise UploadUnknown(f"{key}: no upload {upload_id}")
        return upload[2]

    def _keep(self, key: str, data: bytes, etag: str, content_type: str) -> None:
        facts = ObjectFacts(key, len(data), etag, datetime.now(UTC), content_type)
        self.objects[key] = (facts, data)


def _etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
