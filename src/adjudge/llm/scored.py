"""A scorer of pairs (a student, say) as a judge behind the same contract: its probability is its verdict."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from adjudge.errors import BadConfig
from adjudge.llm.contract import Answer, AskFailed, Capabilities, Request

Score = Callable[[Sequence[tuple[str, str, str]]], Sequence[float]]
"""Given (keyphrase, title, category) of many pairs, the probability that each is relevant; NaN where it cannot say."""
LEAST = 1e-12


class Scored:
    """A client that calls `score`; it reads the pair and no prompt, and only two answers have probabilities."""

    def __init__(self, score: Score, model: str, revision: str) -> None:
        self.score, self.model, self.revision = score, model, revision
        self.capabilities = Capabilities(token_probabilities=True, batching=True)

    async def ask(self, request: Request) -> Answer:
        """One answer. Raises AskFailed where the scorer cannot say."""
        result = (await self.ask_many([request]))[0]
        if isinstance(result, AskFailed):
            raise result
        return result

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | AskFailed]:
        """Score all in one call, in a thread of its own."""
        for request in requests[:1]:
            if len(request.answers) != 2:
                raise BadConfig(
                    f"{self.model} gives one probability, of two grades; the scale has {len(request.answers)}: "
                    "allowed is --scale binary"
                )
        scores = await asyncio.to_thread(self.score, [request.pair for request in requests])
        return [self._answer(request, float(p)) for request, p in zip(requests, scores, strict=True)]

    def _answer(self, request: Request, probability: float) -> Answer | AskFailed:
        if not 0 <= probability <= 1:
            return AskFailed("refused request", f"the scorer gave {probability}")
        no, yes = request.answers
        logs = ((yes, math.log(max(probability, LEAST))), (no, math.log(max(1 - probability, LEAST))))
        tops = tuple(sorted(logs, key=lambda pair: -pair[1]))
        return Answer(tops[0][0], "stop", ((tops[0][0], tops),), 0, 0, self.revision)

    async def close(self) -> None:
        """Nothing is held."""
