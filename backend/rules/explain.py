"""A count in words: one line a step, Chinese and English."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

import msgspec

from backend.rules.calendar import SHANGHAI, WorkCalendar, law_date
from backend.rules.events import EVENT_KINDS, SUSPENSION_REASONS, Event
from backend.rules.periods import Count
from backend.rules.rows import Rule
from backend.rules.stops import Stop

_UNIT_ZH = {"WD": "个工作日", "ND": "日（自然日）", "H": "小时", "MO": "个月", "Y": "年"}
_UNIT_EN = {"WD": "working days", "ND": "natural days", "H": "hours", "MO": "months", "Y": "years"}
_WEEK = "一二三四五六日"
_WEEK_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_REST = {
    "weekend": ("周末", "a weekend"),
    "holiday": ("放假", "a holiday"),
}


class Step(msgspec.Struct, frozen=True):
    zh: str
    en: str

    @property
    def line(self) -> str:
        return f"{self.zh} / {self.en}"


def when_zh(at: date | datetime) -> str:
    if isinstance(at, datetime):
        return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    return f"{at.isoformat()}（周{_WEEK[at.weekday()]}）"


def when_en(at: date | datetime) -> str:
    if isinstance(at, datetime):
        return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M (Shanghai)")
    return f"{at.isoformat()} ({_WEEK_EN[at.weekday()]})"


def steps_of(
    row: Rule,
    event: Event,
    counts: Sequence[Count],
    stops: Sequence[Stop],
    notes: Sequence[Step],
    calendar: WorkCalendar,
) -> tuple[Step, ...]:
    """Start, limit, exclusions, unrolled end, extensions, rolling, and what to beware of."""
    lines = [*_start(row, event, counts[0]), _limit(row, counts[0])]
    lines += [_stop(stop) for stop in stops]
    lines += _end(counts[0])
    for extension in counts[1:]:
        lines += _extension(extension)
    lines += _roll(row, counts[-1], calendar)
    lines += notes
    lines += _cautions(row, counts, calendar)
    return tuple(lines)


def _start(row: Rule, event: Event, count: Count) -> Iterator[Step]:
    label = EVENT_KINDS[event.kind]
    zh, en = when_zh(count.start), when_en(count.start)
    if count.limit.unit == "DATE":
        yield Step(f"年度：{count.start.year}年", f"year: {count.start.year}")
    elif count.limit.unit == "H":
        yield Step(f"{label.zh}：{zh}，即时起算", f"{label.en}: {en}; hours run at once")
    elif count.limit.before:
        yield Step(f"以{zh}倒推，当日不计", f"counted back from {en}, that day left out")
    else:
        yield Step(
            f"{label.zh}：{zh}为第0日，次日起算（民法典第201条）",
            f"{label.en}: {en} is day 0, counting from the next day (Civil Code art. 201)",
        )


def _limit(row: Rule, count: Count) -> Step:
    limit = count.limit
    if limit.unit == "DATE":
        zh, en = f"固定日期{limit.month_day}", f"fixed date {limit.month_day}"
    else:
        zh = f"{limit.length}{_UNIT_ZH[limit.unit]}"
        en = f"{limit.length} {_UNIT_EN[limit.unit]}"
    if limit.clear:
        zh, en = f"{zh}，须为完整日", f"{en}, all of them clear"
    return Step(f"期限：{zh}（{row.article_zh}）", f"limit: {en} ({row.article_en})")


def _stop(stop: Stop) -> Step:
    label = SUSPENSION_REASONS[stop.reason]
    first, last = stop.days
    if last is None:
        return Step(
            f"自{first}起中止（{label.zh}），尚未恢复",
            f"stopped since {first} ({label.en}), not yet restarted",
        )
    return Step(
        f"不计入：{first}至{last}（{label.zh}，首尾均不计）",
        f"left out: {first} to {last} ({label.en}, both ends)",
    )


def _end(count: Count) -> Iterator[Step]:
    zh, en = when_zh(count.strict), when_en(count.strict)
    if isinstance(count.strict, datetime):
        hours = count.excluded / 3600
        zh, en = f"届满：{zh}", f"end: {en}"
        yield (
            Step(zh, en)
            if not hours
            else Step(f"中止{hours:g}小时，{zh}", f"{hours:g} h left out; {en}")
        )
    elif count.excluded:
        yield Step(
            f"扣除{count.excluded}日，未顺延的届满日：{zh}",
            f"{count.excluded} days left out; unrolled end: {en}",
        )
    elif count.limit.before:
        yield Step(f"最迟：{zh}", f"at the latest: {en}")
    else:
        yield Step(f"未顺延的届满日：{zh}", f"unrolled end: {en}")


def _extension(count: Count) -> Iterator[Step]:
    yield Step(
        f"延长{count.limit.length}{_UNIT_ZH[count.limit.unit]}，自未顺延的{count.start}起算",
        f"extended by {count.limit.length} {_UNIT_EN[count.limit.unit]}"
        f" from the unrolled {count.start}",
    )
    yield from _end(count)


def _roll(row: Rule, count: Count, calendar: WorkCalendar) -> Iterator[Step]:
    if isinstance(count.strict, datetime) or count.limit.before:
        return
    kind = calendar.kind(count.strict)
    if count.due != count.strict:
        zh, en = _REST[kind]
        yield Step(
            f"末日为{zh}，顺延至{when_zh(count.due)}（民法典第203条）",
            f"the last day is {en}: rolled to {when_en(count.due)} (Civil Code art. 203)",
        )
        if row.alarm == "strict":
            yield Step("按未顺延日预警", "the alarm is on the unrolled date")
    elif kind == "make_up":
        yield Step("末日为调休上班日，不顺延", "the last day is a make-up working day: no rolling")
    elif kind in _REST:
        yield Step("末日休息，但本期限不顺延", "the last day is a day off; this limit never rolls")


def _cautions(row: Rule, counts: Sequence[Count], calendar: WorkCalendar) -> Iterator[Step]:
    last = counts[-1]
    if row.daily_percent:
        days = -(-row.cap_percent // row.daily_percent)
        cap = date.fromordinal(last.due.toordinal() + int(days) - 1)
        yield Step(
            f"每日加处{row.daily_percent:g}%，如不中止，{cap}达到本金上限",
            f"{row.daily_percent:g}% a day; without a pause it reaches the cap on {cap}",
        )
    if row.kind == "window" and not isinstance(last.due, datetime):
        after = date.fromordinal(last.due.toordinal() + 1)
        yield Step(f"期满后的首日：{after}", f"first day after the window: {after}")
    if row.note_zh:
        yield Step(row.note_zh, row.note_en)
    if row.conflicts_with:
        others = "、".join(row.conflicts_with)
        yield Step(f"与{others}期限不一致，从严", f"conflicts with {others}: watch the stricter")
    if any(count.provisional for count in counts):
        known = max(calendar.known_years)
        yield Step(
            f"暂定：{known}年之后的放假安排尚未公布，按周一至周五为工作日计算",
            f"PROVISIONAL: holidays after {known} are not published; Monday to Friday assumed",
        )
    if row.confidence != "V":
        yield Step(
            f"未核实（{row.confidence}）：规则包中默认停用",
            f"unverified ({row.confidence}): off in the pack by default",
        )


def late_extension(approval: Event, extension: Rule) -> Step:
    day = law_date(approval.at)
    return Step(
        f"{extension.title_zh}：{day}批准已逾原期限，不予计入",
        f"{extension.title_en}: approved on {day}, after the expiry; not applied",
    )
