"""`judge.json`: what a fine-tuned judge's folder says of itself, and the prompt and scale it is asked by."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adjudge import config as settings_of
from adjudge.errors import BadConfig
from adjudge.judge.prompt import Prompt, load

CARD_FILE = "judge.json"
PROMPT, GUIDANCE, EXAMPLES = "prompt.md", "guidance.json", "examples.json"


@dataclass(frozen=True)
class TunedJudge:
    """base, base_revision: what was tuned. prompt_hash: of the prompt in this folder, with order, seed,
    guidance and examples. chat: the tokenizer's chat template was used. mix: classes before and after.
    metrics: of the run."""

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
    """By what a judge is to be asked: `prompt.load`'s arguments."""

    scale: str
    prompt: Path | None = None
    order: str = "best_first"
    seed: int = 0
    guidance: Path | None = None
    examples: Path | None = None

    def load(self) -> Prompt:
        """The prompt. Raises BadConfig."""
        return load(self.scale, self.prompt, self.order, self.seed, self.guidance, self.examples)


def write(folder: Path, card: TunedJudge, asked: PromptSpec, source: str) -> None:
    """Put the card and the prompt's files into a judge's folder. source: the prompt file's text."""
    (folder / PROMPT).write_text(source, encoding="utf-8")
    for given, name in ((asked.guidance, GUIDANCE), (asked.examples, EXAMPLES)):
        if given is not None:
            shutil.copyfile(given, folder / name)
    settings_of.save(card, folder / CARD_FILE)


def read(folder: Path) -> TunedJudge | None:
    """A folder's card; None where it is no fine-tuned judge of ours. Raises BadConfig on one that cannot be
    read."""
    return settings_of.load(TunedJudge, folder / CARD_FILE) if (folder / CARD_FILE).exists() else None


def own_asked(folder: Path, card: TunedJudge) -> PromptSpec:
    """The files and the order that the judge was tuned with."""
    extra = {name: folder / name if (folder / name).exists() else None for name in (GUIDANCE, EXAMPLES)}
    return PromptSpec(card.scale, folder / PROMPT, card.order, card.seed, extra[GUIDANCE], extra[EXAMPLES])


def own_prompt(folder: Path, card: TunedJudge) -> Prompt:
    """The prompt that the judge was tuned with.

    Raises BadConfig where the folder's files no longer make it.
    """
    prompt = own_asked(folder, card).load()
    if prompt.hash != card.prompt_hash:
        raise BadConfig(
            f"{folder}: its prompt hashes to {prompt.hash}, {CARD_FILE} says {card.prompt_hash}: the folder "
            "was edited. Copy or tune it again."
        )
    return prompt


def asked_prompt(folder: Path, asked: PromptSpec, chat: bool = True, other: bool = False) -> Prompt:
    """The prompt for a model in `folder`: a fine-tuned judge's own, else what is asked for. An order alone is
    of its own prompt.

    Raises BadConfig where a fine-tuned judge is asked on another scale, without the chat template it was
    tuned with (or the other way round), or by another prompt, unless `other` says that this is meant.
    """
    card = read(folder) if folder.is_dir() else None
    if card is None:
        return asked.load()
    if card.scale != asked.scale:
        raise BadConfig(
            f"hf:{folder} was tuned on scale {card.scale}; asked is {asked.scale}: give --scale {card.scale}"
        )
    if card.chat != chat:
        raise BadConfig(
            f"hf:{folder} was tuned with chat={card.chat}; asked is chat={chat}: give --set "
            f"local.chat={str(card.chat).lower()}"
        )
    tuned_prompt = own_prompt(folder, card)
    if asked == PromptSpec(asked.scale, seed=asked.seed):
        return tuned_prompt
    if asked == PromptSpec(asked.scale, order=asked.order, seed=asked.seed):
        asked = replace(own_asked(folder, card), order=asked.order, seed=asked.seed)
    prompt = asked.load()
    if prompt.hash != tuned_prompt.hash and not other:
        raise BadConfig(
            f"hf:{folder} was tuned with its own {PROMPT} (hash {tuned_prompt.hash}); the prompt asked for "
            f"hashes to {prompt.hash}. Leave prompt, order, guidance and examples out, or give --set "
            "other_prompt=true if this is meant"
        )
    return prompt


def source_of(asked: PromptSpec) -> str:
    """The text of the prompt file that `asked` names, the package's own where it names none."""
    from importlib import resources

    if asked.prompt is not None:
        return asked.prompt.read_text(encoding="utf-8")
    return resources.files("adjudge.judge").joinpath("prompts", f"{asked.scale}.md").read_text("utf-8")
