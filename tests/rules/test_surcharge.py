"""3% a day, capped at the principal, paused by review or litigation."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.errors import BadCount
from backend.rules.pack import load_pack
from backend.rules.surcharge import surcharge

ROW = load_pack(None, date(2026, 3, 2)).rules["surcharge"]
PAY_DUE = date(2026, 5, 6)


@pytest.mark.parametrize(
    ("until", "pauses", "days", "amount", "capped", "why"),
    [
        ("2026-05-06", [], 0, 0, False, "the last day of payment costs nothing"),
        ("2026-05-07", [], 1, 3_000, False, "3% of ¥1,000 for the first day"),
        ("2026-06-08", [], 33, 99_000, False, "99%"),
        ("2026-06-09", [], 34, 100_000, True, "102% is cut to the principal"),
        ("2027-05-07", [], 366, 100_000, True, "and stays there"),
        ("2026-05-20", [("2026-05-10", "2026-05-14")], 9, 27_000, False, "a review pauses five"),
        ("2026-05-20", [("2026-05-10", "2026-05-14"), ("2026-05-12", "2026-05-16")], 7, 21_000,
         False, "days of review and suit together count once"),
        ("2026-05-20", [("2026-05-01", "2026-06-30")], 0, 0, False, "paused throughout"),
    ],
)  # fmt: skip
def test_the_surcharge_grows_pauses_and_stops(
    until: str, pauses: list[tuple[str, str]], days: int, amount: int, capped: bool, why: str
) -> None:
    spans = [(date.fromisoformat(a), date.fromisoformat(b)) for a, b in pauses]
    found = surcharge(ROW, 100_000, PAY_DUE, date.fromisoformat(until), spans)
    assert (found.days, found.amount, found.capped) == (days, amount, capped), why


@given(st.integers(0, 10**9), st.integers(0, 400), st.integers(0, 400))
def test_it_never_exceeds_the_principal_and_never_shrinks(fen: int, a: int, b: int) -> None:
    sooner, later = sorted((a, b))
    first = surcharge(ROW, fen, PAY_DUE, PAY_DUE + timedelta(sooner))
    then = surcharge(ROW, fen, PAY_DUE, PAY_DUE + timedelta(later))
    assert first.amount <= then.amount <= fen


def test_a_negative_fine_is_refused() -> None:
    with pytest.raises(BadCount):
        surcharge(ROW, -1, PAY_DUE, PAY_DUE)
