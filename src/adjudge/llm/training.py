"""One fine-tuning run: tokens with masked prompts, trl's loop with LoRA, checkpoints, the merged folder."""

from __future__ import annotations

import json
import math
import random
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

from adjudge.errors import BadArtifact, BadConfig
from adjudge.llm.sft import Lesson, SftSettings
from adjudge.llm.transformers_client import load_model, prompt_ids, quiet
from adjudge.records import Progress

CLIP = 1.0
MERGE = {"float32": 1e-4, "bfloat16": math.inf}
"""Largest difference of logits between the merged and the unmerged model; bfloat16's rounding is only reported."""
Row = dict[str, list[int]]


class Run:
    """A model with fresh LoRA matrices, and everything its training needs."""

    def __init__(
        self, model: str, settings: SftSettings, device: str, work: Path, progress: Progress
    ) -> None:
        self.settings, self.device, self.work, self.progress = settings, device, work, progress
        self.tokenizer, network = load_model(model, settings.dtype, device)
        if self.tokenizer.eos_token_id is None:
            raise BadConfig(f"{model}: its tokenizer has no end-of-sequence token, by which an answer ends")
        targets = [name.strip() for name in settings.targets.split(",")]
        lora = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules="all-linear" if targets == ["all-linear"] else targets,
            task_type="CAUSAL_LM",
        )
        try:
            with hushed():
                self.network = get_peft_model(network, lora)
        except ValueError as error:
            raise BadConfig(
                f"SftSettings.targets {settings.targets!r} fits no layer of {model}: {error}"
            ) from error

    def encoded(self, lessons: Sequence[Lesson]) -> list[Row]:
        """Rows that fit into `longest` tokens, as trl takes them: input_ids, and completion_mask 1 where it counts."""
        rows = (encode(self.tokenizer, one, self.settings.chat) for one in lessons)
        return [row for row in rows if len(row["input_ids"]) <= self.settings.longest]

    def fit(self, rows: list[Row], dev: list[Row]) -> dict[str, Any]:
        """Train from the last whole checkpoint, if there is one; the best weights by dev loss are then in `network`."""
        trainer = self._trainer(rows, dev)
        start = last_checkpoint(self.work)
        before = self._loss(trainer) if dev and start is None else _noted(self.work)
        if before is not None:
            (self.work / "before.json").write_text(json.dumps(before))
        with hushed():
            trainer.train(resume_from_checkpoint=str(start) if start else None)
        state = trainer.state
        return {
            "steps": int(state.global_step),
            "steps_planned": int(state.max_steps),
            "dev_before": before,
            "dev_loss": self._loss(trainer) if dev else None,
            "history": tuple(_history(state.log_history)),
            "trainable": sum(p.numel() for p in self.network.parameters() if p.requires_grad),
            "parameters": sum(p.numel() for p in self.network.parameters()),
            "resumed_at": int(start.name.split("-")[-1]) if start else 0,
        }

    def save_merged(self, rows: Sequence[Row], folder: Path) -> float:
        """Merge the matrices into the weights and save model and tokenizer; the largest difference of logits.

        Raises BadArtifact where merging changed what the model says.
        """
        apart = [self._logits(self.network, row) for row in rows]
        with hushed():
            merged: Any = self.network.merge_and_unload()
        gap = max(
            float((self._logits(merged, row) - before).abs().max())
            for row, before in zip(rows, apart, strict=True)
        )
        if not gap <= MERGE[self.settings.dtype]:
            raise BadArtifact(
                f"merging changed the model's logits by {gap:.2e}; allowed is {MERGE[self.settings.dtype]:g}. Nothing was "
                "written. Train in float32."
            )
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with quiet():
            merged.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        for weights in folder.glob("*.safetensors"):
            # safetensors writes for the owner alone; the folder is as readable as the user's other files.
            weights.chmod((folder / "config.json").stat().st_mode)
        return gap

    def _loss(self, trainer: Any) -> float:
        with hushed():
            return float(trainer.evaluate()["eval_loss"])

    def _logits(self, network: Any, row: Row) -> torch.Tensor:
        ids = torch.tensor([row["input_ids"]], device=self.device)
        with torch.inference_mode():
            return network.eval()(input_ids=ids).logits.float()

    def _trainer(self, rows: list[Row], dev: list[Row]) -> Any:
        from datasets import Dataset
        from trl import SFTTrainer

        steps = math.ceil(len(rows) / self.settings.rows_a_step) * self.settings.epochs
        calls: list[Any] = [_Tell(self.progress)]
        if dev and self.settings.patience:
            calls.append(EarlyStoppingCallback(self.settings.patience))
        with hushed():
            trainer = SFTTrainer(
                model=self.network,
                args=self._arguments(max(1, steps // self.settings.evaluations), bool(dev)),
                train_dataset=Dataset.from_list(rows),
                eval_dataset=Dataset.from_list(dev) if dev else None,
                processing_class=self.tokenizer,
                callbacks=calls,
            )
        trainer.remove_callback(PrinterCallback)
        return trainer

    def _arguments(self, every: int, dev: bool) -> Any:
        from trl import SFTConfig

        settings = self.settings
        return SFTConfig(
            output_dir=str(self.work),
            completion_only_loss=True,
            max_length=None,
            packing=False,
            learning_rate=settings.lr,
            warmup_steps=settings.warmup,
            weight_decay=settings.weight_decay,
            max_grad_norm=CLIP,
            num_train_epochs=settings.epochs,
            per_device_train_batch_size=settings.rows_at_once,
            per_device_eval_batch_size=settings.rows_at_once,
            gradient_accumulation_steps=settings.rows_a_step // settings.rows_at_once,
            gradient_checkpointing=False,
            eval_strategy="steps" if dev else "no",
            eval_steps=every,
            save_strategy="steps",
            save_steps=every,
            save_total_limit=2,
            load_best_model_at_end=dev,
            metric_for_best_model="eval_loss" if dev else None,
            greater_is_better=False if dev else None,
            logging_strategy="steps",
            logging_steps=every,
            report_to="none",
            disable_tqdm=True,
            seed=settings.seed,
            data_seed=settings.seed,
            use_cpu=self.device == "cpu",
            bf16=settings.dtype == "bfloat16",
            dataloader_pin_memory=False,
        )


class _Tell(TrainerCallback):
    """Steps as progress."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.progress("fine-tune: steps", state.global_step, state.max_steps)


def encode(tokenizer: Any, lesson: Lesson, chat: bool) -> Row:
    """Prompt tokens (mask 0), then the answer's and an end of sequence (mask 1)."""
    prompt = prompt_ids(tokenizer, lesson.messages, chat)
    answer = answer_ids(tokenizer, lesson.answer)
    return {
        "input_ids": [*prompt, *answer],
        "completion_mask": [*([0] * len(prompt)), *([1] * len(answer))],
    }


def answer_ids(tokenizer: Any, answer: str) -> list[int]:
    """The answer's own tokens and the end of sequence."""
    return [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]


def last_checkpoint(work: Path) -> Path | None:
    """The latest checkpoint that was written whole: trainer_state.json is its last file. Torn ones are removed."""
    whole = []
    for folder in work.glob("checkpoint-*"):
        try:
            json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
            whole.append(folder)
        except (OSError, ValueError):
            shutil.rmtree(folder)
    return max(whole, key=lambda folder: int(folder.name.split("-")[-1]), default=None)


@contextmanager
def hushed() -> Iterator[None]:
    """Without the libraries' own bars and notes on coming versions; bars are put back as they were."""
    import datasets

    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        if shown:
            datasets.enable_progress_bars()


@contextmanager
def seeded(settings: SftSettings) -> Iterator[str]:
    """Seed torch inside and put generators and thread count back; gives the device."""
    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if settings.dtype == "bfloat16" and device == "cpu":
        raise BadConfig("SftSettings.dtype is 'bfloat16' and there is no GPU: allowed is float32")
    threads, drawn = torch.get_num_threads(), random.getstate()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        if settings.threads:
            torch.set_num_threads(settings.threads)
        try:
            yield device
        finally:
            torch.set_num_threads(threads)
            random.setstate(drawn)


def _noted(work: Path) -> float | None:
    path = work / "before.json"
    return float(json.loads(path.read_text())) if path.exists() else None


def _history(log: Sequence[dict[str, Any]]) -> Iterator[dict[str, float | None]]:
    """One row a step that was logged: train loss and dev loss, where there are any."""
    by_step: dict[int, dict[str, float | None]] = {}
    for entry in log:
        row = by_step.setdefault(
            int(entry["step"]), {"step": int(entry["step"]), "loss": None, "dev_loss": None}
        )
        if "loss" in entry:
            row["loss"] = float(entry["loss"])
        if "eval_loss" in entry:
            row["dev_loss"] = float(entry["eval_loss"])
    yield from (row for row in by_step.values() if row["loss"] is not None or row["dev_loss"] is not None)
