"""Between the source, which is read in chunks, and the workers, which take one text at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from adjudge.judge.accounting import Ask


class Supply:
    """Texts that wait for a worker. `room` waits until no more than `low` are left: then the next chunk is due."""

    def __init__(self, low: int) -> None:
        self.low = low
        self._asks: deque[Ask] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._ended = False

    async def room(self) -> None:
        await self._room.wait()

    def put(self, asks: Sequence[Ask]) -> None:
        """Hand over a chunk."""
        self._asks.extend(asks)
        if len(self._asks) > self.low:
            self._room.clear()
        for _ in range(min(len(asks), len(self._waiting))):
            self._wake()

    def end(self) -> None:
        """No chunk follows; what is left is still handed out."""
        self._ended = True
        self._room.set()
        while self._waiting:
            self._wake()

    async def get(self) -> Ask | None:
        """The next text; None at the end."""
        while not self._asks:
            if self._ended:
                return None
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        if len(self._asks) <= self.low:
            self._room.set()
        return self._asks.popleft()

    def _wake(self) -> None:
        turn = self._waiting.popleft()
        if not turn.done():
            turn.set_result(None)
