"""What an upload must leave behind, however it went: looked at in the database and the store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import boto3
import msgspec

from backend.database import Database, utc_now
from media.receipts import check_receipt, published_keys, read_keys
from media.s3_store import S3Settings
from media.store import ObjectStore, read_back
from media.verify import Verified, verify_recording


class Behind(msgspec.Struct):
    """Where to look: what stands behind the server's back."""

    database: Database
    store: ObjectStore
    store_settings: S3Settings
    secret: bytes
    device_id: UUID

    async def holds(self, key: str, content: bytes) -> None:
        """One upload and one recording under the device's `key`, complete, equal to `content`,
        and receipted."""
        row = await self._the_upload(key)
        assert (row["upload_state"], row["offset_bytes"]) == ("finished", len(content))
        found = await read_back(self.store, row["object_key"])
        digest = hashlib.sha256(content).hexdigest()
        assert (found.size, found.sha256) == (len(content), digest)
        await self._is_receipted(row, digest, len(content))

    async def left_nothing_beside(self, key: str) -> None:
        """No tail and no unfinished multipart upload: the store holds its object alone."""
        assert await self._leftovers(await self._the_upload(key)) == []

    async def _the_upload(self, key: str) -> Any:
        """Fails unless there is exactly one."""
        async with self.database.snapshot() as tx:
            [row] = await tx.fetch(
                """select u.id as upload_id, u.state as upload_state, u.offset_bytes, r.*
                     from uploads u join recordings r on r.id = u.recording_id
                    where u.device_id = $1 and u.metadata -> 'said' ->> 'key' = $2""",
                self.device_id,
                key,
            )
        return row

    async def _is_receipted(self, row: Any, digest: str, size: int) -> None:
        """A verification that a fault broke off has its job queued; the worker's part is done
        here then."""
        if row["state"] == "received":
            assert await self._queued(row["id"]), "received, but nobody will verify it"
        told = await verify_recording(self.database, self.store, self.secret, row["id"], utc_now())
        assert isinstance(told, Verified)
        receipt = check_receipt(told.receipt, read_keys(published_keys(self.secret)))
        assert (receipt.sha256, receipt.size) == (digest, size)
        # Files of few bytes may be the same by chance; empty ones always are.
        assert receipt.recording_id == (told.sighting_of or row["id"])

    async def _queued(self, recording_id: UUID) -> bool:
        async with self.database.snapshot() as tx:
            return await tx.fetchval(
                "select exists (select from procrastinate_jobs where args::text like $1)",
                f"%{recording_id}%",
            )

    async def _leftovers(self, row: Any) -> list[str]:
        tails = [found.key async for found in self.store.list_keys(f"tails/{row['upload_id']}")]
        return tails + await asyncio.to_thread(lambda: list(self._unfinished(row["object_key"])))

    def _unfinished(self, key: str) -> Iterator[str]:
        settings = self.store_settings
        client = boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            region_name=settings.region,
        )
        found = client.list_multipart_uploads(Bucket=settings.bucket, Prefix=key)
        for unfinished in found.get("Uploads", ()):
            yield f"{unfinished['Key']} {unfinished['UploadId']}"
