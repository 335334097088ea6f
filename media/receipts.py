"""Safe-to-clear receipts: signed proof that the server read these bytes back from its store.

Only with one may a dock delete a file from a camera. Ed25519 (RFC 8032) over canonical JSON; the
key comes from the process secret by HKDF (RFC 5869), so every replica signs alike and nothing
more needs to be kept. Public keys are told as a JWK set (RFC 8037).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FORMAT = "quanji-receipt-1"
_PURPOSE = b"quanji receipt signing key v1"


class BadReceipt(ValueError):
    """Not a receipt, not signed by one of the keys, or not about these bytes; says which."""


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. `size` in bytes, `sha256` lower-case hex, `verified_at` when the stored
    object had been read back, `object_key` where it lies, `key_id` whose signature it is."""

    format: str
    recording_id: UUID
    sha256: str
    size: int
    object_key: str
    verified_at: datetime
    key_id: str


class SignedReceipt(msgspec.Struct, frozen=True):
    """The document that travels: `{"body": {…}, "signature": base64}`."""

    body: Receipt
    signature: bytes


def sign_receipt(
    secret: bytes,
    *,
    recording_id: UUID,
    sha256: str,
    size: int,
    object_key: str,
    verified_at: datetime,
) -> SignedReceipt:
    """The receipt of one recording, under the key that `secret` yields."""
    key = _signing_key(secret)
    public = key.public_key().public_bytes_raw()
    body = Receipt(FORMAT, recording_id, sha256, size, object_key, verified_at, _key_id(public))
    return SignedReceipt(body, key.sign(canonical(body)))


def check_receipt(document: Mapping[str, Any], keys: Mapping[str, bytes]) -> Receipt:
    """The receipt, if one of `keys` (key id → 32 raw bytes) signed it; BadReceipt otherwise."""
    try:
        signed = msgspec.convert(document, SignedReceipt)
    except msgspec.ValidationError as e:
        raise BadReceipt(f"not a receipt: {e}") from e
    body = signed.body
    if body.format != FORMAT:
        raise BadReceipt(f"the format is {body.format!r}, not {FORMAT!r}")
    if body.key_id not in keys:
        raise BadReceipt(f"signed by a key that isn't the server's: {body.key_id}")
    try:
        Ed25519PublicKey.from_public_bytes(keys[body.key_id]).verify(
            signed.signature, canonical(body)
        )
    except InvalidSignature as e:
        raise BadReceipt("the signature does not fit what it signs") from e
    return body


def canonical(body: Receipt) -> bytes:
    """The bytes that are signed: JSON with sorted keys and nothing between, as RFC 8785 has it for
    ASCII keys, strings and whole numbers."""
    return msgspec.json.encode(body, order="sorted")


def as_document(signed: SignedReceipt) -> dict[str, Any]:
    """Plain JSON types, ready to be stored and sent."""
    document: dict[str, Any] = msgspec.to_builtins(signed)
    return document


def published_keys(secret: bytes) -> dict[str, Any]:
    """What stands at /.well-known/quanji-receipts.json."""
    public = _signing_key(secret).public_key().public_bytes_raw()
    encoded = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
    return {
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "use": "sig",
                "alg": "EdDSA",
                "kid": _key_id(public),
                "x": encoded,
            }
        ]
    }


def read_keys(published: Mapping[str, Any]) -> dict[str, bytes]:
    """Key id → raw public key, from a JWK set; the id is computed, not believed."""
    found = {}
    for jwk in published.get("keys", ()):
        try:
            raw = base64.urlsafe_b64decode(str(jwk["x"]) + "=" * (-len(jwk["x"]) % 4))
        except (KeyError, TypeError, binascii.Error) as e:
            raise BadReceipt(f"not a public key: {jwk!r}") from e
        if len(raw) == 32:
            found[_key_id(raw)] = raw
    if not found:
        raise BadReceipt("no Ed25519 key among the published ones")
    return found


def _signing_key(secret: bytes) -> Ed25519PrivateKey:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret)
    return Ed25519PrivateKey.from_private_bytes(derived)


def _key_id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]
