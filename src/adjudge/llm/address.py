"""Where an endpoint is: its URL, checked before anything is asked."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from adjudge.errors import BadConfig


class Address(NamedTuple):
    """The parts of an endpoint's URL; secure: https."""

    secure: bool
    host: str
    port: int
    path: str


def split(url: str) -> Address:
    """The parts of a URL. Raises BadConfig where it is none of http or https, names no host, or has no possible port.

    >>> split("http://127.0.0.1:8000/v1")
    Address(secure=False, host='127.0.0.1', port=8000, path='/v1')
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise _bad(url, f" ({error})") from error
    if scheme not in ("http", "https") or not host:
        raise _bad(url, "")
    return Address(scheme == "https", host, port or (443 if scheme == "https" else 80), parts.path or "/")


def _bad(url: str, why: str) -> BadConfig:
    return BadConfig(
        f"URL {url!r} cannot be used{why}: allowed is http://HOST:PORT/v1 or https://HOST/v1; "
        "name it with --base-url or --set endpoint.base_url=URL"
    )
