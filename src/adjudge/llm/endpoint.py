"""Any OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama, hosted providers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adjudge.config import check_choice, check_range
from adjudge.errors import MissingExtra
from adjudge.llm import address, chat, failures
from adjudge.llm.contract import Answer, AskFailed, Capabilities, NoAccess, Request

TRANSPORTS = ("auto", "sdk", "wire")


@dataclass(frozen=True)
class EndpointSettings:
    """How an endpoint is reached.

    base_url: ends in /v1; None is the openai package's own default. key_variable: the environment variable
    that holds the API key (a server of one's own needs none). timeout: seconds for one request.
    transport: `sdk` is the openai package; `wire` is adjudge's own, many times cheaper a request; `auto` takes
    `wire` for http:// (a server of one's own) and `sdk` for https://.
    tokens_setting: the body's name for the answer's length. token_probabilities, structured: what the endpoint
    can do, where it is less than OpenAI's own.
    """

    base_url: str | None = None
    key_variable: str = "OPENAI_API_KEY"
    timeout: float = 120.0
    transport: str = "auto"
    tokens_setting: str = "max_tokens"
    token_probabilities: bool = True
    structured: tuple[str, ...] = chat.STRUCTURED

    def __post_init__(self) -> None:
        if self.base_url is not None:
            address.split(self.base_url)
        check_range("EndpointSettings", "timeout", self.timeout, 0.01, 86_400)
        check_choice("EndpointSettings", "transport", self.transport, TRANSPORTS)
        check_choice(
            "EndpointSettings", "tokens_setting", self.tokens_setting, ("max_tokens", "max_completion_tokens")
        )
        for way in self.structured:
            check_choice("EndpointSettings", "structured", way, chat.STRUCTURED)

    @property
    def chosen(self) -> str:
        """The transport that `auto` means here."""
        if self.transport != "auto":
            return self.transport
        return "wire" if (self.base_url or "").startswith("http://") else "sdk"


class Endpoint:
    """A client of one model behind an OpenAI-compatible endpoint; close it in the loop that used it."""

    def __init__(self, model: str, settings: EndpointSettings, revision: str = "") -> None:
        self.model, self.revision, self.settings = model, revision, settings
        self.capabilities = Capabilities(settings.token_probabilities, settings.structured)
        key = os.environ.get(settings.key_variable, "")
        make = _wire if settings.chosen == "wire" else _sdk
        self._post = make(model, settings, key)

    async def ask(self, request: Request) -> Answer:
        """One answer. Raises AskFailed or NoAccess."""
        return chat.read(await self._post.completion(request))

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | AskFailed]:
        """Answers to all, each by its own request, all at once."""
        results = await asyncio.gather(*(self.ask(r) for r in requests), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, AskFailed):
                raise result
        return [r for r in results if isinstance(r, Answer | AskFailed)]

    async def close(self) -> None:
        await self._post.close()


class _WirePost:
    def __init__(self, wire: Any, url: str, bodies: chat.Bodies) -> None:
        self.wire, self.url, self.bodies = wire, url, bodies

    async def completion(self, request: Request) -> bytes:
        status, headers, raw = await self.wire.post(self.bodies.of(request))
        if status != 200:
            raise failures.failed(status, headers, raw, self.url)
        return raw

    async def close(self) -> None:
        await self.wire.close()


def _wire(model: str, settings: EndpointSettings, key: str) -> _WirePost:
    from adjudge.llm.wire import Wire

    url = (settings.base_url or "https://api.openai.com/v1").rstrip("/") + "/chat/completions"
    headers = {"authorization": f"Bearer {key}"} if key else {}
    bodies = chat.Bodies(model, settings.tokens_setting)
    return _WirePost(Wire(url, headers, settings.timeout), url, bodies)


class _SdkPost:
    """The openai package, its own retries off: adjudge's runner decides when to try again."""

    def __init__(self, client: Any, url: str, model: str, tokens_setting: str) -> None:
        self.client, self.url, self.model, self.tokens_setting = client, url, model, tokens_setting

    async def completion(self, request: Request) -> bytes:
        import openai

        body = chat.body_of(self.model, request, self.tokens_setting)
        known = {k: v for k, v in body.items() if k not in ("structured_outputs", "guided_choice")}
        extra = {k: v for k, v in body.items() if k not in known}
        try:
            reply = await self.client.chat.completions.with_raw_response.create(
                **known, extra_body=extra or None
            )
            return bytes(reply.http_response.content)
        except openai.APITimeoutError as error:
            raise AskFailed("timeout", str(error), sent=_sent(error)) from error
        except openai.APIStatusError as error:
            headers = {name.lower(): value for name, value in error.response.headers.items()}
            raise failures.failed(error.status_code, headers, error.response.content, self.url) from error
        except openai.APIConnectionError as error:
            raise AskFailed("connection lost", str(error.__cause__ or error), sent=_sent(error)) from error

    async def close(self) -> None:
        await self.client.close()


def _sent(error: Exception) -> bool:
    """Whether a request left. By name: which HTTP library stands under the openai package depends on its version."""
    return type(error.__cause__).__name__ not in ("ConnectError", "ConnectTimeout", "PoolTimeout")


def _sdk(model: str, settings: EndpointSettings, key: str) -> _SdkPost:
    try:
        import openai
    except ImportError as error:
        raise MissingExtra("openai", "judge") from error
    if not key and settings.base_url is None:
        raise NoAccess(
            f"no API key: set {settings.key_variable}, or name a server of your own with --base-url http://HOST:PORT/v1"
        )
    client = openai.AsyncOpenAI(
        api_key=key or "none", base_url=settings.base_url, timeout=settings.timeout, max_retries=0
    )
    return _SdkPost(client, str(client.base_url), model, settings.tokens_setting)
