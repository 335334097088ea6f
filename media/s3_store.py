"""The object store promise kept over S3 by minio-py.

minio-py blocks, so its calls run on a bounded pool of threads; its default timeout is five
minutes and its multipart calls are private methods: both are dealt with here and nowhere else.
"""

from __future__ import annotations

import asyncio
import functools
import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import urllib3
from minio import Minio
from minio.datatypes import Part as VendorPart
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from media.store import (
    CHUNK,
    ObjectFacts,
    ObjectMissing,
    Part,
    PartsRefused,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    UploadUnknown,
)

PUT_PART = 16 * 1024 * 1024  # bytes; parts of a large `put`, one in memory at a time
PAGE = 1000  # keys or parts a listing asks for at once
MISSING = {"NoSuchKey", "NoSuchObject", "ResourceNotFound"}
BAD_PARTS = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall"}
BUSY = {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "503", "500"}

Result = TypeVar("Result")


class S3Settings(msgspec.Struct, frozen=True):
    """Where the store is. `endpoint` is a URL (`http://127.0.0.1:8333`); `public_endpoint` is the
    one that browsers and cameras reach, when it differs. `threads` bounds calls in flight."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    region: str = "us-east-1"
    public_endpoint: str | None = None
    threads: int = 24
    timeout_s: float = 30.0


class S3Store:
    """One per process. `close()` when done."""

    def __init__(self, settings: S3Settings) -> None:
        self.settings = settings
        self.bucket = settings.bucket
        self._client = _client(settings, settings.endpoint)
        self._signer = _client(settings, settings.public_endpoint or settings.endpoint)
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="store")

    def close(self) -> None:
        """Waits for calls in flight; the store is unusable afterwards."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def ensure_bucket(self) -> bool:
        """Makes the bucket unless it is there; True when it made it. Safe when two start at once:
        the loser's BucketAlreadyOwnedByYou is what it wanted."""

        def ensure() -> bool:
            if self._client.bucket_exists(self.bucket):
                return False
            try:
                self._client.make_bucket(self.bucket, self.settings.region)
            except S3Error as e:
                if e.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                    raise
                return False
            return True

        return await self._run(self.bucket, ensure)

    async def put(
        self,
        key: str,
        body: bytes | BinaryIO,
        *,
        length: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> None:
        if isinstance(body, bytes):
            length = len(body) if length is None else length
            if length != len(body):
                raise StoreRefused(f"{key}: announced {length} bytes, the body held {len(body)}")
            body = io.BytesIO(body)
        if length is None:
            raise StoreRefused(f"{key}: a stream needs its length")
        await self._run(
            key,
            self._client.put_object,
            self.bucket,
            key,
            body,
            length,
            content_type,
            part_size=max(PUT_PART, -(-length // 9000)),
            num_parallel_uploads=1,
        )

    async def begin_parts(self, key: str, *, content_type: str = "application/octet-stream") -> str:
        headers = {"Content-Type": content_type}
        create = self._client._create_multipart_upload
        return await self._run(key, create, self.bucket, key, headers)

    async def put_part(self, key: str, upload_id: str, number: int, body: bytes) -> Part:
        upload = self._client._upload_part
        etag = await self._run(key, upload, self.bucket, key, body, None, upload_id, number)
        return Part(number, etag, len(body))

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: str, start: int, length: int
    ) -> Part:
        headers: dict[str, Any] = {
            "x-amz-copy-source": quote(f"/{self.bucket}/{source}"),
            "x-amz-copy-source-range": f"bytes={start}-{start + length - 1}",
        }
        copy = self._client._upload_part_copy
        etag, _ = await self._run(key, copy, self.bucket, key, upload_id, number, headers)
        return Part(number, etag.strip('"'), length)

    async def list_parts(self, key: str, upload_id: str) -> list[Part]:
        return await self._run(key, lambda: sorted(self._pages_of_parts(key, upload_id)))

    def _pages_of_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        marker: str | None = None
        while True:
            page = self._client._list_parts(
                self.bucket, key, upload_id, max_parts=PAGE, part_number_marker=marker
            )
            for part in page.parts:
                yield Part(part.part_number, (part.etag or "").strip('"'), part.size or 0)
            if not page.is_truncated:
                return
            marker = str(page.next_part_number_marker)

    async def complete_parts(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        if not parts:
            raise PartsRefused(f"{key}: an object needs at least one part")
        # SeaweedFS (and AWS for a while) says yes to completing what is completed: ask first, so
        # that an ended upload is unknown everywhere.
        stored = {(part.number, part.etag) for part in await self.list_parts(key, upload_id)}
        for part in parts:
            if (part.number, part.etag) not in stored:
                raise PartsRefused(f"{key}: part {part.number} is missing or differs")
        vendor = [VendorPart(part.number, part.etag) for part in sorted(parts)]
        complete = self._client._complete_multipart_upload
        await self._run(key, complete, self.bucket, key, upload_id, vendor)

    async def abort_parts(self, key: str, upload_id: str) -> None:
        try:
            abort = self._client._abort_multipart_upload
            await self._run(key, abort, self.bucket, key, upload_id)
        except UploadUnknown:
            return  # the promise: aborting twice is no error

    async def open(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        facts = await self.stat(key)
        if facts is None:
            raise ObjectMissing(key)
        left = min(facts.size - start, facts.size if length is None else length)
        if left <= 0:
            return
        get = self._client.get_object
        response = await self._run(key, get, self.bucket, key, offset=start, length=left)
        try:
            while left > 0:
                chunk: bytes = await self._run(key, response.read, min(CHUNK, left))
                if not chunk:
                    raise StoreUnavailable(f"{key}: the store broke off {left} bytes early")
                left -= len(chunk)
                yield chunk
        finally:
            response.close()
            response.release_conn()

    async def stat(self, key: str) -> ObjectFacts | None:
        try:
            found = await self._run(key, self._client.stat_object, self.bucket, key)
        except ObjectMissing:
            return None
        return _facts(found)

    async def delete(self, key: str) -> None:
        await self._run(key, self._client.remove_object, self.bucket, key)

    async def list_keys(self, prefix: str) -> AsyncIterator[ObjectFacts]:
        # minio-py pages by continuation token; SeaweedFS' start_after differs from AWS.
        rows = self._client.list_objects(self.bucket, prefix=prefix, recursive=True)

        def page() -> list[ObjectFacts]:
            return [_facts(row) for row, _ in zip(rows, range(PAGE), strict=False)]

        while found := await self._run(prefix, page):
            for facts in found:
                yield facts

    async def presign_get(
        self,
        key: str,
        *,
        expires_s: int,
        content_type: str | None = None,
        disposition: str | None = None,
    ) -> str:
        wanted = {
            "response-content-type": content_type,
            "response-content-disposition": disposition,
        }
        headers: dict[str, Any] = {name: value for name, value in wanted.items() if value}
        return self._signer.get_presigned_url(
            "GET", self.bucket, key, timedelta(seconds=expires_s), response_headers=headers
        )

    async def presign_part(self, key: str, upload_id: str, number: int, *, expires_s: int) -> str:
        return self._signer.get_presigned_url(
            "PUT",
            self.bucket,
            key,
            timedelta(seconds=expires_s),
            extra_query_params={"partNumber": str(number), "uploadId": upload_id},
        )

    async def _run(self, key: str, call: Callable[..., Result], *args: Any, **named: Any) -> Result:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._threads, functools.partial(call, *args, **named)
            )
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as e:
            raise _ours(key, e) from e


def _client(settings: S3Settings, endpoint: str) -> Minio:
    url = urlsplit(endpoint)
    return Minio(
        url.netloc,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        secure=url.scheme == "https",
        region=settings.region,  # told, so that signing never asks the network
        http_client=urllib3.PoolManager(
            maxsize=settings.threads,
            timeout=urllib3.Timeout(connect=5, read=settings.timeout_s),
            retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[]),
        ),
    )


def _facts(found: Any) -> ObjectFacts:
    return ObjectFacts(
        found.object_name,
        found.size,
        (found.etag or "").strip('"'),
        found.last_modified,
        found.content_type,
    )


def _ours(key: str, e: Exception) -> StoreError:
    """The vendor's failure in our words. Anything that isn't a clear answer is unavailability."""
    if isinstance(e, S3Error):
        text = f"{key}: {e.code}: {e.message}"
        if e.code in MISSING:
            return ObjectMissing(text)
        if e.code == "NoSuchUpload":
            return UploadUnknown(text)
        if e.code in BAD_PARTS:
            return PartsRefused(text)
        busy = e.code in BUSY or e.response.status >= 500
        return StoreUnavailable(text) if busy else StoreRefused(text)
    if isinstance(e, InvalidResponseError | ServerError):
        return StoreUnavailable(f"{key}: the store answered something that isn't S3: {e}")
    return StoreUnavailable(f"{key}: the store can't be reached: {e}")
