"""The events that a person notes at the desk, and what the rules ask to be told with each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from backend.rules.events import EVENT_KINDS, SUSPENSION_REASONS, Label, labels
from backend.rules.pack import Pack

# Filing has its own act; the machine notes the others itself.
NOT_BY_HAND = frozenset(
    (
        "case_filed",
        "recording_ended",
        "recording_uploaded",
        "calendar_year",
        "case_closed",
        "case_archived",
    )
)
_KEYS = labels("""
on             | 定于哪一天           | the day set
days           | 批准的天数           | days approved
reason         | 中止原因             | why the clock stops
hearing_right  | 告知了听证权利       | told of the right to a hearing
party_absent   | 当事人不在场         | the party was absent
no_fine        | 没有罚款             | no fine
endangers_life | 危及人身安全         | life is endangered
refused        | 未予受理或许可       | refused
""")


class Choice(msgspec.Struct, frozen=True):
    value: str
    zh: str
    en: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the event's body. A `date` is `YYYY-MM-DD`, `days` a number, `yes_no` a boolean."""

    key: str
    form: Literal["date", "days", "yes_no", "choice"]
    zh: str
    en: str
    choices: tuple[Choice, ...] = ()


class EventKind(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    zh: str
    en: str
    asks: tuple[Asked, ...]


def kinds_by_hand(pack: Pack) -> list[EventKind]:
    """In the order of a case's course. What is asked follows from the rows of the pack."""
    return [
        EventKind(kind=kind, zh=label.zh, en=label.en, asks=tuple(_asks(pack, kind)))
        for kind, label in EVENT_KINDS.items()
        if kind not in NOT_BY_HAND
    ]


def _asks(pack: Pack, kind: str) -> Iterator[Asked]:
    if kind in ("clock_stopped", "clock_restarted"):
        choices = (
            Choice(value, label.zh, label.en)
            for value, label in SUSPENSION_REASONS.items()
            if value != "declared"
        )
        yield _asked("reason", "choice", tuple(choices))
    seen = set()
    for rule in pack.rules.values():
        if rule.trigger != kind:
            continue
        keys: list[tuple[str, Literal["date", "days", "yes_no"]]] = [
            (key, "yes_no") for key in (*rule.when, *rule.unless)
        ]
        keys += [(rule.from_data, "date")] if rule.from_data else []
        keys += [("days", "days")] if rule.upto else []
        for key, form in keys:
            if key not in seen:
                seen.add(key)
                yield _asked(key, form)


def _asked(
    key: str,
    form: Literal["date", "days", "yes_no", "choice"],
    choices: tuple[Choice, ...] = (),
) -> Asked:
    label = _KEYS.get(key, Label(key, key))
    return Asked(key=key, form=form, zh=label.zh, en=label.en, choices=choices)
