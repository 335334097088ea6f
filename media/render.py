"""Runs a plan in the fence and brings home what it made."""

from __future__ import annotations

import asyncio
import hashlib
import shlex
from pathlib import Path

import imageio_ffmpeg
import msgspec
from PIL import Image

from media.facts import Facts
from media.fence import MIB, Fenced, Limits, run_fenced
from media.plan import SPRITE, SPRITE_MAP, TILE_COLUMNS, TILE_WIDTH, WAVEFORM, Output, Plan
from media.quality import Interval, defects, sprite_map, waveform


class RenderFailed(Exception):
    """ffmpeg ended badly or left something out. `cause` is the fence's word, or None."""

    def __init__(self, cause: str | None, text: str) -> None:
        super().__init__(f"{cause or 'failed'}: {text}")
        self.cause = cause


class Made(msgspec.Struct, frozen=True):
    """One rendition on disk: bytes in `size`, lower-case hex `sha256`, the exact `command`."""

    kind: str
    path: Path
    media_type: str
    size: int
    sha256: str
    command: str


class Rendered(msgspec.Struct, frozen=True):
    files: tuple[Made, ...]
    quality: tuple[Interval, ...]


def ffmpeg_path() -> str:
    """The ffmpeg that came with the packages (or `IMAGEIO_FFMPEG_EXE`)."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


async def render(plan: Plan, facts: Facts, source: Path, workdir: Path) -> Rendered:
    """Makes the plan's outputs in `workdir`, an empty folder that the caller removes.

    Raises `RenderFailed`; then nothing in `workdir` is to be used.
    """
    done = await run_fenced(
        list(plan.argv), cwd=workdir, reads=(source,), limits=limits_for(plan, facts)
    )
    if not done.ok:
        raise RenderFailed(done.killed, done.stderr[-2000:])
    return await asyncio.to_thread(_gather, plan, facts, workdir, done)


def limits_for(plan: Plan, facts: Facts) -> Limits:
    """Generous for what is honest, bounded for what isn't: a transcode may take three times the
    recording's length of CPU, the cheap ways a quarter and a second for 20 MB."""
    share = 3.0 if plan.method == "transcode" else 0.25
    cpu_s = 60 + int(facts.duration_s * share) + facts.size // (20 * MIB)
    return Limits(
        cpu_s=cpu_s,
        wall_s=120 + 4.0 * cpu_s,
        memory_bytes=3072 * MIB,
        file_bytes=max(256 * MIB, 2 * facts.size),
        stderr_bytes=4 * MIB,
    )


def _gather(plan: Plan, facts: Facts, workdir: Path, done: Fenced) -> Rendered:
    _write_texts(plan, facts, workdir)
    command = shlex.join(plan.argv)
    found = defects(done.stderr, facts, exact=plan.exact) if facts.kind != "photo" else ()
    return Rendered(tuple(_made(o, workdir, command) for o in plan.outputs), found)


def _write_texts(plan: Plan, facts: Facts, workdir: Path) -> None:
    if WAVEFORM in plan.outputs and plan.peaks_per_s:
        printed = _must(workdir / "peaks.txt").read_text()
        (workdir / WAVEFORM.name).write_bytes(waveform(printed, plan.peaks_per_s))
    if SPRITE_MAP in plan.outputs and plan.tile_s:
        with Image.open(_must(workdir / SPRITE.name), formats=["JPEG"]) as sheet:
            rows = -int(-facts.duration_s // plan.tile_s // TILE_COLUMNS)
            height = sheet.height // max(1, rows)
        text = sprite_map(facts.duration_s, plan.tile_s, TILE_COLUMNS, TILE_WIDTH, height)
        (workdir / SPRITE_MAP.name).write_bytes(text)


def _made(output: Output, workdir: Path, command: str) -> Made:
    path = _must(workdir / output.name)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Made(output.kind, path, output.media_type, path.stat().st_size, digest, command)


def _must(path: Path) -> Path:
    """A plain file of its own: what ran in there could have left a link that leads elsewhere."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size == 0:
        raise RenderFailed(None, f"{path.name} was not made")
    return path
