"""The bad line itself: each fault does to the bytes what its name says, once, at its byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.faults.plan import MOST_FAULTS, TOWARDS, Fault, Kind, Plan, plan_of
from tests.faults.proxy import BadLine
from tests.uploads.conftest import free_port

BODY = b"x" * 1000
REQUEST = b"PATCH /u HTTP/1.1\r\nContent-Length: 1000\r\n\r\n" + BODY
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Server(msgspec.Struct):
    """Answers each whole request; `heard` is what each connection brought."""

    port: int
    heard: list[bytearray]
    open: set[int]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.heard)
        heard = bytearray()
        self.heard.append(heard)
        self.open.add(number)
        try:
            while data := await reader.read(4096):
                heard += data
                if len(heard) % len(REQUEST) == 0:
                    writer.write(ANSWER)
        except ConnectionError:
            return
        finally:
            self.open.discard(number)
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server(free_port(), [], set())
    listening = await asyncio.start_server(server.answer, "127.0.0.1", server.port)
    yield server
    listening.close()


async def said_through(server: Server, *faults: Fault) -> bytes:
    """What a client gets that sends one request through a line with these faults, and hangs up
    once it has the answer or the line is dead."""
    port = free_port()
    with BadLine(port, server.port) as line:
        line.begin(Plan(list(faults)))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        got = bytearray()
        try:
            writer.write(REQUEST)
            while len(got) < len(ANSWER) and (data := await reader.read(4096)):
                got += data
        except ConnectionError:
            pass
        writer.close()
        await line.quiet()
    return bytes(got)


def fault(kind: Kind, at: int, *, hard: bool = False) -> Fault:
    return Fault(kind, at, 0.1, hard)


async def test_a_line_without_faults_carries_every_byte(server: Server) -> None:
    assert await said_through(server) == ANSWER
    assert server.heard == [REQUEST]


@pytest.mark.parametrize(
    ("struck", "heard", "got"),
    [
        (fault("cut", 0), [b""], b""),
        (fault("cut", 500), [REQUEST[:500]], b""),
        (fault("lose answer", 0), [REQUEST], b""),
        (fault("lose answer", 9), [REQUEST], ANSWER[:9]),
        (fault("delay", 500), [REQUEST], ANSWER),
        (fault("trickle", 3), [REQUEST], ANSWER),
        (fault("half-open", 700), [REQUEST[:700]], b""),
        (fault("replay", 20), [REQUEST, REQUEST], ANSWER),
        (fault("replay at once", 20), [REQUEST, REQUEST], ANSWER),
    ],
    ids=lambda value: f"{value.kind} at {value.at}" if isinstance(value, Fault) else "",
)
async def test_a_fault_does_what_its_name_says(
    server: Server, struck: Fault, heard: list[bytes], got: bytes
) -> None:
    assert await said_through(server, struck) == got
    assert server.heard == heard


async def test_a_hard_cut_may_take_what_the_server_had_not_read_yet(server: Server) -> None:
    assert await said_through(server, fault("cut", 500, hard=True)) == b""
    assert [REQUEST.startswith(bytes(heard)) for heard in server.heard] == [True]


async def test_a_half_open_line_is_dead_to_the_client_alone(server: Server) -> None:
    port = free_port()
    with BadLine(port, server.port) as line:
        line.begin(Plan([Fault("half-open", 10, 60, hard=False)]))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        with pytest.raises(ConnectionError):
            await reader.read()
            raise ConnectionResetError  # a FIN tells as much
        assert server.open == {0}
        writer.close()
        await line.quiet()


@pytest.mark.parametrize("seed", range(50))
def test_a_plan_is_drawn_again_from_its_seed_and_ends(seed: int) -> None:
    plan = plan_of(seed, 1_000_000)
    assert plan.waiting == plan_of(seed, 1_000_000).waiting
    assert 1 <= len(plan.waiting) <= MOST_FAULTS


def test_the_seeds_of_a_short_run_draw_every_kind_of_fault() -> None:
    drawn = {fault.kind for seed in range(20) for fault in plan_of(seed, 1_000_000).waiting}
    assert drawn == set(TOWARDS)


def test_faults_strike_one_after_the_other_whichever_connection_the_bytes_take() -> None:
    plan = Plan([fault("delay", 100), fault("lose answer", 10), fault("cut", 0)])
    assert plan.pass_on("server", 60) == (60, None)
    assert plan.pass_on("client", 500) == (500, None)  # not its turn yet
    assert plan.pass_on("server", 60) == (40, fault("delay", 100))
    assert plan.pass_on("server", 20) == (20, None)
    assert plan.pass_on("client", 20) == (10, fault("lose answer", 10))
    assert plan.pass_on("server", 20) == (0, fault("cut", 0))
    assert plan.waiting == []
