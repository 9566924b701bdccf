"""The job `probe`: writes what a judge must judge twice, so that `adjudge agree` can tell whether it wavers."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adjudge import config as settings_of
from adjudge import tables
from adjudge.config import check_choice, check_range
from adjudge.errors import BadTable, NotEnoughData
from adjudge.judge.tuned_folder import PromptSpec, TunedJudge, choose_prompt, prompt_of, read, spec_of
from adjudge.records import SCALES, Progress, no_progress
from adjudge.trust import perturb

if TYPE_CHECKING:
    import pyarrow as pa

ORIGINAL, LOCAL = "original", "hf:"
NO_OPTIONS = "position: the prompt does not list the options; not probed"
OTHER = {"other_prompt": "true"}
"""Says that a judge made by `adjudge tune` is meant to be asked otherwise."""


@dataclass(frozen=True)
class ProbeConfig:
    """pairs: a table of shape `to_score`. out: the folder to write. judge: as `adjudge judge` spells it, for the
    commands. sample: how many pairs, drawn at random; none = all. prompt: the wording that the judge usually gets (none
    = the package's, or a tuned judge's own, with its order, guidance and examples); reworded: another wording of it (none
    = the package's second one, with a tuned judge's own answer words)."""

    pairs: Path
    out: Path
    judge: str
    scale: str = "binary"
    sample: int | None = 2_000
    base_url: str | None = None
    prompt: Path | None = None
    reworded: Path | None = None
    filler: str = perturb.FILLER
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("ProbeConfig", "scale", self.scale, SCALES)
        if self.sample is not None:
            check_range("ProbeConfig", "sample", self.sample, 1, 10**9)


@dataclass(frozen=True)
class Run:
    """One judging to do: which pairs, with which settings beside the usual, where to, and the command that does it."""

    name: str
    pairs: str
    settings: dict[str, str]
    out: str
    command: str


@dataclass(frozen=True)
class ProbesWritten:
    """notes: what is not probed, and why."""

    out: Path
    pairs: int
    runs: tuple[Run, ...]
    notes: tuple[str, ...] = ()


def probe(config: ProbeConfig, progress: Progress = no_progress) -> ProbesWritten:
    """Write original.parquet, stuffed.parquet, padded.parquet, reworded.md and runs.json (the runs, with their commands:
    five, or four where the prompt shows no options to turn round). Raises BadTable, NotEnoughData, and BadConfig where a
    prompt cannot be used or a tuned judge is of another scale."""
    import pyarrow.parquet as pq

    tuned = _tuned(config)
    pairs = _sampled(config)
    titles, phrases = pairs["title"].to_pylist(), pairs["keyphrase"].to_pylist()
    config.out.mkdir(parents=True, exist_ok=True)
    changed: dict[str, Callable[[str, str], str]] = {
        ORIGINAL: lambda title, _: title,
        "stuffed": perturb.stuffed,
        "padded": lambda title, _: perturb.padded(title, config.filler),
    }
    for name, change in changed.items():
        texts = [change(title, phrase) for title, phrase in zip(titles, phrases, strict=True)]
        pq.write_table(_with_titles(pairs, texts), config.out / f"{name}.parquet", compression="zstd")
    if config.reworded is None:
        (config.out / "reworded.md").write_text(_reworded(config, tuned), encoding="utf-8")
    turned = _turned(config, tuned)
    runs = _runs(config, tuned, turned)
    told = json.dumps([settings_of.to_dict(run) for run in runs], indent=2, ensure_ascii=False)
    (config.out / "runs.json").write_text(told + "\n", encoding="utf-8")
    settings_of.save(config, config.out / "config.json")
    progress("probe pairs", pairs.num_rows, pairs.num_rows)
    notes = () if turned else (NO_OPTIONS,)
    return ProbesWritten(config.out, pairs.num_rows, tuple(runs), notes)


def _sampled(config: ProbeConfig) -> pa.Table:
    """Pairs with a title, at most `sample` of them."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        pairs = pq.read_table(config.pairs)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{config.pairs} cannot be read as Parquet: {error}") from error
    tables.TO_SCORE.check_columns(pairs.column_names, config.pairs)
    pairs = pairs.filter(pc.and_(pc.is_valid(pairs["title"]), pc.is_valid(pairs["keyphrase"])))
    if not pairs.num_rows:
        raise NotEnoughData(f"{config.pairs} holds no pair with a title: nothing to perturb")
    if config.sample is not None and config.sample < pairs.num_rows:
        rng = np.random.default_rng(config.seed)
        pairs = pairs.take(np.sort(rng.choice(pairs.num_rows, config.sample, replace=False)))
    return pairs.select([name for name in tables.TO_SCORE.names if name in pairs.column_names])


def _with_titles(pairs: pa.Table, titles: list[str]) -> pa.Table:
    import pyarrow as pa

    return pairs.set_column(pairs.column_names.index("title"), "title", pa.array(titles, pa.string()))


@dataclass(frozen=True)
class _Tuned:
    """A judge that `adjudge tune` made, and the folder it is in."""

    folder: Path
    card: TunedJudge


def _tuned(config: ProbeConfig) -> _Tuned | None:
    """None where the judge is no folder that `adjudge tune` wrote. Raises BadConfig on one of another scale."""
    folder = Path(config.judge.removeprefix(LOCAL))
    card = read(folder) if config.judge.startswith(LOCAL) and folder.is_dir() else None
    if card is None:
        return None
    choose_prompt(folder, PromptSpec(config.scale), card.chat)
    return _Tuned(folder, card)


def _reworded(config: ProbeConfig, tuned: _Tuned | None) -> str:
    """The second wording. A tuned judge keeps its answer words: it has learnt to say no others."""
    text = perturb.reworded_prompt(config.scale)
    for choice in prompt_of(tuned.folder, tuned.card).choices if tuned else ():
        head = re.compile(rf"^- {re.escape(choice.grade)} = [^:]*:", re.MULTILINE)
        text = head.sub(f"- {choice.grade} = {choice.answer}:", text)
    return text


def _usual(config: ProbeConfig, tuned: _Tuned | None) -> dict[str, str]:
    """Settings of the judge as it is usually asked: a tuned one by what it was tuned with, unless a prompt is given."""
    if tuned is None:
        return {} if config.prompt is None else {"prompt": str(config.prompt)}
    card, own = tuned.card, spec_of(tuned.folder, tuned.card)
    chat = {} if card.chat else {"local.chat": "false"}
    if config.prompt is not None:
        return {"prompt": str(config.prompt), **chat, **OTHER}
    files = {"prompt": own.prompt, "guidance": own.guidance, "examples": own.examples}
    named = {name: str(path) for name, path in files.items() if path is not None}
    drawn = {"seed": str(own.seed)} if own.order == "shuffled" else {}
    return {**named, "order": own.order, **drawn, **chat}


def _turned(config: ProbeConfig, tuned: _Tuned | None) -> str | None:
    """An order of options under which the usual prompt reads otherwise; None where the prompt shows no options.

    The texts tell, not the hashes: an order is part of the hash whether the prompt shows it or not.
    """
    usual = _usual(config, tuned)
    files = {name: Path(usual[name]) for name in ("prompt", "guidance", "examples") if name in usual}
    asked = PromptSpec(
        config.scale, order=usual.get("order", PromptSpec.order), seed=int(usual.get("seed", "0")), **files
    )
    pair = ("keyphrase", "title", None)
    text = asked.load().render(*pair)
    orders = ("worst_first", "best_first")
    return next((o for o in orders if replace(asked, order=o).load().render(*pair) != text), None)


def _runs(config: ProbeConfig, tuned: _Tuned | None, turned: str | None) -> list[Run]:
    """position and rewording ask about the same pairs in another way; stuffing and padding the same way about others.
    Without a `turned` order there is no position run: it would ask the same texts and always look quiet."""
    reworded = config.reworded or config.out / "reworded.md"
    usual, meant = _usual(config, tuned), OTHER if tuned else {}
    kept = {} if tuned is None else usual
    position = [("position", ORIGINAL, {**usual, "order": turned, **meant})] if turned else []
    asked: list[tuple[str, str, dict[str, str]]] = [
        (ORIGINAL, ORIGINAL, usual),
        *position,
        ("rewording", ORIGINAL, {**kept, "prompt": str(reworded), **meant}),
        ("stuffing", "stuffed", usual),
        ("padding", "padded", usual),
    ]
    return [_run(config, *one) for one in asked]


def _run(config: ProbeConfig, name: str, pairs: str, settings: dict[str, str]) -> Run:
    source, out = config.out / f"{pairs}.parquet", config.out / f"{name}.judgments.parquet"
    words: list[Any] = ["adjudge", "judge", "--pairs", source, "--judge", config.judge]
    words += ["--scale", config.scale, "--log", config.out / f"{name}.sqlite", "--out", out]
    if config.base_url is not None:
        words += ["--base-url", config.base_url]
    for key, value in settings.items():
        words += ["--set", f"{key}={value}"]
    return Run(name, str(source), settings, str(out), shlex.join(str(word) for word in words))
