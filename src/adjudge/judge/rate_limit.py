"""Rate limit of requests: a bound on those in flight that backs off, with seeded jitter (AIMD)."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

import numpy as np

FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0


class RateLimit:
    """At most `in_flight` requests at once, fewer after a rate limit (halved, then one more for each full
    round).

    A `Retry-After` holds all requests back until then; other failures wait alone, twice as long each time, by
    a random share of that (full jitter) from a seeded generator.
    """

    def __init__(self, in_flight: int, rng: np.random.Generator, first_wait: float = FIRST_WAIT) -> None:
        self.most = in_flight
        self.allowed = float(in_flight)
        self.active = 0
        self.rng = rng
        self.first_wait = first_wait
        self._hold_until = 0.0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._closed = asyncio.Event()

    def try_enter(self) -> bool:
        """Enter without waiting if the limit allows it; `enter` waits."""
        free = not self._hold_until and self.active < self.allowed and not self._closed.is_set()
        self.active += free
        return free

    async def enter(self) -> bool:
        """Wait until the limit allows it; False if no request may enter any more."""
        loop = asyncio.get_running_loop()
        while True:
            pause = self._hold_until - loop.time()
            if self._closed.is_set():
                return False
            if pause > 0:
                await self.sleep(pause)
                continue
            self._hold_until = 0.0
            if self.active < self.allowed:
                self.active += 1
                return True
            else:
                turn: asyncio.Future[None] = loop.create_future()
                self._queue.append(turn)
                await turn

    async def sleep(self, seconds: float) -> None:
        """Wait, but not past `close`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)

    def close(self) -> None:
        """Let no request enter any more, and wake those that wait."""
        self._closed.set()
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)

    def leave(self) -> None:
        """Let the next waiting request enter."""
        self.active -= 1
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                break

    def record_success(self) -> None:
        """An answer came: a little more at once, up to the most."""
        if self.allowed < self.most:
            self.allowed = min(float(self.most), self.allowed + 1.0 / self.allowed)
            if len(self._queue) and self.active < self.allowed:
                turn = self._queue.popleft()
                if not turn.done():
                    turn.set_result(None)

    def record_limit(self, retry_after: float | None) -> None:
        """A rate limit came: half as many at once, none before `retry_after` seconds from now."""
        now = asyncio.get_running_loop().time()
        if now >= self._hold_until:
            self.allowed = max(1.0, self.allowed / 2)
        if retry_after is not None:
            self._hold_until = max(self._hold_until, now + min(retry_after, 3600.0))

    def backoff(self, failures: int) -> float:
        """Seconds to wait after `failures` of one request: uniform in (0, first_wait * 2^(failures - 1)]."""
        most = min(LONGEST_WAIT, self.first_wait * 2 ** (failures - 1))
        return most * (1.0 - float(self.rng.random()))
