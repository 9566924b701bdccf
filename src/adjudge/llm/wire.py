"""HTTP/1.1 for thousands of small requests a second: a pool of kept-alive connections on bare asyncio protocols.

The openai package costs milliseconds of processor time a request at 256 in flight (bench/results/judge.md); a
server of one's own answers faster than that. This transport does only what judging needs: POST, JSON in, JSON out,
one request at a time on a connection, TLS by the standard library, responses parsed by httptools.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any
from urllib.parse import urlsplit

from adjudge.errors import BadConfig, MissingExtra
from adjudge.llm.contract import AskFailed

Response = tuple[int, dict[str, str], bytes]


class _Connection(asyncio.Protocol):
    """One connection; `waiting` is the response being read, if any."""

    def __init__(self, parser: Any) -> None:
        self._make_parser = parser
        self.transport: asyncio.Transport | None = None
        self.waiting: asyncio.Future[Response] | None = None
        self._begin()

    def _begin(self) -> None:
        self.parser = self._make_parser(self)
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def send(self, data: bytes, waiting: asyncio.Future[Response]) -> None:
        self.waiting = waiting
        if self.transport is not None:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        import httptools

        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(AskFailed("connection lost", f"not HTTP: {error}"))
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        status, headers, parts, alive = (
            self.parser.get_status_code(),
            self.headers,
            self.parts,
            self.parser.should_keep_alive(),
        )
        waiting, self.waiting = self.waiting, None
        self._begin()
        if not alive:
            self.close()
        if waiting is not None and not waiting.done():
            waiting.set_result((status, headers, b"".join(parts)))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._fail(AskFailed("connection lost", str(exc or "closed by the server")))

    def _fail(self, failure: AskFailed) -> None:
        waiting, self.waiting = self.waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(failure)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
            self.transport = None

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing() and self.waiting is None


class Wire:
    """POSTs JSON to one URL. Connections are opened as needed and kept; the caller bounds how many."""

    def __init__(self, url: str, headers: dict[str, str], timeout: float) -> None:
        try:
            import httptools
        except ImportError as error:
            raise MissingExtra("httptools", "judge") from error
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadConfig(f"URL {url!r} cannot be used: allowed is http://HOST:PORT/v1 or https://HOST/v1")
        self.host = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.timeout = timeout
        self._parser = httptools.HttpResponseParser
        self._idle: list[_Connection] = []
        shown = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"POST {parts.path or '/'} HTTP/1.1", f"host: {shown}:{self.port}"]
        lines += [f"{name}: {_one_line(value)}" for name, value in headers.items()]
        lines += ["content-type: application/json", "accept: application/json", "content-length: "]
        self._head = "\r\n".join(lines).encode("latin-1")

    async def post(self, body: bytes) -> Response:
        """(status, headers, body). Raises AskFailed on a timeout or a lost connection."""
        connection = await self._connection()
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Response] = loop.create_future()
        # A timer is half the cost of asyncio.timeout: no task is cancelled, the future alone fails.
        timer = loop.call_later(self.timeout, self._late, connection, waiting)
        connection.send(b"%s%d\r\n\r\n%s" % (self._head, len(body), body), waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            timer.cancel()
            if connection.usable:
                self._idle.append(connection)

    def _late(self, connection: _Connection, waiting: asyncio.Future[Response]) -> None:
        if not waiting.done():
            waiting.set_exception(AskFailed("timeout", f"no answer within {self.timeout} s"))
            connection.waiting = None
            connection.close()

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        loop = asyncio.get_running_loop()
        opening = loop.create_connection(
            lambda: _Connection(self._parser), self.host, self.port, ssl=self.tls
        )
        try:
            _, connection = await asyncio.wait_for(opening, self.timeout)
        except TimeoutError as error:
            raise AskFailed("timeout", f"no connection to {self.host}:{self.port}") from error
        except OSError as error:
            raise AskFailed("connection lost", f"{self.host}:{self.port}: {error}") from error
        return connection

    async def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)


def _one_line(value: str) -> str:
    if "\r" in value or "\n" in value:
        raise BadConfig("a header's value holds a line break; check the API key")
    return value
