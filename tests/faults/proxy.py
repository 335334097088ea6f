"""A bad line: a TCP proxy that hurts what passes it, byte by byte, as a `Plan` says.

    with BadLine(port, *server_ports) as line:
        line.begin(plan_of(seed, size))
        …                    # a client talks to `port`
        await line.quiet()   # nothing of it is under way any more

It runs in a thread of its own and knows of HTTP only where a request begins and how long it is.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

from tests.faults.plan import Fault, Plan, Side

PIECE = 64 * 1024  # bytes read at a time
REPLAY_S = 20.0  # seconds a replayed request may take to be answered
TRICKLES = 40  # pieces of a few bytes, then the line is fast again
BEGINNING = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) ")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class BadLine:
    """Listens on `port`, forwards to each of `server_ports` in turn, all of this machine."""

    def __init__(self, port: int, *server_ports: int) -> None:
        self.port, self._servers = port, itertools.cycle(server_ports)
        self.plan = Plan([])
        self.passed = 0  # bytes towards the server, ever
        self._moved = asyncio.Condition()
        self.connections: set[asyncio.Task[None]] = set()
        self.replays: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bad line")

    def __enter__(self) -> BadLine:
        self._thread.start()
        self._call(self._listen()).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close()).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def begin(self, plan: Plan) -> None:
        self.plan = plan

    async def reached(self, passed: int) -> None:
        """Waits until so many bytes have passed towards the server."""
        await asyncio.wrap_future(self._call(self._reach(passed)))

    async def quiet(self) -> None:
        """Hangs up on clients that keep idle connections, and waits until all has ended."""
        await asyncio.wrap_future(self._call(self._settle()))

    def spawn(self, work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = self._loop.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)

    async def reach_server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", next(self._servers))

    def _call(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.spawn(_Connection(self, reader, writer).run(), self.connections)

    async def count(self, size: int) -> None:
        async with self._moved:
            self.passed += size
            self._moved.notify_all()

    async def _reach(self, passed: int) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self.passed >= passed)

    async def _settle(self) -> None:
        for connection in self.connections:
            connection.cancel()
        while waiting := self.connections | self.replays:
            await asyncio.wait(waiting)

    async def _close(self) -> None:
        self._server.close()
        await self._settle()


class _Exchange:
    """One request as it was sent, kept to be sent again."""

    def __init__(self) -> None:
        self.request = bytearray()
        self.answered = False
        self.replay: Fault | None = None
        self._length: int | None = None

    @property
    def complete(self) -> bool:
        """Whether its last byte is here; never for a request that doesn't tell its length."""
        if self._length is None:
            end = self.request.find(b"\r\n\r\n")
            if end < 0:
                return False
            told = LENGTH.search(self.request, 0, end)
            body = b"transfer-encoding" in bytes(self.request[:end]).lower()
            self._length = -1 if body else end + 4 + int(told.group(1) if told else 0)
        return 0 <= self._length <= len(self.request)


class _Connection:
    """A client's connection and ours to the server."""

    def __init__(
        self, line: BadLine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.line, self.reader, self.writer = line, reader, writer
        self.plan = line.plan  # a late byte of an upload must not meet the next one's faults
        self.exchange = _Exchange()
        self.dead = False

    async def run(self) -> None:
        try:
            from_server, to_server = await self.line.reach_server()
        except OSError:
            self.writer.transport.abort()
            return
        self.to_server = to_server
        pumps = [
            asyncio.create_task(self._pump(self.reader, to_server, "server")),
            asyncio.create_task(self._pump(from_server, self.writer, "client")),
        ]
        try:
            # Whichever side ends first ends both, as far as this line is concerned.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            await self._hang_up()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, towards: Side
    ) -> None:
        try:
            while data := await source.read(PIECE):
                await self._forward(data, sink, towards)
        except (ConnectionError, _Dead):
            return

    async def _forward(self, data: bytes, sink: asyncio.StreamWriter, towards: Side) -> None:
        self._note(data, towards)
        while data:
            count, fault = self.plan.pass_on(towards, len(data))
            await self._send(data[:count], sink, towards)
            data = data[count:]
            if fault is not None:
                data = await self._strike(fault, data, sink)
        if towards == "server":
            self._replay_if_due("replay at once", self.exchange.complete)

    async def _send(self, data: bytes, sink: asyncio.StreamWriter, towards: Side) -> None:
        sink.write(data)
        await sink.drain()
        if towards == "server":
            await self.line.count(len(data))

    def _note(self, data: bytes, towards: Side) -> None:
        """Remembers the request that is passing, whole, whether it gets through or not."""
        if towards == "client":
            self.exchange.answered = True
            self._replay_if_due("replay", True)
            self._replay_if_due("replay at once", True)
            return
        if self.exchange.answered and BEGINNING.match(data):
            self.exchange = _Exchange()
        self.exchange.request += data

    async def _strike(self, fault: Fault, data: bytes, sink: asyncio.StreamWriter) -> bytes:
        """Does what the fault does; the bytes that are still to pass."""
        if fault.kind in {"replay", "replay at once"}:
            self.exchange.replay = fault
        elif fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "trickle":
            return await self._trickle(data, sink)
        elif fault.kind == "half-open":
            self.writer.transport.abort()
            await asyncio.sleep(fault.seconds)
            raise _Dead
        else:
            self.dead = fault.hard
            raise _Dead
        return data

    async def _trickle(self, data: bytes, sink: asyncio.StreamWriter) -> bytes:
        for _ in range(min(TRICKLES, len(data))):
            await self._send(data[:3], sink, "server")
            data = data[3:]
            await asyncio.sleep(0.002)
        return data

    def _replay_if_due(self, kind: str, due: bool) -> None:
        fault = self.exchange.replay
        if due and fault is not None and fault.kind == kind:
            self.exchange.replay = None
            self.line.spawn(self._replay(bytes(self.exchange.request)), self.line.replays)

    async def _replay(self, request: bytes) -> None:
        """Sends the request once more, as a middlebox does that takes it for lost, and throws the
        answer away."""
        try:
            async with asyncio.timeout(REPLAY_S):
                reader, writer = await self.line.reach_server()
                writer.write(request)
                await writer.drain()
                await reader.read(PIECE)
                writer.close()
        except OSError:  # the server has hung up: it doesn't matter to a middlebox
            return

    async def _hang_up(self) -> None:
        for writer in (self.writer, self.to_server):
            if self.dead:
                writer.transport.abort()
            else:
                writer.close()


class _Dead(Exception):
    """This connection is over."""
