"""查看、核对、比较、导入法律规则包 / read, check, compare and import rule packs

规则包是 TOML：全国 < 内蒙古 < 行业 < 部门，一层盖一层；不需要数据库。
A rule pack is TOML, national < region < sector < department, laid upon each other. No database.

例 / examples:
  quanji rules list --sector shijian                      全部规则及依据 / rules and their articles
  quanji rules check layer.toml                           部门规则能否使用 / may this layer be used
  quanji rules diff shijian@2020-03-31 shijian            法律有何变化 / how the law has changed
  quanji rules import 清单.xlsx --sector shijian --out layer.toml
                                                          导入音像记录事项清单 / take a list in

各有说明 / each explains itself:  quanji rules check --help

退出码 / exit codes:  0 可用、相同、完成 / holds, same, done
                      1 不可用、有差异、有行未导入 / refused, differs, lines that can't be read
                      2 读不到或用法有误 / unreadable, or used wrongly
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from backend.rules.calendar import law_date
from backend.rules.errors import PackRefused, RuleRefusal
from backend.rules.layers import Layer
from backend.rules.pack import SECTORS, Change, Pack, diff, load_pack, turning_days
from backend.rules.worked import RuleRow, rule_rows

if TYPE_CHECKING:
    from backend.rules.checklist_import import Imported

CHECK = """核对部门规则能否使用 / may a department's layer be used

盖在行业规则之上逐日核对，列出改动；第一处矛盾按行指出。
Lays the file over its sector's law on every day on which either changes, and lists what it
changes. The first row that contradicts itself or the law above it is named.

一行 / a row:
  sector = "shijian"
  [[rule]]
  id = "case.decide"
  warn = [40, 20]          # 提前预警日 / days ahead; 改期限须写依据 / a limit needs its own `basis`
"""
DIFF = """比较两个规则包 / compare two packs

A、B 为文件或行业（shijian、zhujian、chengguan、base），可加 @日期，默认今天。
A and B are files or sectors (base: without a sector), @DATE behind them if not today.

  quanji rules diff shijian@2020-03-31 shijian
  quanji rules diff shijian layer.toml@2027-01-01
"""
IMPORT = """导入音像记录事项清单 / take a published checklist in

列名照清单常用写法，“环节”“方式”必有；表头之上可有标题。不认识的列、读不懂的行按行号指出，
有一行读不懂就不写文件。未注明核实人的各行不启用。
Columns as such lists have them, 环节 and 方式 at least, titles above the header allowed. Unknown
columns and unclear lines are named by their number; one unclear line and nothing is written.
Rows that nobody vouches for are written but off.

  quanji rules import 清单.xlsx --sector shijian --source "局〔2021〕3号清单" --out layer.toml
  quanji rules import 清单.csv --sector shijian --out layer.toml --verified-by "法制科 赵敏"
"""
LIST = """列出规则及依据 / every rule and its article

编号、期限、可信度、行业、名称、依据。 Id, limit, confidence, sector, title, articles.
WD 工作日 working days · ND 自然日 natural days · H 小时 hours · MO 月 months · Y 年 years
V 已核对原文 the article was read · S 摘录 extract · M 记忆 memory；非 V 默认不启用 off unless V
"""

BASE = "base"
HELD, FOUND, UNUSABLE = 0, 1, 2


class Unusable(Exception):
    """An argument or a file that can't be used; says in both languages what to mend."""


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (text, add) in ACTIONS.items():
        action = actions.add_parser(
            name,
            help=text.splitlines()[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(action)
        action.add_argument("--json", action="store_true", help="输出一个 JSON 对象 / one object")


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("pack", type=Path, metavar="PACK.toml")
    add("--sector", choices=SECTORS, help="默认取自文件 / as the file says")
    add("--on", type=_date, metavar="DATE", help="自该日起，默认今天 / from that day, or today")


def _diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="旧 / before")
    parser.add_argument("b", metavar="B", help="新 / after")


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("checklist", type=Path, metavar="CHECKLIST", help=".csv, .xlsx")
    add("--sector", choices=SECTORS, required=True)
    add("--out", type=Path, required=True, metavar="LAYER.toml")
    add("--source", help="清单标题和文号，默认文件名 / title and number, or the file's name")
    add(
        "--verified-by", default="", metavar="NAME", help="核实人 / who in the legal office read it"
    )
    add("--skip-unclear", action="store_true", help="略过读不懂的行 / leave unclear lines out")
    add("--force", action="store_true", help="覆盖已有文件 / replace an existing file")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--sector", choices=SECTORS, help="默认全部 / all without it")
    add(
        "--on", type=_date, metavar="DATE", help="该日的法律，默认今天 / that day's law, or today's"
    )


# Name → what it teaches, and its arguments.
ACTIONS = {
    "check": (CHECK, _check_arguments),
    "diff": (DIFF, _diff_arguments),
    "import": (IMPORT, _import_arguments),
    "list": (LIST, _list_arguments),
}


def run(chosen: argparse.Namespace) -> int:
    action = {"check": _check, "diff": _diff, "import": _import, "list": _list}[chosen.action]
    try:
        return action(chosen)
    except (Unusable, RuleRefusal) as error:
        _complain(chosen.action, error)
        return UNUSABLE


def _check(chosen: argparse.Namespace) -> int:
    source = _read(chosen.pack)
    report: dict[str, Any] = {"pack": str(chosen.pack), "ok": True, "versions": [], "refusal": None}
    try:
        for day, changes, pack_id in _versions(source, chosen.sector, chosen.on or _today()):
            report["versions"].append({"from": day, "id": pack_id, "changes": changes})
    except PackRefused as refusal:
        report |= {"ok": False, "refusal": _refusal(refusal, row=refusal.row)}
        if not chosen.json:
            _complain("check", f"{chosen.pack}: {refusal}")
            return FOUND
    _say(chosen, report, _check_lines(report))
    return HELD if report["ok"] else FOUND


def _versions(
    source: bytes, named: str | None, on: date
) -> Iterator[tuple[date, tuple[Change, ...], str]]:
    """What the layer changes of the law below it, on `on` and from every later turn.

    A turn of the layer's own counts however old it is: cases are filed late.
    """
    layer = Layer.parse("department", source)
    sector = named or layer.sector or None
    turns = turning_days(sector, source)
    days = {on, *layer.turning_days(), *(day for day in turns if day > on)}
    before = None
    for day in sorted(days):
        pack = load_pack(sector, day, source)
        if pack.id != before:
            yield day, diff(load_pack(sector, day), pack), pack.id
        before = pack.id


def _check_lines(report: dict[str, Any]) -> Iterator[str]:
    yield f"{report['pack']}：可以使用 / may be used"
    for version in report["versions"]:
        lines = [f"  {line}" for line in _change_lines(version["changes"])]
        told = f"改动{len(lines)}处 / changes: {len(lines)}"
        yield f"{version['from']} 起 / from then on  {version['id']}  {told}"
        yield from lines


def _diff(chosen: argparse.Namespace) -> int:
    a, b = _pack(chosen.a), _pack(chosen.b)
    changes = diff(a, b)
    _say(chosen, {"a": a.id, "b": b.id, "changes": changes}, _diff_lines(a, b, changes))
    return FOUND if changes else HELD


def _diff_lines(a: Pack, b: Pack, changes: tuple[Change, ...]) -> Iterator[str]:
    yield f"{a.id} → {b.id}"
    yield from _change_lines(changes) if changes else ["无差异 / no difference"]


def _change_lines(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        if change.field in ("article_zh", "article_en"):
            continue  # written out from `basis`, which tells the same shorter
        name = f"{change.section} {change.id}"
        if change.field:
            yield f"~ {name}  {change.field}: {_value(change.old)} → {_value(change.new)}"
        else:
            row = change.new or change.old
            mark = "+" if change.old is None else "-"
            yield f"{mark} {name}  {row.title_zh} / {row.title_en}"


def _value(value: Any) -> str:
    return json.dumps(msgspec.to_builtins(value), ensure_ascii=False)


def _import(chosen: argparse.Namespace) -> int:
    # Reading sheets takes a library that the other actions needn't wait for.
    from backend.rules.checklist_import import import_rows, layer_toml, read_sheet

    if chosen.out.exists() and not chosen.force:
        raise Unusable(f"{chosen.out} 已存在 / exists already: --force 覆盖 / replaces it")
    found = import_rows(read_sheet(_read(chosen.checklist), chosen.checklist.name))
    written = bool(found.items) and (chosen.skip_unclear or not found.refused)
    if written:
        layer = layer_toml(
            found, chosen.sector, chosen.source or chosen.checklist.stem, chosen.verified_by
        )
        load_pack(chosen.sector, _today(), layer)
        _write(chosen.out, layer)
    for refusal in found.refused:
        _complain("import", f"{chosen.checklist}: {refusal}")
    _say(chosen, _import_report(chosen, found, written), _import_lines(chosen, found, written))
    return HELD if written and not found.refused else FOUND


def _import_report(chosen: argparse.Namespace, found: Imported, written: bool) -> dict[str, Any]:
    return {
        "out": str(chosen.out),
        "written": written,
        "items": [{"line": item.line, **item.fields} for item in found.items],
        "refused": [_refusal(refusal, line=refusal.line) for refusal in found.refused],
    }


def _import_lines(chosen: argparse.Namespace, found: Imported, written: bool) -> Iterator[str]:
    if not written:
        why = "有行未能读懂" if found.refused else "清单没有内容"
        yield f"{why}，未写入 / nothing written: 改正后再导入 / mend it and import again"
        if found.items and found.refused:
            yield f"或略过 / or leave {len(found.refused)} out: --skip-unclear"
        return
    count = len(found.items)
    yield f"{chosen.out}：{count} 项 / {count} items"
    if not chosen.verified_by:
        yield "未核实，暂不启用 / unverified, so they are off: --verified-by NAME"
    yield f"下一步 / next: quanji rules check {chosen.out}"


def _list(chosen: argparse.Namespace) -> int:
    on = chosen.on or _today()
    names = [chosen.sector] if chosen.sector else [None, *SECTORS]
    rows: dict[str, tuple[str, RuleRow]] = {}
    for name in names:
        for row in rule_rows(load_pack(name, on)):
            rows.setdefault(row.id, (name or "", row))
    listed = [{"sector": sector, **msgspec.to_builtins(row)} for sector, row in rows.values()]
    _say(chosen, {"on": on, "rules": listed}, map(_list_line, listed))
    return HELD


def _list_line(row: dict[str, Any]) -> str:
    off = "" if row["on"] else "  [未启用 / off]"
    return (
        f"{row['id']:<18}{row['limit']:<13}{row['confidence']:<5}{row['sector']:<11}"
        f"{row['title_zh']} / {row['title_en']}；{row['article_zh']} / {row['article_en']}{off}"
    )


def _pack(text: str) -> Pack:
    """`shijian`, `base@2026-03-02`, `layer.toml`, `layer.toml@2027-01-01` → the merged pack."""
    name, at, day = text.rpartition("@")
    if not at or (name not in (*SECTORS, BASE) and not _is_date(day)):
        name, day = text, ""
    if day and not _is_date(day):
        raise Unusable(f"{text}: {day} 不是日期 / is no date: YYYY-MM-DD")
    on = date.fromisoformat(day) if day else _today()
    if name == BASE or name in SECTORS:
        return load_pack(None if name == BASE else name, on)
    if not Path(name).exists():
        known = "、".join((*SECTORS, BASE))
        raise Unusable(f"{text}: 没有这个文件或行业 / neither a file nor one of {known}")
    source = _read(Path(name))
    try:
        return load_pack(Layer.parse("department", source).sector or None, on, source)
    except PackRefused as refusal:
        raise Unusable(f"{name}: {refusal}") from refusal


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"{path}: 无法读取 / can't be read ({error.strerror})") from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Unusable(f"{path}: 无法写入 / can't be written ({error.strerror})") from error


def _refusal(refusal: RuleRefusal, **where: object) -> dict[str, object]:
    return {**where, "detail": refusal.detail, "mend": refusal.mend}


def _say(chosen: argparse.Namespace, report: dict[str, Any], lines: Iterable[str]) -> None:
    if chosen.json:
        lines = [json.dumps(msgspec.to_builtins(report), ensure_ascii=False)]
    print("\n".join(lines))


def _complain(action: str, what: object) -> None:
    print(f"quanji rules {action}: {what}", file=sys.stderr)


def _today() -> date:
    return law_date(datetime.now(UTC))


def _date(text: str) -> date:
    if not _is_date(text):
        raise argparse.ArgumentTypeError(f"{text} 不是日期 / is no date: YYYY-MM-DD")
    return date.fromisoformat(text)


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False
