"""The database and the store of a test run: one of each, started when a test first asks for it.

Workers of pytest-xdist share them. A keeper process holds each service and ends with the run,
however the run ends; it is this module run as a program:

    python -m tests.services (postgres|store) FOLDER PID-OF-THE-RUN
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.failure import StartFailure
from deploy.embedded.postgres import PostgresServer
from deploy.embedded.processes import holds_within
from deploy.embedded.store import StoreServer

ROOT = Path(__file__).parents[1]
# Nothing of a test run need outlive the machine; the servers of tests/deploy keep their fsync.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
}
PATIENCE_S = 180.0


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Alone among the workers of a run."""
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def shared_service(kind: str, folder: Path, run_pid: int) -> list[str]:
    """The address of the run's service of `kind`; the first caller starts its keeper."""
    place = folder / f"service-{kind}"
    with locked(folder / f"{kind}.lock"):
        if not place.exists():
            _start_keeper(kind, place, run_pid)
    said: list[str] = json.loads((place / "address.json").read_text())
    return said


def _start_keeper(kind: str, place: Path, run_pid: int) -> None:
    place.mkdir()
    log = place / "keeper.log"
    with log.open("wb") as file:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.services", kind, str(place), str(run_pid)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ready = place / "address.json"
    holds_within(PATIENCE_S, lambda: ready.exists() or keeper.poll() is not None)
    if not ready.exists():
        raise RuntimeError(f"no {kind} for the tests:\n{log.read_text()}")


def keep(kind: str, place: Path, run_pid: int) -> None:
    """Run the service until the test run has ended, then remove what it kept."""
    run = os.pidfd_open(run_pid)
    server = PostgresServer(place, FAST) if kind == "postgres" else StoreServer(place)
    try:
        address = server.start()
        draft = place / "address.draft"
        draft.write_text(json.dumps([address] if isinstance(address, str) else address))
        draft.rename(place / "address.json")
        select.select([run], [], [])
    finally:
        server.stop()
    shutil.rmtree(place)


if __name__ == "__main__":
    try:
        keep(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    except StartFailure as failure:
        sys.exit(str(failure))
