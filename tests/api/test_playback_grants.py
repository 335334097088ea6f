"""Short-lived links and byte ranges, without a server."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Refusal
from media.playback import ByteRange, Grant, choose_range, open_grant, seal
from tests.api.cast import NOW

SECRET = b"s" * 32
GRANT = Grant("shijian/2026/x", "video/mp4", "x.mp4", 1000, "ab" * 32, int(NOW.timestamp()) + 60)


def test_a_grant_opens_what_was_sealed_until_it_runs_out() -> None:
    token = seal(GRANT, SECRET)
    assert open_grant(token, SECRET, NOW + timedelta(seconds=59)) == GRANT
    with pytest.raises(Refusal) as late:
        open_grant(token, SECRET, NOW + timedelta(seconds=61))
    assert late.value.kind == "gone"


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_no_changed_bit_of_a_grant_is_taken(position: int, bit: int) -> None:
    token = seal(GRANT, SECRET)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[position % len(raw)] ^= 1 << bit
    with pytest.raises(Refusal) as refused:
        open_grant(base64.urlsafe_b64encode(raw).decode(), SECRET, NOW)
    assert refused.value.kind == "not_found"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-", ByteRange(0, 999)),
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=990-5000", ByteRange(990, 999)),
        ("bytes=-10", ByteRange(990, 999)),
        ("bytes=-5000", ByteRange(0, 999)),
        ("bytes=5-3", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
    ],
    ids=[
        "no range: everything",
        "an open end reaches the last byte",
        "one byte",
        "an end past the file is cut",
        "the last ten bytes",
        "a suffix longer than the file is the file",
        "backwards: ignored, as the RFC says",
        "several ranges: everything",
        "another unit: everything",
        "not numbers: everything",
        "nothing said: everything",
    ],
)
def test_which_bytes_are_sent(header: str | None, expected: ByteRange | None) -> None:
    assert choose_range(header, 1000) == expected


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=-0"])
def test_a_range_past_the_end_is_refused(header: str) -> None:
    with pytest.raises(Refusal) as refused:
        choose_range(header, 1000)
    assert (refused.value.status, refused.value.extra["size"]) == (416, 1000)
