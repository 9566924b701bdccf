"""Supervised fine-tuning of a causal language model on (messages, answer) rows: LoRA by peft, the loop by trl.

Only the answer counts: prompt tokens are masked. What is trained is what is served: prompts become tokens by the same
function as in `llm.local`, and the adapter is merged, checked against the unmerged model and saved as a plain folder
that transformers (and `hf:FOLDER`) loads. A killed run goes on from its last checkpoint.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from adjudge.config import check_choice, check_range, to_dict
from adjudge.errors import BadConfig, MissingExtra, NotEnoughData
from adjudge.llm.contract import Message, plain
from adjudge.llm.transformers_client import revision_of
from adjudge.records import Progress, no_progress
from adjudge.storage.files import move_in

CHECKED = 4
"""Rows on which the merged model is compared with the unmerged one."""


@dataclass(frozen=True)
class SftSettings:
    """How a model is fine-tuned.

    rank, alpha, dropout  of the LoRA matrices (arXiv 2106.09685): a weight W becomes W + alpha / rank x B A
    targets               which linear layers get them: `all-linear`, or names that peft matches, comma-separated
    lr, warmup, weight_decay   AdamW; `warmup` is a share of the steps, then linear decay to 0
    epochs, rows_a_step, rows_at_once   `rows_at_once` fit in memory; their gradients add up to `rows_a_step`
    longest               tokens a row may have, answer included; longer rows are left out and counted
    evaluations           looks at the dev rows (and checkpoints) over the run
    patience              stop after so many looks without a lower dev loss; 0 = never
    device, dtype         `auto` is a GPU where there is one; bfloat16 only there; threads: of the processor, 0 = torch's
    chat                  use the tokenizer's chat template where it has one (as `LocalSettings.chat`)
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: str = "all-linear"
    lr: float = 2e-4
    warmup: float = 0.05
    weight_decay: float = 0.0
    epochs: int = 3
    rows_a_step: int = 16
    rows_at_once: int = 16
    longest: int = 1024
    evaluations: int = 6
    patience: int = 3
    device: str = "auto"
    dtype: str = "float32"
    threads: int = 0
    chat: bool = True
    seed: int = 7

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            check_range("SftSettings", name, getattr(self, name), low, high)
        check_choice("SftSettings", "device", self.device, ("auto", "cpu", "cuda"))
        check_choice("SftSettings", "dtype", self.dtype, ("float32", "bfloat16"))
        if self.rows_a_step % self.rows_at_once:
            raise BadConfig(
                f"SftSettings.rows_a_step is {self.rows_a_step}: it must be a multiple of rows_at_once {self.rows_at_once}"
            )
        if self.dtype == "bfloat16" and self.device == "cpu":
            raise BadConfig("SftSettings.dtype is 'bfloat16' on the processor: allowed there is float32")


_RANGES = (
    ("rank", 1, 4096),
    ("alpha", 1, 100_000),
    ("dropout", 0.0, 0.9),
    ("lr", 1e-8, 1.0),
    ("warmup", 0.0, 0.9),
    ("weight_decay", 0.0, 10.0),
    ("epochs", 1, 1000),
    ("rows_a_step", 1, 100_000),
    ("rows_at_once", 1, 100_000),
    ("longest", 2, 1_000_000),
    ("evaluations", 1, 10_000),
    ("patience", 0, 10_000),
    ("threads", 0, 4096),
    ("seed", 0, 2**31 - 1),
)


@dataclass(frozen=True)
class Lesson:
    """One row: what the model is shown, and the answer it should give."""

    messages: tuple[Message, ...]
    answer: str


@dataclass(frozen=True)
class Tuned:
    """How a run went. losses: of the kept weights, per answer token (natural log); dev_before: of the untouched model;
    history: a row a look (step, loss, dev_loss); merge_gap: largest logit difference of merged and unmerged model."""

    folder: Path
    rows: int
    dev_rows: int
    too_long: int
    steps: int
    steps_planned: int
    dev_before: float | None
    dev_loss: float | None
    history: tuple[dict[str, float | None], ...]
    trainable: int
    parameters: int
    merge_gap: float
    device: str
    resumed_at: int
    seconds: float


Finish = Callable[[Path, "Tuned"], None]


def no_finish(folder: Path, tuned: Tuned) -> None:
    """A `Finish` that adds nothing."""


def tune(
    model: str,
    lessons: Sequence[Lesson],
    dev: Sequence[Lesson],
    settings: SftSettings,
    out: Path,
    progress: Progress = no_progress,
    finish: Finish = no_finish,
) -> Tuned:
    """Fine-tune `model` (a folder or hub name) on `lessons`, keep the weights that do best on `dev`, merge, save to `out`.

    Without dev rows the last weights are kept. `finish` may add files before the folder takes its place. Work in
    progress lies in `.<out>.work`; the same call after a kill goes on from there. The same rows, settings, seed and
    machine give the same weights. Raises MissingExtra, BadConfig, NoAccess, NotEnoughData, BadArtifact.
    """
    began = time.monotonic()
    check_place(out)
    need("peft", "trl", "datasets")
    from adjudge.llm.training import Run, seeded

    work = _work(model, lessons, dev, settings, out)
    with seeded(settings) as device:
        run = Run(model, settings, device, work, progress)
        rows, dev_rows = run.encoded(lessons), run.encoded(dev)
        if not rows:
            raise NotEnoughData(
                f"none of {len(lessons)} rows fits into {settings.longest} tokens: raise longest, or shorten the prompt"
            )
        fitted = run.fit(rows, dev_rows)
        fresh = out.parent / f".{out.name}.new"
        gap = run.save_merged(rows[:CHECKED], fresh)
    tuned = Tuned(
        folder=out,
        rows=len(rows),
        dev_rows=len(dev_rows),
        too_long=len(lessons) + len(dev) - len(rows) - len(dev_rows),
        merge_gap=gap,
        device=device,
        seconds=time.monotonic() - began,
        **fitted,
    )
    finish(fresh, tuned)
    move_in(fresh, out)
    shutil.rmtree(work.parent, ignore_errors=True)
    return tuned


def check_place(out: Path) -> None:
    """Raise BadConfig unless `out` is free, an empty folder, or a model's folder (which may be replaced)."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / "config.json").exists()):
        raise BadConfig(f"{out} exists and is no model: it is left alone. Choose another --out")


def need(*packages: str) -> None:
    """Raise MissingExtra where one is not installed."""
    for name in packages:
        if find_spec(name) is None:
            raise MissingExtra(name, "tune")


def _work(
    model: str, lessons: Sequence[Lesson], dev: Sequence[Lesson], settings: SftSettings, out: Path
) -> Path:
    """The folder of checkpoints of exactly this run; one that another run left is removed."""
    told = hashlib.sha256(plain([model, revision_of(model), to_dict(settings)]).encode())
    for row in (*lessons, None, *dev):
        told.update(repr(row).encode("utf-8", "surrogatepass"))
    work, name = out.parent / f".{out.name}.work", told.hexdigest()[:16]
    if work.is_dir():
        for stale in work.iterdir():
            if stale.name != name:
                shutil.rmtree(stale)
    (work / name).mkdir(parents=True, exist_ok=True)
    return work / name
