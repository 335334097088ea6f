"""The surcharge on an unpaid fine: 3% a day, capped at the principal, paused by remedies.

处罚72: three per cent of the fine a day, never more than the fine itself. 处罚73: not counted while
a review or a suit is pending.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

import msgspec

from backend.rules.errors import BadCount
from backend.rules.periods import merge_ranges
from backend.rules.rows import Rule


class Surcharge(msgspec.Struct, frozen=True):
    """`amount` in fen, as `principal`; `days` is how many days counted."""

    days: int
    amount: int
    capped: bool


def surcharge(
    row: Rule, principal: int, pay_due: date, until: date, pauses: Sequence[tuple[date, date]] = ()
) -> Surcharge:
    """What has accrued by the end of `until`. `pauses` are FIRST..LAST, both ends left out.

    `row` is the pack's `surcharge` rule: its daily and cap percentages.
    """
    if principal < 0:
        raise BadCount("罚款为负 / the principal is negative.", "Give it in fen.")
    first, last = pay_due.toordinal() + 1, until.toordinal()
    ranges = merge_ranges((a.toordinal(), b.toordinal()) for a, b in pauses)
    lost = sum(max(0, min(b, last) - max(a, first) + 1) for a, b in ranges)
    days = max(0, last - first + 1 - lost)
    cap = int(principal * Fraction(str(row.cap_percent)) / 100)
    grown = int(principal * Fraction(str(row.daily_percent)) * days / 100)
    return Surcharge(days, min(grown, cap), grown >= cap and days > 0)
