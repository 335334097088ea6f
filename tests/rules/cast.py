"""The recurring cast, and short ways to write their events."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from backend.rules.calendar import SHANGHAI
from backend.rules.events import Event
from backend.rules.facts import Certificate, Person

VALID = (Certificate(date(2024, 1, 1), date(2028, 12, 31)),)
BATEER = Person("bateer", "officer", VALID, name="巴特尔")
WANG = Person("wang", "officer", VALID, name="王秀英")
LI = Person("li", "auxiliary", VALID, name="李强")


def at(text: str) -> datetime:
    """`2026-03-02` or `2026-03-02 14:30`, Shanghai time; a bare day is ten in the morning."""
    return datetime.fromisoformat(text if " " in text else f"{text} 10:00").replace(tzinfo=SHANGHAI)


def event(kind: str, when: str, subject: str = "", id: str = "", **data: Any) -> Event:  # noqa: A002
    return Event(kind, at(when), id, subject, data)
