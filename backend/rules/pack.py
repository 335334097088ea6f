"""Load a rule pack: national < 内蒙古 < sector < department, effective-dated, merged row by row.

A later layer's row with the same id replaces the fields that it names. The merged pack has an id
made from its content, so that a case can pin the law in force at its filing (`dump`, `restore`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import Any, TypeVar

import msgspec

from backend.rules.calendar import WorkCalendar, published_calendar
from backend.rules.errors import PackRefused
from backend.rules.layers import Layer, cite, merge_section
from backend.rules.packcheck import check_pack
from backend.rules.periods import Limit
from backend.rules.rows import ChecklistItem, Gate, Law, Rule, Settings, YearNotice

Row = TypeVar("Row", Rule, ChecklistItem, Gate)
Shape = TypeVar("Shape")

SECTORS = ("shijian", "zhujian", "chengguan")
SECTION_TYPES = {"rule": Rule, "checklist": ChecklistItem, "gate": Gate}


class Process(msgspec.Struct, frozen=True):
    """What stops a case, and the choices that the gates look up."""

    gates: tuple[Gate, ...]
    settings: Settings


class PackData(msgspec.Struct, frozen=True):
    """The merged content of a pack: all that its id is made from."""

    sector: str
    rules: tuple[Rule, ...]
    checklist: tuple[ChecklistItem, ...]
    process: Process
    notices: tuple[YearNotice, ...] = ()


class Pack:
    """A merged, checked pack. `rules` and `checklist` hold every row by id, switched off or not."""

    def __init__(self, data: PackData, pinned: bytes | None = None) -> None:
        self.data = data
        self._dumped = pinned or msgspec.json.encode(data, order="deterministic")
        self.sector = data.sector
        self.process = data.process
        self.rules: Mapping[str, Rule] = {row.id: row for row in data.rules}
        self.checklist: Mapping[str, ChecklistItem] = {row.id: row for row in data.checklist}
        digest = hashlib.sha256(self._dumped).hexdigest()
        self.id = f"{data.sector or 'base'}-{digest[:16]}"

    def dump(self) -> bytes:
        """The pack as JSON; equal packs give equal bytes. `restore` reads it, under the same id."""
        return self._dumped

    @cached_property
    def calendar(self) -> WorkCalendar:
        """Not part of the id: a newly published year must reach the cases that are open."""
        calendar = published_calendar()
        for notice in self.data.notices:
            calendar = calendar.with_year(notice.year, notice.holidays, notice.make_up)
        return calendar

    @cached_property
    def triggered(self) -> Mapping[str, tuple[Rule, ...]]:
        """Event kind → the rules it opens; extensions and rows that are off are left out."""
        return _group(
            (row.trigger, row) for row in self.rules.values() if row.on and not row.extends
        )

    @cached_property
    def limits(self) -> Mapping[str, Limit]:
        """Rule id → its limit, made once: counting runs over millions of cases."""
        return {row.id: row.as_limit() for row in self.rules.values()}

    @cached_property
    def extensions(self) -> Mapping[str, tuple[Rule, ...]]:
        """Rule id → its extensions in the order in which they follow."""
        rows = sorted((r for r in self.rules.values() if r.extends and r.on), key=lambda r: r.order)
        return _group((row.extends, row) for row in rows)


def restore(dumped: bytes) -> Pack:
    """The pack that a case pinned. Raises `PackRefused` if the bytes are no pack."""
    try:
        return Pack(msgspec.json.decode(dumped, type=PackData), dumped)
    except msgspec.DecodeError as e:
        raise PackRefused("(pinned)", f"unreadable: {e}", "Load the pack anew and re-pin.") from e


def load_pack(sector: str | None, on: date, department_layer: bytes | None = None) -> Pack:
    """The law for a department of `sector` as it stood `on` that day; cached.

    `department_layer` is TOML in the shape of packs/*.toml. Raises `PackRefused` naming the row.
    """
    return _merged(sector, in_force_since(sector, on, department_layer), department_layer)


def in_force_since(sector: str | None, on: date, department_layer: bytes | None = None) -> date:
    """The first day on which the law read as it does `on` that day; `date.min` if it always has."""
    turns = turning_days(sector, department_layer)
    return max((day for day in turns if day <= on), default=date.min)


@lru_cache(maxsize=256)
def turning_days(sector: str | None, department_layer: bytes | None = None) -> frozenset[date]:
    """The days on which a row of any layer comes into force or ends."""
    if sector is not None and sector not in SECTORS:
        raise PackRefused(sector, "未知行业 / unknown sector", f"Use one of {', '.join(SECTORS)}.")
    layers = _layers(sector, department_layer)
    return frozenset(day for layer in layers for day in layer.turning_days())


@lru_cache(maxsize=256)
def _merged(sector: str | None, on: date, department_layer: bytes | None) -> Pack:
    return merge(sector or "", _layers(sector, department_layer), on)


@lru_cache(maxsize=256)
def _layers(sector: str | None, department_layer: bytes | None) -> tuple[Layer, ...]:
    names = ["national", "neimenggu", *([sector] if sector else [])]
    layers = [shipped_layer(name) for name in names]
    if department_layer is not None:
        layers.append(Layer.parse("department", department_layer))
        _check_sector(layers[-1], sector)
    return tuple(layers)


def _check_sector(layer: Layer, sector: str | None) -> None:
    if layer.sector and layer.sector != sector:
        raise PackRefused(
            layer.name,
            f"写给 {layer.sector} 的规则用于 {sector} / is written for another sector",
            "Load it for its own sector or change its `sector` line.",
        )


@cache
def shipped_layer(name: str) -> Layer:
    """One of the layers that the product ships."""
    source = files("backend.rules").joinpath("packs", f"{name}.toml")
    return Layer.parse(name, source.read_bytes())


def merge(sector: str, layers: Sequence[Layer], on: date) -> Pack:
    """Merge layers (lowest first) as of a day and check the result."""
    laws = {law.code: law for layer in layers for law in layer.laws}
    rows = {name: merge_section(name, layers, on) for name in SECTION_TYPES}
    settings: dict[str, Any] = {}
    for layer in layers:
        settings |= layer.settings
    data = PackData(
        sector,
        tuple(_row(Rule, raw, laws) for raw in rows["rule"].values()),
        tuple(_row(ChecklistItem, raw, laws) for raw in rows["checklist"].values()),
        Process(
            tuple(_row(Gate, raw, laws) for raw in rows["gate"].values()),
            _convert(Settings, settings, "settings"),
        ),
        tuple(notice for layer in layers for notice in layer.notices),
    )
    ever = frozenset(row["id"] for layer in layers for row in layer.rows["rule"])
    check_pack(data.rules, data.checklist, data.process.gates, data.process.settings, ever)
    return Pack(data)


def _row(type_: type[Row], raw: dict[str, Any], laws: Mapping[str, Law]) -> Row:
    row = _convert(type_, raw, str(raw.get("id", "?")))
    zh, en = cite(row.id, row.basis, laws)
    return msgspec.structs.replace(row, article_zh=zh, article_en=en)


def _convert(type_: type[Shape], raw: dict[str, Any], name: str) -> Shape:
    try:
        return msgspec.convert(raw, type_)
    except msgspec.ValidationError as e:
        raise PackRefused(name, str(e)) from e


def _group(pairs: Any) -> dict[str, tuple[Rule, ...]]:
    grouped: dict[str, tuple[Rule, ...]] = {}
    for key, row in pairs:
        grouped[key] = (*grouped.get(key, ()), row)
    return grouped


class Change(msgspec.Struct, frozen=True):
    """One difference between two packs; `field` is "" where the whole row came or went."""

    section: str
    id: str
    field: str
    old: Any
    new: Any


def diff(a: Pack, b: Pack) -> tuple[Change, ...]:
    """What changes from pack a to pack b, row by row and field by field."""
    changes: list[Change] = []
    before, after = _sections(a), _sections(b)
    for section, old in before.items():
        new = after[section]
        for key in sorted(old.keys() | new.keys()):
            changes += _row_changes(section, key, old.get(key), new.get(key))
    return tuple(changes)


def _sections(pack: Pack) -> dict[str, Mapping[str, msgspec.Struct]]:
    return {
        "rule": pack.rules,
        "checklist": pack.checklist,
        "gate": {gate.id: gate for gate in pack.process.gates},
        "settings": {"settings": pack.process.settings},
    }


def _row_changes(section: str, key: str, old: Any, new: Any) -> list[Change]:
    if old is None or new is None:
        return [Change(section, key, "", old, new)]
    before, after = msgspec.structs.asdict(old), msgspec.structs.asdict(new)
    return [
        Change(section, key, field, before[field], after[field])
        for field in before
        if before[field] != after[field]
    ]
