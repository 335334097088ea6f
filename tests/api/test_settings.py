"""The environment is read in one place, and every problem is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.settings import SettingsError, read_secret, read_settings, variables_of_file

COMPLETE = {
    "QUANJI_DATABASE_URL": "postgresql://app:secret@127.0.0.1:5432/quanji",
    "QUANJI_S3_ENDPOINT": "http://127.0.0.1:8333",
    "QUANJI_S3_ACCESS_KEY": "key",
    "QUANJI_S3_SECRET_KEY": "secret",
    "QUANJI_S3_BUCKET": "evidence",
    "QUANJI_PUBLIC_URL": "https://quanji.example",
    "QUANJI_SECRET_KEY_FILE": "/etc/quanji/secret.key",
    "QUANJI_WORK_DIR": "/var/lib/quanji/work",
}


def test_a_complete_environment_is_read() -> None:
    settings = read_settings({**COMPLETE, "QUANJI_SESSION_HOURS": "8"})
    assert settings.secret_key_file == Path("/etc/quanji/secret.key")
    assert settings.session_hours == 8


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"QUANJI_S3_BUCKET": ""}, ["QUANJI_S3_BUCKET is not set"]),
        ({"QUANJI_DATABASE_URL": "mysql://x/y"}, ["QUANJI_DATABASE_URL must begin with"]),
        ({"QUANJI_SESSION_HOURS": "soon"}, ["QUANJI_SESSION_HOURS must be a whole number"]),
        (
            {"QUANJI_S3_BUCKET": "", "QUANJI_PUBLIC_URL": "ftp://x"},
            ["QUANJI_S3_BUCKET is not set", "QUANJI_PUBLIC_URL must begin with"],
        ),
    ],
    ids=["one missing", "another database", "not a number", "two problems are told together"],
)
def test_what_is_wrong_is_named(change: dict[str, str], told: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({**COMPLETE, **change})
    assert all(line in str(error.value) for line in told)


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [(b"s" * 31, 0o600, "31 bytes"), (b"s" * 32, 0o640, "chmod 600")],
    ids=["too short to be random enough", "others could read it"],
)
def test_a_poor_secret_is_refused(tmp_path: Path, content: bytes, mode: int, told: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(SettingsError, match=told):
        read_secret(file)


def test_a_kept_file_of_variables_is_an_environment(tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text("# kept\n" + "".join(f"{name}={value}\n" for name, value in COMPLETE.items()))
    assert variables_of_file(file) == COMPLETE
