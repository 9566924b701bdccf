"""Supervised fine-tuning of a causal language model on (messages, answer) rows: settings, rows and result.

The run itself is `llm.fine_tuning`, which needs torch, peft and trl.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from adjudge.config import setting, settings
from adjudge.errors import BadConfig, MissingExtra
from adjudge.llm.contract import Message


@settings
class SftSettings:
    """How a model is fine-tuned: LoRA (arXiv 2106.09685), where a weight W becomes W + alpha / rank x B A,
    and AdamW."""

    rank: Annotated[int, setting("Rank of the LoRA matrices.", ge=1, le=4096)] = 16
    alpha: Annotated[int, setting("Scale of the LoRA matrices, over the rank.", ge=1, le=100_000)] = 32
    dropout: Annotated[float, setting("Dropout of the LoRA matrices.", ge=0.0, le=0.9)] = 0.0
    targets: Annotated[
        str,
        setting(
            "Linear layers that get matrices: `all-linear`, or names that peft matches, comma-separated."
        ),
    ] = "all-linear"
    lr: Annotated[float, setting("Peak learning rate of AdamW.", ge=1e-8, le=1.0)] = 2e-4
    warmup: Annotated[
        float, setting("Share of the steps with a rising rate; it then falls to 0.", ge=0.0, le=0.9)
    ] = 0.05
    weight_decay: Annotated[float, setting("Weight decay of AdamW.", ge=0.0, le=10.0)] = 0.0
    epochs: Annotated[int, setting("Passes over the rows.", ge=1, le=1000)] = 3
    rows_a_step: Annotated[int, setting("Rows whose gradients add up to one step.", ge=1, le=100_000)] = 16
    rows_at_once: Annotated[int, setting("Rows that fit in memory.", ge=1, le=100_000)] = 16
    longest: Annotated[
        int,
        setting(
            "Longest row, answer included; longer rows are left out and counted.",
            ge=2,
            le=1_000_000,
            unit="tokens",
        ),
    ] = 1024
    evaluations: Annotated[
        int, setting("Evaluations of the dev rows, each with a checkpoint.", ge=1, le=10_000)
    ] = 6
    patience: Annotated[
        int, setting("Stop after so many evaluations without a lower dev loss; 0 is never.", ge=0, le=10_000)
    ] = 3
    device: Annotated[str, setting("`auto` is a GPU if there is one.", choices=("auto", "cpu", "cuda"))] = (
        "auto"
    )
    dtype: Annotated[
        str, setting("Type of the weights; bfloat16 needs a GPU.", choices=("float32", "bfloat16"))
    ] = "float32"
    threads: Annotated[int, setting("Processor threads; 0 is torch's own choice.", ge=0, le=4096)] = 0
    chat: Annotated[bool, setting("Use the tokenizer's chat template if it has one.")] = True
    seed: Annotated[int, setting("Seed of all randomness.", ge=0, le=2**31 - 1)] = 7

    def __post_init__(self) -> None:
        if self.rows_a_step % self.rows_at_once:
            raise BadConfig(
                f"SftSettings.rows_a_step is {self.rows_a_step}: it must be a multiple of rows_at_once "
                f"{self.rows_at_once}"
            )
        if self.dtype == "bfloat16" and self.device == "cpu":
            raise BadConfig("SftSettings.dtype is 'bfloat16' on the processor: allowed with that is float32")


@dataclass(frozen=True)
class Lesson:
    """One row: what the model is shown, and the answer it should give."""

    messages: tuple[Message, ...]
    answer: str


@dataclass(frozen=True)
class FineTuned:
    """How a run went. losses: of the kept weights, per answer token (natural log); dev_before: of the
    untouched model; history: a row per evaluation (step, loss, dev_loss); merge_gap: largest logit difference
    of merged and unmerged model."""

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


def check_place(out: Path) -> None:
    """Raise BadConfig unless `out` is free, an empty folder, or a model's folder (which may be replaced)."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / "config.json").exists()):
        raise BadConfig(f"{out} exists and is no model: it is left alone. Choose another --out")


def check_installed() -> None:
    """Raise MissingExtra unless the libraries of fine-tuning are installed."""
    for name in ("peft", "trl", "datasets"):
        if find_spec(name) is None:
            raise MissingExtra(name, "tune")
