"""The page's types are those of the API as it stands."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.web.openapi import document

WEB = Path(__file__).parents[2] / "console" / "web"


def test_the_generated_types_are_those_of_the_routes(tmp_path: Path) -> None:
    """Red? `python -m tests.web.openapi > F`, then `QUANJI_OPENAPI=F npm run types -w …`."""
    told = tmp_path / "openapi.json"
    told.write_text(document())
    assert json.loads(told.read_text())["openapi"].startswith("3.1")
    made = tmp_path / "schema.d.ts"
    subprocess.run(
        ["npx", "openapi-typescript", str(told), "-o", str(made)],
        cwd=WEB,
        env=os.environ,
        check=True,
        capture_output=True,
    )
    assert made.read_text() == (WEB / "src/api/schema.d.ts").read_text()
