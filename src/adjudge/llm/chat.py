"""Chat completions as every OpenAI-compatible server speaks them: the body sent, the body read back.

Live requests and batch files share these two functions, so that one answer is read in one way only.
"""

from __future__ import annotations

import json
from typing import Any

from adjudge.llm.contract import Answer, AskFailed, Request

STRUCTURED = ("json_schema", "json_object", "choice", "guided_choice")
"""json_schema and json_object are OpenAI's response_format; choice is vLLM's `structured_outputs` (0.11 on),
guided_choice the same before it."""


def body_of(model: str, request: Request, tokens_setting: str = "max_tokens") -> dict[str, Any]:
    """The JSON body of one chat completion.

    tokens_setting: `max_tokens`, or `max_completion_tokens` where a host's newer models ask for that name.
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


def _structure(request: Request) -> dict[str, Any]:
    words = list(request.answers)
    if request.structured == "json_schema":
        shape = {
            "type": "object",
            "properties": {"grade": {"type": "string", "enum": words}},
            "required": ["grade"],
            "additionalProperties": False,
        }
        return {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": shape},
            }
        }
    if request.structured == "json_object":
        return {"response_format": {"type": "json_object"}}
    if request.structured == "choice":
        return {"structured_outputs": {"choice": words}}
    if request.structured == "guided_choice":
        return {"guided_choice": words}
    return {}


def answer_of(body: Any) -> Answer:
    """Read a chat completion. Raises AskFailed("unreadable answer") on anything else."""
    try:
        choice = body["choices"][0]
        message = choice["message"]
        text = message.get("content") or message.get("refusal") or ""
        finish = "refusal" if message.get("refusal") else (choice.get("finish_reason") or "unknown")
        used = body.get("usage") or {}
        served = f"{body.get('model') or ''}@{body.get('system_fingerprint') or ''}"
        content = (choice.get("logprobs") or {}).get("content") or ()
        tokens = tuple(
            (
                part["token"],
                tuple((top["token"], float(top["logprob"])) for top in part.get("top_logprobs") or [part]),
            )
            for part in content
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise AskFailed(
            "unreadable answer", f"{type(error).__name__} {error} in {str(body)[:120]!r}"
        ) from error
    if not isinstance(text, str):
        raise AskFailed("unreadable answer", f"content is {type(text).__name__}")
    return Answer(
        text=text,
        finish_reason=str(finish),
        tokens=tokens,
        tokens_in=_count(used.get("prompt_tokens")),
        tokens_out=_count(used.get("completion_tokens")),
        revision=served,
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def read(raw: bytes) -> Answer:
    """Read a response's bytes. Raises AskFailed("unreadable answer")."""
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise AskFailed("unreadable answer", f"not JSON: {raw[:80]!r}") from error
    return answer_of(body)
