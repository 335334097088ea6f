"""Starting, finding and ending the processes of one data folder."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from deploy.embedded.identity import Identity

TETHER = Path(__file__).with_name("tether.py")


def mark_of(folder: Path) -> str:
    """A name that the processes of `folder` wear where every user may read it: their titles."""
    return f"quanji-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"


def launch(
    program: Path | str,
    arguments: Sequence[str],
    *,
    folder: Path,
    identity: Identity,
    log: IO[bytes] | int,
    name: str | None = None,
    on_parent_death: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
    text_in: str = "",
) -> subprocess.Popen[bytes]:
    """Run `program` in `folder` as `identity`, in a session of its own, ending with this process.

    Call it from the main thread: the kernel takes the end of the calling thread for our death.
    """
    numbers = (identity.uid, identity.gid, int(on_parent_death))
    tether: list[str | Path] = [sys.executable, "-I", "-S", TETHER, *map(str, numbers)]
    process = subprocess.Popen(
        [*tether, name or str(program), program, *arguments],
        cwd=folder,
        env=dict(environment) if environment is not None else bare_environment(),
        stdin=subprocess.PIPE if text_in else subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=keep,
    )
    if process.stdin is not None:
        with process.stdin as pipe:
            pipe.write(text_in.encode())
    return process


def bare_environment() -> dict[str, str]:
    """Nothing of ours: no PGDATA, no password, no proxy, and a home that can always be reached."""
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": "/proc/self/cwd"}


def survivors(is_ours: Callable[[Path], bool]) -> list[int]:
    """Live processes other than this one for which `is_ours(/proc/PID)` holds; no zombies."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and int(entry.name) != os.getpid() and _holds(is_ours, entry)
    ]


def _holds(is_ours: Callable[[Path], bool], entry: Path) -> bool:
    try:
        return is_ours(entry)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False  # it ended meanwhile, or belongs to somebody else


def titled(mark: str, prefix: str) -> Callable[[Path], bool]:
    """Processes whose title holds `mark` and begins with, or whose program ends in, `prefix`."""

    def is_ours(entry: Path) -> bool:
        title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        program = title.split(" ", 1)[0].rstrip(":").rsplit("/", 1)[-1]
        return mark in title and program.startswith(prefix)

    return is_ours


def with_variable(name: str, value: str) -> Callable[[Path], bool]:
    """Processes that were started with `name=value` in their environment."""
    wanted = f"{name}={value}".encode()
    return lambda entry: wanted in (entry / "environ").read_bytes().split(b"\0")


def end(
    find: Callable[[], list[int]], steps: Sequence[tuple[signal.Signals, float]]
) -> list[signal.Signals]:
    """Send each signal in turn and wait its seconds, until `find` finds nobody; what was sent."""
    sent = []
    for number, patience in steps:
        pids = find()
        if not pids:
            break
        for pid in pids:
            _send(pid, number)
        sent.append(number)
        if holds_within(patience, lambda: not find()):
            break
    return sent


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def stop_child(
    child: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]
) -> int | None:
    """Send `child` each signal in turn and wait its seconds; its exit status once it ended."""
    for number, patience in steps:
        if child.poll() is not None:
            break
        child.send_signal(number)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    return child.poll()


def holds_within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether `condition` came true in time; looked at every 20 ms."""
    return any(condition() for _ in _ticks(seconds))


def _ticks(seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    yield
    while time.monotonic() < until:
        time.sleep(0.02)
        yield


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log, for an error message."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
