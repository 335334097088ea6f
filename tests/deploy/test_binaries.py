"""Programs installed where the user without rights can't walk are run from a copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import binaries
from deploy.embedded.identity import Identity, may_run
from deploy.embedded.postgres import PostgresServer
from tests.deploy.processes import postgres_of

NOBODY = Identity(65534, 65534)


@pytest.fixture
def closed_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """PostgreSQL as pip leaves it, under a home of mode 700; copies go to a folder of the test."""
    packaged = binaries._packaged_postgres()
    assert packaged is not None
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for place in (packaged.parent, *packaged.parents[1].glob(f"{packaged.parent.name}.libs")):
        shutil.copytree(place, home / place.name, symlinks=True)
    hidden = home / packaged.parent.name / packaged.name
    monkeypatch.setattr(binaries, "_packaged_postgres", lambda: hidden)
    # Everybody is somebody else to these files, root and ordinary user alike.
    monkeypatch.setattr(binaries, "may_run", lambda identity, path: hidden not in path.parents)
    before = set(Path("/var").glob("*/quanji-*"))
    yield hidden
    for copy in set(Path("/var").glob("*/quanji-*")) - before:
        shutil.rmtree(copy)


def test_the_mode_bits_of_every_parent_count(closed_home: Path) -> None:
    assert not may_run(NOBODY, closed_home / "bin" / "postgres")
    assert may_run(NOBODY, Path("/bin/sh"))


def test_postgres_starts_from_a_copy_with_its_libraries(closed_home: Path, tmp_path: Path) -> None:
    shown = binaries.postgres_programs(NOBODY)
    assert closed_home not in [shown, *shown.parents]
    assert may_run(NOBODY, shown / "postgres")
    assert binaries.postgres_programs(NOBODY) == shown  # made once
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    try:
        command = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        assert command.startswith(bytes(shown))
    finally:
        server.stop()
    assert postgres_of(server.folder) == []
