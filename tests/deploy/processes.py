"""Looking at, and killing, the processes of a data folder as a machine's bad day would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from deploy.embedded.processes import holds_within, mark_of, survivors, titled, with_variable
from deploy.supervise import MARK

ROOT = Path(__file__).parents[2]


def postgres_of(folder: Path) -> list[int]:
    """The server's processes and those of its back-ends."""
    return survivors(titled(mark_of(folder), "postgres"))


def store_of(folder: Path) -> list[int]:
    return survivors(titled(mark_of(folder), "weed"))


def tree_of(data: Path) -> list[int]:
    """All that `quanji up` runs on `data`, without the supervisor."""
    ours = survivors(with_variable(MARK, str(data)))
    return [*ours, *postgres_of(data / "postgres"), *store_of(data / "store")]


def kill_9(pids: list[int]) -> None:
    """All at once, as far as that can be."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run_python(source: str, *arguments: str, **more: object) -> subprocess.Popen[str]:
    """A Python of ours with its output to read; `source` sees this project."""
    return subprocess.Popen(
        [sys.executable, "-c", source, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        **more,  # type: ignore[call-overload]
    )


def gone_within(seconds: float, find: object) -> bool:
    """Whether `find()` comes to find nobody."""
    return holds_within(seconds, lambda: not find())  # type: ignore[operator]
