from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from media.keys import original_key, rendition_key, tail_key

ID = UUID("01955a6e-0000-7000-8000-000000000001")
DAY = date(2026, 3, 2)


def test_an_original_tells_department_day_and_recording():
    assert original_key("shijian", DAY, ID, ".MP4") == f"originals/shijian/2026/03/02/{ID}.mp4"


@pytest.mark.parametrize("suffix", ["", ".", ".tar.gz", "./../x", ".\u4e2d", ".mp4\n", "mp4"])
def test_a_suffix_that_is_not_plainly_one_is_dropped(suffix):
    assert original_key("shijian", DAY, ID, suffix) == f"originals/shijian/2026/03/02/{ID}"


@pytest.mark.parametrize("code", ["", "../x", "A", "市场", "a/b", "a" * 65])
def test_a_department_code_can_not_leave_its_folder(code):
    with pytest.raises(ValueError):
        original_key(code, DAY, ID)


def test_a_rendition_lies_beside_its_original_under_another_lifecycle():
    original = original_key("shijian", DAY, ID, ".mp4")
    assert rendition_key(original, "poster.jpg") == f"renditions/shijian/2026/03/02/{ID}/poster.jpg"


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".hidden"])
def test_a_rendition_name_can_not_leave_its_folder(name):
    with pytest.raises(ValueError):
        rendition_key(original_key("shijian", DAY, ID), name)


def test_renditions_have_no_renditions():
    with pytest.raises(ValueError):
        rendition_key(rendition_key(original_key("shijian", DAY, ID), "a.jpg"), "b.jpg")


def test_a_tail_is_apart_from_evidence():
    assert tail_key(ID) == f"tails/{ID}"
