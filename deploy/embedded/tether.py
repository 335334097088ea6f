"""Becomes another program that dies with its parent; run as a script, before anything is imported.

    python -I -S tether.py UID GID SIGNAL NAME PROGRAM [ARGUMENT …]

Done between fork and exec of a Python with threads this could deadlock; here it can't. Rights are
dropped first, because the kernel forgets the death signal when credentials change.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    uid, gid, on_death = (int(value) for value in sys.argv[1:4])
    name, program, *arguments = sys.argv[4:]
    parent = os.getppid()
    if os.geteuid() == 0 and uid != 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, on_death) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        sys.exit("the parent was gone before its death could be watched")
    os.umask(0o077)
    os.execv(program, [name, *arguments])  # noqa: S606 - exec is the point


if __name__ == "__main__":
    main()
