"""The job `judge`: a table of pairs in, a table of judgments out, every answer kept in the verdict log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from adjudge import config as settings_of
from adjudge.config import check_apart, check_choice, check_range
from adjudge.errors import AdjudgeError, BadConfig, did_you_mean
from adjudge.jobs.student_as_judge import grader
from adjudge.judge.accounting import Booking, Tally
from adjudge.judge.distinct import texts
from adjudge.judge.estimate import Estimate, estimate
from adjudge.judge.judgments_table import NOT_ASKED, Written, write_judgments
from adjudge.judge.log import SYNC_EVERY, VerdictLog
from adjudge.judge.log_snapshot import Flags, Keys, Known, Places
from adjudge.judge.offline import BatchStep, Offline
from adjudge.judge.pairs import Question, all_hashes, count, entries, missing
from adjudge.judge.prices import Purse, price_of
from adjudge.judge.prompt import ORDERS, Prompt
from adjudge.judge.rescore import read_again
from adjudge.judge.runner import Runner, RunSettings
from adjudge.judge.tuned_folder import Asked, asked_prompt
from adjudge.judge.verdict import Reader, ReadSettings
from adjudge.llm.batch import ShardSettings
from adjudge.llm.chat import STRUCTURED
from adjudge.llm.contract import Client, Decoding, plain
from adjudge.llm.endpoint import Endpoint, EndpointSettings
from adjudge.llm.event_loop import run
from adjudge.llm.fake import Fake, FakeSettings
from adjudge.llm.student_client import Scored
from adjudge.llm.transformers_client import Local, LocalSettings, revision_of
from adjudge.records import SCALES, Progress, Scale, no_progress, scale

OVER_BUDGET, WAITING = "not asked: the budget is spent", "waiting for batch results"
JUDGES = ("openai:MODEL", "hf:PATH", "student:ARTIFACT", "fake")


class Interrupted(AdjudgeError):
    """Ctrl-C: the answers that came are in the log."""

    exit_code = 130


@dataclass(frozen=True)
class JudgeConfig:
    """pairs: a table of shape `to_score`; judge: one of JUDGES; scale: a scale's name; log: the verdict log;
    out: the judgments table. name: what the judge is called in it (default: the spelling of `judge`).

    prompt: your own prompt file. order: in which the options are shown. guidance, examples: JSON files (see
    docs/judging.md). structured: hold answers to the scale ("" for free text). probabilities: ask for token
    probabilities. revision: of the model, where the endpoint cannot tell; of a hub name, what is loaded. prices: a price
    table; budget: the most that this judge may have cost, earlier runs on the log included. dry_run: estimate and ask
    nothing. batch: a folder for offline batch files instead of live requests. sync_every: seconds until an answer is
    safe from a power cut too (it is safe from a kill at once); 0 leaves that to the system. other_prompt: ask a judge
    made by `adjudge tune` by another prompt than its own.
    """

    pairs: Path
    judge: str
    log: Path
    out: Path
    scale: str = "binary"
    base_url: str | None = None
    name: str | None = None
    prompt: Path | None = None
    order: str = "best_first"
    guidance: Path | None = None
    examples: Path | None = None
    structured: str = ""
    probabilities: bool = True
    revision: str = ""
    prices: Path | None = None
    budget: float | None = None
    dry_run: bool = False
    batch: Path | None = None
    sync_every: float = SYNC_EVERY
    decoding: Decoding = field(default_factory=Decoding)
    run: RunSettings = field(default_factory=RunSettings)
    read: ReadSettings = field(default_factory=ReadSettings)
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    fake: FakeSettings = field(default_factory=FakeSettings)
    local: LocalSettings = field(default_factory=LocalSettings)
    shards: ShardSettings = field(default_factory=ShardSettings)
    seed: int = 0
    other_prompt: bool = False

    def __post_init__(self) -> None:
        kind, _, what = self.judge.partition(":")
        known = [judge.partition(":")[0] for judge in JUDGES]
        if kind not in known or bool(what) == (kind == "fake"):
            raise BadConfig(
                f"judge {self.judge!r} is unknown: allowed are {', '.join(JUDGES)}{did_you_mean(kind, known)}"
            )
        check_choice("JudgeConfig", "scale", self.scale, SCALES)
        check_choice("JudgeConfig", "order", self.order, ORDERS)
        check_choice("JudgeConfig", "structured", self.structured, ("", *STRUCTURED))
        check_range("JudgeConfig", "sync_every", self.sync_every, 0, 3600)
        given = {name: getattr(self, name) for name in ("pairs", "prompt", "guidance", "examples", "prices")}
        check_apart("JudgeConfig", given, {"log": self.log, "out": self.out, "batch": self.batch})
        if self.budget is not None and not self.budget > 0:
            raise BadConfig(f"budget is {self.budget}: allowed is more than 0, in the price table's currency")
        if self.batch is not None and kind != "openai":
            raise BadConfig(
                f"batch files are for openai:MODEL (OpenAI's format, also vllm run-batch's); judge is {self.judge}"
            )

    @property
    def kind(self) -> str:
        return self.judge.partition(":")[0]

    @property
    def model(self) -> str:
        return self.judge.partition(":")[2] or "fake"


@dataclass(frozen=True)
class JudgeResult:
    """written: the judgments table; tally: what this run asked; estimate: of what was missing, on a dry run;
    batch: what was read and written as batch files; spent: what this run cost, None where no price is known; identity:
    a hash of all that can change an answer (model, revision, prompt, decoding, scale). exit_code: 1 where pairs with
    something to judge were given, none is scored and none is waited for."""

    written: Written | None
    tally: Tally
    estimate: Estimate | None = None
    batch: BatchStep | None = None
    spent: float | None = None
    identity: str = ""

    @property
    def exit_code(self) -> int:
        held = self.written
        if held is None or held.scored or not held.readable:
            return 0
        return int(self.batch is None or not self.batch.waiting)


def judge(config: JudgeConfig, progress: Progress = no_progress, ask: bool = True) -> JudgeResult:
    """Judge the pairs of `config.pairs` (see docs/judging.md); the config is saved beside the result. ask: where False,
    the result is written from the log alone, and nobody is asked.

    Raises BadConfig, BadTable, BadLog, NoAccess, Unservable, and Interrupted on Ctrl-C.
    """
    count(config.pairs)
    question, make, told = _asked(config)
    with VerdictLog(config.log, told, config.sync_every) as log:
        done = _judge(config, question, log, make if ask else None, progress)
    return replace(done, identity=hashlib.sha256(plain(told).encode()).hexdigest()[:16])


def unsettled(config: JudgeConfig) -> Flags:
    """Which pairs, row by row, a run of this config would ask about; nobody is asked. Raises as `judge`."""
    count(config.pairs)
    question, _, told = _asked(config)
    with VerdictLog(config.log, told, config.sync_every) as log:
        seen = _seen(config, question, log)
    keys = all_hashes(config.pairs, question) if seen.keys is None else seen.keys
    readable: Flags = np.asarray(keys.any(axis=1))
    if seen.left is not None:
        readable &= np.isin(np.arange(len(keys)), seen.left)
    return readable


def _asked(config: JudgeConfig) -> tuple[Question, Callable[[], Client], dict[str, Any]]:
    """What is asked, how to make the client that is, and what a verdict log files the answers under."""
    prompt = _prompt(config)
    own = config.local.told() if config.kind == "hf" else {}
    question = Question(prompt, config.decoding, config.probabilities, config.structured, own)
    make, revision = _client(config)
    return question, make, question.told(config.model, revision)


def _prompt(config: JudgeConfig) -> Prompt:
    """What is asked: a fine-tuned judge's own prompt, unless `other_prompt` says that another is meant."""
    asked = Asked(config.scale, config.prompt, config.order, config.seed, config.guidance, config.examples)
    if config.kind != "hf":
        return asked.load()
    return asked_prompt(Path(config.model), asked, config.local.chat, config.other_prompt)


def _judge(
    config: JudgeConfig,
    question: Question,
    log: VerdictLog,
    make: Callable[[], Client] | None,
    progress: Progress,
) -> JudgeResult:
    """make: the client to ask; None: the log alone answers."""
    price = price_of(config.prices, config.model)
    if price is not None and config.batch is not None:
        price = replace(price, input=price.input * price.batch, output=price.output * price.batch)
    before = log.totals().cost or 0.0
    purse = Purse(price, config.budget, before, config.decoding.max_tokens)
    reader = Reader(question.prompt.scale, question.prompt.answers, config.read)
    read_again(log, reader, progress)
    seen = _seen(config, question, log)
    source = missing(config.pairs, question, log, config.run.attempts, set(), seen.left)
    if config.dry_run:
        return JudgeResult(None, Tally(), estimate(source, log, purse, config.decoding))
    if make is None:
        return JudgeResult(_write(config, question, seen.known, seen, NOT_ASKED), Tally())
    if config.batch is not None:
        booking = Booking(reader, log, purse, config.run.attempts)
        setting = config.endpoint.tokens_setting
        step = Offline(config.batch, log, booking, config.model, config.shards, setting).run(question, source)
        booking.tally.stopped = "budget" if step.over_budget else ""
        written = _write(config, question, log.known(), seen, _unwritten(step))
        return JudgeResult(
            written, booking.tally, None, step, None if price is None else purse.spent - before
        )
    tally = run(_ask(config, question, log, seen, _Tools(make, reader, purse, progress)))
    if tally.stopped == "interrupted":
        raise Interrupted(
            f"stopped after {tally.done:,} texts; every answer that came is in {config.log}: "
            "run the same command again to go on"
        )
    unasked = OVER_BUDGET if tally.stopped == "budget" else NOT_ASKED
    known = log.known() if tally.requests else seen.known
    spent = None if price is None else purse.spent - before
    return JudgeResult(_write(config, question, known, seen, unasked), tally, spent=spent)


@dataclass(frozen=True)
class _Seen:
    """What the log held when the run began; keys: the pairs' texts; left: the rows whose text is not settled.
    The last two are None where the log held nothing: then all is left, and nothing need be hashed to know it."""

    known: Known
    keys: Keys | None = None
    left: Places | None = None


def _seen(config: JudgeConfig, question: Question, log: VerdictLog) -> _Seen:
    known = log.known()
    if not len(known):
        return _Seen(known)
    keys = all_hashes(config.pairs, question)
    places, found = known.find(keys)
    done = found & known.settled(config.run.attempts)[places]
    return _Seen(known, keys, np.flatnonzero(~done))


def _write(config: JudgeConfig, question: Question, known: Known, seen: _Seen, unasked: str) -> Written:
    rows = entries(config.pairs, question, known, seen.keys)
    written = write_judgments(config.out, config.name or config.judge, known, rows, unasked)
    settings_of.save(config, config.out.with_name(config.out.name + ".config.json"))
    return written


@dataclass(frozen=True)
class _Tools:
    """What a live run needs beside the question and the log."""

    make: Callable[[], Client]
    reader: Reader
    purse: Purse
    progress: Progress


def _unwritten(step: BatchStep) -> str:
    """Why texts that the log does not know have no verdict after a batch step."""
    if not step.over_budget:
        return WAITING
    return f"{WAITING}, or {OVER_BUDGET}" if step.waiting else OVER_BUDGET


async def _ask(config: JudgeConfig, question: Question, log: VerdictLog, seen: _Seen, tools: _Tools) -> Tally:
    client = tools.make()
    proven = seen.known.table.column("grade").null_count < len(seen.known)
    runner = Runner(client, tools.reader, log, tools.purse, config.run, tools.progress, proven)
    try:
        source = missing(config.pairs, question, log, config.run.attempts, runner.underway, seen.left)
        total = _to_ask(config, seen)
        tally = await runner.run(source, total)
        if 0 < tally.done < total and not tally.stopped:
            tools.progress("texts judged", tally.done, tally.done)
        return tally
    finally:
        await client.close()


def _to_ask(config: JudgeConfig, seen: _Seen) -> int:
    """Texts that are still to be asked, for progress."""
    if seen.keys is None or seen.left is None:
        return texts(config.pairs)
    return len(np.unique(seen.keys[seen.left], axis=0))


def _client(config: JudgeConfig) -> tuple[Callable[[], Client], str]:
    """How to make the judge's client inside the loop, and the model's revision."""
    if config.kind == "openai":
        url = config.endpoint.base_url if config.base_url is None else config.base_url
        endpoint = replace(config.endpoint, base_url=url)
        return lambda: Endpoint(config.model, endpoint, config.revision), config.revision
    if config.kind == "hf":
        revision = config.revision or revision_of(config.model)
        return lambda: Local(config.model, config.local, revision), revision
    if config.kind == "student":
        return _student(Path(config.model), scale(config.scale))
    return lambda: Fake(config.fake), Fake(config.fake).revision


def _student(artifact: Path, scale: Scale) -> tuple[Callable[[], Client], str]:
    by = grader(artifact, scale)
    return lambda: Scored(by.shares, f"student:{artifact}", by.version), by.version
