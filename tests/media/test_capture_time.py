from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.capture_time import Claim, Contact, Drift, capture_time, contact, name_claim, offset_at

TRUE = datetime(2026, 3, 2, 6, 15, 3, tzinfo=UTC)  # 14:15:03 in Hohhot
S = timedelta(seconds=1)


def said(shift: float = 0.0, source: str = "container") -> Claim:
    return Claim(source, TRUE + shift * S)


def met(hours: float, offset: float, width: float = 0.05, boot: str = "b1") -> Contact:
    """A contact `hours` after TRUE, by a device that is `offset` seconds ahead."""
    at = TRUE + timedelta(hours=hours, seconds=offset)
    return Contact(boot, at, offset - width, offset + width)


def test_a_camera_97_s_ahead_comes_out_right():
    time = capture_time(
        [said(+97)], duration_s=600, contacts=[met(-1, 97), met(3, 97)], boot_id="b1"
    )
    assert time is not None
    assert time.claimed_begin == TRUE + 97 * S
    assert abs((time.begin - TRUE).total_seconds()) < 0.001
    assert time.end - time.begin == 600 * S
    assert time.offset_s == pytest.approx(97)
    assert time.uncertainty_s < 1
    assert "快 97.0 秒" in time.zh
    assert "97.0 s ahead" in time.en


def test_a_camera_that_is_behind_is_corrected_forward():
    time = capture_time([said(-30)], duration_s=1, contacts=[met(1, -30)], boot_id="b1")
    assert time is not None
    assert abs((time.begin - TRUE).total_seconds()) <= time.uncertainty_s
    assert "慢 30.0 秒" in time.zh


def test_the_exchange_bounds_the_offset_from_both_sides():
    # The device is 97 s ahead; 40 ms there, 160 ms back, 10 ms in our hands.
    sent, received = TRUE + 97 * S, TRUE + 0.04 * S
    found = contact("b1", sent, received, received + 0.01 * S, sent + 0.21 * S)
    assert found.low_s == pytest.approx(96.96)
    assert found.high_s == pytest.approx(97.16)


@pytest.mark.parametrize(
    ("claims", "source"),
    [
        pytest.param(["file_name", "container", "declared"], "declared", id="the device's word"),
        pytest.param(["file_name", "container"], "container", id="then the container"),
        pytest.param(["file_name", "exif"], "exif", id="then EXIF"),
        pytest.param(["file_name"], "file_name", id="last the file's name"),
    ],
)
def test_the_best_source_speaks(claims, source):
    time = capture_time([said(0, s) for s in claims], duration_s=1)
    assert time is not None
    assert time.source == source


def test_no_claim_is_no_time():
    assert capture_time([], duration_s=10) is None


def test_a_camera_with_a_dead_battery_is_not_believed_but_its_file_name_is():
    dead = Claim("container", datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC))
    time = capture_time([dead, said(0, "file_name")], duration_s=60)
    assert time is not None
    assert time.source == "file_name"
    assert "不采信文件封装" in time.zh


def test_a_recording_can_not_end_after_its_upload():
    time = capture_time(
        [said(7200)], duration_s=60, contacts=[met(0, 0)], boot_id="b1", received_at=TRUE + 60 * S
    )
    assert time is None


def test_a_claim_of_the_end_is_carried_back_to_the_begin():
    claim = Claim("container", TRUE + 600 * S, edge="end")
    time = capture_time([claim], duration_s=600)
    assert time is not None
    assert time.claimed_begin == TRUE


def test_sources_that_disagree_are_named():
    time = capture_time([said(0), said(3600, "file_name")], duration_s=1)
    assert time is not None
    assert "文件名与之相差 1.0 小时" in time.zh


def test_without_contact_the_clock_may_be_minutes_off():
    found = offset_at([], TRUE, "b1")
    assert (found.seconds, found.uncertainty_s) == (0.0, Drift().unknown_s)


def test_another_boot_is_second_choice_and_less_sure():
    contacts = [met(-1, 5, boot="b0"), met(-2, 50, boot="b1")]
    assert offset_at(contacts, TRUE, "b1").seconds == pytest.approx(50)
    other = offset_at(contacts[:1], TRUE, "b1")
    assert other.seconds == pytest.approx(5)
    assert other.uncertainty_s > offset_at(contacts[:1], TRUE, "b0").uncertainty_s


def test_a_clock_set_between_two_contacts_leaves_both_offsets_possible():
    found = offset_at([met(-1, 97), met(1, 0)], TRUE, "b1")
    assert found.seconds - found.uncertainty_s <= 0
    assert found.seconds + found.uncertainty_s >= 97
    assert "被调整" in found.zh


@given(
    ppm=st.tuples(st.floats(-99, 99), st.floats(-99, 99)),
    turn=st.floats(-200, 200),
    start=st.floats(-500, 500),
    hours=st.lists(st.floats(-200, 200), min_size=1, max_size=5),
    at=st.floats(-300, 300),
    there=st.floats(0, 2),
    back=st.floats(0, 2),
)
def test_the_true_time_lies_within_the_stated_uncertainty(ppm, turn, start, hours, at, there, back):
    def device(true: datetime) -> datetime:
        """A clock whose rate changes at `turn`, as when a camera is carried out into the cold."""
        away = (true - TRUE).total_seconds() / 3600 - turn
        return true + (start + ppm[away > 0] * 1e-6 * away * 3600) * S

    def meet(hour: float) -> Contact:
        sent = TRUE + timedelta(hours=hour)
        arrived = sent + there * S
        return contact("b1", device(sent), arrived, arrived, device(arrived + back * S))

    true = TRUE + timedelta(hours=at)
    time = capture_time(
        [Claim("container", device(true))],
        duration_s=60,
        contacts=[meet(h) for h in hours],
        boot_id="b1",
    )
    assert time is not None
    assert abs((time.begin - true).total_seconds()) <= time.uncertainty_s + 1e-3


@given(st.floats(0, 400), st.floats(0, 400))
def test_uncertainty_grows_with_the_distance_to_the_nearest_contact(a, b):
    near, far = sorted((a, b))
    contacts = [met(0, 3)]
    sure = offset_at(contacts, TRUE + timedelta(hours=1 + near), "b1").uncertainty_s
    unsure = offset_at(contacts, TRUE + timedelta(hours=1 + far), "b1").uncertainty_s
    assert sure <= unsure


@given(st.permutations([met(-5, 1), met(-1, 2), met(2, 3), met(9, 4, boot="b2")]))
def test_the_order_in_which_contacts_are_listed_does_not_matter(contacts):
    assert offset_at(contacts, TRUE, "b1") == offset_at(sorted(contacts, key=str), TRUE, "b1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("DSJ_0007_20260302141503_0001.MP4", TRUE, id="body camera with serial"),
        pytest.param("VID_20260302_141503.mp4", TRUE, id="Android"),
        pytest.param("VID_20260302_141503123.mp4", None, id="digits that run on are not seconds"),
        pytest.param("PXL_20260302_061503123.mp4", TRUE, id="Pixel phones write UTC"),
        pytest.param("2026-03-02_14-15-03.mp4", TRUE, id="dashes"),
        pytest.param("2026-03-02 14.15.03.jpg", TRUE, id="dots"),
        pytest.param("20260302_1415.amr", TRUE + 27 * S, id="to the minute: its middle"),
        pytest.param("IMG_0042.JPG", None, id="a counter"),
        pytest.param("20261302141503.mp4", None, id="a thirteenth month"),
        pytest.param("现场录像20260302141503.mp4", TRUE, id="Chinese around it"),
    ],
)
def test_file_names_tell_time_by_scheme(name, expected):
    claim = name_claim(name)
    assert (claim.at if claim else None) == expected
