"""How fast to ask: a bound on requests in flight that yields to rate limits, and waits with seeded jitter."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

import numpy as np

FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0


class Pace:
    """At most `in_flight` requests at once, fewer after a rate limit (halved, then one more for each full round).

    A `Retry-After` holds everybody back until then; other failures wait on their own, twice as long each time, by
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
        self._shut = asyncio.Event()

    def open(self) -> bool:
        """Enter without waiting where that can be; `enter` is for when it cannot."""
        free = not self._hold_until and self.active < self.allowed and not self._shut.is_set()
        self.active += free
        return free

    async def enter(self) -> bool:
        """Wait for a place; False where nobody may enter any more."""
        loop = asyncio.get_running_loop()
        while True:
            held = self._hold_until - loop.time()
            if self._shut.is_set():
                return False
            if held > 0:
                await self.sleep(held)
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
        """Wait, but not past `shut`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._shut.wait(), seconds)

    def shut(self) -> None:
        """Let nobody enter any more, and wake who waits."""
        self._shut.set()
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)

    def leave(self) -> None:
        """Give the place to the next in line."""
        self.active -= 1
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                break

    def went_well(self) -> None:
        """An answer came: a little more at once, up to the most."""
        if self.allowed < self.most:
            self.allowed = min(float(self.most), self.allowed + 1.0 / self.allowed)
            if len(self._queue) and self.active < self.allowed:
                turn = self._queue.popleft()
                if not turn.done():
                    turn.set_result(None)

    def limited(self, retry_after: float | None) -> None:
        """A rate limit came: half as many at once, nobody before `retry_after` seconds from now."""
        now = asyncio.get_running_loop().time()
        if now >= self._hold_until:
            self.allowed = max(1.0, self.allowed / 2)
        if retry_after is not None:
            self._hold_until = max(self._hold_until, now + min(retry_after, 3600.0))

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures of one request: uniform in (0, first_wait * 2^(failures - 1)]."""
        most = min(LONGEST_WAIT, self.first_wait * 2 ** (failures - 1))
        return most * (1.0 - float(self.rng.random()))
