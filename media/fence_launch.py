"""Runs inside the fence, before the foreign bytes are touched: gives up rights, then becomes the
command. `python -I -S fence_launch.py '{"limits": …}' command arguments…`

It imports the standard library alone, so that it starts in a few milliseconds and needs nothing
of ours readable. Each right that the kernel lets us give up is given up; what it doesn't (old
kernels, containers without user namespaces) is named on standard error by `fence:` lines only
when `report` is set, because losing one layer must not stop the work.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import Any

CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_SET_DUMPABLE = 1, 38, 24, 4
# landlock(7), uapi/linux/landlock.h; the numbers are the same on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
FS_LIST = 1 << 3  # read directory
FS_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read file, read directory
FS_BY_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
FS_FILE_ONLY = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # what a rule on a file may allow
NET_ALL = 1 << 0 | 1 << 1  # bind and connect over TCP, from version 4 on

LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    order: dict[str, Any] = json.loads(sys.argv[1])
    missing = [name for name, done in _give_up(order) if not done]
    if order["report"]:
        print("fence:", ",".join(missing) or "complete", file=sys.stderr, flush=True)
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and a command would inherit that
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execve(sys.argv[2], sys.argv[2:], order["env"])  # noqa: S606


def _give_up(order: dict[str, Any]) -> list[tuple[str, bool]]:
    """In an order in which no step needs what an earlier one gave up."""
    _die_with_parent(order["parent"])
    done = [
        ("network", _leave_network()),
        ("privileges", LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0),
        ("files", _landlock(order["list"], order["read"], order["write"])),
    ]
    for name, value in order["limits"].items():
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        top = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # A second of grace between soft and hard: the signal tells which limit it was.
        resource.setrlimit(number, (top, top + 1 if name == "RLIMIT_CPU" else top))
    return done


def _die_with_parent(parent: int) -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(137)


def _leave_network() -> bool:
    """A network namespace without even a loopback address; as an ordinary user by way of a user
    namespace, in which we stay who we are on disk."""
    uid, gid = os.getuid(), os.getgid()
    if LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) != 0:
        return bool(LIBC.unshare(CLONE_NEWNET) == 0)
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    except OSError:
        return True  # unmapped we are nobody there, which reads and writes our files all the same
    return True


def _landlock(listed: list[str], read: list[str], write: list[str]) -> bool:
    """Only these paths can be opened from here on, and no TCP port."""
    version = LIBC.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    handled = FS_BY_VERSION[max(v for v in FS_BY_VERSION if v <= version)]
    ruleset = struct.pack("QQ", handled, NET_ALL) if version >= 4 else struct.pack("Q", handled)
    fd = LIBC.syscall(CREATE_RULESET, ruleset, ctypes.c_size_t(len(ruleset)), 0)
    if fd < 0:
        return False
    for paths, rights in ((listed, FS_LIST), (read, FS_READ), (write, handled)):
        for path in paths:
            _allow(fd, path, rights & handled)
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(LIBC.syscall(RESTRICT_SELF, fd, 0) == 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # nothing there, so nothing to allow
    if not Path(path).is_dir():
        rights &= FS_FILE_ONLY
    rule = struct.pack("=Qi", rights, fd)
    LIBC.syscall(ADD_RULE, ruleset, 1, rule, 0)
    os.close(fd)


if __name__ == "__main__":
    main()
