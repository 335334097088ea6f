"""What will go wrong on the way of one upload: drawn from a seed, so that it can be drawn again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal

import msgspec

Side = Literal["server", "client"]
Kind = Literal["cut", "lose answer", "delay", "half-open", "trickle", "replay", "replay at once"]

MOST_FAULTS = 6  # an upload; fewer than any client retries
HEAD_BYTES = 700  # about what a request's head takes
ANSWER_BYTES = 250  # fewer than any answer has

# The side whose bytes are counted: a request is cut on its way to the server, and an answer that
# is lost has been given, so its request took effect.
TOWARDS: dict[Kind, Side] = {
    "cut": "server",
    "lose answer": "client",
    "delay": "server",
    "half-open": "server",
    "trickle": "server",
    "replay": "server",
    "replay at once": "server",
}


class Fault(msgspec.Struct, frozen=True):
    """Strikes when `at` bytes have passed `towards` a side since the fault before it struck.

    `seconds`: of a delay, or of how long the server isn't told that a half-open line is dead.
    `hard`: a line is cut by RST instead of FIN."""

    kind: Kind
    at: int
    seconds: float
    hard: bool

    @property
    def towards(self) -> Side:
        return TOWARDS[self.kind]


class Plan:
    """The faults of one upload, in turn, whatever the number of its connections."""

    def __init__(self, faults: list[Fault]) -> None:
        self.waiting = list(faults)
        self.struck: list[Fault] = []
        self._passed = 0

    def pass_on(self, towards: Side, size: int) -> tuple[int, Fault | None]:
        """How many of the next `size` bytes pass before a fault strikes, and which."""
        if not self.waiting or self.waiting[0].towards != towards:
            return size, None
        fault = self.waiting[0]
        left = fault.at - self._passed
        if left >= size:  # it strikes before a byte, never after the last
            self._passed += size
            return size, None
        self.struck.append(self.waiting.pop(0))
        self._passed = 0
        return left, fault


def plan_of(seed: int, size: int) -> Plan:
    """One to six faults for an upload of `size` bytes."""
    return Plan(list(_drawn(random.Random(f"faults {seed}"), size)))


def _drawn(chance: random.Random, size: int) -> Iterator[Fault]:
    for _ in range(chance.randint(1, MOST_FAULTS)):
        kind = chance.choice(list(TOWARDS))
        seconds = chance.uniform(1, 3) if kind == "half-open" else chance.uniform(0.05, 0.4)
        yield Fault(kind, _place(chance, kind, size), seconds, chance.random() < 0.5)


def _place(chance: random.Random, kind: Kind, size: int) -> int:
    """Heads and edges as often as anything between: that is where protocols break."""
    if kind == "lose answer":
        return chance.choice([0, chance.randrange(ANSWER_BYTES)])
    return chance.choice([0, chance.randrange(HEAD_BYTES), HEAD_BYTES + chance.randrange(size + 1)])
