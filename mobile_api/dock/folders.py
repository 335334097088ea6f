"""What lies in a camera's folder, and when its paths say that it was taken."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from media.capture_time import NameScheme, name_claim

SCHEMES = Path(__file__).with_name("schemes.toml")
# What systems and cameras leave beside recordings, and files that are still being written.
NOT_RECORDINGS = frozenset({"thumbs.db", "desktop.ini", "indexervolumeguid"})
UNFINISHED = frozenset({".tmp", ".part", ".crdownload", ".partial"})


class Found(msgspec.Struct, frozen=True):
    """A file as it stood when it was seen: another size or time means another recording."""

    path: Path
    relative: str
    size: int
    mtime_ns: int

    def unchanged(self) -> bool:
        """Whether the file is still the one that was seen."""
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return False
        return (now.st_size, now.st_mtime_ns) == (self.size, self.mtime_ns)


def recordings_below(folder: Path) -> Iterator[Found]:
    """All recordings below `folder`, by path; hidden files and links are passed by.

    Raises OSError when a folder can't be read: a camera pulled out is no empty camera."""
    for base, folders, names in os.walk(folder, onerror=_fail):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "$")))
        for name in sorted(names):
            path = Path(base) / name
            if _is_recording(path):
                seen = path.stat()
                relative = path.relative_to(folder).as_posix()
                yield Found(path, relative, seen.st_size, seen.st_mtime_ns)


def read_schemes(file: Path = SCHEMES) -> tuple[NameScheme, ...]:
    """The table of a TOML file. Raises ValueError, naming the file, for one that can't be read."""
    try:
        table = tomllib.loads(file.read_text("utf-8"))
        schemes = tuple(msgspec.convert(table["scheme"], list[NameScheme]))
        for scheme in schemes:
            re.compile(scheme.pattern)
        return schemes
    except (tomllib.TOMLDecodeError, KeyError, msgspec.ValidationError, re.error) as e:
        raise ValueError(f"{file}: {e}") from e


def claims_of(found: Found, schemes: tuple[NameScheme, ...]) -> dict[str, str]:
    """Upload metadata of a file: its name, its key, and the begin if its path says it exactly."""
    said = {"filename": found.path.name}
    claim = name_claim(found.relative, schemes)
    if claim is not None and claim.edge == "begin" and claim.precision_s <= 1.0:
        said["begin"] = claim.at.isoformat()
    return said


def _is_recording(path: Path) -> bool:
    name = path.name.lower()
    if name.startswith(".") or name in NOT_RECORDINGS or path.suffix.lower() in UNFINISHED:
        return False
    return path.is_file() and not path.is_symlink()


def _fail(error: OSError) -> None:
    raise error
