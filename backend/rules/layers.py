"""One layer of law as TOML, and how layers lie upon each other."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import msgspec

from backend.rules.errors import PackRefused
from backend.rules.rows import Law, YearNotice

SECTIONS = ("rule", "checklist", "gate")
# A lower authority that changes one of these must cite the article that lets it.
LAW_FIELDS = frozenset(
    {
        "limit",
        "unit",
        "roll",
        "month_day",
        "trigger",
        "before",
        "clear",
        "kind",
        "extends",
        "upto",
        "suspended_by",
        "met_by",
        "when",
        "unless",
        "from_data",
        "emits",
        "enabled",
        "check",
        "hard",
        "to",
        "mandatory",
        "media",
        "mode",
        "min_coverage",
        "officers",
    }
)


class Layer:
    """The raw rows of one layer, by section."""

    def __init__(self, name: str, raw: Mapping[str, Any]) -> None:
        self.name = name
        self.sector: str = raw.get("sector", "")
        self.settings: dict[str, Any] = raw.get("settings", {})
        self.laws = _structs(Law, raw.get("law", []), name)
        self.notices = _structs(YearNotice, raw.get("calendar", []), name)
        self.rows: dict[str, list[dict[str, Any]]] = {s: raw.get(s, []) for s in SECTIONS}
        self._refuse_unknown(raw)
        for section in SECTIONS:
            _refuse_overlaps(section, self.rows[section])

    @classmethod
    def parse(cls, name: str, source: bytes) -> Layer:
        """Read TOML. Raises `PackRefused` naming the layer where it isn't TOML."""
        try:
            return cls(name, tomllib.loads(source.decode()))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
            raise PackRefused(name, f"不是TOML / not TOML: {e}", "Mend the syntax.") from e

    def _refuse_unknown(self, raw: Mapping[str, Any]) -> None:
        allowed = {*SECTIONS, "law", "settings", "calendar", "sector", "title"}
        for key in raw.keys() - allowed:
            raise PackRefused(self.name, f"未知部分 / unknown section {key!r}", f"Use {allowed}.")

    def turning_days(self) -> Iterator[date]:
        """The days on which a row of this layer comes into force or ends."""
        for rows in self.rows.values():
            for row in rows:
                yield from (row[key] for key in ("in_force", "until") if key in row)


def _structs(type_: Any, rows: list[dict[str, Any]], layer: str) -> tuple[Any, ...]:
    try:
        return tuple(msgspec.convert(row, type_) for row in rows)
    except msgspec.ValidationError as e:
        raise PackRefused(f"{layer} [[{type_.__name__}]]", str(e)) from e


def _span(row: Mapping[str, Any]) -> tuple[date, date]:
    """First day in force, first day no longer in force."""
    span = row.get("in_force", date.min), row.get("until", date.max)
    if not all(type(day) is date for day in span):
        raise PackRefused(str(row.get("id")), "in_force / until must be dates (YYYY-MM-DD)")
    if span[0] >= span[1]:
        raise PackRefused(str(row.get("id")), "生效期倒置 / it ends before it comes into force")
    return span


def _refuse_overlaps(section: str, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        if not isinstance(row.get("id"), str):
            raise PackRefused(f"[[{section}]]", f"缺少id / a row has no id: {dict(row)}")
    spans = sorted((row["id"], *_span(row)) for row in rows)
    for (a, _, end), (b, begin, _) in pairwise(spans):
        if a == b and begin < end:
            raise PackRefused(a, f"生效期重叠 / two versions are in force on {begin}")


def merge_section(section: str, layers: Sequence[Layer], on: date) -> dict[str, dict[str, Any]]:
    """Rows in force `on` that day, by id, lower layers first."""
    merged: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for row in layer.rows[section]:
            first, end = _span(row)
            if not first <= on < end:
                continue
            below = merged.get(row["id"])
            if below is not None:
                _refuse_unfounded(layer, row, below)
            merged[row["id"]] = {**(below or {}), **row}
    return merged


def _refuse_unfounded(layer: Layer, row: Mapping[str, Any], below: Mapping[str, Any]) -> None:
    changed = sorted(k for k in row.keys() & LAW_FIELDS if row[k] != below.get(k))
    switched_on = changed == ["enabled"] and row["enabled"] and row.get("verified_by")
    if changed and "basis" not in row and not switched_on:
        raise PackRefused(
            row["id"],
            f"{layer.name} 改动 {', '.join(changed)} 而无依据 / changes the law without citing one",
            "Give the row its own `basis`, or `verified_by` to switch on an unverified row.",
        )


def cite(row_id: str, basis: Sequence[str], laws: Mapping[str, Law]) -> tuple[str, str]:
    """`("处罚60",)` → ("《…行政处罚法》第60条", "Administrative Penalty Law, art. 60")."""
    found = [_cite_one(row_id, ref, laws) for ref in basis]
    return "；".join(zh for zh, _ in found), "; ".join(en for _, en in found)


def _cite_one(row_id: str, ref: str, laws: Mapping[str, Law]) -> tuple[str, str]:
    codes = [code for code in laws if ref.startswith(code)]
    if not codes:
        raise PackRefused(row_id, f"引用未知法规 / cites an unknown law {ref!r}", "Add a [[law]].")
    law = laws[max(codes, key=len)]
    article = ref[len(law.code) :].lstrip("-")
    if not article:
        return law.zh, law.en
    return f"{law.zh}第{article}{law.unit}", f"{law.en}, art. {article}"
