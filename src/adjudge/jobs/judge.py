"""The job `judge`: a table of pairs in, a table of judgments out, every answer kept in the verdict log."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from adjudge.config import check_apart, setting, settings
from adjudge.errors import AdjudgeError, BadConfig
from adjudge.jobs.start import job
from adjudge.jobs.student_as_judge import student_judge
from adjudge.judge.accounting import Accounting, Tally
from adjudge.judge.estimate import CostEstimate, estimate
from adjudge.judge.judgments_table import NOT_ASKED, JudgmentsWritten, write_judgments
from adjudge.judge.log import SYNC_EVERY, VerdictLog
from adjudge.judge.log_snapshot import Flags, Keys, LogSnapshot, Places
from adjudge.judge.offline import BatchFolder, BatchStep
from adjudge.judge.pairs import Question, all_hashes, count, count_texts, entries, missing
from adjudge.judge.prices import Budget, price_of
from adjudge.judge.prompt import ORDERS, Prompt
from adjudge.judge.rescore import rescore
from adjudge.judge.runner import Runner, RunSettings
from adjudge.judge.tuned_folder import PromptSpec, choose_prompt
from adjudge.judge.verdict import ReadSettings, VerdictReader
from adjudge.llm.batch import ShardSettings
from adjudge.llm.chat import STRUCTURED
from adjudge.llm.contract import Decoding, plain
from adjudge.llm.endpoint import EndpointSettings
from adjudge.llm.event_loop import run
from adjudge.llm.fake import FakeSettings
from adjudge.llm.providers import PROVIDERS, ClientSettings, MakeClient, make_client, split_judge
from adjudge.llm.transformers_client import TransformersSettings
from adjudge.records import SCALES, Progress, no_progress, scale

OVER_BUDGET, WAITING = "not asked: the budget is spent", "waiting for batch results"


class Interrupted(AdjudgeError):
    """Ctrl-C: the answers that came are in the log."""

    exit_code = 130


@settings
class JudgeConfig:
    """Pairs to judge, the judge, and the verdict log that keeps its answers."""

    pairs: Annotated[
        Path, setting("The pairs, as `adjudge pairs` writes them: item_id, keyphrase, title, category.")
    ]
    judge: Annotated[str, setting("openai:MODEL, hf:PATH, student:ARTIFACT or fake.")]
    log: Annotated[Path, setting("The verdict log (SQLite): every answer ever paid for.")]
    out: Annotated[Path, setting("The judgments table to write (Parquet).")]
    scale: Annotated[str, setting("The scale of the grades.", choices=SCALES)] = "binary"
    base_url: Annotated[str | None, setting("The OpenAI-compatible endpoint.")] = None
    name: Annotated[
        str | None, setting("What the judge is called in the table; by default as `judge` is spelled.")
    ] = None
    prompt: Annotated[Path | None, setting("Your own prompt file (Markdown).")] = None
    order: Annotated[str, setting("Order in which the options are shown.", choices=ORDERS)] = "best_first"
    guidance: Annotated[Path | None, setting("JSON: guidance per category, as docs/judging.md says.")] = None
    examples: Annotated[
        Path | None, setting("JSON: graded examples for the prompt, as docs/judging.md says.")
    ] = None
    structured: Annotated[
        str, setting("Way to hold answers to the scale; empty for free text.", choices=("", *STRUCTURED))
    ] = ""
    probabilities: Annotated[bool, setting("Ask for token probabilities.")] = True
    revision: Annotated[
        str, setting("Revision of the model if the endpoint cannot tell it; for a hub name, what is loaded.")
    ] = ""
    prices: Annotated[
        Path | None, setting("A price table (JSON): currency per million tokens, by model.")
    ] = None
    budget: Annotated[
        float | None,
        setting("The most this judge may cost, earlier runs on the log included; needs prices.", gt=0),
    ] = None
    dry_run: Annotated[bool, setting("CostEstimate tokens and cost; ask nothing.")] = False
    batch: Annotated[Path | None, setting("A folder for offline batch files instead of requests.")] = None
    sync_every: Annotated[
        float,
        setting(
            "Time until an answer is safe from a power cut too (it is safe from a kill at once); 0 leaves "
            "that to the system.",
            ge=0,
            le=3600,
            unit="seconds",
        ),
    ] = SYNC_EVERY
    decoding: Decoding = field(default_factory=Decoding)
    run: RunSettings = field(default_factory=RunSettings)
    read: ReadSettings = field(default_factory=ReadSettings)
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    fake: FakeSettings = field(default_factory=FakeSettings)
    local: TransformersSettings = field(default_factory=TransformersSettings)
    shards: ShardSettings = field(default_factory=ShardSettings)
    seed: Annotated[int, setting("Seed of a random order of options.")] = 0
    other_prompt: Annotated[
        bool, setting("Ask a judge that `adjudge tune` made by another prompt than its own.")
    ] = False

    def __post_init__(self) -> None:
        kind, _ = split_judge(self.judge)
        read = {name: getattr(self, name) for name in ("pairs", "prompt", "guidance", "examples", "prices")}
        check_apart("JudgeConfig", read, {"log": self.log, "out": self.out, "batch": self.batch})
        if self.batch is not None and not PROVIDERS[kind].batch_files:
            raise BadConfig(
                "batch files are for openai:MODEL (OpenAI's format, also vllm run-batch's); judge is "
                f"{self.judge}"
            )

    @property
    def model(self) -> str:
        return split_judge(self.judge)[1]

    @property
    def in_process(self) -> bool:
        """Whether a causal language model is loaded here, which `adjudge tune` may have made."""
        return self.judge.startswith("hf:")


@dataclass(frozen=True)
class JudgeResult:
    """written: the judgments table; tally: what this run asked; estimate: of what was missing, on a dry run;
    batch: what was read and written as batch files; spent: what this run cost, None if no price is known;
    identity: a hash of all that can change an answer (model, revision, prompt, decoding, scale). exit_code: 1
    if pairs with something to judge were given, none is scored and none is waited for."""

    written: JudgmentsWritten | None
    tally: Tally
    estimate: CostEstimate | None = None
    batch: BatchStep | None = None
    spent: float | None = None
    identity: str = ""

    @property
    def exit_code(self) -> int:
        table = self.written
        if table is None or table.scored or not table.readable:
            return 0
        return int(self.batch is None or not self.batch.waiting)


@job(lambda config: None if config.dry_run else config.out)
def judge(config: JudgeConfig, progress: Progress = no_progress, ask: bool = True) -> JudgeResult:
    """Judge the pairs of `config.pairs` (see docs/judging.md). ask: if False, the result is written from the
    log alone, and no model is asked.

    Raises BadConfig, BadTable, BadLog, NoAccess, Unservable, and Interrupted on Ctrl-C.
    """
    count(config.pairs)
    question, make, identity = _asked(config)
    with VerdictLog(config.log, identity, config.sync_every) as log:
        done = _judge(config, question, log, make if ask else None, progress)
    return replace(done, identity=hashlib.sha256(plain(identity).encode()).hexdigest()[:16])


def unsettled(config: JudgeConfig) -> Flags:
    """Which pairs, row by row, a run of this config would ask about; no model is asked. Raises as `judge`."""
    count(config.pairs)
    question, _, identity = _asked(config)
    with VerdictLog(config.log, identity, config.sync_every) as log:
        logged = _seen(config, question, log)
    keys = all_hashes(config.pairs, question) if logged.keys is None else logged.keys
    readable: Flags = np.asarray(keys.any(axis=1))
    if logged.left is not None:
        readable &= np.isin(np.arange(len(keys)), logged.left)
    return readable


def _asked(config: JudgeConfig) -> tuple[Question, MakeClient, dict[str, Any]]:
    """What is asked, how to make the client that is, and what a verdict log files the answers under."""
    prompt = _prompt(config)
    identity = config.local.identity() if config.in_process else {}
    question = Question(prompt, config.decoding, config.probabilities, config.structured, identity)
    make, revision = _client(config)
    return question, make, question.identity(config.model, revision)


def _prompt(config: JudgeConfig) -> Prompt:
    """What is asked: a fine-tuned judge's own prompt, unless `other_prompt` says that another is meant."""
    asked = PromptSpec(
        config.scale, config.prompt, config.order, config.seed, config.guidance, config.examples
    )
    if not config.in_process:
        return asked.load()
    return choose_prompt(Path(config.model), asked, config.local.chat, config.other_prompt)


def _judge(
    config: JudgeConfig,
    question: Question,
    log: VerdictLog,
    make: MakeClient | None,
    progress: Progress,
) -> JudgeResult:
    """make: the client to ask; None: the log alone answers."""
    price = price_of(config.prices, config.model)
    if price is not None and config.batch is not None:
        price = replace(price, input=price.input * price.batch, output=price.output * price.batch)
    before = log.totals().cost or 0.0
    budget = Budget(price, config.budget, before, config.decoding.max_tokens)
    reader = VerdictReader(question.prompt.scale, question.prompt.answers, config.read)
    rescore(log, reader, progress)
    logged = _seen(config, question, log)
    source = missing(config.pairs, question, log, config.run.attempts, set(), logged.left)
    if config.dry_run:
        return JudgeResult(None, Tally(), estimate(source, log, budget, config.decoding))
    if make is None:
        return JudgeResult(_write(config, question, logged.known, logged, NOT_ASKED), Tally())
    if config.batch is not None:
        accounting = Accounting(reader, log, budget, config.run.attempts)
        setting = config.endpoint.tokens_setting
        folder = BatchFolder(config.batch, log, accounting, config.model, config.shards, setting)
        with closing(source):
            step = folder.run(question, source)
        accounting.tally.stopped = "budget" if step.over_budget else ""
        written = _write(config, question, log.known(), logged, _unwritten(step))
        return JudgeResult(
            written, accounting.tally, None, step, None if price is None else budget.spent - before
        )
    tally = run(_ask(config, question, log, logged, _Tools(make, reader, budget, progress)))
    if tally.stopped == "interrupted":
        raise Interrupted(
            f"stopped after {tally.done:,} texts; every answer that came is in {config.log}: "
            "run the same command again to go on"
        )
    unasked = OVER_BUDGET if tally.stopped == "budget" else NOT_ASKED
    known = log.known() if tally.requests else logged.known
    spent = None if price is None else budget.spent - before
    return JudgeResult(_write(config, question, known, logged, unasked), tally, spent=spent)


@dataclass(frozen=True)
class _Seen:
    """What the log held when the run began; keys: the pairs' texts; left: the rows whose text is not settled.
    The last two are None if the log held nothing: then all is left, and nothing need be hashed to know it.
    """

    known: LogSnapshot
    keys: Keys | None = None
    left: Places | None = None


def _seen(config: JudgeConfig, question: Question, log: VerdictLog) -> _Seen:
    known = log.known()
    if not len(known):
        return _Seen(known)
    keys = all_hashes(config.pairs, question)
    rows, in_log = known.find(keys)
    done = in_log & known.settled(config.run.attempts)[rows]
    return _Seen(known, keys, np.flatnonzero(~done))


def _write(
    config: JudgeConfig, question: Question, known: LogSnapshot, seen: _Seen, unasked: str
) -> JudgmentsWritten:
    rows = entries(config.pairs, question, known, seen.keys)
    return write_judgments(config.out, config.name or config.judge, known, rows, unasked)


@dataclass(frozen=True)
class _Tools:
    """What a live run needs beside the question and the log."""

    make: MakeClient
    reader: VerdictReader
    budget: Budget
    progress: Progress


def _unwritten(step: BatchStep) -> str:
    """Why texts that the log does not know have no verdict after a batch step."""
    if not step.over_budget:
        return WAITING
    return f"{WAITING}, or {OVER_BUDGET}" if step.waiting else OVER_BUDGET


async def _ask(config: JudgeConfig, question: Question, log: VerdictLog, seen: _Seen, tools: _Tools) -> Tally:
    client = tools.make()
    proven = seen.known.table.column("grade").null_count < len(seen.known)
    runner = Runner(client, tools.reader, log, tools.budget, config.run, tools.progress, proven)
    try:
        source = missing(config.pairs, question, log, config.run.attempts, runner.underway, seen.left)
        total = _to_ask(config, seen)
        with closing(source):
            tally = await runner.run(source, total)
        if 0 < tally.done < total and not tally.stopped:
            tools.progress("texts judged", tally.done, tally.done)
        return tally
    finally:
        await client.close()


def _to_ask(config: JudgeConfig, seen: _Seen) -> int:
    """Texts that are still to be asked, for progress."""
    if seen.keys is None or seen.left is None:
        return count_texts(config.pairs)
    return len(np.unique(seen.keys[seen.left], axis=0))


def _client(config: JudgeConfig) -> tuple[MakeClient, str]:
    """How to make the judge's client inside the loop, and the model's revision."""
    url = config.endpoint.base_url if config.base_url is None else config.base_url
    on = scale(config.scale)
    return make_client(
        config.judge,
        ClientSettings(
            replace(config.endpoint, base_url=url),
            config.local,
            config.fake,
            config.revision,
            lambda artifact: student_judge(artifact, on),
        ),
    )
