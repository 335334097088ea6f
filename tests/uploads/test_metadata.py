"""What a device says of its file: names cleaned, claims read, nonsense named."""

from __future__ import annotations

import base64
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.metadata import BadMetadata, clean_name, parse_metadata, read_claims


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\DCIM\\100MEDIA\\MOVI0001.MOV", "MOVI0001.MOV"),
        ("检查\x00录像\n.mp4", "检查录像.mp4"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("  .hidden ", "hidden"),
    ],
)
def test_a_name_is_cleaned(said: str, kept: str) -> None:
    assert clean_name(said) == kept


def test_a_long_name_keeps_its_suffix() -> None:
    kept = clean_name("检" * 200 + ".mp4")
    assert kept.endswith("检.mp4") and len(kept.encode()) <= 200


@given(st.text(max_size=400))
def test_a_cleaned_name_is_one_safe_component_and_stays_as_it_is(said: str) -> None:
    kept = clean_name(said)
    assert kept and len(kept.encode()) <= 200 and kept not in {".", ".."}
    assert not set(kept) & set("/\\")
    assert all(unicodedata.category(c)[0] != "C" for c in kept)
    assert clean_name(kept) == kept


@given(st.dictionaries(st.from_regex(r"\A[a-z_]{1,12}\Z"), st.text(max_size=40)))
def test_metadata_comes_back_as_it_was_sent(sent: dict[str, str]) -> None:
    safe = {key: value.replace("\0", "") for key, value in sent.items()}
    header = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in safe.items())
    assert parse_metadata(header) == safe


def test_a_name_in_gb18030_is_read() -> None:
    encoded = base64.b64encode("青城烧烤店.mp4".encode("gb18030")).decode()
    assert parse_metadata(f"filename {encoded}") == {"filename": "青城烧烤店.mp4"}


@pytest.mark.parametrize("header", ["filename %%%", "a YQ==,a YQ==", ",", "é YQ==", "a Y Q"])
def test_what_is_no_metadata_is_refused(header: str) -> None:
    with pytest.raises(BadMetadata):
        parse_metadata(header)


@pytest.mark.parametrize(
    ("metadata", "names"),
    [
        ({"sha256": "abc"}, "sha256"),
        ({"begin": "yesterday"}, "begin"),
        ({"begin": "0001-01-01T00:00:00"}, "begin"),
        ({"monotonic_ms": "-1"}, "monotonic_ms"),
        ({"case_id": "7"}, "case_id"),
        ({"media_kind": "hologram"}, "media_kind"),
        ({"key": "x" * 201}, "key"),
    ],
)
def test_a_claim_that_cannot_be_is_named(metadata: dict[str, str], names: str) -> None:
    with pytest.raises(BadMetadata, match=names):
        read_claims(metadata)


def test_a_claimed_begin_without_a_zone_is_shanghais() -> None:
    claims = read_claims({"filename": "a.mp4", "begin": "2026-03-02T09:00:00"})
    assert claims.begin == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({"filename": "a.mp4"}, "video"),
        ({"filename": "a.JPG"}, "photo"),
        ({"filename": "a.bin", "filetype": "audio/mpeg"}, "audio"),
        ({"filename": "a.mp4", "media_kind": "audio"}, "audio"),
        ({}, "unknown"),
    ],
)
def test_the_kind_of_media_is_said_or_guessed(metadata: dict[str, str], kind: str) -> None:
    assert read_claims(metadata).media_kind == kind
