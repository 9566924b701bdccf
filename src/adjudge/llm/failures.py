"""HTTP statuses as the contract's failures: what is worth another try, what is not, and when."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from adjudge.llm.contract import AskFailed, NoAccess

LONGEST_SAID = 300
LONGEST_HELD = 3600.0
"""Seconds: a server that asks for a longer wait is asked again after this."""


def failed(status: int, headers: Mapping[str, str], body: bytes, url: str) -> AskFailed:
    """The failure that an HTTP status means. Raises NoAccess on 401, 403 and 404."""
    said = _said(body)
    if status in (401, 403):
        raise NoAccess(
            f"{url} answered {status} ({said}): set the API key in the environment (see --base-url)"
        )
    if status == 404:
        raise NoAccess(f"{url} answered 404 ({said}): check --base-url (it ends in /v1) and the model's name")
    if status == 429:
        return AskFailed("rate limited", said, retry_after(headers))
    if status in (408, 409, 425) or status >= 500:
        return AskFailed("server error", f"{status} {said}", retry_after(headers))
    return AskFailed("refused request", f"{status} {said}")


def _said(body: bytes) -> str:
    """What an error's body says: its `error.message`, `message` or `detail` where it is JSON, else how it begins."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if isinstance(told, dict):
        inner = told.get("error")
        for where in (inner if isinstance(inner, dict) else {}, told):
            for name in ("message", "detail"):
                if isinstance(where.get(name), str):
                    return str(where[name])[:LONGEST_SAID]
    return body[:LONGEST_SAID].decode("utf-8", "replace")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (seconds or an HTTP date), an hour at most; None where not
    told.

    >>> retry_after({"retry-after": "2.5"}), retry_after({"retry-after-ms": "250"}), retry_after({"retry-after": "86400"})
    (2.5, 0.25, 3600.0)
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        told = headers.get(name)
        if told is None:
            continue
        try:
            return _within(float(told) * unit)
        except ValueError:
            pass
        try:
            return _within(parsedate_to_datetime(told).timestamp() - time.time())
        except (ValueError, TypeError):
            continue
    return None


def _within(seconds: float) -> float:
    return min(max(0.0, seconds), LONGEST_HELD)
