"""The words in which the scenario is written. Minutes count from a visit's beginning."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """A case that a handheld opens. `filed_days`: filed so many days ago; None: not filed.

    `events`: (kind, days ago) that the desk enters, oldest first.
    """

    title: str
    cause: str
    party: str
    lead: str
    opened_days: float = 0.0
    filed_days: float | None = None
    events: tuple[tuple[str, float], ...] = ()


class Step(NamedTuple):
    kind: str
    begin: float
    end: float


class Fact(NamedTuple):
    """`step` is an index into the visit's steps; None: of the visit as a whole."""

    kind: str
    minute: float
    body: dict[str, Any]
    step: int | None = None


class Paper(NamedTuple):
    """笔录 or 文书 with its versions, oldest first."""

    kind: str
    title: str
    versions: tuple[str, ...]
    minute: float
    signers: tuple[str, ...]


class Take(NamedTuple):
    """A file that a camera takes: `kind` video | audio | photo | text (a text named .mp4).

    `names_case`: the camera says which case it belongs to.
    """

    camera: str
    kind: str
    begin: float
    minutes: float = 0.0
    scene: str = "storefront"
    names_case: bool = False


class Visit(NamedTuple):
    """One inspection as one handheld tells it.

    It begins `back` hours of office time before the newest moment of the day, or, with `days`,
    that many days ago. `officers`: who took part, the author first. `case` None: the server finds
    out where the visit belongs.
    """

    party: str
    kind: str
    title: str
    author: str
    officers: tuple[str, ...]
    steps: tuple[Step, ...]
    back: float = 0.0
    days: float = 0.0
    case: str | None = None
    reason: str = ""
    summary: str = ""
    result: str = ""
    facts: tuple[Fact, ...] = ()
    papers: tuple[Paper, ...] = ()
    takes: tuple[Take, ...] = ()


class Situation(NamedTuple):
    """What the day is to show. `about` names a visit or a case, `becomes` a check of `outcome`."""

    zh: str
    en: str
    about: str
    becomes: str


def found(minute: float, text: str, step: int | None = None) -> Fact:
    return Fact("finding", minute, {"text": text}, step)


def item(minute: float, name: str, quantity: str, step: int | None = None) -> Fact:
    return Fact("evidence_item", minute, {"name": name, "quantity": quantity}, step)


def signed(minute: float, name: str, role: str) -> Fact:
    return Fact("signature", minute, {"name": name, "role": role})


def explained(begin: float, end: float, cause: str, step: int) -> Fact:
    """Why nothing was recorded between two minutes; the player puts the times in."""
    return Fact("gap_explanation", end, {"from": begin, "to": end, "cause": cause}, step)


def noted(minute: float, text: str) -> Fact:
    return Fact("note", minute, {"text": text})


def on_the_spot(minutes: float, *inner: Step) -> tuple[Step, ...]:
    """Arrival, ID and notice before `inner`, departure at the end; `inner` begins at minute 4."""
    return (
        Step("arrive", 0, 1),
        Step("show_id", 1, 2),
        Step("notify", 2, 4),
        *inner,
        Step("leave", minutes - 1, minutes),
    )
