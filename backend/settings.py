"""The only reader of the environment. It fails loudly, with every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec


class SettingsError(Exception):
    """One line a problem, each naming its variable and what it wants."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a process needs to know. `quanji up` sets all of it; elsewhere an operator does."""

    database_url: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    s3_bucket: str
    public_url: str
    secret_key_file: Path
    work_dir: Path
    s3_public_endpoint: str = ""
    session_hours: int = 12
    max_upload_bytes: int = 64 * 2**30
    upload_days: int = 14
    orphan_days: int = 30
    reverify_days: int = 30
    reverify_bytes_per_s: int = 8 * 2**20

    @property
    def s3_secure(self) -> bool:
        return urlsplit(self.s3_endpoint).scheme == "https"

    @property
    def s3_host(self) -> str:
        return urlsplit(self.s3_endpoint).netloc


_REQUIRED = {
    "database_url": "postgresql://user:password@host:5432/quanji",
    "s3_endpoint": "http://127.0.0.1:8333",
    "s3_access_key": "the store's access key",
    "s3_secret_key": "the store's secret key",
    "s3_bucket": "evidence",
    "public_url": "https://quanji.example, as devices and browsers reach it",
    "secret_key_file": "a file of at least 32 random bytes, readable to the owner alone",
    "work_dir": "a folder for what is in work and may be lost",
}
# As cameras and docks reach the store, when that isn't s3_endpoint.
_OPTIONAL = ("s3_public_endpoint",)
_SCHEMES = {
    "database_url": {"postgresql", "postgres"},
    "s3_endpoint": {"http", "https"},
    "s3_public_endpoint": {"http", "https"},
    "public_url": {"http", "https"},
}
_NUMBERS = (
    "session_hours",
    "max_upload_bytes",
    "upload_days",
    "orphan_days",  # an original that no row names is removed after this
    "reverify_days",  # a stored original is read again after this, this fast at most:
    "reverify_bytes_per_s",
)


def variable(name: str) -> str:
    """The environment variable of a setting: `s3_bucket` → `QUANJI_S3_BUCKET`."""
    return f"QUANJI_{name.upper()}"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `QUANJI_*`, or `SettingsError` naming all that is missing or wrong."""
    source = os.environ if environment is None else environment
    given = {
        name: source[variable(name)].strip()
        for name in (*_REQUIRED, *_OPTIONAL, *_NUMBERS)
        if source.get(variable(name), "").strip()
    }
    problems = [
        f"{variable(name)} is not set; it wants {wanted}"
        for name, wanted in _REQUIRED.items()
        if name not in given
    ]
    problems += [
        f"{variable(name)} must begin with {' or '.join(sorted(schemes))}://"
        for name, schemes in _SCHEMES.items()
        if name in given and urlsplit(given[name]).scheme not in schemes
    ]
    problems += [
        f"{variable(name)} must be a whole number above 0"
        for name in _NUMBERS
        if name in given and not (given[name].isdecimal() and int(given[name]) > 0)
    ]
    if problems:
        raise SettingsError("\n".join(problems))
    return msgspec.convert(given, Settings, strict=False, dec_hook=lambda kind, raw: kind(raw))


def variables_of_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines as `quanji up` keeps them and systemd's EnvironmentFile reads them."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; is it a folder of `quanji up`?") from error
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def read_secret(path: Path) -> bytes:
    """The process's secret; refuses a short file and one that others may read."""
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{variable('secret_key_file')}: {error}") from error
    if len(secret) < 32:
        raise SettingsError(f"{path} holds {len(secret)} bytes; at least 32 are needed")
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} can be read by others; mend it with: chmod 600 {path}")
    return secret
