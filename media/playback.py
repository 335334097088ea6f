"""Playing an object: a short-lived grant that anyone holding it may use, and byte ranges."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

import msgspec

from backend.errors import Refusal

# As long as a long recording is watched in one go; the page asks for a new grant after that.
GRANT_LASTS = timedelta(hours=1)
_PURPOSE = b"quanji playback grant v1"


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """What a URL opens: one object, until `expires` (Unix seconds)."""

    object_key: str
    media_type: str
    file_name: str
    size: int
    etag: str
    expires: int


class ByteRange(msgspec.Struct, frozen=True):
    """Bytes `start` to `end`, both included, as `Content-Range` says them."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start + 1


def seal(grant: Grant, secret: bytes) -> str:
    """The grant as a URL segment that cannot be changed without `secret`."""
    body = msgspec.msgpack.encode(grant)
    return _b64(_mac(body, secret) + body)


def open_grant(token: str, secret: bytes, now: datetime) -> Grant:
    """The grant, or `not_found` for a token we did not make, `gone` for one that ran out."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError as error:
        raise Refusal("not_found", detail="链接无效 / no such link", where="token") from error
    mac, body = raw[:32], raw[32:]
    if not hmac.compare_digest(mac, _mac(body, secret)):
        raise Refusal("not_found", detail="链接无效 / no such link", where="token")
    grant = msgspec.msgpack.decode(body, type=Grant)
    if grant.expires < now.timestamp():
        raise Refusal("gone", detail="链接已过期，请重新打开 / link expired", where="token")
    return grant


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, _PURPOSE + body, hashlib.sha256).digest()


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def choose_range(header: str | None, size: int) -> ByteRange | None:
    """The one range asked for (RFC 9110 §14.1.2), or None to send everything.

    Several ranges, other units and malformed headers are answered whole, as the RFC allows; a
    range that begins past the end is refused as `range_not_satisfiable`.
    """
    if header is None or not header.startswith("bytes=") or "," in header:
        return None
    first, dash, last = header.removeprefix("bytes=").strip().partition("-")
    if not dash or not all(not part or part.isdecimal() for part in (first, last)):
        return None
    if not first:
        return _suffix(last, size)
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if start >= size:
        raise _unsatisfiable(size)
    return ByteRange(start, end) if start <= end else None


def _suffix(length: str, size: int) -> ByteRange | None:
    if not length:
        return None
    if int(length) == 0 or size == 0:
        raise _unsatisfiable(size)
    return ByteRange(max(0, size - int(length)), size - 1)


def _unsatisfiable(size: int) -> Refusal:
    return Refusal(
        "range_not_satisfiable",
        detail=f"文件只有 {size} 字节 / the file has {size} bytes",
        where="Range",
        extra={"size": size},
    )
