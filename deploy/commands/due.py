"""计算办案期限 / count a legal deadline and show each step

不需要数据库。Needs no database.

例 / examples:
  quanji due case.decide 2026-03-02
  quanji due case.decide 2026-03-02 --exclude 2026-04-13..2026-04-27    扣除听证、鉴定等期间
  quanji due case.decide 2026-03-02 --extend                            加上法定延长
  quanji due case.decide 2026-03-02 --json                              供程序读取
"""

from __future__ import annotations

import argparse
import sys
from datetime import date, time

from backend.rules.errors import RuleRefusal
from backend.rules.worked import due_command, due_json, due_lines


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("rule", metavar="RULE", help="规则编号 / rule id, such as case.decide")
    add("date", type=_date, metavar="DATE", help="起算事件日期 / day of the event, YYYY-MM-DD")
    add("--exclude", type=_period, action="append", default=[], metavar="A..B")
    add("--at", type=_time, metavar="HH:MM", help="事件的时间 / time of the event, Shanghai")
    add("--extend", action="store_true", help="加上法定延长 / add the rule's extension")
    add("--sector", help="行业 / sector whose rules apply")
    add("--json", action="store_true", help="输出一个 JSON 对象 / print one JSON object")


def run(chosen: argparse.Namespace) -> int:
    try:
        due = due_command(
            chosen.rule, chosen.date, chosen.exclude, chosen.at, chosen.extend, chosen.sector
        )
    except RuleRefusal as error:
        print(f"quanji due: {error}", file=sys.stderr)
        return 2
    print(due_json(due) if chosen.json else "\n".join(due_lines(due)))
    return 0


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} 不是日期 / is no date: YYYY-MM-DD") from error


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} 不是时间 / is no time: HH:MM") from error


def _period(text: str) -> tuple[date, date]:
    first, separator, last = text.partition("..")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text} 不是期间 / is no period: A..B")
    return _date(first), _date(last)
