"""Somebody at the desk: the console's API with a session, as the web page uses it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from deploy.demo.journal import DemoFailed

PATIENCE = 12  # tries while the server can't be reached, about a minute


class Refused(Exception):
    """The server said no; `problem` is its RFC 9457 document."""

    def __init__(self, status: int, problem: dict[str, Any], asked: str) -> None:
        super().__init__(f"{asked}: {status} {problem.get('detail', problem)}")
        self.status = status
        self.problem = problem


class Desk:
    """One account's session at `server`; nobody's until `sign_in`."""

    def __init__(self, server: str) -> None:
        self._http = httpx.AsyncClient(base_url=server, timeout=httpx.Timeout(60, connect=10))

    async def __aenter__(self) -> Desk:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def sign_in(self, login: str, password: str) -> dict[str, Any]:
        """The account; `DemoFailed` when the password is not (or no longer) right."""
        try:
            return await self.post("/api/session", {"login": login, "password": password})
        except Refused as refused:
            raise DemoFailed(
                f"账号 {login} 无法登录：可能是另一次演示留下的，请用它的工作目录或全新的服务器 / "
                f"{login} can't sign in: perhaps another demo's; use its folder or a new server"
                f" ({refused})"
            ) from refused

    async def get(self, path: str, **query: Any) -> Any:
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return await self._ask("POST", path, json=body or {})

    async def patch(self, path: str, body: dict[str, Any]) -> Any:
        return await self._ask("PATCH", path, json=body)

    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        """Asked again only if it can't have been carried out, or may be twice."""
        harmless = httpx.TransportError if method == "GET" else httpx.ConnectError
        for attempt in range(PATIENCE):
            try:
                answer = await self._http.request(method, path, **request)
            except harmless as error:
                last = error
                await asyncio.sleep(min(0.2 * 2**attempt, 8))
            else:
                return _read(answer, f"{method} {path}")
        raise DemoFailed(f"连不上服务器 / the server can't be reached: {last!r}") from last


def _read(answer: httpx.Response, asked: str) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        problem = answer.json()
    except ValueError:
        problem = {"detail": answer.text[:200]}
    raise Refused(answer.status_code, problem, asked)
