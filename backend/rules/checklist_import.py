"""A department's published 音像记录事项清单 → rows of its pack layer.

The lists come in near-identical columns: category, stage, method, place, start trigger, content,
end trigger, recorder, retention. `read_sheet` takes the bytes of a CSV or XLSX file; `import_rows`
is pure on its rows; `layer_toml` writes the layer that `load_pack` takes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from backend.rules.errors import ChecklistRefused
from backend.rules.events import STEP_KINDS

MAX_ROWS = 2000
MAX_BYTES = 5_000_000

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "number": ("序号", "编号", "no"),
        "category": ("类别", "执法类别", "事项类别", "执法类型", "category"),
        "stage": ("环节", "执法环节", "记录环节", "阶段", "记录事项", "事项", "stage"),
        "method": ("方式", "记录方式", "记录形式", "method"),
        "place": ("地点", "记录地点", "场所", "记录场所", "place"),
        "start": (
            "起始",
            "开始",
            "启动",
            "起点",
            "开始节点",
            "启动节点",
            "记录起点",
            "starttrigger",
        ),
        "content": ("内容", "记录内容", "重点内容", "content"),
        "end": ("终止", "结束", "终点", "结束节点", "终止节点", "记录终点", "endtrigger"),
        "recorder": ("记录人", "记录主体", "记录人员", "责任人", "recorder"),
        "retention": ("保存期限", "保管期限", "存储期限", "retention"),
        "basis": ("依据", "法律依据", "执法依据", "basis"),
        "note": ("备注", "note"),
    }
)
NEEDED = ("stage", "method")

# The first phrase that a stage's text contains decides its step kind.
_STAGE_WORDS = (
    ("留置送达", "serve_by_leaving"),
    ("公告送达", "serve_by_announcement"),
    ("电子送达", "serve_electronic"),
    ("先行登记", "preserve"),
    ("查封", "seize"),
    ("扣押", "seize"),
    ("强制拆除", "demolish"),
    ("代履行", "demolish"),
    ("听证", "hearing"),
    ("抽样", "sample"),
    ("询问", "question"),
    ("办案场所", "premises"),
    ("办案区", "premises"),
    ("当场处罚", "simple_penalty"),
    ("简易", "simple_penalty"),
    ("出示", "show_id"),
    ("亮证", "show_id"),
    ("告知", "notify"),
    ("送达", "serve"),
    ("现场检查", "examine"),
    ("勘验", "examine"),
    ("检查", "examine"),
)


class ImportedItem(msgspec.Struct, frozen=True):
    """One line of the list, as fields of a `[[checklist]]` row."""

    line: int
    fields: dict[str, object]


class Imported(msgspec.Struct, frozen=True):
    """What was read, and every line that could not be, with the reason in both languages."""

    items: tuple[ImportedItem, ...]
    refused: tuple[ChecklistRefused, ...]


def read_sheet(content: bytes, filename: str) -> list[list[str]]:
    """The rows of a CSV (UTF-8 or GB18030) or of an XLSX file's first sheet, cells as text.

    Raises `ChecklistRefused` for another kind of file or a damaged one.
    """
    name = filename.lower()
    if len(content) > MAX_BYTES:
        raise ChecklistRefused(0, "文件过大 / the file is too large", "Give at most 5 MB.")
    if name.endswith(".xlsx"):
        return _read_xlsx(content)
    if name.endswith(".csv"):
        return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(_decode(content)))]
    raise ChecklistRefused(
        0, f"不支持的文件 / unsupported file {filename!r}", "Give .csv or .xlsx."
    )


def _decode(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ChecklistRefused(0, "编码无法识别 / neither UTF-8 nor GB18030", "Save it as UTF-8.")


def _read_xlsx(content: bytes) -> list[list[str]]:
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        cells = sheet.iter_rows(max_row=MAX_ROWS + 50, max_col=40, values_only=True)
        rows = [["" if c is None else str(c).strip() for c in row] for row in cells]
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, IndexError) as e:
        raise ChecklistRefused(0, f"无法打开 / not an XLSX file: {e}", "Save it again.") from e
    book.close()
    return rows


def import_rows(rows: Sequence[Sequence[str]]) -> Imported:
    """Rows of a sheet, titles above the header allowed → checklist rows.

    Raises `ChecklistRefused` where no header is found or a column is unknown. A line whose step
    or medium is unclear is refused by itself, and the others go on.
    """
    header_at, columns = _find_header(rows)
    if len(rows) - header_at - 1 > MAX_ROWS:
        raise ChecklistRefused(MAX_ROWS, f"超过{MAX_ROWS}行 / too many rows", "Split the list.")
    items: list[ImportedItem] = []
    refused: list[ChecklistRefused] = []
    last: dict[str, str] = {}
    for line, row in enumerate(rows[header_at + 1 :], start=header_at + 2):
        cells = {name: row[at].strip() if at < len(row) else "" for at, name in columns.items()}
        if not any(cells.values()):
            continue
        # Merged cells leave the lines below the first one empty.
        last = {name: cells.get(name) or last.get(name, "") for name in ("category", "stage")}
        try:
            items.append(_fresh(items, ImportedItem(line, _item(line, {**cells, **last}))))
        except ChecklistRefused as refusal:
            refused.append(refusal)
    return Imported(tuple(items), tuple(refused))


def _fresh(before: Sequence[ImportedItem], item: ImportedItem) -> ImportedItem:
    """Ids come from a line's text, so that a reordered list keeps them."""
    for other in before:
        if other.fields["id"] == item.fields["id"]:
            raise ChecklistRefused(
                item.line, f"与第{other.line}行相同 / the same as line {other.line}", "Delete one."
            )
    return item


def _find_header(rows: Sequence[Sequence[str]]) -> tuple[int, dict[int, str]]:
    for at, row in enumerate(rows[:20]):
        names = {index: _column(cell) for index, cell in enumerate(row) if cell.strip()}
        if set(NEEDED) <= set(names.values()):
            return at, _known_columns(at + 1, row, names)
    raise ChecklistRefused(
        1, "找不到表头 / no header row found", "A row must name at least 环节 and 方式."
    )


def _known_columns(line: int, row: Sequence[str], names: dict[int, str | None]) -> dict[int, str]:
    known: dict[int, str] = {}
    for index, name in names.items():
        if name is None:
            allowed = "、".join(words[0] for words in COLUMNS.values())
            raise ChecklistRefused(
                line, f"未知列 / unknown column {row[index]!r}", f"Use the columns {allowed}."
            )
        if name in known.values():
            raise ChecklistRefused(line, f"列重复 / column {row[index]!r} twice", "Keep one.")
        known[index] = name
    return known


def _column(cell: str) -> str | None:
    text = re.sub(r"\s|_|-", "", re.sub(r"[（(].*", "", cell.lower()))
    exact = (name for name, words in COLUMNS.items() if text in words)
    return next(exact, None)


def _item(line: int, cells: Mapping[str, str]) -> dict[str, object]:
    kind = _step_kind(line, cells["stage"])
    media, mode = _media(line, cells["method"])
    digest = hashlib.sha256("|".join(f"{k}={cells[k]}" for k in sorted(cells)).encode())
    fields: dict[str, object] = {
        "id": f"list.{kind}.{digest.hexdigest()[:8]}",
        "step_kind": kind,
        "title_zh": cells["stage"],
        "title_en": STEP_KINDS[kind].en,
        "media": media,
        "mode": mode,
        "start_trigger": cells.get("start", ""),
        "end_trigger": cells.get("end", ""),
        "speech": _phrases(cells.get("content", "")),
        "place": cells.get("place", ""),
        "recorder": cells.get("recorder", ""),
        "retention": cells.get("retention", ""),
    }
    if kind in ("premises", "hearing", "serve_by_announcement", "serve_electronic"):
        fields["officers"] = 0
    return fields


def _step_kind(line: int, stage: str) -> str:
    for word, kind in _STAGE_WORDS:
        if word in stage:
            return kind
    raise ChecklistRefused(
        line, f"环节无法对应 / no step kind fits {stage!r}", "Name the step, e.g. 查封扣押."
    )


def _media(line: int, method: str) -> tuple[list[list[str]], str]:
    """音像 is audio and video in one; 录音录像 likewise; photos alone make a point item."""
    video = any(word in method for word in ("录像", "摄像", "视频", "音像", "全程"))
    audio = any(word in method for word in ("录音", "音频"))
    photo = any(word in method for word in ("照相", "拍照", "照片", "摄影"))
    if photo:
        return [["photo"], *([["video"]] if video else [])], "point"
    if video:
        return [["video"], *([["audio"]] if audio and "或" in method else [])], "continuous"
    if audio:
        return [["audio"], ["video"]], "continuous"
    raise ChecklistRefused(
        line, f"记录方式无法对应 / no medium fits {method!r}", "Write 录像, 录音 or 拍照."
    )


def _phrases(content: str) -> list[str]:
    return [part.strip() for part in re.split(r"[；;。\n]", content) if part.strip()]


def layer_toml(imported: Imported, sector: str, source: str, verified_by: str = "") -> bytes:
    """The department layer as TOML. `source` is the list's title and number, cited by each row.

    Without `verified_by` (who in the legal office vouches for it) the rows ship off.
    """
    code = _toml(source)
    lines = [f"sector = {_toml(sector)}", "", "[[law]]"]
    lines += [f"code = {code}", f"zh = {code}", f"en = {code}", ""]
    for item in imported.items:
        lines.append("[[checklist]]")
        lines += [f"{key} = {_toml(value)}" for key, value in item.fields.items()]
        lines += [f"basis = [{code}]", 'confidence = "S"']
        if verified_by:
            lines += [f"verified_by = {_toml(verified_by)}", "enabled = true"]
        lines.append("")
    return "\n".join(lines).encode()


def _toml(value: object) -> str:
    """A JSON scalar or array of them is TOML too, except for a bare DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
