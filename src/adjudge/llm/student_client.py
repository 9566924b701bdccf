"""Client of a model that scores pairs (a student, say): its probabilities are its verdict."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from adjudge.errors import BadConfig
from adjudge.llm.contract import Answer, AskFailed, Capabilities, Request

ShareFunction = Callable[[Sequence[tuple[str, str, str]]], Sequence[Sequence[float]]]
"""Given (keyphrase, title, category) of many pairs, the share of each answer, in the order of a request's
answers; each row sums to 1, or is NaN if the scorer cannot say."""
LEAST = 1e-12
SLACK = 1e-6
"""How far a row's sum may be from 1."""


class StudentClient:
    """A client that calls `shares`; it reads the pair and no prompt."""

    def __init__(self, shares: ShareFunction, model: str, revision: str) -> None:
        self.shares, self.model, self.revision = shares, model, revision
        self.capabilities = Capabilities(token_probabilities=True, batching=True)

    async def ask(self, request: Request) -> Answer:
        """One answer. Raises AskFailed if the scorer cannot say."""
        result = (await self.ask_many([request]))[0]
        if isinstance(result, AskFailed):
            raise result
        return result

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | AskFailed]:
        """Score all in one call, in a thread of its own. Raises BadConfig if a request has other answers."""
        rows = await asyncio.to_thread(self.shares, [request.pair for request in requests])
        return [self._answer(request, row) for request, row in zip(requests, rows, strict=True)]

    def _answer(self, request: Request, row: Sequence[float]) -> Answer | AskFailed:
        if len(row) != len(request.answers):
            raise BadConfig(
                f"{self.model} gives shares of {len(row)} grades; the prompt has {len(request.answers)} "
                f"answers ({', '.join(request.answers)}): ask on a scale of {len(row)} grades"
            )
        if not (all(0 <= share <= 1 for share in row) and abs(math.fsum(row) - 1) <= SLACK):
            return AskFailed("refused request", f"the scorer gave {list(row)}")
        logs = [(word, math.log(max(share, LEAST))) for word, share in zip(request.answers, row, strict=True)]
        tops = tuple(sorted(logs, key=lambda pair: -pair[1]))
        return Answer(tops[0][0], "stop", ((tops[0][0], tops),), 0, 0, self.revision)

    async def close(self) -> None:
        """There is nothing to close."""
