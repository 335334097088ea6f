"""What must hold before anything is made or started; each refusal is one line and one exit code."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import IO

from deploy.embedded.failure import Exit, StartFailure

LEAST_FREE = 2 * 2**30  # bytes: the database stops without space, the store at half of this


def writable_folder(folder: Path) -> None:
    """Make `folder` if need be, for its owner alone at first, and prove that it takes a file."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StartFailure(
            Exit.NOT_WRITABLE,
            f"数据目录 {folder} 不可写（{error.strerror}）：请用 --data 指定可写目录",
            f"the data folder {folder} is not writable ({error.strerror}): choose one by --data",
        ) from error


def only_one(folder: Path) -> IO[str]:
    """Hold `folder` for this process; the lock goes with the returned file, or with the process."""
    lock = (folder / "up.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise StartFailure(
            Exit.ALREADY_RUNNING,
            f"该数据目录 {folder} 已有一个全记在运行（进程 {holder}）：先停止它，或换一个 --data",
            f"Quanji already runs on {folder} (process {holder}): stop it, or give another --data",
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def enough_disk(folder: Path, least: int = LEAST_FREE) -> None:
    """`least` bytes are free where `folder` is."""
    free = shutil.disk_usage(folder).free
    if free < least:
        raise StartFailure(
            Exit.DISK_NEARLY_FULL,
            f"磁盘将满：{folder} 剩 {_mib(free)} MiB，至少需要 {_mib(least)} MiB，请清理",
            f"the disk is nearly full: {_mib(free)} MiB left at {folder}, {_mib(least)} MiB needed;"
            " free some space or give another --data",
        )


def _mib(size: int) -> int:
    return size // 2**20


def free_port(host: str, port: int) -> None:
    """A server can listen at `host`:`port`."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartFailure(
                Exit.PORT_TAKEN,
                f"无法监听 {host}:{port}（{error.strerror}）：请用 --port 换一个端口",
                f"can't listen at {host}:{port} ({error.strerror}): give another with --port",
            ) from error
