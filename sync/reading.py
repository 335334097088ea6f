"""One raw operation → what it says, or why it cannot be taken: pure."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from uuid import UUID

import msgspec

from backend.cases.policies import ENTITIES, BadField, read_fact_body, read_field
from sync.ops import KINDS, SCHEMA, Op, Reason
from sync.reasons import reason

MOST_BYTES = 1 << 20
DEEPEST = 32


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """`content` is what is kept of it. With `reasons` it is rejected; `op` is None when not even
    its frame could be read. `values` are the fields as Python values; `notes` go with an outcome.
    """

    content: Any
    sha256: bytes
    op_id: str | None = None
    device_seq: int | None = None
    op: Op | None = None
    values: dict[str, Any] = {}
    reasons: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
    speaks_newer: bool = False


def read_operation(raw: bytes, schema: int = SCHEMA) -> Reading:
    """`schema` is the device's: of a newer one, unknown fields are kept and unknown words held."""
    content, problem = _content(raw)
    if problem is not None:
        kept = {"base64": base64.b64encode(raw[:MOST_BYTES]).decode(), "bytes": len(raw)}
        digest = hashlib.sha256(raw).digest()
        return Reading(content=kept, sha256=digest, reasons=(problem,), **_frame(content, raw))
    digest = hashlib.sha256(msgspec.json.encode(content, order="sorted")).digest()
    try:
        op = msgspec.convert(content, Op)
    except msgspec.ValidationError as e:
        why = reason("malformed", _path(str(e)), detail=str(e))
        return Reading(content=content, sha256=digest, reasons=(why,), **_frame(content))
    return _checked(op, content, digest, newer=schema > SCHEMA)


def _content(raw: bytes) -> tuple[Any, Reason | None]:
    if len(raw) > MOST_BYTES:
        return None, reason("too_large", detail=f"{len(raw)} > {MOST_BYTES} bytes")
    try:
        content = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as e:
        return None, reason("malformed", detail=str(e))
    if not isinstance(content, dict):
        return None, reason("malformed", detail="not an object")
    if _deeper_than(content, DEEPEST):
        return content, reason("too_deep", detail=f"> {DEEPEST}")
    if b"\\u0000" in raw and _has_nul(content):
        return content, reason("unstorable_text")
    return content, None


def _deeper_than(value: Any, most: int) -> bool:
    if most < 0:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_deeper_than(each, most - 1) for each in inner)


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_nul(k) or _has_nul(v) for k, v in value.items())
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


def _frame(content: Any, raw: bytes = b"") -> dict[str, Any]:
    """As much of its identity as can be made out, so that the chain behind it goes on."""
    if not isinstance(content, dict):
        content = _glimpsed(raw)
    op_id, seq = content.get("op_id"), content.get("device_seq")
    counted = isinstance(seq, int) and not isinstance(seq, bool) and 1 <= seq <= 2**53
    return {
        "op_id": op_id[:100] if isinstance(op_id, str) else None,
        "device_seq": seq if counted else None,
    }


def _glimpsed(raw: bytes) -> dict[str, Any]:
    """What cannot be parsed still shows its number, as any writer of JSON puts it."""
    op_id = re.search(rb'"op_id"\s*:\s*"([0-9a-fA-F-]{36})"', raw)
    seq = re.search(rb'"device_seq"\s*:\s*([0-9]{1,15})\b', raw)
    return {
        "op_id": op_id[1].decode() if op_id else None,
        "device_seq": int(seq[1]) if seq else None,
    }


def _checked(op: Op, content: Any, digest: bytes, *, newer: bool) -> Reading:
    reasons, notes, values, beyond = _judge(op, newer=newer)
    return Reading(
        content=content,
        sha256=digest,
        op_id=str(op.op_id),
        device_seq=op.device_seq,
        op=op,
        values=values,
        reasons=tuple(reasons),
        notes=tuple(notes),
        speaks_newer=beyond,
    )


def _judge(op: Op, *, newer: bool) -> tuple[list[Reason], list[Reason], dict[str, Any], bool]:
    """(reasons to reject, notes, values, whether it speaks of what only a newer server knows)."""
    entity = ENTITIES.get(op.entity)
    if entity is None:
        return _unknown("unknown_entity", "entity", op.entity, newer)
    if op.kind not in entity.kinds:
        known = op.kind in KINDS
        return _unknown("unknown_kind", "kind", op.kind, newer and not known)
    reasons: list[Reason] = []
    notes: list[Reason] = []
    values: dict[str, Any] = {}
    for name, value in op.fields.items():
        if name not in entity.fields and newer:
            notes.append(reason("unknown_field_kept", name))
        elif problem := _field_problem(op, name):
            reasons.append(reason(problem, name))
        else:
            _read_into(values, reasons, op.entity, name, value)
    reasons += [reason("missing_field", name) for name in _missing(op, values, reasons)]
    if op.entity == "fact" and not reasons and op.kind == "append":
        reasons += _body_reasons(values)
    return reasons, notes, values, False


def _unknown(
    code: str, field: str, word: str, held: bool
) -> tuple[list[Reason], list[Reason], dict[str, Any], bool]:
    if held:
        return [], [], {}, True
    return [reason(code, field, detail=word[:100])], [], {}, False


def _field_problem(op: Op, name: str) -> str | None:
    entity = ENTITIES[op.entity]
    if name not in entity.fields:
        return "unknown_field"
    if name not in entity.sendable:
        return "derived_field"
    if op.kind == "set" and name not in entity.mutable:
        return "fixed_field"
    return "unknown_field" if op.kind in ("retract", "delete") else None


def _read_into(
    values: dict[str, Any], reasons: list[Reason], entity: str, name: str, value: Any
) -> None:
    try:
        values[name] = read_field(entity, name, value)
    except BadField as e:
        reasons.append(reason("bad_value", name, detail=e.problem))


def _missing(op: Op, values: dict[str, Any], reasons: list[Reason]) -> list[str]:
    """A later version of a record need not say again what the first one said."""
    if op.kind == "set":
        return [] if op.fields else ["fields"]
    if op.kind not in ("create", "append"):
        return []
    told = values.keys() | {each.field for each in reasons}
    required = {n for n, field in ENTITIES[op.entity].fields.items() if field.required}
    if op.entity == "record":
        required = {"text"}
    return sorted(required - told)


def _body_reasons(values: dict[str, Any]) -> list[Reason]:
    try:
        read_fact_body(values["kind"], values["body"])
    except BadField as e:
        return [reason("bad_value", e.field, detail=e.problem)]
    if values["kind"] == "step_time" and values.get("step_id") is None:
        return [reason("missing_field", "step_id")]
    return []


def readable_id(op_id: str | None) -> UUID | None:
    try:
        return UUID(op_id) if op_id else None
    except ValueError:
        return None


def _path(message: str) -> str:
    """msgspec tells the place last ("… - at `$.device_seq`") or the name ("field `op_id`")."""
    _, _, place = message.rpartition("`$.")
    if place != message:
        return place.rstrip("`")
    _, _, name = message.partition("field `")
    return name.partition("`")[0]
