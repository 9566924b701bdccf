"""Registry of model providers: how a judge is spelled, what it can do, and how its client is made.

This is the one place that dispatches on a judge's kind. A new provider is a row in `PROVIDERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from adjudge.errors import BadConfig, did_you_mean
from adjudge.llm.chat import STRUCTURED
from adjudge.llm.contract import Capabilities, Client, Request, Unservable
from adjudge.llm.endpoint import EndpointClient, EndpointSettings
from adjudge.llm.fake import FakeClient, FakeSettings
from adjudge.llm.student_client import ShareFunction, StudentClient
from adjudge.llm.transformers_client import TransformersClient, TransformersSettings, revision_of

MakeClient = Callable[[], Client]
"""Makes the client; called inside the loop that asks it."""


@dataclass(frozen=True)
class ClientSettings:
    """Everything that some provider needs to make a client of a model.

    open_student: the share function and the version of a model folder, as the caller's scale wants them.
    """

    endpoint: EndpointSettings
    transformers: TransformersSettings
    fake: FakeSettings
    revision: str = ""
    open_student: Callable[[Path], tuple[ShareFunction, str]] | None = None


class Provider(NamedTuple):
    """One way to reach a model: its spelling, what it can do, the extra it needs, how a client is made.

    make: (model, settings) -> (how to make the client, the model's revision). local: the model is a folder or
    a hub name on this machine. batch_files: it can also be asked by offline batch files.
    """

    spelling: str
    capabilities: Capabilities
    extra: str
    make: Callable[[str, ClientSettings], tuple[MakeClient, str]]
    local: bool = False
    batch_files: bool = False


def _endpoint(model: str, settings: ClientSettings) -> tuple[MakeClient, str]:
    revision = settings.revision
    return lambda: EndpointClient(model, settings.endpoint, revision), revision


def _transformers(model: str, settings: ClientSettings) -> tuple[MakeClient, str]:
    revision = settings.revision or revision_of(model)
    return lambda: TransformersClient(model, settings.transformers, revision), revision


def _student(model: str, settings: ClientSettings) -> tuple[MakeClient, str]:
    if settings.open_student is None:
        raise BadConfig(f"student:{model} cannot be asked here: allowed are {_spellings(local=False)}")
    shares, version = settings.open_student(Path(model))
    return lambda: StudentClient(shares, f"student:{model}", version), version


def _fake(model: str, settings: ClientSettings) -> tuple[MakeClient, str]:
    return lambda: FakeClient(settings.fake), FakeClient(settings.fake).revision


PROVIDERS = {
    "openai": Provider("openai:MODEL", Capabilities(True, STRUCTURED), "judge", _endpoint, batch_files=True),
    "hf": Provider("hf:PATH", Capabilities(True, (), batching=True), "train", _transformers, local=True),
    "student": Provider(
        "student:ARTIFACT", Capabilities(True, (), batching=True), "score", _student, local=True
    ),
    "fake": Provider("fake", Capabilities(True, ("json_schema",)), "", _fake),
}


def split_judge(judge: str) -> tuple[str, str]:
    """The provider's name and the model of a judge as it is spelled. Raises BadConfig.

    >>> split_judge("hf:models/a"), split_judge("fake")
    (('hf', 'models/a'), ('fake', 'fake'))
    """
    kind, _, model = judge.partition(":")
    if kind not in PROVIDERS or bool(model) != (":" in PROVIDERS[kind].spelling):
        raise BadConfig(
            f"judge {judge!r} is unknown: allowed are {_spellings()}{did_you_mean(kind, PROVIDERS)}"
        )
    return kind, model or kind


def make_client(judge: str, settings: ClientSettings) -> tuple[MakeClient, str]:
    """How to make the client of a judge as it is spelled, and the model's revision. Raises BadConfig."""
    kind, model = split_judge(judge)
    return PROVIDERS[kind].make(model, settings)


def folder_of(judge: str) -> Path | None:
    """The folder that a judge is read from; None if it is not read from one."""
    kind, _, model = judge.partition(":")
    return Path(model) if model and kind in PROVIDERS and PROVIDERS[kind].local else None


def check_served(request: Request, client: Client) -> None:
    """Raise Unservable if a request wants what the client cannot do; the message names who can."""
    able = client.capabilities
    if request.probabilities and not able.token_probabilities:
        others = [p for p in PROVIDERS.values() if p.capabilities.token_probabilities]
        raise _unservable(client.model, "token probabilities", others)
    if request.structured and request.structured not in able.structured:
        others = [p for p in PROVIDERS.values() if request.structured in p.capabilities.structured]
        raise _unservable(client.model, f"structured output as {request.structured}", others)


def _unservable(model: str, what: str, able: Sequence[Provider]) -> Unservable:
    who = "; ".join(p.spelling + (f" (pip install 'adjudge[{p.extra}]')" if p.extra else "") for p in able)
    return Unservable(f"{model} gives no {what}: allowed with {who or 'no client yet'}")


def _spellings(local: bool = True) -> str:
    return ", ".join(p.spelling for name, p in PROVIDERS.items() if local or name != "student")
