"""The registry of providers: every row keeps the same laws, and what is not in it is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from adjudge.errors import BadConfig
from adjudge.llm import providers
from adjudge.llm.contract import Capabilities, Client, Message, Request, Unservable
from adjudge.llm.endpoint import EndpointSettings
from adjudge.llm.event_loop import run
from adjudge.llm.fake import FakeClient, FakeSettings
from adjudge.llm.providers import PROVIDERS, ClientSettings, Provider, check_served, folder_of, make_client
from adjudge.llm.transformers_client import TransformersSettings

DECODER = Path(__file__).parents[1] / "decoder"
JUDGES = {
    "openai": "openai:stub",
    "hf": f"hf:{DECODER}",
    "student": "student:some/artifact",
    "fake": "fake",
}
REQUEST = Request("k", (Message("user", "item: red mug"),), ("no", "yes"), pair=("mug", "Red mug", "Home"))


def shares(pairs: Sequence[tuple[str, str, str]]) -> list[list[float]]:
    return [[0.25, 0.75] for _ in pairs]


def client_settings(
    open_student: Callable[[Path], object] | None = lambda folder: (shares, "7"),
) -> ClientSettings:
    endpoint = EndpointSettings(base_url="http://127.0.0.1:9/v1")
    local = TransformersSettings(threads=1)
    return ClientSettings(endpoint, local, FakeSettings(), open_student=open_student)  # type: ignore[arg-type]


def with_client(judge: str, use: Callable[[Client, str], None]) -> None:
    async def work() -> None:
        make, revision = make_client(judge, client_settings())
        client = make()
        try:
            use(client, revision)
        finally:
            await client.close()

    run(work())


def test_every_provider_is_tested() -> None:
    assert set(JUDGES) == set(PROVIDERS)


@pytest.mark.parametrize("name", JUDGES)
def test_a_client_can_do_what_its_provider_declares(name: str) -> None:
    """What a row says is what the client says, and the revision is known before the client is made."""

    def compare(client: Client, revision: str) -> None:
        assert client.capabilities == PROVIDERS[name].capabilities
        assert client.revision == revision

    with_client(JUDGES[name], compare)


@pytest.mark.parametrize("name", JUDGES)
def test_a_spelling_is_taken_apart(name: str) -> None:
    kind, model = providers.split_judge(JUDGES[name])
    assert kind == name
    assert JUDGES[name] in (f"{kind}:{model}", model)
    assert (folder_of(JUDGES[name]) is not None) == PROVIDERS[name].local


@pytest.mark.parametrize(
    ("judge", "why"),
    [
        ("opnai:m", "did you mean openai"),
        ("hf:", "allowed are openai:MODEL, hf:PATH, student:ARTIFACT, fake"),
        ("hf", "is unknown"),
        ("fake:x", "is unknown"),
        ("", "is unknown"),
    ],
)
def test_what_is_no_judge_is_refused(judge: str, why: str) -> None:
    with pytest.raises(BadConfig, match=why):
        make_client(judge, client_settings())
    assert folder_of(judge) is None


def test_a_student_needs_somebody_who_opens_it() -> None:
    with pytest.raises(
        BadConfig, match="student:some/artifact cannot be asked here: allowed are openai:MODEL"
    ):
        make_client(JUDGES["student"], client_settings(open_student=None))


def test_what_a_client_cannot_do_names_who_can() -> None:
    silent = FakeClient(FakeSettings(token_probabilities=False))
    with pytest.raises(Unservable, match=r"no token probabilities: allowed with openai:MODEL \(pip install"):
        check_served(REQUEST, silent)
    check_served(REQUEST._replace(probabilities=False), silent)
    with pytest.raises(Unservable, match="structured output as choice: allowed with openai:MODEL") as refused:
        check_served(REQUEST._replace(structured="choice"), FakeClient())
    assert "hf:PATH" not in str(refused.value)


def test_another_client_takes_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seam for tests: a row that gives a client made beforehand."""
    client = FakeClient(rule=lambda request: "yes")
    row = Provider("fake", Capabilities(True), "", lambda model, settings: (lambda: client, "1"))
    monkeypatch.setitem(PROVIDERS, "fake", row)
    make, revision = make_client("fake", client_settings())
    assert make() is client
    assert revision == "1"
    assert run(make().ask(REQUEST)).text == "yes"
