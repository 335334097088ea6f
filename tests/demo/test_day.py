"""The demo's day is one that could have been, whenever it is played."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.demo.cameras import files_of_the_day
from deploy.demo.cast import DEVICES, PEOPLE
from deploy.demo.day import CLOSES, OPENS, SHANGHAI, case_opened, office_time, visit_begins
from deploy.demo.scenario import CASES, EDITED_VISIT, SITUATIONS, VISITS

anchors = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("end", "hours", "begins"),
    [
        ("2026-03-02 16:00", 2.0, "2026-03-02 14:00"),
        ("2026-03-02 09:00", 2.0, "2026-03-01 16:00"),  # the morning's half hour, then yesterday
        ("2026-03-02 03:00", 1.0, "2026-03-01 16:30"),  # nobody works at night
        ("2026-03-02 23:00", 0.0, "2026-03-02 17:30"),
    ],
)
def test_office_time_is_counted_back_from_the_end(end: str, hours: float, begins: str) -> None:
    assert office_time(local(end), timedelta(hours=hours)) == local(begins)


@given(anchors)
def test_todays_visits_lie_in_office_hours_and_leave_time_to_upload_within_24_hours(
    anchor: datetime,
) -> None:
    for visit in VISITS.values():
        begins = visit_begins(visit, anchor)
        ends = begins + timedelta(minutes=visit.steps[-1].end)
        assert OPENS <= begins.astimezone(SHANGHAI).time() <= CLOSES
        if not visit.days:
            assert anchor - timedelta(hours=22) < begins and ends < anchor


@given(anchors)
def test_what_was_missed_or_late_was_more_than_24_hours_ago(anchor: datetime) -> None:
    for visit in VISITS.values():
        if visit.days:
            ends = visit_begins(visit, anchor) + timedelta(minutes=visit.steps[-1].end)
            assert anchor - ends > timedelta(hours=24)


@given(anchors)
def test_no_officer_is_at_two_places_at_once(anchor: datetime) -> None:
    for person in PEOPLE:
        spans = sorted(
            (begins, begins + timedelta(minutes=visit.steps[-1].end))
            for visit in VISITS.values()
            if person.name in visit.officers
            for begins in [visit_begins(visit, anchor)]
        )
        assert all(first[1] <= second[0] for first, second in pairwise(spans))


@given(anchors)
def test_a_case_is_opened_before_it_is_filed_and_before_its_visits(anchor: datetime) -> None:
    for name, case in CASES.items():
        opened = case_opened(name, anchor)
        if case.filed_days is not None:
            assert opened <= anchor - timedelta(days=case.filed_days)
        for visit in VISITS.values():
            assert visit.case != name or opened <= visit_begins(visit, anchor)


def test_the_day_is_as_large_and_as_varied_as_promised() -> None:
    certified = [p for p in PEOPLE if p.certificate_days is not None]
    assert len(certified) >= 12 and len(PEOPLE) - len(certified) == 2
    assert len({p.department for p in PEOPLE}) == 3
    assert len(VISITS) >= 20
    kinds = Counter(visit.kind for visit in VISITS.values())
    assert kinds.keys() == {"check", "seizure", "inquiry", "hearing", "service"}
    taken = Counter(take.kind for visit in VISITS.values() for take in visit.takes)
    assert taken.keys() == {"video", "audio", "photo", "text"}


def test_every_name_in_the_scenario_is_known() -> None:
    people, devices = {p.name for p in PEOPLE}, {d.serial: d for d in DEVICES}
    for visit in VISITS.values():
        assert set(visit.officers) <= people
        assert devices[visit.author].holder == visit.officers[0]
        assert visit.case is None or visit.case in CASES
        for take in visit.takes:
            assert devices[take.camera].holder in visit.officers
    assert all(one.about in VISITS or one.about in CASES for one in SITUATIONS)
    assert EDITED_VISIT in VISITS


def test_files_are_named_once_by_the_cameras_own_clock() -> None:
    anchor = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
    files = files_of_the_day(anchor)
    assert len({file.name for file in files}) == len(files)
    ahead = next(file for file in files if file.take.camera == "CAM-SJ-02")
    shown = (ahead.begin + timedelta(seconds=97)).astimezone(SHANGHAI)
    assert f"{shown:%Y%m%d_%H%M%S}" in ahead.name
