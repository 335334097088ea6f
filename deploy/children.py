"""Processes of ours that the supervisor keeps alive: `python -m deploy.…` with our settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.embedded.identity import Identity
from deploy.embedded.processes import last_lines, launch, stop_child

ROOT = Path(__file__).parents[1]
STOPPING = ((signal.SIGTERM, 12.0), (signal.SIGKILL, 5.0))
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
STEADY_S = 60.0  # a child that lived so long is taken to be well: its next wait is short again
LARGEST_LOG = 10 * 2**20


class Child:
    """One process, started again with a growing wait when it ends by itself."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self.arguments = arguments
        self.log = log
        self.failures = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._not_before = 0.0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def tend(self, environment: Mapping[str, str]) -> str | None:
        """Start it if it is due; if it has ended since, say so in one line."""
        now = time.monotonic()
        if self.running:
            return None
        if self._process is not None:
            return self._note_end(now)
        if now >= self._not_before:
            self._start(environment, now)
        return None

    def _start(self, environment: Mapping[str, str], now: float) -> None:
        _rotate(self.log)
        with self.log.open("ab") as log:
            self._process = launch_ours(self.arguments, environment, log.fileno())
        self._started = now

    def _note_end(self, now: float) -> str:
        status = self._process.poll() if self._process else None
        self._forget()
        self.failures = 1 if now - self._started > STEADY_S else self.failures + 1
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (self.failures - 1))
        self._not_before = now + wait
        return (
            f"{self.name} 已退出（{status}），{wait:g} 秒后重启 / ended ({status}), again in "
            f"{wait:g} s; {self.log}:\n{last_lines(self.log, 5)}"
        )

    def ask_to_stop(self) -> None:
        if self._process is not None and self.running:
            self._process.terminate()

    def stop(self) -> None:
        """Let it end what it has in hand, for a while."""
        if self._process is not None:
            stop_child(self._process, STOPPING)
            self._forget()

    def _forget(self) -> None:
        if self._process is not None:
            end_group(self._process.pid)
        self._process = None


def launch_ours(
    arguments: Sequence[str], environment: Mapping[str, str], output: int
) -> subprocess.Popen[bytes]:
    """`python -m ARGUMENTS` as the user that we are, in a session of its own."""
    return launch(
        sys.executable,
        ["-m", *arguments],
        folder=ROOT,
        identity=Identity(os.geteuid(), os.getegid()),
        log=output,
        environment=environment,
    )


def end_group(leader: int) -> None:
    """End what a dead leader left behind: the workers of a killed server still hold its port."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))
