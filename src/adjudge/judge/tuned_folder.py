"""Folder of a tuned judge: `judge.json` says what was tuned and how; beside it are the prompt's own files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from adjudge import config
from adjudge.errors import BadConfig
from adjudge.judge.prompt import Prompt, load
from adjudge.storage.files import write_text

JUDGE_FILE = "judge.json"
PROMPT, GUIDANCE, EXAMPLES = "prompt.md", "guidance.json", "examples.json"


@dataclass(frozen=True)
class TunedJudge:
    """What `judge.json` holds.

    base, base_revision: the model that was tuned. prompt_hash: of the prompt in this folder, with order,
    seed, guidance and examples. chat: whether the tokenizer's chat template was used. mix: classes before and
    after. metrics: of the training run.
    """

    base: str
    base_revision: str
    scale: str
    prompt_hash: str
    order: str = "best_first"
    seed: int = 0
    chat: bool = True
    target: str = ""
    mix: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PromptSpec:
    """Which prompt a judge is asked by: the arguments of `prompt.load`."""

    scale: str
    prompt: Path | None = None
    order: str = "best_first"
    seed: int = 0
    guidance: Path | None = None
    examples: Path | None = None

    def load(self) -> Prompt:
        """The prompt. Raises BadConfig."""
        return load(self.scale, self.prompt, self.order, self.seed, self.guidance, self.examples)

    def text(self) -> str:
        """The text of the prompt file: the package's own if none is named."""
        if self.prompt is not None:
            return self.prompt.read_text(encoding="utf-8")
        return resources.files("adjudge.judge").joinpath("prompts", f"{self.scale}.md").read_text("utf-8")


def write(folder: Path, judge: TunedJudge, spec: PromptSpec) -> None:
    """Put `judge.json` and the prompt's files into a judge's folder."""
    write_text(folder / PROMPT, spec.text())
    for path, name in ((spec.guidance, GUIDANCE), (spec.examples, EXAMPLES)):
        if path is not None:
            shutil.copyfile(path, folder / name)
    config.save(judge, folder / JUDGE_FILE)


def read(folder: Path) -> TunedJudge | None:
    """What a folder's `judge.json` holds; None without one. Raises BadConfig if it cannot be read."""
    path = folder / JUDGE_FILE
    return config.load(TunedJudge, path) if path.exists() else None


def spec_of(folder: Path, judge: TunedJudge) -> PromptSpec:
    """The prompt files and the order that the judge was tuned with."""
    guidance, examples = (
        folder / name if (folder / name).exists() else None for name in (GUIDANCE, EXAMPLES)
    )
    return PromptSpec(judge.scale, folder / PROMPT, judge.order, judge.seed, guidance, examples)


def prompt_of(folder: Path, judge: TunedJudge) -> Prompt:
    """The prompt that the judge was tuned with. Raises BadConfig if the folder's files no longer make it."""
    prompt = spec_of(folder, judge).load()
    if prompt.hash != judge.prompt_hash:
        raise BadConfig(
            f"{folder}: its prompt hashes to {prompt.hash}, {JUDGE_FILE} says {judge.prompt_hash}: the "
            "folder was edited. Copy or tune it again."
        )
    return prompt


def choose_prompt(folder: Path, wanted: PromptSpec, chat: bool = True, other: bool = False) -> Prompt:
    """The prompt for a model in `folder`: the one a tuned judge was tuned with, for any other model what is
    wanted.

    An order that is wanted without a prompt is of the judge's own prompt. Raises BadConfig if a tuned judge
    is to be asked on another scale, without the chat template it was tuned with (or the other way round), or
    by another prompt, unless `other` says that this is meant.
    """
    judge = read(folder) if folder.is_dir() else None
    if judge is None:
        return wanted.load()
    if judge.scale != wanted.scale:
        raise BadConfig(
            f"hf:{folder} was tuned on scale {judge.scale}; asked is {wanted.scale}: give --scale "
            f"{judge.scale}"
        )
    if judge.chat != chat:
        raise BadConfig(
            f"hf:{folder} was tuned with chat={judge.chat}; asked is chat={chat}: give --set "
            f"local.chat={str(judge.chat).lower()}"
        )
    tuned_with = prompt_of(folder, judge)
    if wanted == PromptSpec(wanted.scale, seed=wanted.seed):
        return tuned_with
    if wanted == PromptSpec(wanted.scale, order=wanted.order, seed=wanted.seed):
        wanted = replace(spec_of(folder, judge), order=wanted.order, seed=wanted.seed)
    prompt = wanted.load()
    if prompt.hash != tuned_with.hash and not other:
        raise BadConfig(
            f"hf:{folder} was tuned with its own {PROMPT} (hash {tuned_with.hash}); the prompt asked for "
            f"hashes to {prompt.hash}. Leave prompt, order, guidance and examples out, or give --set "
            "other_prompt=true if this is meant"
        )
    return prompt
