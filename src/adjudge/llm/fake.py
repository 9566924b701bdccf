"""A fake language model that ships in the package: seeded, obedient to rules, and able to fail in every known
way.

It stands in for a model in tests, dry runs and teaching; it judges nothing. The same seed and the same
request key give the same answer and the same faults, whatever the order of asking.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated

from adjudge.config import check_range, setting, settings
from adjudge.llm.contract import Answer, AskFailed, Capabilities, Request, Tops

Rule = Callable[[Request], str | None]
"""Given a request, the word to answer; None leaves it to the seed."""


@settings
class FakeSettings:
    """Shares of requests, by key, that meet each fault. A timeout, a rate limit or a lost connection ends
    without an answer; the others answer badly."""

    seed: Annotated[int, setting("Seed of the answers and faults.")] = 0
    delay: Annotated[float, setting("Wait before each answer.", ge=0, le=3600, unit="seconds")] = 0.0
    timeout: Annotated[float, setting("Share that times out.", ge=0, le=1)] = 0.0
    rate_limit: Annotated[float, setting("Share that is rate limited.", ge=0, le=1)] = 0.0
    retry_after: Annotated[
        float, setting("Wait that a rate limit asks for.", ge=0, le=3600, unit="seconds")
    ] = 0.01
    lost: Annotated[float, setting("Share whose connection is lost.", ge=0, le=1)] = 0.0
    truncate: Annotated[float, setting("Share cut off in mid-sentence.", ge=0, le=1)] = 0.0
    ramble: Annotated[float, setting("Share that names several grades.", ge=0, le=1)] = 0.0
    off_scale: Annotated[float, setting("Share that answers off the scale.", ge=0, le=1)] = 0.0
    broken_json: Annotated[float, setting("Share that breaks off its JSON.", ge=0, le=1)] = 0.0
    refuse: Annotated[float, setting("Share that refuses.", ge=0, le=1)] = 0.0
    passing: Annotated[int, setting("Tries that a fault lasts.", ge=1, le=1_000_000)] = 1
    token_probabilities: Annotated[bool, setting("Answers carry log-probabilities.")] = True

    def __post_init__(self) -> None:
        check_range("FakeSettings", "all faults together", sum(getattr(self, name) for name in FAULTS), 0, 1)


FAULTS = ("timeout", "rate_limit", "lost", "truncate", "ramble", "off_scale", "broken_json", "refuse")


class FakeClient:
    """The fake client. `asked` counts every request by key; `faults` counts the faults that were dealt."""

    def __init__(
        self, settings: FakeSettings | None = None, rule: Rule | None = None, model: str = "fake"
    ) -> None:
        self.settings = settings or FakeSettings()
        self.rule = rule
        self.model = model
        self.revision = hashlib.sha256(repr(self.settings).encode()).hexdigest()[:12]
        self.capabilities = Capabilities(self.settings.token_probabilities, ("json_schema",))
        self.asked: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def draw(self, key: str, what: str) -> float:
        """A number in [0, 1) that depends on the seed, the key and `what` alone."""
        text = f"{self.settings.seed}\0{key}\0{what}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / 2**64

    def fault_of(self, key: str) -> str | None:
        """The fault that a request of this key meets, if any."""
        left = self.draw(key, "fault")
        for name in FAULTS:
            left -= getattr(self.settings, name)
            if left < 0:
                return name
        return None

    async def ask(self, request: Request) -> Answer:
        """Answer by the rule, else by the seed; or fail as set. Raises AskFailed."""
        self.asked[request.key] += 1
        if self.settings.delay:
            await asyncio.sleep(self.settings.delay)
        fault = self.fault_of(request.key)
        if fault and self.asked[request.key] <= self.settings.passing:
            self.faults[fault] += 1
            return self._faulty(fault, request)
        return self._answer(request, self._word(request))

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | AskFailed]:
        """Each asked alone."""
        results: list[Answer | AskFailed] = []
        for request in requests:
            try:
                results.append(await self.ask(request))
            except AskFailed as failure:
                results.append(failure)
        return results

    async def close(self) -> None:
        """There is nothing to close."""

    def _word(self, request: Request) -> str:
        word = self.rule(request) if self.rule else None
        if word is not None:
            return word
        return request.answers[int(self.draw(request.key, "word") * len(request.answers))]

    def _faulty(self, fault: str, request: Request) -> Answer:
        word = self._word(request)
        if fault == "timeout":
            raise AskFailed("timeout", "the fake client was told to time out")
        if fault == "rate_limit":
            raise AskFailed("rate limited", "the fake client was told to", self.settings.retry_after)
        if fault == "lost":
            raise AskFailed("connection lost", "the fake client was told to")
        bad = {
            "truncate": ("I think that the", "length"),
            "ramble": (f"Well, it could be {' or '.join(request.answers)}, hard to say.", "stop"),
            "off_scale": ("purple", "stop"),
            "broken_json": ('{"grade": "' + word, "stop"),
            "refuse": ("I'm sorry, but I can't help with that.", "refusal"),
        }
        text, finish = bad[fault]
        return self._plain(request, text, finish)

    def _plain(self, request: Request, text: str, finish: str) -> Answer:
        tokens: tuple[tuple[str, Tops], ...] = ()
        if request.probabilities and self.settings.token_probabilities:
            first = text.split(" ")[0]
            tokens = ((first, ((first, math.log(0.98)),)),)
        return Answer(text, finish, tokens, request.characters // 4 + 1, len(text) // 4 + 1, self.revision)

    def _answer(self, request: Request, word: str) -> Answer:
        text = f'{{"grade": "{word}"}}' if request.structured == "json_schema" else word
        used = (request.characters // 4 + 1, 1)
        if not (request.probabilities and self.settings.token_probabilities) or word not in request.answers:
            return Answer(text, "stop", (), *used, self.revision)
        sure = 0.55 + 0.4 * self.draw(request.key, "sure")
        others = [w for w in request.answers if w != word]
        shown = [(word, sure), *((w, (0.99 - sure) / len(others)) for w in others)]
        tops = tuple((w, math.log(p)) for w, p in shown)
        if request.structured == "json_schema":
            marks = (('{"grade": "', (('{"grade": "', 0.0),)), (word, tops), ('"}', (('"}', 0.0),)))
            return Answer(text, "stop", marks, *used, self.revision)
        return Answer(text, "stop", ((word, tops),), *used, self.revision)
