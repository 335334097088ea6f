"""What one part of `make bench-rules` hands back."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """`table`: what was measured and the value, as people read it. The other two go into JSON."""

    title: str
    table: list[tuple[str, str]]
    ratios: dict[str, float]
    absolute: dict[str, float]

    def lines(self) -> list[str]:
        width = max(len(name) for name, _ in self.table)
        return [
            f"\n{self.title}",
            *(f"  {name:<{width}}  {value:>14}" for name, value in self.table),
        ]
