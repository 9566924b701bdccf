"""The HTTP transport against real sockets that misbehave."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import pytest

from adjudge.errors import BadConfig
from adjudge.llm.contract import AskFailed
from adjudge.llm.http_transport import HttpTransport, Response

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def against(serve: Serve, times: int = 1, timeout: float = 5.0) -> tuple[list[Response | AskFailed], int]:
    """The results of several posts in turn, and how many connections they took."""

    async def run() -> tuple[list[Response | AskFailed], int]:
        opened = 0

        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal opened
            opened += 1
            try:
                await serve(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(one, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = HttpTransport(f"http://127.0.0.1:{port}/v1/x", {"authorization": "Bearer k"}, timeout)
        results: list[Response | AskFailed] = []
        for _ in range(times):
            try:
                results.append(await transport.post(b'{"a": 1}'))
            except AskFailed as failure:
                results.append(failure)
        await transport.close()
        server.close()
        await asyncio.sleep(0.01)
        return results, opened

    return asyncio.run(run())


def test_a_connection_is_kept_and_the_request_is_whole() -> None:
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await request(reader))
            writer.write(OK)

    results, opened = against(serve, times=3)
    assert [r[0] for r in results if isinstance(r, tuple)] == [200, 200, 200]
    assert opened == 1
    head, body = seen[0].split(b"\r\n\r\n")
    assert head.lower().startswith(b"post /v1/x http/1.1\r\nhost: 127.0.0.1:")
    assert b"authorization: Bearer k" in head
    assert body == b'{"a": 1}'


def test_chunks_and_pieces_are_joined() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        for piece in (
            b"HTTP/1.1 200 OK\r\ntransfer-enc",
            b"oding: chunked\r\n\r\n5\r\nhel",
            b"lo\r\n3\r\n, x\r\n0\r\n\r\n",
        ):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    results, _ = against(serve)
    assert results == [(200, {}, b"hello, x")]


def test_headers_and_status_come_through() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\ncontent-length: 0\r\n\r\n")

    assert against(serve)[0] == [(429, {"retry-after": "3", "content-length": "0"}, b"")]


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        for piece in (b"HTTP/1.0 200 OK\r\nserver: old\r\n\r\n{", b'"a": 1}'):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    results, opened = against(serve, times=2)
    assert results == [(200, {}, b'{"a": 1}')] * 2
    assert opened == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"", "connection lost"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", "connection lost"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "connection lost"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "connection lost"),
        (b"HTTP/1.0 200 OK\r\nserver: ", "connection lost"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "connection lost"),
    ],
)
def test_what_is_cut_or_no_http_is_a_lost_connection(reply: bytes, kind: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(reply)
        await writer.drain()

    results, opened = against(serve, times=2)
    assert [r.kind for r in results if isinstance(r, AskFailed)] == [kind, kind]
    assert all(r.may_cost for r in results if isinstance(r, AskFailed))
    assert opened == 2


def test_a_closing_server_is_not_asked_on_the_same_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")

    results, opened = against(serve, times=3)
    assert [r[2] for r in results if isinstance(r, tuple)] == [b"ok"] * 3
    assert opened == 3


def test_silence_times_out_and_a_late_answer_reaches_nobody_else() -> None:
    first = True

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal first
        await request(reader)
        if first:
            first = False
            await asyncio.sleep(3)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")
        else:
            writer.write(OK)

    results, opened = against(serve, times=2, timeout=1.5)
    assert isinstance(results[0], AskFailed)
    assert results[0].kind == "timeout"
    assert isinstance(results[1], tuple)
    assert results[1][2] == b"ok"
    assert opened == 2


def test_nobody_home_and_bad_addresses() -> None:
    async def ask(url: str) -> Response:
        transport = HttpTransport(url, {}, 1.0)
        try:
            return await transport.post(b"{}")
        finally:
            await transport.close()

    with pytest.raises(AskFailed, match="connection lost") as lost:
        asyncio.run(ask("http://127.0.0.1:9/v1"))
    assert not lost.value.may_cost
    with pytest.raises(BadConfig, match="allowed is http://"):
        asyncio.run(ask("localhost:8000/v1"))
    with pytest.raises(BadConfig, match="line break"):
        HttpTransport("http://127.0.0.1:9/v1", {"authorization": "Bearer a\r\nx: y"}, 1.0)


@pytest.mark.parametrize("interim", [b"102 Processing", b"103 Early Hints", b"100 Continue"])
def test_an_interim_answer_is_not_the_answer(interim: bytes) -> None:
    """RFC 9110, 15.2: a server may send 1xx answers before the final one; the next request must not get what
    is left."""
    number = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        while True:
            await request(reader)
            writer.write(b"HTTP/1.1 " + interim + b"\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)
            number += 1
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % number)

    results, opened = against(serve, times=4)
    assert results == [(200, {}, b"%d" % n) for n in (1, 2, 3, 4)]
    assert opened == 1


def test_an_answer_that_nobody_asked_for_goes_to_nobody() -> None:
    """A server sends a 408 or a second answer on an idle connection: it is not used again."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            writer.write(OK)
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 5\r\n\r\nstale")
            await writer.drain()

    async def pause_between() -> list[Response]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = HttpTransport(f"http://127.0.0.1:{port}/v1", {}, 5.0)
        results = []
        for _ in range(3):
            results.append(await transport.post(b"{}"))
            await asyncio.sleep(0.05)
        await transport.close()
        server.close()
        return results

    assert asyncio.run(pause_between()) == [(200, {}, b"ok")] * 3


def test_a_compressed_answer_is_read() -> None:
    packed = gzip.compress(b'{"a": 1}')

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % len(packed) + packed)

    assert against(serve)[0] == [(200, {}, b'{"a": 1}')]


def test_a_redirect_is_told_and_not_followed() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(
            b"HTTP/1.1 308 Permanent Redirect\r\nlocation: http://other/\r\ncontent-length: 0\r\n\r\n"
        )

    results, opened = against(serve)
    assert results[0] == (308, {"location": "http://other/", "content-length": "0"}, b"")
    assert opened == 1
