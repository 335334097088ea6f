from __future__ import annotations

import pytest

from backend.database import Database
from tests.evidence.scene import Scene


@pytest.fixture
async def scene(database: Database) -> Scene:
    return await Scene.begin(database)
