"""One small tus client for both servers: blocking sockets on threads, one connection a thread."""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from urllib.parse import urlsplit

TUS = {"Tus-Resumable": "1.0.0"}
BODY = {"Content-Type": "application/offset+octet-stream"}


class Client:
    """A tus collection at `url`."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self._own = threading.local()
        self.retried = 0

    def photo(self, body: bytes, name: str) -> str:
        """Created with its bytes in one request. What the server calls it."""
        headers = {**self._creating(len(body), name), **BODY}
        answer = self._ask("POST", self.url, body, headers, 201)
        if int(answer["Upload-Offset"] or 0) != len(body):
            raise RuntimeError(f"{name}: stands at {answer['Upload-Offset']}")
        return answer["Quanji-Recording"] or ""

    def stream(self, length: int, chunk: bytes, name: str) -> str:
        """`length` bytes in chunks, each sent when the one before it was acknowledged."""
        answer = self._ask("POST", self.url, b"", self._creating(length, name), 201)
        place = answer["Location"] or ""
        for offset in range(0, length, len(chunk)):
            part = memoryview(chunk)[: length - offset]
            headers = {**TUS, **BODY, "Upload-Offset": str(offset)}
            told = self._ask("PATCH", place, part, headers, 204)
            if int(told["Upload-Offset"] or 0) != offset + len(part):
                raise RuntimeError(f"{name}: stands at {told['Upload-Offset']}")
        return answer["Quanji-Recording"] or ""

    def _creating(self, length: int, name: str) -> dict[str, str]:
        said = {"filename": name, "filetype": "application/octet-stream"}
        pairs = (f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in said.items())
        return {
            **TUS,
            "Authorization": f"Bearer {self.token}",
            "Upload-Length": str(length),
            "Upload-Metadata": ",".join(pairs),
        }

    def get(self, url: str) -> bytes:
        connection = self._connection(url)
        connection.request(
            "GET", urlsplit(url).path, headers={"Authorization": f"Bearer {self.token}"}
        )
        return connection.getresponse().read()

    def _ask(
        self, method: str, url: str, body: bytes | memoryview, headers: dict[str, str], wanted: int
    ) -> http.client.HTTPMessage:
        connection = self._connection(url)
        connection.request(
            method, urlsplit(url).path, body, {**headers, "Content-Length": str(len(body))}
        )
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != wanted:
            raise RuntimeError(f"{method} {url}: {answer.status} {said[:300]!r}")
        return answer.headers

    def _connection(self, url: str) -> http.client.HTTPConnection:
        if getattr(self._own, "connection", None) is None:
            self._own.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=300)
            self._own.connection.blocksize = 1 << 20
        connection: http.client.HTTPConnection = self._own.connection
        return connection


def seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def at_once(count: int, calls: Iterable[Callable[[], str]]) -> list[str]:
    """The results of `calls`, `count` of them in flight."""
    with ThreadPoolExecutor(count) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]
