"""What a failure says, how long it holds, and what it may have cost."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from typing import Any

import pytest

from adjudge.errors import BadConfig
from adjudge.llm import chat, failures
from adjudge.llm.contract import AskFailed, NoAccess
from adjudge.llm.http_transport import check_url
from adjudge.llm.transformers_client import load_model


@pytest.mark.parametrize("headers", [{"retry-after": "86400"}, {"retry-after-ms": "1e12"}])
@pytest.mark.parametrize("status", [429, 503])
def test_nobody_waits_longer_than_an_hour(status: int, headers: dict[str, str]) -> None:
    assert failures.failed(status, headers, b"", "u").retry_after == 3600
    day = {"retry-after": formatdate(time.time() + 86_400, usegmt=True)}
    assert failures.failed(status, day, b"", "u").retry_after == 3600
    assert failures.failed(status, {"retry-after": "inf"}, b"", "u").retry_after == 3600


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "why", "type": "t"}},
        {"message": "why"},
        {"detail": "why"},
        {"error": "x", "message": "why"},
    ],
)
def test_an_errors_body_is_read_for_its_message(body: dict[str, Any]) -> None:
    failure = failures.failed(400, {}, json.dumps(body).encode(), "u")
    assert failure.message == "400 why"


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"error": 3}', b"\xff", b""])
def test_other_bodies_are_shown_as_they_begin(body: bytes) -> None:
    assert failures.failed(400, {}, body, "u").message == f"400 {body.decode('utf-8', 'replace')}"
    assert len(failures.failed(400, {}, b"x" * 9999, "u").message) < 400


@pytest.mark.parametrize(
    ("usage", "used"),
    [
        ({"prompt_tokens": 300, "completion_tokens": 8}, (300, 8)),
        ({"prompt_tokens": "many"}, (None, None)),
        (None, (None, None)),
        ([], (None, None)),
    ],
)
def test_an_unreadable_answer_keeps_the_tokens_it_names(usage: Any, used: tuple[Any, Any]) -> None:
    for choices in ([], [{"message": {"content": 3}}]):
        with pytest.raises(AskFailed) as failed:
            chat.answer_of({"choices": choices, "usage": usage})
        assert failed.value.used == used


def test_which_failures_may_be_billed() -> None:
    kinds = (
        "timeout",
        "connection lost",
        "unreadable answer",
        "rate limited",
        "server error",
        "refused request",
    )
    assert [AskFailed(kind).may_cost for kind in kinds] == [True] * 3 + [False] * 3
    assert not AskFailed("timeout", sent=False).may_cost


@pytest.mark.parametrize("url", ["https://host/v1/x", "http://[::1]:8000", "http://u:p@host:1/v1?key=a"])
def test_usable_urls(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url", ["host:8000/v1", "ftp://host/v1", "http:///v1", "http://host:99999/v1", "http://[::1/v1"]
)
def test_unusable_urls_are_named(url: str) -> None:
    with pytest.raises(BadConfig, match="cannot be used.*allowed is http://HOST:PORT/v1"):
        check_url(url)


def test_a_redirect_names_where_to_go() -> None:
    with pytest.raises(NoAccess, match="it has moved to https://other/v1. Give that to --base-url"):
        failures.failed(308, {"location": "https://other/v1"}, b"", "u")


@pytest.mark.parametrize("kind", [RuntimeError, AssertionError])
def test_a_device_that_is_not_there_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    """torch asserts if it was built without CUDA, and raises RuntimeError if there is no such device."""
    import transformers

    class Network:
        def to(self, device: str) -> None:
            raise kind("Torch not compiled with CUDA enabled")

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: None)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", lambda *_, **__: Network())
    with pytest.raises(BadConfig, match=r"device 'cuda' cannot be used .Torch not .*--set local.device=cpu"):
        load_model("m", "auto", "cuda")
