"""From a request body to its operations, so that one that cannot be read fails alone: pure.

A lone surrogate or a thousand brackets inside one operation make a JSON parser give up on the
whole body; then the operations are cut apart by their brackets instead.
"""

from __future__ import annotations

import re

import msgspec

from backend.errors import Refusal
from sync.ops import MOST_OPERATIONS, Push

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]', re.DOTALL)


def read_push(body: bytes) -> Push:
    """Refuses what is no push at all (`bad_request`) and what is too long (`too_large`)."""
    try:
        push = msgspec.json.decode(body, type=Push)
    except msgspec.ValidationError as e:
        raise _bad(str(e)) from e
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        push = _cut_apart(body)
    if len(push.operations) > MOST_OPERATIONS:
        raise Refusal(
            "too_large",
            detail=f"一次最多 {MOST_OPERATIONS} 个操作 / at most that many operations a push",
            where="operations",
        )
    return push


def _cut_apart(body: bytes) -> Push:
    spans = _element_spans(body)
    if spans is None:
        raise _bad("not JSON, and no list of operations can be made out")
    first, last = spans[0][0] if spans else 0, spans[-1][1] if spans else 0
    try:
        head = msgspec.json.decode(body[:first] + body[last:], type=Push)
    except (msgspec.DecodeError, RecursionError) as e:
        raise _bad(str(e)) from e
    return msgspec.structs.replace(
        head, operations=[msgspec.Raw(body[begin:end]) for begin, end in spans]
    )


def _element_spans(body: bytes) -> list[tuple[int, int]] | None:
    """Where each element of the top-level `operations` list begins and ends."""
    spans: list[tuple[int, int]] = []
    depth, begin, key, inside = 0, 0, b"", False
    for token in _TOKEN.finditer(body):
        sign = token.group()
        if sign in (b"[", b"{"):
            depth += 1
            if depth == 2 and sign == b"[" and key == b'"operations"':
                inside, begin = True, token.end()
        elif sign in (b"]", b"}"):
            depth -= 1
            if inside and depth == 1:
                return _with_last(spans, body, begin, token.start())
        elif sign == b"," and inside and depth == 2:
            spans.append((begin, token.start()))
            begin = token.end()
        elif depth == 1 and sign.startswith(b'"'):
            key = sign
    return None


def _with_last(
    spans: list[tuple[int, int]], body: bytes, begin: int, end: int
) -> list[tuple[int, int]]:
    return [*spans, (begin, end)] if spans or body[begin:end].strip() else []


def _bad(detail: str) -> Refusal:
    return Refusal("bad_request", detail=detail, where="body")
