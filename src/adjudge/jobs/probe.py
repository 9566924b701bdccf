"""The job `probe`: writes the pairs and prompts that a judge judges again; `adjudge agree` compares them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from adjudge import tables
from adjudge.config import setting, settings, to_dict
from adjudge.errors import BadTable, NotEnoughData
from adjudge.jobs.start import job
from adjudge.judge.tuned_folder import PromptSpec, TunedJudge, choose_prompt, prompt_of, read, spec_of
from adjudge.records import SCALES, Progress, no_progress
from adjudge.storage.files import fresh_file, write_json, write_text
from adjudge.trust import perturb

if TYPE_CHECKING:
    import pyarrow as pa

ORIGINAL, LOCAL = "original", "hf:"
NO_OPTIONS = "position: the prompt does not list the options; not probed"
OTHER = {"other_prompt": "true"}
"""Lets a judge that `adjudge tune` made be asked by another prompt than its own."""


@settings
class ProbeConfig:
    """The pairs to change, and the judge that is probed with them."""

    pairs: Annotated[Path, setting("The pairs (shape `to_score`).")]
    out: Annotated[Path, setting("The folder to write.")]
    judge: Annotated[str, setting("The judge, as `adjudge judge` spells it; the written commands name it.")]
    scale: Annotated[str, setting("The scale of the judge's grades.", choices=SCALES)] = "binary"
    sample: Annotated[
        int | None, setting("Pairs drawn at random; null takes all.", ge=1, le=10**9, unit="pairs")
    ] = 2_000
    base_url: Annotated[str | None, setting("The judge's OpenAI-compatible endpoint.")] = None
    prompt: Annotated[
        Path | None,
        setting(
            "The wording that the judge usually gets; by default the package's, or a tuned judge's, with its "
            "order, guidance and examples."
        ),
    ] = None
    reworded: Annotated[
        Path | None,
        setting(
            "Another wording of it; by default the package's second one, with a tuned judge's answer words."
        ),
    ] = None
    filler: Annotated[str, setting("What the padding probe appends to titles.")] = perturb.FILLER
    seed: Annotated[int, setting("Seed of the sample.")] = 0


@dataclass(frozen=True)
class Run:
    """One judging run to start: its pairs, settings beside the usual ones, output and command."""

    name: str
    pairs: str
    settings: dict[str, str]
    out: str
    command: str


@dataclass(frozen=True)
class ProbesWritten:
    """The runs to start. notes: what is not probed, and why."""

    out: Path
    pairs: int
    runs: tuple[Run, ...]
    notes: tuple[str, ...] = ()


@job(lambda config: config.out)
def probe(config: ProbeConfig, progress: Progress = no_progress) -> ProbesWritten:
    """Write original.parquet, stuffed.parquet, padded.parquet, reworded.md and runs.json.

    runs.json holds the runs with their commands: five, or four if the prompt shows no options to reorder.
    Raises BadTable, NotEnoughData; BadConfig if a prompt cannot be used or a tuned judge has another scale.
    """
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
        with fresh_file(config.out / f"{name}.parquet") as file:
            pq.write_table(_with_titles(pairs, texts), file, compression="zstd")
    if config.reworded is None:
        write_text(config.out / "reworded.md", _reworded(config, tuned))
    other_order = _other_order(config, tuned)
    runs = _runs(config, tuned, other_order)
    write_json(config.out / "runs.json", [to_dict(run) for run in runs])
    progress("probe pairs", pairs.num_rows, pairs.num_rows)
    notes = () if other_order else (NO_OPTIONS,)
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
    """None if the judge is no folder that `adjudge tune` wrote. Raises BadConfig on one of another scale."""
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
    """Settings of the judge's usual run: by default those of its tuning, if `adjudge tune` made it."""
    if tuned is None:
        return {} if config.prompt is None else {"prompt": str(config.prompt)}
    card, spec = tuned.card, spec_of(tuned.folder, tuned.card)
    chat = {} if card.chat else {"local.chat": "false"}
    if config.prompt is not None:
        return {"prompt": str(config.prompt), **chat, **OTHER}
    files = {"prompt": spec.prompt, "guidance": spec.guidance, "examples": spec.examples}
    named = {name: str(path) for name, path in files.items() if path is not None}
    drawn = {"seed": str(spec.seed)} if spec.order == "shuffled" else {}
    return {**named, "order": spec.order, **drawn, **chat}


def _other_order(config: ProbeConfig, tuned: _Tuned | None) -> str | None:
    """An order of options that changes the usual prompt's text; None if the prompt shows no options.

    Texts are compared, not hashes: an order is part of the hash whether the prompt shows it or not.
    """
    usual = _usual(config, tuned)
    files = {name: Path(usual[name]) for name in ("prompt", "guidance", "examples") if name in usual}
    spec = PromptSpec(
        config.scale, order=usual.get("order", PromptSpec.order), seed=int(usual.get("seed", "0")), **files
    )
    pair = ("keyphrase", "title", None)
    text = spec.load().render(*pair)
    orders = ("worst_first", "best_first")
    return next((o for o in orders if replace(spec, order=o).load().render(*pair) != text), None)


def _runs(config: ProbeConfig, tuned: _Tuned | None, other_order: str | None) -> list[Run]:
    """The usual run and the probes.

    position and rewording change the prompt, stuffing and padding the pairs. Without another order there is
    no position run: it would ask the same texts and always look quiet.
    """
    reworded = config.reworded or config.out / "reworded.md"
    usual, allowed = _usual(config, tuned), OTHER if tuned else {}
    base = {} if tuned is None else usual
    position = [("position", ORIGINAL, {**usual, "order": other_order, **allowed})] if other_order else []
    runs: list[tuple[str, str, dict[str, str]]] = [
        (ORIGINAL, ORIGINAL, usual),
        *position,
        ("rewording", ORIGINAL, {**base, "prompt": str(reworded), **allowed}),
        ("stuffing", "stuffed", usual),
        ("padding", "padded", usual),
    ]
    return [_run(config, *run) for run in runs]


def _run(config: ProbeConfig, name: str, pairs: str, settings: dict[str, str]) -> Run:
    source, out = config.out / f"{pairs}.parquet", config.out / f"{name}.judgments.parquet"
    words: list[Any] = ["adjudge", "judge", "--pairs", source, "--judge", config.judge]
    words += ["--scale", config.scale, "--log", config.out / f"{name}.sqlite", "--out", out]
    if config.base_url is not None:
        words += ["--base-url", config.base_url]
    for key, value in settings.items():
        words += ["--set", f"{key}={value}"]
    return Run(name, str(source), settings, str(out), shlex.join(str(word) for word in words))
