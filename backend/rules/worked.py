"""`quanji due`: one rule, one date, the count printed. Needs no database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from typing import Any

import msgspec

from backend.rules.calendar import SHANGHAI, within
from backend.rules.deadlines import Due, first_count, judge, next_count
from backend.rules.errors import BadCount, NoExtension, UnknownRule
from backend.rules.events import Event
from backend.rules.explain import Step, when_en, when_zh
from backend.rules.pack import SECTORS, Pack, load_pack
from backend.rules.periods import Count
from backend.rules.rows import Rule
from backend.rules.stops import declared


def due_command(
    rule_id: str,
    day: date,
    excludes: Sequence[tuple[date, date]] = (),
    at: time | None = None,
    extend: bool = False,
    sector: str | None = None,
    department_layer: bytes | None = None,
) -> Due:
    """Count one rule from a day.

    `day` is the event's day; for limits counted back, the day counted back from; for calendar
    rules it gives the year. `excludes` are FIRST..LAST, both ends left out. `at` is the event's
    Shanghai time (00:00 without one; only limits in hours feel it). Without a sector, a rule or
    extension that only a sector has is taken from the first that has it, and a step says so.
    Raises `UnknownRule`, `NoExtension`, `BadCount`.
    """
    within(day)
    pack, notes = _find_pack(rule_id, day, extend, sector, department_layer)
    row = pack.rules[rule_id]
    event = _event(row, day, at)
    stops = tuple(declared(first, last) for first, last in _in_order(excludes))
    if stops and (row.before or row.unit == "DATE"):
        raise BadCount(f"{rule_id} 不得扣除 / {rule_id} cannot stop.", "Leave --exclude out.")
    counts: tuple[Count, ...] = (first_count(pack, row, event, stops, event.at),)
    last = row
    if extend:
        last = _extension(pack, rule_id)
        counts = (*counts, next_count(pack, counts[0], last, event, stops, event.at))
    return judge(pack, row, event, counts, event.at, None, stops, tuple(notes), last)


def _in_order(excludes: Sequence[tuple[date, date]]) -> list[tuple[date, date]]:
    for first, last in excludes:
        if within(last) < within(first):
            raise BadCount(
                f"扣除期间倒置 / {first}..{last} ends before it begins.", "Write FIRST..LAST."
            )
    return sorted(excludes)


def _event(row: Rule, day: date, at: time | None) -> Event:
    instant = datetime.combine(day, at or time(), SHANGHAI).astimezone(UTC)
    data: dict[str, Any] = {row.from_data: day} if row.from_data else {}
    return Event(row.trigger, instant, f"{row.id}:{day}", "", data)


def _find_pack(
    rule_id: str, day: date, extend: bool, sector: str | None, layer: bytes | None
) -> tuple[Pack, list[Step]]:
    """The pack in force that day, else today's text with a step that says so."""
    notes: list[Step] = []
    for on in (day, date.max):
        for name in [sector] if sector else [None, *SECTORS]:
            pack = load_pack(name, on, layer)
            if rule_id in pack.rules and (not extend or _has_extension(pack, rule_id)):
                notes += _origin(name, sector) + _not_in_force(on, day)
                return pack, notes
    raise _refusal(rule_id, extend, sector, layer)


def _has_extension(pack: Pack, rule_id: str) -> bool:
    return rule_id in pack.extensions


def _origin(found: str | None, asked: str | None) -> list[Step]:
    if found == asked or found is None:
        return []
    return [Step(f"取自行业规则包 {found}", f"taken from the sector pack {found}")]


def _not_in_force(on: date, day: date) -> list[Step]:
    if on == day:
        return []
    return [Step(f"注意：{day}时该规则尚未施行", f"beware: not yet in force on {day}")]


def _refusal(
    rule_id: str, extend: bool, sector: str | None, layer: bytes | None
) -> UnknownRule | NoExtension:
    packs = [load_pack(name, date.max, layer) for name in ([sector] if sector else SECTORS)]
    ids = sorted({known for pack in packs for known in pack.rules})
    if rule_id in ids and extend:
        return NoExtension(f"{rule_id} 无延长规定 / has no extension.", "Leave --extend out.")
    near = get_close_matches(rule_id, ids, n=3, cutoff=0.6)
    return UnknownRule(rule_id, near or [known for known in ids if rule_id in known][:5])


def _extension(pack: Pack, rule_id: str) -> Rule:
    return pack.extensions[rule_id][0]


def due_lines(due: Due, lang: str = "both") -> list[str]:
    """For a terminal: title, steps, result. `lang`: zh | en | both."""
    row = due.row
    head = Step(
        f"{row.id} {row.title_zh}（{row.article_zh}）",
        f"{row.id} {row.title_en} ({row.article_en})",
    )
    end = Step(
        f"届满：{when_zh(due.due)}" + ("（暂定）" if due.provisional else ""),
        f"due: {when_en(due.due)}" + (" PROVISIONAL" if due.provisional else ""),
    )
    lines = [head, *due.steps, end]
    if lang == "both":
        return [line.line for line in lines]
    return [line.zh if lang == "zh" else line.en for line in lines]


def due_object(due: Due) -> dict[str, Any]:
    """`{"rule", "due", "strict", "provisional", "steps"}`; ISO dates, with time for hours."""
    return {
        "rule": due.rule,
        "due": iso(due.due),
        "strict": iso(due.strict),
        "provisional": due.provisional,
        "steps": [step.line for step in due.steps],
    }


def due_json(due: Due) -> str:
    """Exactly one JSON object, Chinese readable."""
    return json.dumps(due_object(due), ensure_ascii=False)


def iso(at: date | datetime) -> str:
    """Law's wall time: an instant is written with Shanghai's offset."""
    return at.astimezone(SHANGHAI).isoformat() if isinstance(at, datetime) else at.isoformat()


class RuleRow(msgspec.Struct, frozen=True):
    """A line of the list of rules; `limit` such as `90 ND`, `+30 ND`, `7 WD before`, `01-31`."""

    id: str
    limit: str
    title_zh: str
    title_en: str
    article_zh: str
    article_en: str
    confidence: str
    on: bool


def rule_rows(pack: Pack) -> tuple[RuleRow, ...]:
    """Every rule of a pack, switched off ones too, for `quanji rules` and help texts."""
    return tuple(
        RuleRow(
            r.id,
            _limit(r),
            r.title_zh,
            r.title_en,
            r.article_zh,
            r.article_en,
            r.confidence,
            r.on,
        )
        for r in pack.rules.values()
    )


def _limit(row: Rule) -> str:
    if row.unit == "DATE":
        return row.month_day
    length = f"≤{row.limit}" if row.upto and row.limit else f"{row.limit or '?'}"
    sign, back = "+" if row.extends else "", " before" if row.before else ""
    return f"{sign}{length} {row.unit}{back}"
