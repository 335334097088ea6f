from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from media.fence import MIB, Limits, layers_missing, run_fenced

ROOMY = Limits(wall_s=30, cpu_s=20)


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - another process makes it hold
        await asyncio.sleep(0.02)


async def fenced(cwd: Path, code: str, limits: Limits = ROOMY, **named):
    command = [sys.executable, "-I", "-c", code]
    return await run_fenced(command, cwd=cwd, limits=limits, **named)


@pytest.fixture
def room(tmp_path) -> Path:
    folder = tmp_path / "room"
    folder.mkdir()
    return folder


async def test_a_command_that_behaves_gives_its_answer(room):
    done = await fenced(room, "print(input() * 2)", stdin=b"ab\n")
    assert (done.ok, done.stdout, done.killed) == (True, b"abab\n", None)


async def test_it_writes_in_its_folder(room):
    assert (await fenced(room, "open('made', 'w').write('x')")).ok
    assert (room / "made").read_text() == "x"


async def test_nothing_of_our_environment_is_inherited(room, monkeypatch):
    monkeypatch.setenv("QUANJI_S3_SECRET_KEY", "canary")
    done = await fenced(room, "import os; print(sorted(os.environ))")
    assert b"QUANJI" not in done.stdout
    assert b"canary" not in (await fenced(room, "import os; print(os.environ)")).stdout


async def test_the_kernel_here_gives_every_layer_or_the_missing_ones_are_named(room):
    assert set(await layers_missing(room)) <= {"network", "privileges", "files"}


async def test_a_canary_file_is_out_of_reach(room, tmp_path):
    if "files" in await layers_missing(room):
        return  # said at the worker's start; the whitelists are tested by the hostile corpus
    canary = tmp_path / "canary"
    canary.write_text("secret")
    done = await fenced(room, f"print(open({str(canary)!r}).read())")
    assert b"secret" not in done.stdout
    assert "Permission" in done.stderr
    allowed = await fenced(room, f"print(open({str(canary)!r}).read())", reads=(canary,))
    assert allowed.stdout == b"secret\n"


async def test_it_can_write_nowhere_else(room, tmp_path):
    if "files" in await layers_missing(room):
        return
    assert not (await fenced(room, f"open({str(tmp_path / 'out')!r}, 'w')")).ok
    assert not (tmp_path / "out").exists()


async def test_a_canary_socket_is_never_reached(room):
    if {"files", "network"} & set(await layers_missing(room)):
        return
    reached = asyncio.Event()
    server = await asyncio.start_server(lambda *_: reached.set(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    done = await fenced(room, f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)")
    server.close()
    assert not done.ok
    assert not reached.is_set()


@pytest.mark.parametrize(
    ("code", "limits", "killed"),
    [
        pytest.param("while True: pass", Limits(cpu_s=1), "cpu", id="busy for ever"),
        pytest.param("import time; time.sleep(60)", Limits(wall_s=0.5), "wall", id="idle for ever"),
        pytest.param(
            "while True: print('y' * 9999)", Limits(stdout_bytes=MIB), "output", id="talks for ever"
        ),
        pytest.param(
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL);"
            "open('big', 'wb').write(b'x' * 3_000_000)",
            Limits(file_bytes=MIB),
            "file_size",
            id="writes for ever",
        ),
    ],
)
async def test_each_limit_ends_it_and_is_named(room, code, limits, killed):
    done = await fenced(room, code, limits)
    assert (done.ok, done.killed) == (False, killed)


async def test_memory_is_bounded(room):
    done = await fenced(room, "b'x' * (1 << 30)", Limits(memory_bytes=512 * MIB))
    assert "MemoryError" in done.stderr


async def test_no_grandchild_survives(room):
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n    open('pid', 'w').write(str(os.getpid())); time.sleep(60)\n"
        "time.sleep(60)"
    )
    done = await fenced(room, code, Limits(wall_s=2))
    assert done.killed == "wall"
    assert not _alive(int((room / "pid").read_text()))


async def test_a_cancelled_call_leaves_nothing_running(room):
    task = asyncio.create_task(
        fenced(room, "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)")
    )
    await until(lambda: (room / "pid").exists() and (room / "pid").read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not _alive(int((room / "pid").read_text()))


async def test_it_dies_with_a_worker_that_is_killed_hard(room):
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from media.fence import Limits, run_fenced\n"
        "inner = \"import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)\"\n"
        "asyncio.run(run_fenced([sys.executable, '-I', '-c', inner], cwd=Path(sys.argv[1]),"
        " limits=Limits()))"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(room), cwd=Path(__file__).parents[2]
    )
    await until(lambda: (room / "pid").exists() and (room / "pid").read_text())
    worker.kill()
    await worker.wait()
    child = int((room / "pid").read_text())
    await until(lambda: not _alive(child))  # the kernel's signal is on its way


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except FileNotFoundError:
        return False
    return state != "Z" and os.getpid() != pid
