"""Reads a stored object back, once: that proves the storage, checks the device's digest, and tells
whether these bytes were known already.

A running hash of what was received would prove neither, and would not survive a crash.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Transactions, Tx, from_json, new_id, to_json
from backend.errors import Refusal, not_found
from backend.evidence.intake import rejected
from backend.evidence.recordings import VERIFIED_STATES, verified
from backend.flags.raising import Finding, raise_flag
from backend.ledger.events import note
from media.receipts import as_document, sign_receipt
from media.store import Digest, ObjectMissing, ObjectStore, read_back

SMALL = 32 * 1024 * 1024  # bytes; up to here an upload is verified before its last answer
KNOWN_BYTES = "known_bytes"  # the reason's code of a recording whose bytes another one has


class Verified(msgspec.Struct, frozen=True):
    """The bytes are proven and receipted. `sighting_of` names the recording that had them before:
    this one is `rejected` with the code `known_bytes` then, and needs no processing."""

    recording_id: UUID
    sha256: str
    size: int
    receipt: dict[str, Any]
    sighting_of: UUID | None = None


class Mismatch(msgspec.Struct, frozen=True):
    """The recording is rejected and flagged; what is stored stays. `code` is `digest_mismatch` or
    `object_missing`; `found` is None when nothing was there to read."""

    recording_id: UUID
    code: str
    found: Digest | None = None


async def verify_recording(
    database: Transactions, store: ObjectStore, secret: bytes, recording_id: UUID, now: datetime
) -> Verified | Mismatch:
    """Takes a `received` recording to `verified` with its receipt, or to `rejected`. Asked again
    it tells what was found, without reading again.

    `not_found` without such a recording, `conflict` while it is uploading; StoreUnavailable when
    the store can't be read now.
    """
    async with database.snapshot() as tx:
        before = await _recording(tx, recording_id)
        if before["state"] != "received":
            return await _as_told(tx, before)
    found = await _read(store, before["object_key"])
    async with database.transaction() as tx:
        row = await _recording(tx, recording_id, lock=True)
        if row["state"] != "received":  # another worker was quicker
            return await _as_told(tx, row)
        if found is None or _problem(row, found):
            return await _reject(tx, row, found, now)
        return await _accept(tx, row, found, secret, now)


async def told_of(tx: Tx, recording_id: UUID, device_id: UUID) -> dict[str, Any]:
    """How a recording of this device stands, with its receipt when there is one. What became a
    sighting answers as the recording that keeps its bytes. `not_found` for another device's."""
    row = await _recording(tx, recording_id)
    if row["device_id"] != device_id:
        raise not_found("recording")
    first = _sighted(row)
    kept = await _recording(tx, first) if first else row
    return {
        "recording_id": kept["id"],
        "asked_id": recording_id,
        "state": kept["state"],
        "reason": from_json(kept["state_reason"]),
        "size": kept["size"],
        "sha256": kept["sha256"].hex() if kept["sha256"] else None,
        "receipt": await _receipt(tx, kept["id"]),
    }


async def _read(store: ObjectStore, key: str) -> Digest | None:
    try:
        return await read_back(store, key)
    except ObjectMissing:
        return None


def _problem(row: Record, found: Digest) -> dict[str, str] | None:
    """Why what is stored is not what was sent; None when it is."""
    if found.size != row["size"]:
        sizes = f"{found.size} ≠ {row['size']}"
        return _reason("digest_mismatch", f"字节数不符：{sizes}", f"the sizes differ: {sizes}")
    declared = row["declared_sha256"]
    if declared is not None and declared.hex() != found.sha256:
        digests = f"{declared.hex()} ≠ {found.sha256}"
        return _reason(
            "digest_mismatch",
            f"与设备申报的 SHA-256 不符：{digests}",
            f"the device declared another SHA-256: {digests}",
        )
    return None


async def _reject(tx: Tx, row: Record, found: Digest | None, now: datetime) -> Mismatch:
    reason = (found and _problem(row, found)) or _reason(
        "object_missing", "存储中没有该文件", "nothing is stored under its key"
    )
    await rejected(tx, row["id"], reason=reason, now=now)
    finding = Finding(
        kind="digest_mismatch",
        department_id=row["department_id"],
        case_id=row["case_id"],
        subject_kind="recording",
        subject_id=row["id"],
        severity="serious",
        explanation=reason,
    )
    await raise_flag(tx, finding, now, actor="media")
    return Mismatch(row["id"], reason["code"], found)


async def _accept(tx: Tx, row: Record, found: Digest, secret: bytes, now: datetime) -> Verified:
    first = await _first_with(tx, row, found)
    if first is None:
        await verified(tx, row["id"], bytes.fromhex(found.sha256), found.size, now)
        await _sign(tx, row, found, secret, now)
    else:
        await _become_sighting(tx, row, first, now)
    kept = first or row["id"]
    await _sight(tx, kept, row, now)
    receipt = await _receipt(tx, kept)
    return Verified(row["id"], found.sha256, found.size, receipt or {}, first)


async def _first_with(tx: Tx, row: Record, found: Digest) -> UUID | None:
    """The department's recording that has these bytes already. Two that verify the same bytes at
    once take turns."""
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))",
        f"{row['department_id']}:{found.sha256}",
    )
    first: UUID | None = await tx.fetchval(
        """select r.id from recordings r join receipts p on p.recording_id = r.id
            where r.sha256 = $1 and r.department_id = $2 and r.size = $3 and r.state = any($4)
            order by r.verified_at limit 1""",
        bytes.fromhex(found.sha256),
        row["department_id"],
        found.size,
        list(VERIFIED_STATES),
    )
    return first


async def _sign(tx: Tx, row: Record, found: Digest, secret: bytes, now: datetime) -> None:
    signed = sign_receipt(
        secret,
        recording_id=row["id"],
        sha256=found.sha256,
        size=found.size,
        object_key=row["object_key"],
        verified_at=now,
    )
    await tx.execute(
        """insert into receipts (recording_id, body, signature, signed_at)
           values ($1, $2, $3, $4)""",
        row["id"],
        to_json(signed.body),
        signed.signature,
        now,
    )
    await note(
        tx,
        "receipted",
        ("recording", row["id"]),
        actor="media",
        now=now,
        department_id=row["department_id"],
        **as_document(signed),
    )


async def _become_sighting(tx: Tx, row: Record, first: UUID, now: datetime) -> None:
    """The later upload's row stays, pointing to the first; its object stays until it is swept."""
    reason = _reason(
        KNOWN_BYTES, "与已有音像记录字节相同", "the same bytes as a recording received before"
    )
    await rejected(tx, row["id"], reason={**reason, "recording_id": str(first)}, now=now)
    await note(
        tx,
        "sighted",
        ("recording", first),
        actor=f"device:{row['device_id']}",
        now=now,
        department_id=row["department_id"],
        upload=row["id"],
        file_name=row["file_name"],
    )


async def _sight(tx: Tx, kept: UUID, row: Record, now: datetime) -> None:
    await tx.execute(
        """insert into sightings (id, recording_id, device_id, file_name, seen_at)
           values ($1, $2, $3, $4, $5) on conflict do nothing""",
        new_id(),
        kept,
        row["device_id"],
        row["file_name"],
        now,
    )


async def _recording(tx: Tx, recording_id: UUID, *, lock: bool = False) -> Record:
    row = await tx.fetchrow(
        f"select * from recordings where id = $1{' for update' if lock else ''}",  # noqa: S608
        recording_id,
    )
    if row is None:
        raise not_found("recording")
    return row


async def _as_told(tx: Tx, row: Record) -> Verified | Mismatch:
    if row["state"] == "uploading":
        detail = "尚未传完 / the upload is not finished"
        raise Refusal("conflict", detail=detail, where="recording.state")
    first = _sighted(row)
    kept = await _recording(tx, first) if first else row
    receipt = await _receipt(tx, kept["id"])
    if receipt is None:
        return Mismatch(row["id"], (from_json(row["state_reason"]) or {}).get("code", ""))
    return Verified(row["id"], kept["sha256"].hex(), kept["size"], receipt, first)


def _sighted(row: Record) -> UUID | None:
    reason = from_json(row["state_reason"]) or {}
    return UUID(reason["recording_id"]) if reason.get("code") == KNOWN_BYTES else None


async def _receipt(tx: Tx, recording_id: UUID) -> dict[str, Any] | None:
    row = await tx.fetchrow(
        "select body, signature from receipts where recording_id = $1", recording_id
    )
    if row is None:
        return None
    document: dict[str, Any] = msgspec.to_builtins(
        {"body": from_json(row["body"]), "signature": row["signature"]}
    )
    return document


def _reason(code: str, zh: str, en: str) -> dict[str, str]:
    return {"code": code, "zh": zh, "en": en}
