"""Finds out what a file really is, by a child in the fence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from media.facts import Facts, Rejected, rejected
from media.fence import MIB, Limits, python_command, run_fenced


class ProbeFailed(Exception):
    """The child ended in a way that says nothing of the file (killed from outside, or a fault of
    ours): worth another attempt."""


async def probe(path: Path, workdir: Path) -> Facts | Rejected:
    """Facts of the file at `path` (absolute), or why it can't be used. Only bytes are looked at,
    never the name. `workdir` is an empty folder. Raises `ProbeFailed`."""
    size = (await asyncio.to_thread(path.stat)).st_size
    done = await run_fenced(
        python_command("media.probe_child", str(path)),
        cwd=workdir,
        reads=(path,),
        limits=_limits(size),
    )
    if done.killed in {"cpu", "wall", "output", "file_size"} or "MemoryError" in done.stderr:
        return rejected("too_expensive", done.killed or "memory")
    if not done.ok:
        raise ProbeFailed(f"{done.killed or done.returncode}: {done.stderr[-2000:]}")
    return _told(done.stdout)


def _limits(size: int) -> Limits:
    """Reading packets costs about a second a gigabyte; slow disks and big photos get room."""
    cpu_s = 20 + size // (50 * MIB)
    return Limits(cpu_s=cpu_s, wall_s=60 + 4 * cpu_s, memory_bytes=2048 * MIB, file_bytes=MIB)


def _told(stdout: bytes) -> Facts | Rejected:
    """Two shapes come back; a tag tells the refusal."""
    if b'"type":"rejected"' in stdout[:40]:
        return msgspec.json.decode(stdout, type=Rejected)
    return msgspec.json.decode(stdout, type=Facts)
