"""How fast the law is applied, part by part.

Run: make bench-rules. The last line is one JSON object {"bench", "ratios", "absolute"}.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.bench import rules_counting
from tests.bench.rules_part import Part

PARTS: tuple[Callable[[], Part], ...] = (rules_counting.measure,)


def main() -> None:
    ratios: dict[str, float] = {}
    absolute: dict[str, float] = {}
    for measure in PARTS:
        part = measure()
        print("\n".join(part.lines()), flush=True)
        ratios |= part.ratios
        absolute |= part.absolute
    print(json.dumps({"bench": "rules", "ratios": ratios, "absolute": absolute}))


if __name__ == "__main__":
    main()
