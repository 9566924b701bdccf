"""HTTP statuses as the contract's failures: what is worth another try, what is not, and when."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from adjudge.llm.contract import AskFailed, NoAccess

MOST_CHARACTERS = 300
"""Of a server's own words in a message."""
LONGEST_WAIT = 3600.0
"""Seconds: a server that asks for a longer wait is asked again after this."""


def failed(status: int, headers: Mapping[str, str], body: bytes, url: str) -> AskFailed:
    """The failure that an HTTP status means. Raises NoAccess on redirects, 401, 403 and 404."""
    words = _words(body)
    if status in (401, 403):
        raise NoAccess(
            f"{url} answered {status} ({words}): set the API key in the environment (see --base-url)"
        )
    if status == 404:
        raise NoAccess(
            f"{url} answered 404 ({words}): check --base-url (it ends in /v1) and the model's name"
        )
    if 300 <= status < 400:
        moved = headers.get("location", "another address, which it does not name")
        raise NoAccess(f"{url} answered {status}: it has moved to {moved}. Give that to --base-url")
    if status == 429:
        return AskFailed("rate limited", words, retry_after(headers))
    if status in (408, 409, 425) or status >= 500:
        return AskFailed("server error", f"{status} {words}", retry_after(headers))
    return AskFailed("refused request", f"{status} {words}")


def _words(body: bytes) -> str:
    """What an error's body says: its `error.message`, `message` or `detail` if it is JSON, else how it
    begins."""
    try:
        values = json.loads(body)
    except ValueError:
        values = None
    if isinstance(values, dict):
        inner = values.get("error")
        for level in (inner if isinstance(inner, dict) else {}, values):
            for name in ("message", "detail"):
                if isinstance(level.get(name), str):
                    return str(level[name])[:MOST_CHARACTERS]
    return body[:MOST_CHARACTERS].decode("utf-8", "replace")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `retry-after-ms` or `retry-after` (seconds or an HTTP date), an hour at most; None
    without.

    >>> [retry_after({"retry-after": "2.5"}), retry_after({"retry-after-ms": "250"})]
    [2.5, 0.25]
    >>> retry_after({"retry-after": "86400"})
    3600.0
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
            except (ValueError, TypeError):
                continue
        return min(max(0.0, seconds), LONGEST_WAIT)
    return None
