"""HTTP transport for thousands of small requests per second: JSON posted to one URL by aiohttp.

The openai package costs milliseconds of processor time per request at 256 in flight, aiohttp 0.10 to 0.15 ms
(bench/results/judge.md). An answer belongs to the request that waits for it: interim 1xx answers are passed
over, and a connection on which something arrives unasked is not used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adjudge.errors import BadConfig, MissingExtra
from adjudge.llm.contract import AskFailed

if TYPE_CHECKING:
    import aiohttp

Response = tuple[int, dict[str, str], bytes]
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_url(url: str) -> None:
    """Raise BadConfig unless the URL is http or https, names a host, and has a possible port."""
    try:
        parts = urlsplit(url)
        usable, why = parts.scheme in ("http", "https") and bool(parts.hostname), ""
        parts.port  # noqa: B018 - raises ValueError if it is impossible
    except ValueError as error:
        usable, why = False, f" ({error})"
    if not usable:
        raise BadConfig(
            f"URL {url!r} cannot be used{why}: allowed is http://HOST:PORT/v1 or https://HOST/v1; "
            "name it with --base-url or --set endpoint.base_url=URL"
        )


class HttpTransport:
    """Posts to one URL.

    Connections are opened as needed and kept; the caller bounds how many requests are in flight.
    """

    def __init__(self, url: str, headers: dict[str, str], timeout: float) -> None:
        try:
            import aiohttp
        except ImportError as error:
            raise MissingExtra("aiohttp", "judge") from error
        check_url(url)
        if any(character in value for value in headers.values() for character in "\r\n\0"):
            raise BadConfig("a header's value holds a line break; check the API key")
        self.url, self.timeout = url, timeout
        self.headers = {"content-type": "application/json", "accept": "application/json", **headers}
        self._aiohttp = aiohttp
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes) -> Response:
        """(status, headers, body); headers in lower case, and only if the status is not 200.

        Redirects are not followed: an API key is sent where the user said. Raises AskFailed on a lost
        connection and on a timeout.
        """
        aiohttp = self._aiohttp
        try:
            async with self._open().post(self.url, data=body, allow_redirects=False) as response:
                raw = await response.read()
        except aiohttp.ConnectionTimeoutError as error:
            raise AskFailed("timeout", f"no connection to {self.url}", sent=False) from error
        except TimeoutError as error:
            raise AskFailed("timeout", f"no answer within {self.timeout} s") from error
        except aiohttp.ClientConnectorError as error:
            raise AskFailed("connection lost", str(error), sent=False) from error
        except aiohttp.ClientResponseError as error:
            raise AskFailed("connection lost", f"not HTTP: {error.message}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise AskFailed("connection lost", str(error) or type(error).__name__) from error
        if response.status == 200:
            return 200, {}, raw
        return response.status, {name.lower(): value for name, value in response.headers.items()}, raw

    def _open(self) -> aiohttp.ClientSession:
        """The session; made at the first request, inside the loop that asks."""
        if self._session is None:
            aiohttp = self._aiohttp
            self._session = aiohttp.ClientSession(
                # The runner decides how many requests are in flight; aiohttp's own limit would queue them.
                connector=_connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self.headers,
                timeout=aiohttp.ClientTimeout(total=self.timeout, sock_connect=self.timeout),
                # A proxy of the environment is for hosts beyond this machine.
                trust_env=urlsplit(self.url).hostname not in LOOPBACK,
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _connector() -> aiohttp.TCPConnector:
    """aiohttp's connector, except that a kept connection on which something arrived unasked is closed, not
    used again.

    aiohttp would read such bytes (a 408 to an idle connection, a second answer) as the answer to the next
    request, which here means as the verdict on another pair. It knows of them (`protocol.should_close`), but
    asks only when a connection is given back. tests/llm/test_http_transport.py fails if a new aiohttp changes
    what this relies on.
    """
    import aiohttp

    class Connector(aiohttp.TCPConnector):
        async def _get(self, key: Any, traces: Any) -> Any:
            while (connection := await super()._get(key, traces)) is not None:
                if connection.protocol is not None and not connection.protocol.should_close:
                    return connection
                connection.close()
            return None

    return Connector(limit=0)
