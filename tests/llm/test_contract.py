from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.errors import BadConfig
from adjudge.llm import chat, failures
from adjudge.llm.contract import Answer, AskFailed, Decoding, Message, NoAccess, Request
from adjudge.llm.endpoint import EndpointSettings
from adjudge.llm.fake import FAULTS, FakeClient, FakeSettings
from adjudge.llm.student_client import StudentClient
from adjudge.llm.transformers_client import TransformersClient

ASKED = Request("k", (Message("system", "s"), Message("user", "u")), ("no", "yes"))


def asked(**given: Any) -> Request:
    return ASKED._replace(**given)


def test_the_body_is_openais() -> None:
    body = chat.body_of("m", asked(decoding=Decoding(seed=5, max_tokens=3)))
    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "temperature": 0.0,
        "top_p": 1.0,
        "max_tokens": 3,
        "seed": 5,
        "logprobs": True,
        "top_logprobs": 20,
    }
    assert "max_completion_tokens" in chat.body_of("m", ASKED, "max_completion_tokens")
    assert "logprobs" not in chat.body_of("m", asked(probabilities=False))


@pytest.mark.parametrize(
    ("way", "field", "value"),
    [
        ("json_object", "response_format", {"type": "json_object"}),
        ("choice", "structured_outputs", {"choice": ["no", "yes"]}),
        ("guided_choice", "guided_choice", ["no", "yes"]),
    ],
)
def test_ways_to_hold_an_answer(way: str, field: str, value: object) -> None:
    assert chat.body_of("m", asked(structured=way))[field] == value
    schema = chat.body_of("m", asked(structured="json_schema"))["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["grade"]["enum"] == ["no", "yes"]
    held = chat.body_of("m", asked(structured="json_object_schema"))["response_format"]
    assert held == {"type": "json_object", "schema": schema}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"choices": []},
        {"choices": [{}]},
        {"choices": [{"message": {"content": 3}}]},
        {"choices": [None]},
    ],
)
def test_what_is_no_completion_is_unreadable(body: object) -> None:
    with pytest.raises(AskFailed, match="unreadable answer"):
        chat.answer_of(body)
    with pytest.raises(AskFailed, match="not JSON"):
        chat.read(b"<html>")


def test_refusals_and_missing_parts_are_read() -> None:
    body = {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}
    answer = chat.answer_of(body)
    assert (answer.text, answer.finish_reason, answer.tokens, answer.tokens_in) == (
        "No.",
        "refusal",
        (),
        None,
    )


logprobs = st.floats(-50, 0, allow_nan=False)
tokens = st.lists(st.tuples(st.text(), st.lists(st.tuples(st.text(), logprobs)).map(tuple)), max_size=3).map(
    tuple
)


@given(
    st.builds(
        Answer,
        st.text(),
        st.text(),
        tokens,
        st.none() | st.integers(0),
        st.none() | st.integers(0),
        st.text(),
    )
)
def test_an_answer_survives_the_log(answer: Answer) -> None:
    assert Answer.load(answer.dump()) == answer
    json.loads(answer.dump())


@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (429, "rate limited", True),
        (500, "server error", True),
        (503, "server error", True),
        (408, "server error", True),
        (400, "refused request", False),
        (422, "refused request", False),
    ],
)
def test_statuses(status: int, kind: str, again: bool) -> None:
    failure = failures.failed(status, {}, b"why", "u")
    assert (failure.kind, failure.worth_retrying) == (kind, again)


def test_no_access_and_waits() -> None:
    for status, said in ((401, "API key"), (403, "API key"), (404, "ends in /v1")):
        with pytest.raises(NoAccess, match=said):
            failures.failed(status, {}, b"", "u")
    date = formatdate(time.time() + 30, usegmt=True)
    assert failures.retry_after({"retry-after": date}) == pytest.approx(30, abs=2)
    assert failures.retry_after({"retry-after": "soon"}) is None
    assert failures.retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5


def test_settings_are_checked() -> None:
    for bad in ({"transport": "http2"}, {"timeout": 0}, {"structured": ("xml",)}, {"tokens_setting": "n"}):
        with pytest.raises(BadConfig, match="allowed"):
            EndpointSettings(**bad)  # type: ignore[arg-type]
    assert EndpointSettings(base_url="http://127.0.0.1:1/v1").chosen == "http"
    assert EndpointSettings(base_url="https://host/v1").chosen == EndpointSettings().chosen == "sdk"
    with pytest.raises(BadConfig, match="all faults together"):
        FakeSettings(timeout=0.6, refuse=0.6)


def test_the_fake_depends_on_seed_and_key_alone() -> None:
    keys = [f"k{n}" for n in range(300)]
    settings = FakeSettings(seed=3, **dict.fromkeys(FAULTS, 0.05))

    def answers(order: list[str]) -> dict[str, str]:
        fake, told = FakeClient(settings), {}
        for key in order:
            try:
                told[key] = asyncio.run(fake.ask(asked(key=key))).dump()
            except AskFailed as failure:
                told[key] = failure.kind
        return told

    there = answers(keys)
    assert there == answers(keys[::-1])
    assert set(there) == set(keys)
    assert there != {key: FakeClient(FakeSettings(seed=4)).fault_of(key) or "" for key in keys}
    shares = [sum(FakeClient(settings).fault_of(key) == fault for key in keys) for fault in FAULTS]
    assert all(3 <= n <= 30 for n in shares)


def test_a_rule_decides_for_the_fake() -> None:
    fake = FakeClient(rule=lambda request: "yes" if "u" in request.messages[-1].text else None)
    assert {asyncio.run(fake.ask(asked(key=str(n)))).text for n in range(30)} == {"yes"}
    free = FakeClient(rule=lambda request: None)
    assert {asyncio.run(free.ask(asked(key=str(n)))).text for n in range(30)} == {"yes", "no"}


def test_a_scorer_is_a_judge_of_as_many_grades_as_it_gives() -> None:
    import math

    client = StudentClient(
        lambda pairs: [[0.2, 0.8], [1.0, 0.0], [math.nan, math.nan], [0.5, 0.6]], "student:x", "v1"
    )
    good, zero, none, torn = asyncio.run(client.ask_many([asked(), asked(), asked(), asked()]))
    assert isinstance(good, Answer)
    assert isinstance(zero, Answer)
    assert isinstance(none, AskFailed)
    assert isinstance(torn, AskFailed)
    assert good.text == "yes"
    assert math.exp(dict(good.tokens[0][1])["yes"]) == pytest.approx(0.8)
    assert zero.text == "no"
    three = StudentClient(lambda pairs: [[0.1, 0.3, 0.6]] * len(pairs), "student:x", "v1")
    graded = asyncio.run(three.ask(asked(answers=("low", "middle", "top"))))
    assert [word for word, _ in graded.tokens[0][1]] == ["top", "middle", "low"]
    with pytest.raises(BadConfig, match="shares of 3 grades; the prompt has 2 answers"):
        asyncio.run(three.ask(asked()))


@pytest.mark.parametrize(("folder", "passed"), [(False, {"revision": "abc123"}), (True, {})])
def test_a_hub_names_revision_is_what_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool, passed: dict[str, str]
) -> None:
    import transformers

    seen: list[dict[str, Any]] = []

    def load(name: str, **given: Any) -> Any:
        seen.append({key: given[key] for key in given if key == "revision"})
        raise OSError("not here")

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", load)
    with pytest.raises(
        NoAccess, match="cannot be loaded" if folder else "at revision abc123 cannot be loaded"
    ):
        TransformersClient(str(tmp_path) if folder else "org/name", revision="abc123")
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda name, **given: None)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", load)
    with pytest.raises(NoAccess):
        TransformersClient(str(tmp_path) if folder else "org/name", revision="abc123")
    assert seen == [passed, passed]
