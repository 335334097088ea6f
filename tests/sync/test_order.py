"""Apply, hold or refuse: a table whose rows say what they show."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from sync.order import Standing, decide, in_chain
from sync.reasons import WORDS

ELSEWHERE = UUID(int=7)


@pytest.mark.parametrize(
    ("standing", "action", "code", "waits_for"),
    [
        pytest.param({}, "apply", "", None, id="all is there"),
        pytest.param(
            {"missing": ELSEWHERE}, "hold", "waits_for_subject", "subject", id="before its create"
        ),
        pytest.param(
            {"earlier_held": ELSEWHERE}, "hold", "waits_for_earlier", "earlier", id="behind its own"
        ),
        pytest.param({"author_known": False}, "hold", "no_holder", "author", id="nobody held it"),
        pytest.param({"membership": "left"}, "hold", "left_case", "membership", id="case lost"),
        pytest.param({"membership": "stranger"}, "refuse", "not_found", None, id="never on it"),
        pytest.param({"stage": "closed"}, "hold", "case_closed", "case", id="may be reopened"),
        pytest.param(
            {"stage": "archived"}, "refuse", "case_archived", None, id="archived for good"
        ),
        pytest.param(
            {"speaks_newer": True, "author_known": False},
            "hold",
            "newer_schema",
            "schema",
            id="what this server can't read comes before who wrote it",
        ),
    ],
)
def test_an_operation_is_applied_held_or_refused(
    standing: dict[str, Any], action: str, code: str, waits_for: str | None
) -> None:
    decision = decide(Standing(**standing))
    assert (decision.action, decision.code, decision.waits_for) == (action, code, waits_for)


@pytest.mark.parametrize(
    ("seq", "chain", "action", "code"),
    [
        pytest.param(3, 2, "apply", "", id="the next in line"),
        pytest.param(1, 0, "apply", "", id="the first of all"),
        pytest.param(4, 2, "hold", "waits_for_gap", id="a number is missing"),
        pytest.param(2, 2, "refuse", "seq_used", id="a number used before"),
    ],
)
def test_a_log_is_taken_number_by_number(seq: int, chain: int, action: str, code: str) -> None:
    decision = in_chain(seq, chain)
    assert (decision.action, decision.code) == (action, code)


def test_every_reason_has_words_in_both_languages() -> None:
    assert all(zh and en and zh != en for zh, en in WORDS.values())
