"""Concatenation (tus 1.0.0): what Upload-Concat says, and how one object is made of several. Pure.

The store copies what it can by itself. It takes no part under MIN_PART but the last, so what is
shorter passes through us, joined with the beginning of what follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from urllib.parse import urlsplit

import msgspec

from media.store import MIN_PART

MOST_PARTIALS = 1000  # a final; with COPY it keeps 64 GiB within the store's 10,000 parts
COPY = 256 * 1024 * 1024  # bytes that one part copies: so much is done again after a crash
PATH = "/api/uploads/"


class BadConcat(ValueError):
    """Says what is wrong with Upload-Concat."""


class Piece(msgspec.Struct, frozen=True):
    """`length` bytes from `start` of the partial at `index`."""

    index: int
    start: int
    length: int


Step = tuple[Piece, ...]  # what makes one part


def read_concat(header: str) -> tuple[str, ...] | None:
    """None for a partial; the tokens of a final's partials, which are named by URL or by path.

    Raises BadConcat."""
    kind, _, named = header.strip().partition(";")
    if kind == "partial" and not named:
        return None
    if kind != "final" or not named.split():
        raise BadConcat("either partial, or final; and the URLs of its partial uploads")
    urls = named.split()
    if len(urls) > MOST_PARTIALS:
        raise BadConcat(f"at most {MOST_PARTIALS} partial uploads, not {len(urls)}")
    return tuple(_token(url) for url in urls)


def plan_parts(sizes: Sequence[int]) -> list[Step]:
    """The parts that make the concatenation of partials of these sizes, in order; every part but
    the last has at least MIN_PART bytes. The same sizes give the same plan: it can be resumed."""
    steps: list[Step] = []
    short: list[Piece] = []  # too little for a part so far
    for index, size in enumerate(sizes):
        start = min(size, MIN_PART - _bytes(short)) if short else 0
        if start:
            short.append(Piece(index, 0, start))
        if _bytes(short) >= MIN_PART:
            steps.append(tuple(short))
            short = []
        if size - start >= MIN_PART:
            steps += [(piece,) for piece in _evenly(index, start, size)]
        elif size > start:
            short = [Piece(index, start, size - start)]
    return [*steps, tuple(short)] if short else steps


def size_of(step: Step) -> int:
    """Bytes of the part that `step` makes."""
    return _bytes(step)


def _evenly(index: int, start: int, end: int) -> Iterator[Piece]:
    """Pieces of at most COPY bytes, none of them short."""
    count = -(-(end - start) // COPY)
    cuts = [start + (end - start) * n // count for n in range(count + 1)]
    for at, to in pairwise(cuts):
        yield Piece(index, at, to - at)


def _bytes(pieces: Sequence[Piece]) -> int:
    return sum(piece.length for piece in pieces)


def _token(url: str) -> str:
    path = urlsplit(url).path
    token = path.removeprefix(PATH)
    if token == path or not token or "/" in token:
        raise BadConcat(f"no upload of this server: {url[:200]}")
    return token
