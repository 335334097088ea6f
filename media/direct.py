"""Uploads whose bytes go from the device straight into the store, by URLs that we sign.

The same rows as tus uploads; only the store knows how far one is, so it is asked, and what it holds
is measured before it counts. Part `n` of `part_size` bytes begins at byte `(n − 1) · part_size`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from backend.database import Transactions, Tx
from backend.errors import Refusal, not_found
from backend.people.access import Actor
from media import creation, tus, uploads
from media.receiving import Server
from media.store import Part, PartsRefused, StoreError, UploadUnknown
from media.tidying import release
from media.uploads import LeaseLost, Terms, Upload

URL_LASTS = timedelta(minutes=15)
MOST_URLS = 100  # part URLs a request may ask for
KEYS = "direct/"  # before a device's own keys: the same file by tus is another upload
SAID_AS = {"Upload-Metadata": "body", "Upload-Length": "length"}
log = logging.getLogger("quanji.uploads")


class PartUrl(msgspec.Struct, frozen=True):
    """PUT exactly `size` bytes here; the store answers with the part's ETag."""

    number: int
    size: int
    url: str


class Held(msgspec.Struct, frozen=True):
    """What the store holds: `parts` that fit by number, `wrong` those of another size, and
    `twice` the numbers under which it holds several, so that their ETag must tell which counts."""

    parts: dict[int, Part] = {}
    wrong: dict[int, int] = {}
    twice: list[int] = []
    complete: bool = False


async def begin(
    tx: Tx, actor: Actor, length: int, said: Mapping[str, str], terms: Terms, now: datetime
) -> UUID:
    """The id of a new upload, or of the one that this device began under the same key. `said` has
    the keys of tus metadata, `sha256` among them.

    Refuses `bad_request`, `too_large`, `conflict` (key of another file), `too_many`."""
    if length < 1:
        detail = "空文件请用 tus 上传 / an empty file goes by tus"
        raise Refusal("bad_request", detail=detail, where="length")
    if length > terms.most:
        detail = f"{length} > {terms.most} 字节 / bytes"
        raise Refusal("too_large", detail=detail, where="length")
    key = said.get("key") or f"{said['sha256']}:{said.get('filename', '')}"[:150]
    wanted = tus.Create(
        length=length, metadata={**said, "key": KEYS + key}, raw_metadata="", append=None
    )
    try:
        upload_id = await creation.begin(tx, actor, wanted, terms, now)
    except Refusal as refusal:
        refusal.where = SAID_AS.get(refusal.where, refusal.where)
        raise
    await _same_file(tx, upload_id, said["sha256"])
    await tx.execute("update uploads set direct = true where id = $1 and not direct", upload_id)
    return upload_id


async def _same_file(tx: Tx, upload_id: UUID, sha256: str) -> None:
    declared = await tx.fetchval(
        """select r.declared_sha256 from uploads u join recordings r on r.id = u.recording_id
            where u.id = $1""",
        upload_id,
    )
    if declared != bytes.fromhex(sha256):
        detail = "该 key 属于另一文件 / the key names a file of another SHA-256"
        raise Refusal("conflict", detail=detail, where="key")


async def owned(tx: Tx, actor: Actor, upload_id: UUID) -> Upload:
    """`not_found` for another device's upload and for one that goes by tus."""
    row = await tx.fetchrow("select device_id, direct from uploads where id = $1", upload_id)
    if row is None or row["device_id"] != actor.id or not row["direct"]:
        raise not_found("upload")
    return await uploads.stored_row(tx, upload_id)


async def held(server: Server, upload: Upload, etags: Mapping[int, str] | None = None) -> Held:
    """Asks the store. A multipart upload that the store lost begins anew, with no part held;
    `locked` while another request makes the object of it."""
    if upload.state == "finished":
        return Held(complete=True)
    if upload.store_upload_id is None:
        return Held()
    async with _store_answers():
        try:
            stored = await server.store.list_parts(upload.object_key, upload.store_upload_id)
        except UploadUnknown:
            return await _without_parts(server, upload)
    return sort_out(stored, upload, etags)


async def _without_parts(server: Server, upload: Upload) -> Held:
    facts = await server.store.stat(upload.object_key)
    if facts is not None and facts.size == upload.length:
        return Held(complete=True)  # made, and the process died before it could say so
    async with server.database.transaction() as tx:
        forgotten = await tx.fetchval(
            """update uploads set store_upload_id = null
                where id = $1 and store_upload_id = $2 and coalesce(lease_until, $3) <= $3
                returning id""",
            upload.id,
            upload.store_upload_id,
            server.clock(),
        )
    if forgotten is None:
        raise _locked()
    log.error("upload %s: the store lost its parts", upload.id)
    return Held()


def sort_out(
    stored: Iterable[Part], upload: Upload, etags: Mapping[int, str] | None = None
) -> Held:
    """What of `stored` makes this upload; the device's `etags` choose where a number has several.

    A part put twice may be listed twice (SeaweedFS does)."""
    by_number: dict[int, set[Part]] = {}
    for part in stored:
        by_number.setdefault(part.number, set()).add(part)
    parts, wrong, twice = {}, {}, []
    for number, candidates in by_number.items():
        said = (etags or {}).get(number)
        fitting = [
            part
            for part in candidates
            if part.size == size_of(upload, number) and said in (None, part.etag)
        ]
        if len(fitting) == 1:
            parts[number] = fitting[0]
        elif fitting:
            twice.append(number)
        else:
            wrong[number] = max(part.size for part in candidates)
    return Held(parts, wrong, sorted(twice))


def count_of(upload: Upload) -> int:
    """How many parts make the whole."""
    return -(-(upload.length or 0) // upload.part_size)


def size_of(upload: Upload, number: int) -> int:
    """Bytes that part `number` must hold; 0 for a number that the upload hasn't."""
    left = (upload.length or 0) - (number - 1) * upload.part_size
    return max(0, min(upload.part_size, left)) if number >= 1 else 0


async def part_urls(
    server: Server, upload: Upload, numbers: Sequence[int], now: datetime
) -> list[PartUrl]:
    """URLs that take these parts for URL_LASTS. Refuses `bad_request`, `gone`, `conflict`."""
    _still_open(upload, now)
    if not 1 <= len(set(numbers)) <= MOST_URLS:
        detail = f"每次 1–{MOST_URLS} 个 / between 1 and {MOST_URLS} numbers"
        raise Refusal("bad_request", detail=detail, where="numbers")
    if outside := [n for n in numbers if not size_of(upload, n)]:
        detail = f"分片号为 1–{count_of(upload)} / no such parts: {outside[:20]}"
        raise Refusal("bad_request", detail=detail, where="numbers")
    async with _store_answers():
        store_upload_id = await _multipart(server, upload, now)
    seconds = int(URL_LASTS.total_seconds())
    return [
        PartUrl(
            number,
            size_of(upload, number),
            await server.store.presign_part(
                upload.object_key, store_upload_id, number, expires_s=seconds
            ),
        )
        for number in sorted(set(numbers))
    ]


async def _multipart(server: Server, upload: Upload, now: datetime) -> str:
    """Its multipart upload in the store; begun once, whoever asks at the same time."""
    key, begun = upload.object_key, upload.store_upload_id
    if begun is None:
        begun = await server.store.begin_parts(key, content_type=upload.media_type)
    async with server.database.transaction() as tx:
        kept: str | None = await tx.fetchval(
            """update uploads set store_upload_id = coalesce(store_upload_id, $2), expires_at = $3
                where id = $1 and state = 'open' returning store_upload_id""",
            upload.id,
            begun,
            server.terms.expiry(now),
        )
    if kept != begun:
        await server.store.abort_parts(key, begun)
    if kept is None:
        raise Refusal("gone", detail="上传已结束 / the upload has ended", where="upload")
    return kept


async def complete(server: Server, upload: Upload, etags: Mapping[int, str], now: datetime) -> None:
    """Makes the object of the parts that the store holds; the recording is `received` then, its
    bytes still to be read back. Again after that it does nothing.

    Refuses `conflict` naming the parts that are missing, of the wrong size or held twice."""
    if upload.state == "finished":
        return
    _still_open(upload, now)
    found = await held(server, upload, etags)
    if not found.complete:
        _all_there(upload, found)
    try:
        lease = await _lease(server, upload, now)
        async with _store_answers():
            if not found.complete:
                await _join(server, upload, list(found.parts.values()))
        await uploads.finish(server.database, upload, lease, upload.length or 0, server.clock())
    except LeaseLost as e:
        await _finished_by_another(server.database, upload.id, e)


def _all_there(upload: Upload, found: Held) -> None:
    known = {*found.parts, *found.wrong, *found.twice}
    missing = [number for number in range(1, count_of(upload) + 1) if number not in known]
    if missing or found.wrong or found.twice:
        raise _incomplete(upload, missing, found)


def _incomplete(upload: Upload, missing: list[int], found: Held) -> Refusal:
    wrong = [
        {"number": number, "size": size, "expected": size_of(upload, number)}
        for number, size in sorted(found.wrong.items())
    ]
    told = [
        f"缺少分片 / parts missing: {missing[:20]}" if missing else "",
        f"分片大小不符 / parts of another size: {[w['number'] for w in wrong][:20]}"
        if wrong
        else "",
        f"分片有多个版本，请给出 ETag / parts held twice, say their ETag: {found.twice[:20]}"
        if found.twice
        else "",
    ]
    return Refusal(
        "conflict",
        detail="；".join(line for line in told if line),
        where="parts",
        extra={"missing": missing, "wrong_size": wrong, "held_twice": found.twice},
    )


async def _lease(server: Server, upload: Upload, now: datetime) -> UUID:
    grant = tus.Append(offset=upload.offset, room=0, length=upload.length)
    try:
        async with server.database.transaction() as tx:
            lease, _ = await uploads.take_lease(tx, upload.id, grant, server.terms, now)
    except Refusal as e:
        raise LeaseLost from e
    return lease


async def _join(server: Server, upload: Upload, parts: Sequence[Part]) -> None:
    """Also when another request joined them a moment ago: then the object stands already."""
    store, key = server.store, upload.object_key
    try:
        await store.complete_parts(key, upload.store_upload_id or "", parts)
    except (UploadUnknown, PartsRefused) as e:
        facts = await store.stat(key)
        if facts is None or facts.size != upload.length:
            raise LeaseLost from e


async def _finished_by_another(database: Transactions, upload_id: UUID, lost: LeaseLost) -> None:
    async with database.snapshot() as tx:
        upload = await uploads.stored_row(tx, upload_id)
    if upload.state != "finished":
        raise _locked() from lost


async def abort(server: Server, upload: Upload) -> None:
    """Ends an unfinished upload and frees its parts; a finished one is refused as `conflict`."""
    if upload.state == "finished":
        detail = "已传完的不能撤销 / a finished upload stays"
        raise Refusal("conflict", detail=detail, where="upload")
    async with server.database.transaction() as tx:
        await uploads.terminate(tx, upload.id, server.clock())
    await release(server, upload.id)


def _locked() -> Refusal:
    detail = "另一请求正在处理 / another request works on it; ask again shortly"
    return Refusal("locked", detail=detail, where="upload", extra={"retry_after": 1})


def _still_open(upload: Upload, now: datetime) -> None:
    if upload.state == "finished":
        raise Refusal("conflict", detail="已传完 / finished already", where="upload")
    if upload.state != "open" or upload.expires_at <= now:
        detail = "上传已过期或已撤销 / the upload expired or was aborted"
        raise Refusal("gone", detail=detail, where="upload")


@asynccontextmanager
async def _store_answers() -> AsyncIterator[None]:
    try:
        yield
    except StoreError as e:
        log.warning("direct upload: %s", e)
        detail = "对象存储没有应答，已存字节无损 / the store failed; what was stored stays"
        extra: dict[str, Any] = {"retry_after": 5}
        raise Refusal("store_unavailable", detail=detail, where="store", extra=extra) from e
