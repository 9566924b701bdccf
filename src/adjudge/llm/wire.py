"""HTTP/1.1 for thousands of small requests a second: a pool of kept-alive connections on bare asyncio protocols.

The openai package costs milliseconds of processor time a request at 256 in flight (bench/results/judge.md); a
server of one's own answers faster than that. This transport does only what judging needs: POST, JSON in, JSON out,
one request at a time on a connection, TLS by the standard library, responses parsed by httptools.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from adjudge.errors import BadConfig, MissingExtra
from adjudge.llm.address import split
from adjudge.llm.contract import AskFailed

Response = tuple[int, dict[str, str], bytes]


class _Connection(asyncio.Protocol):
    """One connection; `waiting` is the response being read, if any, and `deadline` the loop's time it may take."""

    def __init__(self, http: Any) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiting: asyncio.Future[Response] | None = None
        self.deadline = 0.0
        self.http = http
        self.parser = http.HttpResponseParser(self)
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def send(self, data: bytes, waiting: asyncio.Future[Response]) -> None:
        self.waiting = waiting
        if self.transport is not None:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except self.http.HttpParserError as error:
            self._fail(AskFailed("connection lost", f"not HTTP: {error}"))
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        status, headers, body = self.parser.get_status_code(), self.headers, b"".join(self.parts)
        self.headers, self.parts = [], []
        waiting, self.waiting = self.waiting, None
        if not self.parser.should_keep_alive():
            self.close()
        if waiting is not None and not waiting.done():
            waiting.set_result((status, {} if status == 200 else _readable(headers), body))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if exc is None and self._ended():
            self.on_message_complete()
        self._fail(AskFailed("connection lost", str(exc or "closed by the server")))

    def _ended(self) -> bool:
        """Whether the end of the connection is the end of a message: a body whose length nothing tells, as HTTP/1.0 has."""
        told = {name.lower() for name, _ in self.headers}
        return bool(self.parts) and told.isdisjoint((b"content-length", b"transfer-encoding"))

    def late(self, now: float, timeout: float) -> None:
        """Give up a request whose time is over."""
        if self.waiting is not None and self.deadline <= now:
            self._fail(AskFailed("timeout", f"no answer within {timeout} s"))
            self.close()

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
        parts = split(url)
        self.host, self.port = parts.host, parts.port
        self.tls = ssl.create_default_context() if parts.secure else None
        self.timeout = timeout
        self._http = httptools
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        shown = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"POST {parts.path} HTTP/1.1", f"host: {shown}:{self.port}"]
        lines += [f"{name}: {_one_line(value)}" for name, value in headers.items()]
        lines += ["content-type: application/json", "accept: application/json", "content-length: "]
        self._head = "\r\n".join(lines).encode("latin-1")

    async def post(self, body: bytes) -> Response:
        """(status, headers, body); headers in lower case, and only where the status is not 200.

        Raises AskFailed on a lost connection, and on a timeout, which is noticed up to a twentieth of it late.
        """
        connection = await self._connection()
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Response] = loop.create_future()
        connection.deadline = loop.time() + self.timeout
        self._busy.add(connection)
        if self._sweep is None:
            self._late(loop)
        connection.send(b"%s%d\r\n\r\n%s" % (self._head, len(body), body), waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            self._busy.discard(connection)
            if connection.usable:
                self._idle.append(connection)

    def _late(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer looks at all requests: a timer for each would cost more than its future."""
        now = loop.time()
        for connection in list(self._busy):
            connection.late(now, self.timeout)
        again = min(1.0, self.timeout / 20)
        self._sweep = loop.call_later(again, self._late, loop) if self._busy else None

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        loop = asyncio.get_running_loop()
        opening = loop.create_connection(lambda: _Connection(self._http), self.host, self.port, ssl=self.tls)
        try:
            _, connection = await asyncio.wait_for(opening, self.timeout)
        except TimeoutError as error:
            raise AskFailed("timeout", f"no connection to {self.host}:{self.port}", sent=False) from error
        except OSError as error:
            raise AskFailed("connection lost", f"{self.host}:{self.port}: {error}", sent=False) from error
        return connection

    async def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        if self._sweep is not None:
            self._sweep.cancel()
        await asyncio.sleep(0)


def _readable(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _one_line(value: str) -> str:
    if "\r" in value or "\n" in value:
        raise BadConfig("a header's value holds a line break; check the API key")
    return value
