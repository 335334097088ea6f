"""tus 1.0.0 as decisions: what a request says and how the upload stands → what to do about it.

Pure: no clock, no database, no HTTP objects. Extensions: creation, creation-with-upload,
creation-defer-length, checksum, expiration, termination, concatenation (https://tus.io/protocols/resumable-upload).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Literal, TypeAlias

import msgspec

from media.concat import BadConcat, read_concat
from media.metadata import BadMetadata, parse_metadata

VERSION = "1.0.0"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "checksum",
    "expiration",
    "termination",
    "concatenation",
)
CONTENT_TYPE = "application/offset+octet-stream"
# hashlib's md5 and sha1 guard a chunk against the network here, nothing against an attacker.
CHECKSUMS: dict[str, Callable[..., Any]] = {
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
    "md5": hashlib.md5,
}
OVERRIDABLE = frozenset({"PATCH", "DELETE"})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request matters to tus; the header values as they came, None when absent."""

    method: str
    tus_resumable: str | None = None
    upload_length: str | None = None
    upload_defer_length: str | None = None
    upload_offset: str | None = None
    upload_metadata: str | None = None
    upload_checksum: str | None = None
    upload_concat: str | None = None
    content_type: str | None = None
    content_length: str | None = None
    chunked: bool = False


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """How an upload stands. `length` is None while it is deferred; sizes in bytes."""

    offset: int
    length: int | None
    state: Literal["open", "finished", "expired", "terminated"]
    expires_at: datetime
    metadata: str = ""
    concat: Literal["partial", "final"] | None = None


class Limits(msgspec.Struct, frozen=True):
    """`most` is the largest upload in bytes."""

    most: int


class Checksum(msgspec.Struct, frozen=True):
    """What the client says that the body of this one request digests to."""

    algorithm: str
    digest: bytes

    def start(self) -> Any:
        """A running hash of this algorithm."""
        return CHECKSUMS[self.algorithm](usedforsecurity=False)


class Tell(msgspec.Struct, frozen=True):
    """Nothing to do: answer this."""

    status: int
    headers: dict[str, str]


class Refuse(msgspec.Struct, frozen=True):
    """A clear no, before any of the body is read. `kind` is a key of `backend.errors.KINDS`."""

    kind: str
    detail: str
    where: str
    headers: dict[str, str] = {}


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """Take the body from `offset` on, at most `room` bytes of it, and only whole if `checksum`
    is given. `length` is the upload's length from now on; None while it stays deferred."""

    offset: int
    room: int
    length: int | None
    checksum: Checksum | None = None


class Create(msgspec.Struct, frozen=True, kw_only=True):
    """Make an upload of `length` bytes (None: told later). `metadata` is decoded; `append` takes
    the body that came along, None when none did."""

    length: int | None
    metadata: dict[str, str]
    raw_metadata: str
    append: Append | None
    partial: bool = False


class Compose(msgspec.Struct, frozen=True, kw_only=True):
    """Make an upload of the partial uploads that these tokens name, in this order."""

    tokens: tuple[str, ...]
    metadata: dict[str, str]
    raw_metadata: str


class Terminate(msgspec.Struct, frozen=True):
    """End the upload and free what it holds."""


Decision: TypeAlias = Tell | Refuse | Append | Create | Compose | Terminate


def read_request(method: str, headers: Mapping[str, str]) -> Request:
    """`headers` by lower-case name. X-HTTP-Method-Override counts on POST, as the protocol says."""
    override = headers.get("x-http-method-override", "").upper()
    return Request(
        method=override if method == "POST" and override in OVERRIDABLE else method,
        tus_resumable=headers.get("tus-resumable"),
        upload_length=headers.get("upload-length"),
        upload_defer_length=headers.get("upload-defer-length"),
        upload_offset=headers.get("upload-offset"),
        upload_metadata=headers.get("upload-metadata"),
        upload_checksum=headers.get("upload-checksum"),
        upload_concat=headers.get("upload-concat"),
        content_type=headers.get("content-type"),
        content_length=headers.get("content-length"),
        chunked="chunked" in headers.get("transfer-encoding", "").lower(),
    )


def tell_options(limits: Limits) -> Tell:
    """What this server speaks; the one answer that needs no Tus-Resumable in the request."""
    return Tell(
        204,
        {
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": ",".join(EXTENSIONS),
            "Tus-Max-Size": str(limits.most),
            "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
        },
    )


def decide_create(request: Request, limits: Limits) -> Create | Compose | Refuse:
    """POST on the collection."""
    if refusal := _wrong_version(request):
        return refusal
    raw = request.upload_metadata or ""
    try:
        metadata = parse_metadata(raw)
        tokens = read_concat(request.upload_concat) if request.upload_concat is not None else None
    except BadMetadata as e:
        return Refuse("bad_request", str(e), "Upload-Metadata")
    except BadConcat as e:
        return Refuse("bad_request", str(e), "Upload-Concat")
    if tokens is not None:
        composed = Compose(tokens=tokens, metadata=metadata, raw_metadata=raw)
        return _surplus_of_final(request) or composed
    length = _announced_length(request, limits)
    if isinstance(length, Refuse):
        return length
    append = _body_of_creation(request, length, limits)
    if isinstance(append, Refuse):
        return append
    return Create(
        length=length,
        metadata=metadata,
        raw_metadata=raw,
        append=append,
        partial=request.upload_concat is not None,
    )


def decide_head(request: Request, upload: Upload, now: datetime) -> Tell | Refuse:
    """HEAD on an upload. Only 2xx while it lives: tus-js-client starts over on anything else."""
    if refusal := _wrong_version(request) or _ended(upload, now):
        return refusal
    headers = {"Cache-Control": "no-store", **standing(upload)}
    if upload.length is None:
        headers["Upload-Defer-Length"] = "1"
    else:
        headers["Upload-Length"] = str(upload.length)
    if upload.metadata:
        headers["Upload-Metadata"] = upload.metadata
    return Tell(200, headers)


def decide_patch(
    request: Request, upload: Upload, now: datetime, limits: Limits
) -> Append | Tell | Refuse:
    """PATCH on an upload. Whatever can be refused is refused here, before the body is read."""
    if refusal := _wrong_version(request) or _ended(upload, now):
        return refusal
    if upload.concat == "final":
        return Refuse("forbidden", "a final upload takes no bytes of its own", "upload")
    if not _is_chunk(request):
        return Refuse("unsupported_media_type", f"the body must be {CONTENT_TYPE}", "Content-Type")
    length = _settled_length(request, upload, limits)
    if isinstance(length, Refuse):
        return length
    offset = _whole_number(request.upload_offset)
    if offset is None:
        return Refuse("bad_request", "a whole number of bytes is needed", "Upload-Offset")
    if offset != upload.offset:
        detail = f"the upload stands at {upload.offset}, not at {offset}"
        return Refuse("offset_mismatch", detail, "Upload-Offset", standing(upload))
    append = _take(request, offset, length, limits)
    if isinstance(append, Append) and upload.state == "finished":
        return Tell(204, standing(upload))
    return append


def decide_delete(request: Request, upload: Upload) -> Terminate | Refuse:
    """DELETE on an upload. What is finished is evidence: nobody terminates it."""
    if refusal := _wrong_version(request):
        return refusal
    if upload.state == "finished":
        return Refuse("forbidden", "a finished upload is evidence and stays", "upload")
    if upload.state == "terminated":
        return Refuse("gone", "the upload was terminated", "upload")
    return Terminate()


def standing(upload: Upload) -> dict[str, str]:
    """Headers that every answer about an upload carries: where it stands and how long it lives.
    A final that is still being composed has no offset, says the protocol."""
    headers = {"Tus-Resumable": VERSION}
    if upload.concat != "final" or upload.state == "finished":
        headers["Upload-Offset"] = str(upload.offset)
    if upload.state == "open":
        headers["Upload-Expires"] = format_datetime(upload.expires_at, usegmt=True)
    return headers


def _wrong_version(request: Request) -> Refuse | None:
    if request.tus_resumable == VERSION:
        return None
    said = request.tus_resumable or "nothing"
    detail = f"this server speaks tus {VERSION}, the request {said}"
    return Refuse("unsupported_version", detail, "Tus-Resumable", {"Tus-Version": VERSION})


def _ended(upload: Upload, now: datetime) -> Refuse | None:
    if upload.state == "terminated":
        return Refuse("gone", "the upload was terminated", "upload")
    if upload.state == "expired" or (upload.state == "open" and upload.expires_at <= now):
        return Refuse("gone", f"the upload expired at {upload.expires_at:%FT%TZ}", "upload")
    return None


def _surplus_of_final(request: Request) -> Refuse | None:
    """A final's length is that of its partials, and so are its bytes."""
    if request.upload_length is not None or request.upload_defer_length is not None:
        return Refuse("bad_request", "a final upload announces no length", "Upload-Length")
    if _whole_number(request.content_length) or request.chunked:
        return Refuse("bad_request", "a final upload brings no bytes", "Content-Length")
    return None


def _announced_length(request: Request, limits: Limits) -> int | Refuse | None:
    deferred = request.upload_defer_length
    if request.upload_length is None and deferred == "1":
        return None
    if deferred is not None:
        detail = "either Upload-Length, or Upload-Defer-Length: 1"
        return Refuse("bad_request", detail, "Upload-Defer-Length")
    return _within_limit(request.upload_length, limits)


def _settled_length(request: Request, upload: Upload, limits: Limits) -> int | Refuse | None:
    """A deferred length is told once, with any PATCH; a known one never changes."""
    if request.upload_length is None:
        return upload.length
    told = _within_limit(request.upload_length, limits)
    if isinstance(told, Refuse) or told == upload.length:
        return told
    if upload.length is not None:
        detail = f"the length is {upload.length} and can't become {told}"
        return Refuse("bad_request", detail, "Upload-Length")
    if told < upload.offset:
        detail = f"{upload.offset} bytes are here already, the length can't be {told}"
        return Refuse("bad_request", detail, "Upload-Length")
    return told


def _within_limit(text: str | None, limits: Limits) -> int | Refuse:
    length = _whole_number(text)
    if length is None:
        return Refuse("bad_request", "a whole number of bytes is needed", "Upload-Length")
    if length > limits.most:
        detail = f"{length} bytes are more than this server takes, {limits.most}"
        return Refuse("too_large", detail, "Upload-Length", {"Tus-Max-Size": str(limits.most)})
    return length


def _body_of_creation(
    request: Request, length: int | None, limits: Limits
) -> Append | Refuse | None:
    """The body of a creation-with-upload; an empty upload is complete without one."""
    announced = _whole_number(request.content_length)
    if not _is_chunk(request):
        if announced or request.chunked:
            return Refuse(
                "unsupported_media_type", f"a body must be {CONTENT_TYPE}", "Content-Type"
            )
        return Append(offset=0, room=0, length=0) if length == 0 else None
    return _take(request, 0, length, limits)


def _take(request: Request, offset: int, length: int | None, limits: Limits) -> Append | Refuse:
    room = (limits.most if length is None else length) - offset
    announced = _whole_number(request.content_length)
    if announced is not None and announced > room:
        detail = f"{announced} bytes come, there is room for {room}"
        return Refuse("too_large", detail, "Content-Length")
    checksum = _checksum(request.upload_checksum)
    if isinstance(checksum, Refuse):
        return checksum
    return Append(offset=offset, room=room, length=length, checksum=checksum)


def _checksum(text: str | None) -> Checksum | Refuse | None:
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in CHECKSUMS:
        detail = f"{algorithm!r} is none of {', '.join(CHECKSUMS)}"
        return Refuse("bad_request", detail, "Upload-Checksum")
    try:
        digest = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return Refuse("bad_request", "the digest is not base64", "Upload-Checksum")
    if len(digest) != CHECKSUMS[algorithm]().digest_size:
        detail = f"{len(digest)} bytes are no {algorithm} digest"
        return Refuse("bad_request", detail, "Upload-Checksum")
    return Checksum(algorithm, digest)


def _is_chunk(request: Request) -> bool:
    return (request.content_type or "").partition(";")[0].strip().lower() == CONTENT_TYPE


def _whole_number(text: str | None) -> int | None:
    """None for what isn't plain ASCII digits: int() would take "+1", "1_0" and "１"."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 18:
        return None
    return int(text)
