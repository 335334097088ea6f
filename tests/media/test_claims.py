from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from media.capture_time import capture_time
from media.claims import claims_of
from media.facts import Facts

TRUE = datetime(2026, 3, 2, 6, 15, 3, tzinfo=UTC)
NAME = "DSJ_0007_20260302141503_0001.MP4"
S = timedelta(seconds=1)


def begin(container_time: datetime | None, name: str = NAME, duration_s: float = 600.0):
    facts = Facts(
        kind="video", container="mov", size=1, duration_s=duration_s, container_time=container_time
    )
    time = capture_time(claims_of(facts, name, None), duration_s=duration_s)
    return time and (time.source, time.begin)


@pytest.mark.parametrize(
    ("container_time", "expected"),
    [
        pytest.param(TRUE + S, ("container", TRUE + S), id="as the standard wants it"),
        pytest.param(TRUE + 28800 * S, ("container", TRUE), id="local time called UTC"),
        pytest.param(TRUE + 601 * S, ("container", TRUE + S), id="stamped when it was closed"),
        pytest.param(TRUE + 29400 * S, ("container", TRUE), id="closed, and in local time"),
        pytest.param(TRUE + 5000 * S, ("container", TRUE + 5000 * S), id="unexplained: believed"),
        pytest.param(None, ("file_name", TRUE), id="the name alone"),
    ],
)
def test_the_name_tells_how_the_container_means_its_time(container_time, expected):
    assert begin(container_time) == expected


def test_without_a_telling_name_the_container_is_taken_at_its_word():
    assert begin(TRUE + 28800 * S, "IMG_1.MP4") == ("container", TRUE + 28800 * S)


def test_what_the_device_declared_outranks_all():
    facts = Facts(kind="video", container="mov", size=1, container_time=TRUE + 9 * S)
    assert {c.source for c in claims_of(facts, NAME, TRUE)} == {
        "declared",
        "container",
        "file_name",
    }
    time = capture_time(claims_of(facts, NAME, TRUE), duration_s=1)
    assert time is not None
    assert time.source == "declared"
