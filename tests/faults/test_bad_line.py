"""Whatever a line does to an upload, its object equals its source, once, and nothing lies around.

Every run is drawn from a seed, which is in its name: `pytest -k 'seed-17-'` draws it again.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.clients import MIB, ROWS, Row, Trip
from tests.faults.conftest import Product
from tests.faults.plan import plan_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNS = int(os.environ.get("QUANJI_FAULT_RUNS", len(ROWS)))
FIRST = int(os.environ.get("QUANJI_FAULT_SEED", 0))
# A tail ends at 5 MiB, a part at 8 MiB: what stands right there and right beside it.
SIZES = [
    17 * MIB,
    8 * MIB + 1,
    5 * MIB - 1,
    8 * MIB,
    1,
    5 * MIB,
    300_000,
    0,
    21 * MIB,
]


def run_of(seed: int) -> object:
    row, size = ROWS[seed % len(ROWS)], SIZES[seed // len(ROWS) % len(SIZES)]
    if seed < len(ROWS):  # few runs: at least one of each client, at sizes with parts and tails
        size = SIZES[seed % 3]
    name = f"seed-{seed}-{row.name.replace(' ', '-')}-{size}-bytes"
    return pytest.param(seed, row, size, id=name)


@pytest.mark.parametrize(
    ("seed", "row", "size"), [run_of(seed) for seed in range(FIRST, FIRST + RUNS)]
)
async def test_every_byte_arrives_once_over_a_line_that(
    product: Product, tmp_path: Path, seed: int, row: Row, size: int
) -> None:
    content = random.Random(f"content {seed}").randbytes(size)
    path = tmp_path / "检查.mp4"
    path.write_bytes(content)
    plan = plan_of(seed, size)
    product.line.begin(plan)
    key = f"seed {seed}"
    await row.send(Trip(product.url, product.device, path, key))
    await product.line.quiet()
    print(f"seed {seed}, {row.name}, {size} bytes: {[fault.kind for fault in plan.struck]}")
    await product.behind.holds(key, content)
    await product.behind.left_nothing_beside(key)
