"""Chat completions in OpenAI's format: the body sent, the body read back.

Live requests and batch files share these two functions, so that one answer is read in one way only.
"""

from __future__ import annotations

import json
from typing import Any

from adjudge.llm.contract import Answer, AskFailed, Request, Tops

STRUCTURED = ("json_schema", "json_object", "json_object_schema", "choice", "guided_choice")
"""json_schema and json_object are OpenAI's response_format; json_object_schema is llama.cpp's, a json_object
that is held to a schema (llama-cpp-python's server takes no json_schema); choice is vLLM's
`structured_outputs` (0.11 on), guided_choice the same before it."""
MOST_KINDS = 1_000
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def body_of(model: str, request: Request, tokens_setting: str = "max_tokens") -> dict[str, Any]:
    """The JSON body of one chat completion.

    tokens_setting: `max_tokens`, or `max_completion_tokens` if a host's newer models ask for that name.
    """
    how = request.decoding
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.text} for message in request.messages],
        "temperature": how.temperature,
        "top_p": how.top_p,
        tokens_setting: how.max_tokens,
    }
    if how.seed is not None:
        body["seed"] = how.seed
    if request.probabilities:
        body["logprobs"] = True
        body["top_logprobs"] = how.top_logprobs
    body.update(_structure(request))
    return body


class Bodies:
    """`body_of` as JSON in UTF-8, for one model; all but the last message's text is encoded once for each
    kind of request."""

    def __init__(self, model: str, tokens_setting: str = "max_tokens") -> None:
        self.model, self.tokens_setting = model, tokens_setting
        self._ends: dict[tuple[Any, ...], tuple[bytes, bytes]] = {}

    def of(self, request: Request) -> bytes:
        """The body of one request."""
        *before, last = request.messages
        kind = (*before, last.role, *request[2:6])
        ends = self._ends.get(kind)
        if ends is None:
            if len(self._ends) >= MOST_KINDS:
                self._ends.clear()
            ends = self._ends[kind] = self._around(request)
        return b"".join((ends[0], _ENCODER.encode(last.text).encode(), ends[1]))

    def _around(self, request: Request) -> tuple[bytes, bytes]:
        """What comes before and after the last message's text: where two bodies with other texts begin to
        differ."""
        *before, last = request.messages
        first, second = (
            self._whole(request._replace(messages=(*before, last._replace(text=text)))) for text in "01"
        )
        at = next(index for index, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
        # The differing character stands between its quotes.
        return first[: at - 1], first[at + 2 :]

    def _whole(self, request: Request) -> bytes:
        return _ENCODER.encode(body_of(self.model, request, self.tokens_setting)).encode()


def _structure(request: Request) -> dict[str, Any]:
    words = list(request.answers)
    shape = {
        "type": "object",
        "properties": {"grade": {"type": "string", "enum": words}},
        "required": ["grade"],
        "additionalProperties": False,
    }
    if request.structured == "json_schema":
        return {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": shape},
            }
        }
    if request.structured == "json_object_schema":
        return {"response_format": {"type": "json_object", "schema": shape}}
    if request.structured == "json_object":
        return {"response_format": {"type": "json_object"}}
    if request.structured == "choice":
        return {"structured_outputs": {"choice": words}}
    if request.structured == "guided_choice":
        return {"guided_choice": words}
    return {}


def answer_of(body: Any) -> Answer:
    """Read a chat completion.

    Raises AskFailed("unreadable answer") on anything else, with the tokens it names.
    """
    try:
        choice = body["choices"][0]
        message = choice["message"]
        text = message.get("content") or message.get("refusal") or ""
        finish = "refusal" if message.get("refusal") else (choice.get("finish_reason") or "unknown")
        used = body.get("usage") or {}
        served = f"{body.get('model') or ''}@{body.get('system_fingerprint') or ''}"
        content = (choice.get("logprobs") or {}).get("content") or ()
        tokens = tuple([(part["token"], _tops(part)) for part in content])
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        why = f"{type(error).__name__} {error} in {str(body)[:120]!r}"
        raise AskFailed("unreadable answer", why, used=_used(body)) from error
    if not isinstance(text, str):
        raise AskFailed("unreadable answer", f"content is {type(text).__name__}", used=_used(body))
    return Answer(
        text=text,
        finish_reason=str(finish),
        tokens=tokens,
        tokens_in=_count(used.get("prompt_tokens")),
        tokens_out=_count(used.get("completion_tokens")),
        revision=served,
    )


def _tops(part: dict[str, Any]) -> Tops:
    return tuple([(top["token"], float(top["logprob"])) for top in part.get("top_logprobs") or [part]])


def _used(body: Any) -> tuple[int | None, int | None]:
    """Tokens in and out of a body that is no completion, if it names them."""
    used = body.get("usage") if isinstance(body, dict) else None
    if not isinstance(used, dict):
        return None, None
    return _count(used.get("prompt_tokens")), _count(used.get("completion_tokens"))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def read(raw: bytes) -> Answer:
    """Read a response's bytes. Raises AskFailed("unreadable answer")."""
    try:
        body = json.loads(raw.decode())
    except ValueError as error:
        raise AskFailed("unreadable answer", f"not JSON: {raw[:80]!r}") from error
    return answer_of(body)
