"""Runs a command on foreign bytes where it can do no harm.

Inside: own session and process group, no inherited environment, nothing readable but the system's
libraries, this interpreter and the paths named (landlock), nothing writable but the working
folder, no network (an empty network namespace, and landlock on TCP), no new privileges, limits on
CPU time, address space, file size and open files, and death with the parent. Where the kernel
lacks namespaces or landlock, `layers_missing` says so at start and the operator puts the worker
where there is no network; the limits and ffmpeg's whitelists hold everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import msgspec

LAUNCHER = Path(__file__).with_name("fence_launch.py")
ROOT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
# What a dynamic loader, an interpreter and ffmpeg read besides their input.
SYSTEM = (
    "/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives",
    "/dev/urandom", "/dev/zero", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices",
)  # fmt: skip


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and bytes. `memory_bytes` bounds address space, which every thread adds to."""

    cpu_s: int = 60
    wall_s: float = 120.0
    memory_bytes: int = 1536 * MIB
    file_bytes: int = 256 * MIB
    stdout_bytes: int = 8 * MIB
    stderr_bytes: int = MIB


class Fenced(msgspec.Struct, frozen=True):
    """How the command ended. `returncode` is negative for a signal; `killed` names the limit that
    ended it (`wall`, `cpu`, `output`, `file_size`, `killed`) or is None; `stderr` is the tail."""

    returncode: int
    stdout: bytes
    stderr: str
    killed: str | None

    @property
    def ok(self) -> bool:
        return self.returncode == 0 and self.killed is None


async def run_fenced(
    argv: list[str],
    *,
    cwd: Path,
    limits: Limits,
    reads: tuple[Path, ...] = (),
    stdin: bytes | None = None,
    report: bool = False,
) -> Fenced:
    """Runs `argv` (its first an absolute path) in `cwd`, the only folder it can write to.

    `reads` are the files and folders it may read besides. Never raises for what the command does;
    when this call is cancelled the whole group is killed before it returns.
    """
    # pdeathsig fires when the *thread* that forked ends: asyncio forks on the loop's thread.
    process = await asyncio.create_subprocess_exec(
        *_launch(argv, cwd, limits, reads, report),
        cwd=cwd,
        env={},
        start_new_session=True,
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    killed: list[str] = []
    try:
        async with asyncio.timeout(limits.wall_s):
            out, err, _, _ = await asyncio.gather(
                _collect(process, limits.stdout_bytes, killed),
                _tail(process.stderr, limits.stderr_bytes),
                _feed(process.stdin, stdin),
                process.wait(),
            )
    except TimeoutError:
        killed.append("wall")
        out, err = b"", ""
    finally:
        _kill(process)
        await process.wait()
    code = process.returncode or 0
    return Fenced(code, out, err, killed[0] if killed else _cause(code, err))


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that runs `module`'s `main()` in this interpreter, isolated from the
    environment and from the working folder, where foreign files lie."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from {module} import main; main()"
    return [sys.executable, "-I", "-B", "-c", start, *arguments]


async def layers_missing(cwd: Path) -> list[str]:
    """Names of the layers this kernel refuses: `network`, `privileges`, `files`."""
    done = await run_fenced([sys.executable, "-V"], cwd=cwd, limits=Limits(), report=True)
    line = next(row for row in done.stderr.splitlines() if row.startswith("fence:"))
    return [name for name in line.removeprefix("fence:").strip().split(",") if name != "complete"]


def _launch(
    argv: list[str], cwd: Path, limits: Limits, reads: tuple[Path, ...], report: bool
) -> list[str]:
    interpreter = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(sys.executable).parent)}
    readable = {*interpreter, str(Path(argv[0]).parent), str(Path(__file__).parent)}
    order = {
        "parent": os.getpid(),
        "env": {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(cwd), "TMPDIR": str(cwd)},
        "list": [str(ROOT)],  # names alone, for Python to find the package `media` in
        "read": [*SYSTEM, *sorted(readable), *map(str, reads)],
        "write": [str(cwd), "/dev/null"],
        "report": report,
        "limits": {
            "RLIMIT_CPU": limits.cpu_s,
            "RLIMIT_AS": limits.memory_bytes,
            "RLIMIT_FSIZE": limits.file_bytes,
            "RLIMIT_NOFILE": 256,
            "RLIMIT_CORE": 0,
        },
    }
    return [sys.executable, "-I", "-S", "-B", str(LAUNCHER), json.dumps(order), *argv]


async def _collect(process: asyncio.subprocess.Process, most: int, killed: list[str]) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it is a pipe, the type just can't say so
    kept = bytearray()
    while chunk := await process.stdout.read(64 * 1024):
        kept += chunk
        if len(kept) > most:
            killed.append("output")
            _kill(process)
            return bytes(kept[:most])
    return bytes(kept)


async def _tail(stream: asyncio.StreamReader | None, most: int) -> str:
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(64 * 1024)):
        kept += chunk
        del kept[:-most]
    return kept.decode("utf-8", "replace")


async def _feed(stream: asyncio.StreamWriter | None, body: bytes | None) -> None:
    if stream is None or body is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read it all
        stream.write(body)
        await stream.drain()
    stream.close()


def _kill(process: asyncio.subprocess.Process) -> None:
    """The whole group: the command may have started others."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _cause(code: int, stderr: str) -> str | None:
    """ffmpeg catches SIGXCPU, says so and exits 255; others die of the signal."""
    if code == -signal.SIGXCPU or "received signal 24" in stderr:
        return "cpu"
    return {-signal.SIGXFSZ: "file_size", -signal.SIGKILL: "killed"}.get(code)
