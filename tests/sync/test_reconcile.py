"""One visit opened on two phones is one visit; two visits are never made one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from backend.cases.placing import Visit
from sync.reconcile import reconcile

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
BATEER, XIUYING = UUID(int=1), UUID(int=2)
CASE, OTHER_CASE = UUID(int=10), UUID(int=11)
BBQ = frozenset({"uscc:91150102MA0N8Y7X3K", "party:a"})
BBQ_AGAIN = frozenset({"uscc:91150102MA0N8Y7X3K", "party:b"})
NOODLES = frozenset({"uscc:91150102MA0N8Y7X99", "party:c"})


def visit(**differs: Any) -> Visit:
    usual: dict[str, Any] = {
        "id": UUID(int=100),
        "kind": "check",
        "party": BBQ,
        "place": "中山西路 12 号",
        "started_at": NINE,
        "officers": frozenset({BATEER}),
        "made_by": "device:1",
    }
    return Visit(**{**usual, **differs})


def known(**differs: Any) -> Visit:
    usual = {
        "id": UUID(int=200),
        "case_id": CASE,
        "party": BBQ_AGAIN,
        "officers": frozenset({XIUYING}),
        "made_by": "device:2",
    }
    return visit(**{**usual, **differs})


LATER = NINE + timedelta(hours=6)
HERE = {"latitude": 40.8, "longitude": 111.7}
ACROSS_TOWN = {"latitude": 40.85, "longitude": 111.7}


@pytest.mark.parametrize(
    ("candidate", "placement"),
    [
        pytest.param(known(), "duplicate_of", id="same party, place and time, another phone"),
        pytest.param(
            known(started_at=NINE + timedelta(minutes=20)), "duplicate_of", id="opened 20 min later"
        ),
        pytest.param(known(place="同一家店"), "duplicate_of", id="the place written otherwise"),
        pytest.param(known(party=NOODLES), "new", id="another party next door"),
        pytest.param(known(started_at=LATER), "ask", id="the same party in the afternoon"),
        pytest.param(known(kind="seizure"), "attach", id="a seizure during the check"),
        pytest.param(known(made_by="device:1"), "attach", id="one phone makes no copy of its own"),
        pytest.param(
            known(party=frozenset({"party:z"}), officers=frozenset({BATEER})),
            "ask",
            id="a party without a code: a person decides",
        ),
        pytest.param(known(party=frozenset(), place="别处"), "new", id="nothing but the hour"),
        pytest.param(known(started_at=LATER, party=NOODLES), "new", id="nothing in common"),
    ],
)
def test_an_inspection_that_names_no_case_is_placed(candidate: Visit, placement: str) -> None:
    found = reconcile(visit(), [candidate])
    assert found.kind == placement
    assert (found.case_id == CASE) == (placement in ("duplicate_of", "attach"))
    assert all(reason["zh"] and reason["en"] for reason in found.reasons)


def test_coordinates_a_kilometre_apart_speak_against_the_same_visit() -> None:
    near = reconcile(visit(**HERE), [known(**HERE)])
    far = reconcile(visit(**HERE), [known(**ACROSS_TOWN)])
    assert (near.kind, far.kind) == ("duplicate_of", "attach")
    assert near.score > far.score


def test_a_named_case_is_kept_and_only_its_own_inspections_can_be_the_original() -> None:
    elsewhere = reconcile(visit(case_id=OTHER_CASE), [known()], case_id=OTHER_CASE)
    within = reconcile(visit(case_id=CASE), [known()], case_id=CASE)
    assert (elsewhere.kind, elsewhere.case_id) == ("attach", OTHER_CASE)
    assert (within.kind, within.case_id) == ("duplicate_of", CASE)


def test_of_two_alike_the_better_one_is_the_original() -> None:
    weaker = known(id=UUID(int=300), started_at=NINE + timedelta(minutes=50), place="")
    assert reconcile(visit(), [weaker, known()]).inspection_id == UUID(int=200)
