"""What the law wanted recorded, step by step: well, with a hole, explained, too few, wrong clock,
never."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec
import pytest

from backend.rules.checklists import (
    Recorded,
    StepEvidence,
    inspection_items,
    judge_step,
    required_for,
)
from backend.rules.coverage import ExplainedGap, Interval
from backend.rules.events import OFFICE_KINDS, STEP_KINDS
from backend.rules.pack import load_pack
from backend.rules.rows import ChecklistItem
from tests.rules.cast import at

PACK = load_pack("shijian", date(2026, 3, 2))
BEGIN = at("2026-03-02 10:00")
STEP = Interval(BEGIN, BEGIN + timedelta(minutes=60))


def span(begin: float, end: float) -> Interval:
    return Interval(BEGIN + timedelta(minutes=begin), BEGIN + timedelta(minutes=end))


def item(step_kind: str, when: str = "") -> ChecklistItem:
    found = required_for(PACK, step_kind, when)
    assert found is not None
    return found


def evidence(
    row: ChecklistItem,
    spans: list[Interval],
    explained: tuple[ExplainedGap, ...] = (),
    officers: int = 2,
    documents: tuple[str, ...] | None = None,
    doubt: float = 0,
) -> StepEvidence:
    kind = row.media[0][0] if row.media else "video"
    recorded = tuple(Recorded(kind, one, timedelta(minutes=doubt)) for one in spans)
    papers = row.documents if documents is None else documents
    return StepEvidence(STEP, recorded, explained, papers, officers, witness=True)


# step, when, medium of the best alternative, continuous or point, people, documents, mandatory
ROWS = [
    ("arrive", "", "video", "continuous", 2, (), False),
    ("examine", "", "photo", "point", 2, (), True),
    ("examine", "disputed", "video", "continuous", 2, (), True),
    ("question", "", "audio", "continuous", 2, ("transcript",), True),
    ("preserve", "", "photo", "point", 2, ("item_list",), True),
    ("sample", "", "photo", "point", 2, (), True),
    ("seize", "", "video", "continuous", 2, ("decision", "item_list"), True),
    ("demolish", "", "video", "continuous", 2, ("inventory",), True),
    ("premises", "", "video", "continuous", 0, (), True),
    ("simple_penalty", "", "video", "continuous", 2, (), False),
    ("hearing", "", "video", "continuous", 0, ("transcript",), True),
    ("serve_by_leaving", "", "photo", "point", 2, (), True),
    ("serve_by_announcement", "", "photo", "point", 0, ("reason_note",), True),
    ("serve_electronic", "", "", "point", 0, ("consent", "arrival_log"), True),
    ("review", "", "", "point", 0, ("minutes",), True),
]


@pytest.mark.parametrize(("kind", "when", "medium", "mode", "officers", "documents", "must"), ROWS)
def test_every_row_of_the_law_is_there(
    kind: str,
    when: str,
    medium: str,
    mode: str,
    officers: int,
    documents: tuple[str, ...],
    must: bool,
) -> None:
    row = item(kind, when)
    assert (row.media[0][0] if row.media else "") == medium
    assert (row.mode, row.officers, row.documents, row.mandatory) == (
        mode,
        officers,
        documents,
        must,
    )
    assert row.article_zh in row.article and row.article_en in row.article


def test_every_row_is_covered_by_the_table_above() -> None:
    assert {(r.step_kind, r.when) for r in PACK.checklist.values()} == {(k, w) for k, w, *_ in ROWS}


@pytest.mark.parametrize("kind", ["show_id", "notify", "serve", "leave"])
def test_steps_without_a_row_demand_no_recording(kind: str) -> None:
    assert required_for(PACK, kind) is None


def test_the_kinds_of_steps_are_the_shared_vocabulary() -> None:
    assert " ".join(STEP_KINDS) == (
        "arrive show_id notify examine question sample preserve seize demolish hearing serve "
        "serve_by_leaving serve_by_announcement serve_electronic simple_penalty premises leave"
    )
    assert list(OFFICE_KINDS) == ["review"]


CONTINUOUS = [row[:2] for row in ROWS if row[3] == "continuous"]
POINT = [row[:2] for row in ROWS if row[3] == "point" and row[2]]


@pytest.mark.parametrize(("kind", "when"), CONTINUOUS)
def test_a_continuous_step_recorded_well_lacks_nothing(kind: str, when: str) -> None:
    row = item(kind, when)
    assert judge_step(row, evidence(row, [span(-2, 30), span(30, 62)], doubt=1)).complete


@pytest.mark.parametrize(("kind", "when"), CONTINUOUS)
def test_a_hole_in_a_continuous_step_is_a_gap_with_its_length(kind: str, when: str) -> None:
    row = item(kind, when)
    judged = judge_step(row, evidence(row, [span(0, 26), span(34, 60)]))
    assert [f.code for f in judged.findings] == ["recording_gap"]
    assert "8:00" in judged.findings[0].zh and "8:00" in judged.findings[0].en
    assert judged.findings[0].article_zh and judged.findings[0].article_en


@pytest.mark.parametrize(("kind", "when"), CONTINUOUS)
def test_an_explained_hole_is_no_gap_and_a_silent_one_is(kind: str, when: str) -> None:
    row = item(kind, when)
    hole = span(26, 34)
    for cause, codes in (("更换电池", []), ("", ["recording_gap"])):
        told = (ExplainedGap(hole.begin, hole.end, cause),)
        judged = judge_step(row, evidence(row, [span(0, 26), span(34, 60)], told))
        assert [f.code for f in judged.findings] == codes


@pytest.mark.parametrize(("kind", "when"), CONTINUOUS + POINT)
def test_a_step_never_recorded_is_a_missing_recording(kind: str, when: str) -> None:
    row = item(kind, when)
    judged = judge_step(row, evidence(row, []))
    assert [f.code for f in judged.findings] == ["missing_recording"]
    assert judged.findings[0].certain


@pytest.mark.parametrize(("kind", "when"), CONTINUOUS + POINT)
def test_a_recording_of_1970_leaves_the_step_missing(kind: str, when: str) -> None:
    row = item(kind, when)
    old = Interval(
        datetime.fromisoformat("1970-01-01T00:00+00:00"),
        datetime.fromisoformat("1970-01-01T01:00+00:00"),
    )
    assert [f.code for f in judge_step(row, evidence(row, [old])).findings] == ["missing_recording"]


@pytest.mark.parametrize(("kind", "when"), CONTINUOUS)
def test_a_clock_97_seconds_ahead_makes_the_verdict_uncertain(kind: str, when: str) -> None:
    row = item(kind, when)
    ahead = [span(97 / 60, 60 + 97 / 60)]
    sure = judge_step(row, evidence(row, ahead, doubt=0)).findings
    doubtful = judge_step(row, evidence(row, ahead, doubt=2)).findings
    assert [f.certain for f in sure] == [True]
    assert [f.certain for f in doubtful] == [False]


@pytest.mark.parametrize(("kind", "when"), CONTINUOUS + POINT)
def test_too_few_officers_are_found_where_officers_are_wanted(kind: str, when: str) -> None:
    row = item(kind, when)
    shots = [span(n, n) for n in range(1, 5)] if row.mode == "point" else [STEP]
    judged = judge_step(row, evidence(row, shots, officers=1))
    assert [f.code for f in judged.findings] == (["too_few_officers"] if row.officers else [])


@pytest.mark.parametrize(("kind", "when"), POINT)
def test_a_point_step_wants_a_photo_of_each_thing_or_one_video(kind: str, when: str) -> None:
    row = item(kind, when)
    needed = max(1, len(row.points))
    enough = [span(5 + n, 5 + n) for n in range(needed)]
    assert judge_step(row, evidence(row, enough)).complete
    fewer = judge_step(row, evidence(row, enough[1:]))
    assert [f.code for f in fewer.findings] == ["missing_recording"]
    video = StepEvidence(
        STEP, (Recorded("video", span(3, 20)),), (), row.documents, 2, witness=True
    )
    assert judge_step(row, video).complete


@pytest.mark.parametrize("kind", [row[0] for row in ROWS if row[5]])
def test_papers_that_are_missing_are_named(kind: str) -> None:
    row = item(kind)
    judged = judge_step(row, evidence(row, [span(-1, 61)], documents=()))
    assert [f.code for f in judged.findings] == ["document_missing"] * len(row.documents)


def test_service_by_leaving_wants_a_witness_or_a_video() -> None:
    row = item("serve_by_leaving")
    photos = tuple(Recorded("photo", span(n, n)) for n in (1, 2, 3))
    alone = StepEvidence(STEP, photos, (), (), 2, witness=False)
    assert [f.code for f in judge_step(row, alone).findings] == ["witness_missing"]
    filmed = StepEvidence(STEP, (*photos, Recorded("video", span(1, 2))), (), (), 2, witness=False)
    assert judge_step(row, filmed).complete


def test_an_inquiry_may_be_filmed_instead_of_taped_but_not_half_of_each() -> None:
    row = item("question")
    filmed = StepEvidence(STEP, (Recorded("video", STEP),), (), ("transcript",), 2)
    assert judge_step(row, filmed).complete
    halves = (Recorded("video", span(0, 30)), Recorded("audio", span(30, 60)))
    mixed = judge_step(row, StepEvidence(STEP, halves, (), ("transcript",), 2))
    assert [f.code for f in mixed.findings] == ["recording_gap"]


def test_two_media_wanted_together_are_both_wanted() -> None:
    layer = b'[[checklist]]\nid = "seizure"\nmedia = [["video", "audio"]]\nbasis = ["118"]'
    row = required_for(load_pack("shijian", date(2026, 3, 2), layer), "seize")
    assert row is not None
    filmed = evidence(row, [span(-1, 61)])
    assert [f.code for f in judge_step(row, filmed).findings] == ["missing_recording"]
    taped = msgspec.structs.replace(
        filmed, recorded=(*filmed.recorded, Recorded("audio", span(-1, 61)))
    )
    assert judge_step(row, taped).complete


def test_the_handheld_gets_each_row_once() -> None:
    items = inspection_items(PACK, ["arrive", "show_id", "examine", "examine", "sample", "leave"])
    assert [one.id for one in items] == ["check.enterprise", "scene", "sampling"]


def test_a_lower_share_may_suffice_where_a_department_says_so() -> None:
    layer = b'[[checklist]]\nid = "seizure"\nmin_coverage = 0.8\nbasis = ["118"]'
    row = required_for(load_pack("shijian", date(2026, 3, 2), layer), "seize")
    assert row is not None
    assert judge_step(row, evidence(row, [span(0, 26), span(34, 60)])).complete
    assert not judge_step(row, evidence(row, [span(0, 26)])).complete
