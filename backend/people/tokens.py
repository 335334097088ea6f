"""Random tokens and codes. Only their digest is stored: a stolen table opens no door."""

from __future__ import annotations

import hashlib
import secrets

# No 0/O, 1/I/L: a code is read aloud and typed on a phone.
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def new_token() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """A one-time code of 12 characters in groups of four: 59 bits, short-lived."""
    drawn = "".join(secrets.choice(CODE_ALPHABET) for _ in range(12))
    return "-".join((drawn[:4], drawn[4:8], drawn[8:]))


def digest(token: str) -> bytes:
    """SHA-256 suffices where the input is random: there is nothing to guess from it."""
    return hashlib.sha256(token.encode()).digest()


def code_digest(code: str) -> bytes:
    """Digest of a code as a person may have typed it: any case, any spaces or dashes."""
    return digest("".join(c for c in code.upper() if c in CODE_ALPHABET))
