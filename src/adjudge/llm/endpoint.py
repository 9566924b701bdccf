"""Client of any OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama, hosted providers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Annotated, Any, Protocol

from adjudge.config import setting, settings
from adjudge.errors import MissingExtra
from adjudge.llm import chat, failures
from adjudge.llm.contract import Answer, AskFailed, Capabilities, NoAccess, Request
from adjudge.llm.http_transport import HttpTransport, check_url

TRANSPORTS = ("auto", "sdk", "http")


@settings
class EndpointSettings:
    """How an endpoint is reached, and what it can do if that is less than OpenAI's own."""

    base_url: Annotated[
        str | None, setting("URL that ends in /v1; none is the openai package's own default.")
    ] = None
    key_variable: Annotated[
        str, setting("Environment variable that holds the API key; your own server needs none.")
    ] = "OPENAI_API_KEY"
    timeout: Annotated[float, setting("Longest wait for one answer.", ge=0.01, le=86_400, unit="seconds")] = (
        120.0
    )
    transport: Annotated[
        str,
        setting(
            "`sdk` is the openai package; `http` is aiohttp, several times cheaper per request; `auto` "
            "takes `http` for http:// (your own server) and `sdk` for https://.",
            choices=TRANSPORTS,
        ),
    ] = "auto"
    tokens_setting: Annotated[
        str,
        setting(
            "The body's name for the answer's length; newer hosted models ask for the second.",
            choices=("max_tokens", "max_completion_tokens"),
        ),
    ] = "max_tokens"
    token_probabilities: Annotated[bool, setting("The endpoint gives log-probabilities of tokens.")] = True
    structured: Annotated[
        tuple[str, ...],
        setting("Ways in which it can hold an answer to the allowed words.", choices=chat.STRUCTURED),
    ] = chat.STRUCTURED

    def __post_init__(self) -> None:
        if self.base_url is not None:
            check_url(self.base_url)

    @property
    def chosen(self) -> str:
        """The transport that `auto` means here."""
        if self.transport != "auto":
            return self.transport
        return "http" if (self.base_url or "").startswith("http://") else "sdk"


class CompletionTransport(Protocol):
    """Sends one request; gives the body of the answer."""

    async def completion(self, request: Request) -> bytes:
        """Raises AskFailed or NoAccess."""
        ...

    async def close(self) -> None: ...


class EndpointClient:
    """A client of one model behind an OpenAI-compatible endpoint; close it in the loop that used it."""

    def __init__(self, model: str, settings: EndpointSettings, revision: str = "") -> None:
        self.model, self.revision, self.settings = model, revision, settings
        self.capabilities = Capabilities(settings.token_probabilities, settings.structured)
        key = os.environ.get(settings.key_variable, "")
        kind = HttpCompletions if settings.chosen == "http" else SdkCompletions
        self._transport: CompletionTransport = kind(model, settings, key)

    async def ask(self, request: Request) -> Answer:
        """One answer. Raises AskFailed or NoAccess."""
        return chat.read(await self._transport.completion(request))

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | AskFailed]:
        """Answers to all, each by its own request, all at once."""
        results = await asyncio.gather(*(self.ask(r) for r in requests), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, AskFailed):
                raise result
        return [r for r in results if isinstance(r, Answer | AskFailed)]

    async def close(self) -> None:
        await self._transport.close()


class HttpCompletions:
    """Chat completions by `HttpTransport`."""

    def __init__(self, model: str, settings: EndpointSettings, key: str) -> None:
        self.url = (settings.base_url or "https://api.openai.com/v1").rstrip("/") + "/chat/completions"
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self.http = HttpTransport(self.url, headers, settings.timeout)
        self.bodies = chat.Bodies(model, settings.tokens_setting)

    async def completion(self, request: Request) -> bytes:
        status, headers, raw = await self.http.post(self.bodies.of(request))
        if status != 200:
            raise failures.failed(status, headers, raw, self.url)
        return raw

    async def close(self) -> None:
        await self.http.close()


class SdkCompletions:
    """Chat completions by the openai package, its own retries off: adjudge's runner decides when to try
    again."""

    def __init__(self, model: str, settings: EndpointSettings, key: str) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingExtra("openai", "judge") from error
        if not key and settings.base_url is None:
            raise NoAccess(
                f"no API key: set {settings.key_variable}, or name your own server with --base-url "
                "http://HOST:PORT/v1"
            )
        self.client = openai.AsyncOpenAI(
            api_key=key or "none", base_url=settings.base_url, timeout=settings.timeout, max_retries=0
        )
        self.model, self.tokens_setting = model, settings.tokens_setting

    async def completion(self, request: Request) -> bytes:
        import openai

        body: dict[str, Any] = chat.body_of(self.model, request, self.tokens_setting)
        extra = {name: body.pop(name) for name in ("structured_outputs", "guided_choice") if name in body}
        try:
            reply = await self.client.chat.completions.with_raw_response.create(
                **body, extra_body=extra or None
            )
            return bytes(reply.http_response.content)
        except openai.APITimeoutError as error:
            raise AskFailed("timeout", str(error), sent=_was_sent(error)) from error
        except openai.APIStatusError as error:
            headers = {name.lower(): value for name, value in error.response.headers.items()}
            url = str(self.client.base_url)
            raise failures.failed(error.status_code, headers, error.response.content, url) from error
        except openai.APIConnectionError as error:
            why = str(error.__cause__ or error)
            raise AskFailed("connection lost", why, sent=_was_sent(error)) from error

    async def close(self) -> None:
        await self.client.close()


def _was_sent(error: Exception) -> bool:
    """Whether a request left. By name: which HTTP library the openai package uses depends on its version."""
    return type(error.__cause__).__name__ not in ("ConnectError", "ConnectTimeout", "PoolTimeout")
