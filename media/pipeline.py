"""From stored bytes to evidence: verified → probed → ready, or rejected with the reason.

Each step begins from the state in the database and ends in one transaction, so that a worker may
die anywhere and another goes on. Objects are written before the row that names them, under keys
that a repetition overwrites.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Database, from_json
from backend.evidence import intake
from backend.evidence.intake import NewRendition
from media.capture_time import CaptureTime, Contact, capture_time
from media.claims import claims_of
from media.facts import Facts, Rejected, rejected
from media.keys import rendition_key
from media.plan import Plan, plan
from media.probe import ProbeFailed, probe
from media.render import Made, Rendered, RenderFailed, ffmpeg_path, render
from media.store import ObjectMissing, ObjectStore, StoreUnavailable
from media.verify import verify_recording

FINAL = ("ready", "rejected")
DETERMINISTIC = {"cpu", "output", "file_size"}  # limits that another attempt would hit again


class Pipeline:
    """The worker's knowledge of one recording at a time. `work_dir` holds the local copies, which
    may be lost; `clock` is asked at each step, because steps may be hours apart."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        secret: bytes,
        work_dir: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self.database, self.store, self.secret = database, store, secret
        self.work_dir, self.clock = work_dir.resolve(), clock

    async def process(self, recording_id: UUID) -> str:
        """Goes as far as it can; returns the state reached (`missing` without such a row).

        Raises `StoreUnavailable`, `ProbeFailed` or `RenderFailed` when another attempt may help.
        """
        row = await self._row(recording_id)
        if row and row["state"] == "received":
            await verify_recording(
                self.database, self.store, self.secret, recording_id, self.clock()
            )
            row = await self._row(recording_id)
        if row is None or row["state"] not in {"verified", "probed"}:
            return row["state"] if row else "missing"
        try:
            async with self._local(row) as (source, scratch):
                facts = await self._probe(row, source, scratch)
                if isinstance(facts, Facts):
                    await self._render(row, facts, source, scratch)
        except ObjectMissing:
            await self.reject(recording_id, rejected("object_missing"))
        row = await self._row(recording_id)
        return row["state"] if row else "missing"

    async def reject(self, recording_id: UUID, reason: Rejected) -> None:
        """Ends a recording that can't be used; its original stays where it is."""
        async with self.database.transaction() as tx:
            told = {"code": reason.code, "zh": reason.zh, "en": reason.en}
            await intake.rejected(tx, recording_id, reason=told, now=self.clock())

    async def give_up(self, recording_id: UUID, why: str) -> None:
        """Rejects what kept failing, unless it had got through after all."""
        row = await self._row(recording_id)
        if row and row["state"] not in {*FINAL, "uploading"}:
            await self.reject(recording_id, rejected("gave_up", why[:200]))

    async def _row(self, recording_id: UUID) -> Record | None:
        async with self.database.snapshot() as tx:
            return await tx.fetchrow("select * from recordings where id = $1", recording_id)

    @asynccontextmanager
    async def _local(self, row: Record) -> AsyncIterator[tuple[Path, Path]]:
        """A copy of the original and an empty folder, both gone afterwards."""
        with TemporaryDirectory(dir=self.work_dir, prefix=f"{row['id']}-") as folder:
            home = Path(folder)
            source, scratch = home / "original", home / "made"
            await asyncio.to_thread(scratch.mkdir)
            await self._fetch(row, source)
            yield source, scratch

    async def _fetch(self, row: Record, target: Path) -> None:
        with target.open("wb") as file:
            async for chunk in self.store.open(row["object_key"]):
                await asyncio.to_thread(file.write, chunk)
            size = file.tell()
        if size != row["size"]:
            raise StoreUnavailable(f"{row['object_key']}: {size} of {row['size']} bytes came")

    async def _probe(self, row: Record, source: Path, scratch: Path) -> Facts | Rejected:
        if row["state"] == "probed":
            return msgspec.convert(from_json(row["facts"]), Facts)
        facts = await probe(source, scratch)
        if isinstance(facts, Rejected):
            await self.reject(row["id"], facts)
            return facts
        async with self.database.transaction() as tx:
            contacts = [_contact(c) for c in await intake.clock_contacts(tx, row["device_id"])]
            time = _taken(row, facts, contacts)
            await intake.probed(
                tx,
                row["id"],
                facts=msgspec.to_builtins(facts),
                media_kind=facts.kind,
                duration_ms=round(facts.duration_s * 1000),
                claimed_begin=time.claimed_begin if time else None,
                claimed_source=time.source if time else None,
                captured_from=time.begin if time else None,
                captured_to=time.end if time else None,
                clock_offset_ms=round(time.offset_s * 1000) if time else None,
                uncertainty_ms=round(time.uncertainty_s * 1000) if time else None,
                time_explanation=_explained(time),
                now=self.clock(),
            )
        return facts

    async def _render(self, row: Record, facts: Facts, source: Path, scratch: Path) -> None:
        try:
            chosen, made = await self._made(facts, source, scratch)
        except RenderFailed as e:
            if e.cause not in DETERMINISTIC:
                raise
            await self.reject(row["id"], rejected("too_expensive", str(e.cause)))
            return
        kept = [await self._keep(row, file) for file in made.files]
        if chosen.proxy_type:
            kept.append(_own_proxy(row, chosen.proxy_type))
        async with self.database.transaction() as tx:
            await intake.ready(
                tx,
                row["id"],
                renditions=kept,
                quality=[msgspec.to_builtins(interval) for interval in made.quality],
                now=self.clock(),
            )

    async def _made(self, facts: Facts, source: Path, scratch: Path) -> tuple[Plan, Rendered]:
        """The cheap way; when it fails on what the file really holds, the dear one."""
        cheap = plan(facts, source, ffmpeg_path())
        try:
            return cheap, await render(cheap, facts, source, _folder(scratch, "first"))
        except RenderFailed as e:
            if cheap.method not in {"own_proxy", "remux"} or e.cause is not None:
                raise
        dear = plan(facts, source, ffmpeg_path(), decode_all=True)
        return dear, await render(dear, facts, source, _folder(scratch, "second"))

    async def _keep(self, row: Record, made: Made) -> NewRendition:
        key = rendition_key(row["object_key"], made.path.name)
        with made.path.open("rb") as file:
            await self.store.put(key, file, length=made.size, content_type=made.media_type)
        return NewRendition(
            made.kind,
            key,
            made.media_type,
            made.size,
            bytes.fromhex(made.sha256),
            made.command.replace(str(made.path.parent), ".").replace(str(self.work_dir), "…"),
        )


def _folder(scratch: Path, name: str) -> Path:
    folder = scratch / name
    folder.mkdir()
    return folder


def _own_proxy(row: Record, media_type: str) -> NewRendition:
    """The original plays as it is: the proxy is the same object, and no copy is stored."""
    return NewRendition(
        "proxy", row["object_key"], media_type, row["size"], row["sha256"], "original"
    )


def _taken(row: Record, facts: Facts, contacts: list[Contact]) -> CaptureTime | None:
    return capture_time(
        claims_of(facts, row["file_name"], row["declared_begin"]),
        duration_s=facts.duration_s,
        contacts=contacts,
        boot_id=row["declared_boot_id"],
        received_at=row["received_at"],
    )


def _contact(row: Record) -> Contact:
    low, high = row["offset_low_ms"] / 1000, row["offset_high_ms"] / 1000
    return Contact(row["boot_id"], row["device_time"], low, high)


def _explained(time: CaptureTime | None) -> dict[str, str]:
    if time is not None:
        return {"zh": time.zh, "en": time.en}
    return {
        "zh": "设备申报、文件封装、照片信息和文件名都没有可信的时间",
        "en": "neither the device, the container, EXIF nor the file name tells a credible time",
    }


RETRIED = (ProbeFailed, RenderFailed)
"""Failures that may be ours: tried again, and rejected when they persist."""


def back_off(times: int) -> timedelta:
    """2 s, doubling, at most 5 minutes."""
    return timedelta(seconds=min(300, 2 ** min(times + 1, 9)))
