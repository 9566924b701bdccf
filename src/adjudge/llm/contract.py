"""The one contract that every language-model client keeps: what is asked, what comes back, what it can do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from adjudge.config import check_range
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
    """The endpoint does not let us in (no key, a wrong key, an unknown model): trying again cannot help."""


class AskFailed(Exception):
    """One request ended without an answer. `kind` is one of ASK_FAILURES; `retry_after` is in seconds.

    used: the tokens in and out that the server says it took, None where it does not say. sent: False where the request
    never left.
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
    (json_schema, json_object, json_object_schema, choice); `batching` says that many requests in one call are cheaper."""

    token_probabilities: bool = False
    structured: tuple[str, ...] = ()
    batching: bool = False
    live: bool = True


@dataclass(frozen=True)
class Decoding:
    """How the answer is drawn. temperature 0 is greedy; `seed` is sent where it is not None."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 8
    top_logprobs: int = 20
    seed: int | None = None

    def __post_init__(self) -> None:
        check_range("Decoding", "temperature", self.temperature, 0, 2)
        check_range("Decoding", "top_p", self.top_p, 0, 1)
        check_range("Decoding", "max_tokens", self.max_tokens, 1, 100_000)
        check_range("Decoding", "top_logprobs", self.top_logprobs, 0, 100)


GREEDY = Decoding()


# Tuples, not dataclasses: a run makes several of each a request, and a frozen dataclass costs five times as much.
class Message(NamedTuple):
    """role: system, user or assistant."""

    role: str
    text: str


class Request(NamedTuple):
    """One question. `key` tells requests apart (a batch file's custom_id); `answers` are the words allowed.

    structured: "" for free text, else one of the client's `Capabilities.structured`. pair: (keyphrase, title,
    category) as the user wrote them, for judges that read no prompt; empty where there is none.
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
    """What came back. `tokens` are the answer's own tokens with, for each, its likeliest alternatives;
    empty where the client gave none. `revision` is what the endpoint says it served."""

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
        said, finish, tokens, tokens_in, tokens_out, revision = json.loads(text)
        shown = tuple((token, tuple((t, p) for t, p in tops)) for token, tops in tokens)
        return Answer(said, finish, shown, tokens_in, tokens_out, revision)


class Client(Protocol):
    """A language model that can be asked. Clients are made inside the loop that asks them."""

    capabilities: Capabilities
    model: str
    revision: str

    async def ask(self, request: Request) -> Answer:
        """One answer. Raises AskFailed where none came, NoAccess where none can come."""
        ...

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | AskFailed]:
        """Answers in the order of the requests; only clients with `batching` are asked so."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Provider:
    """One way to reach a model: its spelling, what it can do, the extra it needs."""

    name: str
    spelling: str
    capabilities: Capabilities
    extra: str


PROVIDERS = (
    Provider(
        "openai",
        "openai:MODEL",
        Capabilities(True, ("json_schema", "json_object", "json_object_schema", "choice", "guided_choice")),
        "judge",
    ),
    Provider("hf", "hf:PATH", Capabilities(True, (), batching=True), "train"),
    Provider("student", "student:ARTIFACT", Capabilities(True, (), batching=True), "score"),
    Provider("fake", "fake", Capabilities(True, ("json_schema",)), ""),
)


def check_served(request: Request, client: Client) -> None:
    """Raise Unservable where a request wants what the client cannot do, naming who can."""
    can = client.capabilities
    if request.probabilities and not can.token_probabilities:
        raise _unservable(
            client.model, "token probabilities", [p for p in PROVIDERS if p.capabilities.token_probabilities]
        )
    if request.structured and request.structured not in can.structured:
        able = [p for p in PROVIDERS if request.structured in p.capabilities.structured]
        raise _unservable(client.model, f"structured output as {request.structured}", able)


def _unservable(model: str, what: str, able: Sequence[Provider]) -> Unservable:
    who = "; ".join(
        f"{p.spelling}" + (f" (pip install 'adjudge[{p.extra}]')" if p.extra else "") for p in able
    )
    return Unservable(f"{model} gives no {what}: allowed with {who or 'no client yet'}")


def plain(value: Any) -> str:
    """A value as canonical JSON, for hashing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
