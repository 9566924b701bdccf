"""Contract of every language-model client: the request, the answer, the failures, what a client can do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Protocol

from adjudge.config import setting, settings
from adjudge.errors import AdjudgeError

ASK_FAILURES = (
    "timeout",
    "rate limited",
    "server error",
    "connection lost",
    "unreadable answer",
    "refused request",
)
"""Why a request may end without an answer. All but the last are worth another try."""


class Unservable(AdjudgeError):
    """A client was asked for what it cannot do; the message names who can and the install line."""


class NoAccess(AdjudgeError):
    """The endpoint denies access (no key, a wrong key, an unknown model): trying again cannot help."""


class AskFailed(Exception):
    """One request ended without an answer. `kind` is one of ASK_FAILURES; `retry_after` is in seconds.

    used: the tokens in and out that the server says it took, None if it does not say. sent: False if the
    request never left.
    """

    def __init__(
        self,
        kind: str,
        message: str = "",
        retry_after: float | None = None,
        used: tuple[int | None, int | None] = (None, None),
        sent: bool = True,
    ) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind, self.message = kind, message
        self.retry_after = retry_after
        self.used, self.sent = used, sent

    @property
    def worth_retrying(self) -> bool:
        return self.kind != "refused request"

    @property
    def may_cost(self) -> bool:
        """Whether the model may have answered, and the answer be billed, though none was read."""
        return self.sent and self.kind in ("timeout", "connection lost", "unreadable answer")


@dataclass(frozen=True)
class Capabilities:
    """What a client can do. `structured` names the ways it can hold an answer to the allowed words
    (json_schema, json_object, json_object_schema, choice); `batching` says that many requests in one call are
    cheaper."""

    token_probabilities: bool = False
    structured: tuple[str, ...] = ()
    batching: bool = False
    live: bool = True


@settings
class Decoding:
    """How the answer is drawn."""

    temperature: Annotated[float, setting("0 is greedy.", ge=0, le=2)] = 0.0
    top_p: Annotated[float, setting("Share of the probability that tokens are drawn from.", ge=0, le=1)] = 1.0
    max_tokens: Annotated[int, setting("Longest answer.", ge=1, le=100_000, unit="tokens")] = 8
    top_logprobs: Annotated[int, setting("Alternatives per token that are asked for.", ge=0, le=100)] = 20
    seed: Annotated[int | None, setting("Sent to the endpoint if given.")] = None


GREEDY = Decoding()


# Tuples, not dataclasses: a run makes several of each per request, and a frozen dataclass costs five times as
# much.
class Message(NamedTuple):
    """role: system, user or assistant."""

    role: str
    text: str


class Request(NamedTuple):
    """One question. `key` identifies the request (a batch file's custom_id); `answers` are the words allowed.

    structured: "" for free text, else one of the client's `Capabilities.structured`. pair: (keyphrase, title,
    category) as the user wrote them, for judges that read no prompt; empty if there is none.
    """

    key: str
    messages: tuple[Message, ...]
    answers: tuple[str, ...]
    decoding: Decoding = GREEDY
    probabilities: bool = True
    structured: str = ""
    pair: tuple[str, str, str] = ("", "", "")

    @property
    def characters(self) -> int:
        return sum(len(message.text) for message in self.messages)


Tops = tuple[tuple[str, float], ...]
"""The likeliest tokens at one position: (text, natural-log probability), best first."""


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Answer(NamedTuple):
    """What came back. `tokens` are the answer's own tokens with, for each, its likeliest alternatives; empty
    if the client gave none. `revision` is what the endpoint says it served."""

    text: str
    finish_reason: str = "stop"
    tokens: tuple[tuple[str, Tops], ...] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None
    revision: str = ""

    def dump(self) -> str:
        """The answer as JSON, complete: a verdict can be read from it again later."""
        text = _ENCODER.encode(self)
        # Half a surrogate pair, which a server may send as an escape, has no UTF-8.
        return text if text.isascii() or text.isprintable() else json.dumps(self)

    @staticmethod
    def load(text: str) -> Answer:
        """Read what `dump` wrote."""
        answer, finish, tokens, tokens_in, tokens_out, revision = json.loads(text)
        alternatives = tuple((token, tuple((t, p) for t, p in tops)) for token, tops in tokens)
        return Answer(answer, finish, alternatives, tokens_in, tokens_out, revision)


class Client(Protocol):
    """A language model that can be asked. Clients are made inside the loop that asks them."""

    capabilities: Capabilities
    model: str
    revision: str

    async def ask(self, request: Request) -> Answer:
        """One answer. Raises AskFailed if none came, NoAccess if none can come."""
        ...

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | AskFailed]:
        """Answers in the order of the requests; only clients with `batching` are asked so."""
        ...

    async def close(self) -> None: ...


def plain(value: Any) -> str:
    """A value as canonical JSON, for hashing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
