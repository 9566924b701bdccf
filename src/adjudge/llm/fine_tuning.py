"""Fine-tuning run of a causal language model: LoRA by peft, the loop by trl.

Only the answer counts: prompt tokens are masked. Prompts become tokens by the same function as in
`llm.transformers_client`, so what is trained is what is served. The adapter is merged, checked against the
unmerged model and saved as a plain folder that transformers (and `hf:FOLDER`) loads. A killed run goes on
from its last checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

from adjudge.config import to_dict
from adjudge.errors import BadArtifact, BadConfig, NotEnoughData
from adjudge.llm.contract import plain
from adjudge.llm.sft import FineTuned, Lesson, SftSettings, check_place
from adjudge.llm.transformers_client import load_model, prompt_ids, revision_of
from adjudge.quiet import quiet_training, quiet_transformers
from adjudge.records import Progress, no_progress
from adjudge.storage.files import fresh_folder, write_json

CHECKED = 4
"""Rows on which the merged model is compared with the unmerged one."""
CLIP = 1.0
MERGE = {"float32": 1e-4, "bfloat16": math.inf}
"""Largest difference of logits between the merged and the unmerged model; bfloat16's rounding is only
reported."""
Row = dict[str, list[int]]


Finish = Callable[[Path, FineTuned], None]
"""Adds files to the folder before it takes its name."""


def no_finish(folder: Path, tuned: FineTuned) -> None:
    """A `Finish` that adds nothing."""


def tune(
    model: str,
    lessons: Sequence[Lesson],
    dev: Sequence[Lesson],
    settings: SftSettings,
    out: Path,
    progress: Progress = no_progress,
    finish: Finish = no_finish,
) -> FineTuned:
    """Fine-tune `model` (a folder or hub name) on `lessons`, keep the weights that do best on `dev`, merge,
    save to `out`.

    Without dev rows the last weights are kept. `finish` may add files before the folder takes its place. Work
    in progress lies in `.<out>.work`; the same call after a kill goes on from there. The same rows, settings,
    seed and machine give the same weights. Raises BadConfig, NoAccess, NotEnoughData, BadArtifact.
    """
    began = time.monotonic()
    check_place(out)
    work = _work(model, lessons, dev, settings, out)
    with seeded(settings) as device:
        run = TrainingRun(model, settings, device, work, progress)
        rows, dev_rows = run.encoded(lessons), run.encoded(dev)
        if not rows:
            raise NotEnoughData(
                f"none of {len(lessons)} rows fits into {settings.longest} tokens: raise longest, or "
                "shorten the prompt"
            )
        fitted = run.fit(rows, dev_rows)
        with fresh_folder(out) as fresh:
            gap = run.save_merged(rows[:CHECKED], fresh)
            tuned = FineTuned(
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
    shutil.rmtree(work.parent, ignore_errors=True)
    return tuned


class TrainingRun:
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
            with quiet_training():
                self.network = get_peft_model(network, lora)
        except ValueError as error:
            raise BadConfig(
                f"SftSettings.targets {settings.targets!r} fits no layer of {model}: {error}"
            ) from error

    def encoded(self, lessons: Sequence[Lesson]) -> list[Row]:
        """Rows that fit into `longest` tokens, as trl takes them: input_ids, and completion_mask 1 where it
        counts."""
        rows = (encode(self.tokenizer, lesson, self.settings.chat) for lesson in lessons)
        return [row for row in rows if len(row["input_ids"]) <= self.settings.longest]

    def fit(self, rows: list[Row], dev: list[Row]) -> dict[str, Any]:
        """Train from the last whole checkpoint, if there is one; afterwards `network` has the best weights by
        dev loss."""
        trainer = self._trainer(rows, dev)
        start = last_checkpoint(self.work)
        before = self._loss(trainer) if dev and start is None else _loss_before(self.work)
        if before is not None:
            write_json(self.work / "before.json", before)
        with quiet_training():
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
        """Merge the matrices into the weights and save model and tokenizer into an empty folder; the largest
        difference of logits.

        Raises BadArtifact if merging changed what the model says.
        """
        unmerged = [self._logits(self.network, row) for row in rows]
        with quiet_training():
            merged: Any = self.network.merge_and_unload()
        gap = max(
            float((self._logits(merged, row) - before).abs().max())
            for row, before in zip(rows, unmerged, strict=True)
        )
        if not gap <= MERGE[self.settings.dtype]:
            raise BadArtifact(
                f"merging changed the model's logits by {gap:.2e}; allowed is "
                f"{MERGE[self.settings.dtype]:g}. Nothing was written. Train in float32."
            )
        with quiet_transformers():
            merged.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        for weights in folder.glob("*.safetensors"):
            # safetensors writes for the owner alone; the folder is as readable as the user's other files.
            weights.chmod((folder / "config.json").stat().st_mode)
        return gap

    def _loss(self, trainer: Any) -> float:
        with quiet_training():
            return float(trainer.evaluate()["eval_loss"])

    def _logits(self, network: Any, row: Row) -> torch.Tensor:
        ids = torch.tensor([row["input_ids"]], device=self.device)
        with torch.inference_mode():
            return network.eval()(input_ids=ids).logits.float()

    def _trainer(self, rows: list[Row], dev: list[Row]) -> Any:
        from datasets import Dataset
        from trl import SFTTrainer

        steps = math.ceil(len(rows) / self.settings.rows_a_step) * self.settings.epochs
        calls: list[Any] = [_StepProgress(self.progress)]
        if dev and self.settings.patience:
            calls.append(EarlyStoppingCallback(self.settings.patience))
        with quiet_training():
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


class _StepProgress(TrainerCallback):
    """Reports steps as progress."""

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
    """The latest checkpoint that was written whole: trainer_state.json is its last file. Torn ones are
    removed."""
    whole = []
    for folder in work.glob("checkpoint-*"):
        try:
            json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
            whole.append(folder)
        except (OSError, ValueError):
            shutil.rmtree(folder)
    return max(whole, key=lambda folder: int(folder.name.split("-")[-1]), default=None)


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


def _loss_before(work: Path) -> float | None:
    path = work / "before.json"
    return float(json.loads(path.read_text())) if path.exists() else None


def _history(log: Sequence[dict[str, Any]]) -> Iterator[dict[str, float | None]]:
    """One row per logged step: train loss and dev loss, if there are any."""
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


def _work(
    model: str, lessons: Sequence[Lesson], dev: Sequence[Lesson], settings: SftSettings, out: Path
) -> Path:
    """The folder of checkpoints of exactly this run; one that another run left is removed."""
    digest = hashlib.sha256(plain([model, revision_of(model), to_dict(settings)]).encode())
    for row in (*lessons, None, *dev):
        digest.update(repr(row).encode("utf-8", "surrogatepass"))
    work, name = out.parent / f".{out.name}.work", digest.hexdigest()[:16]
    if work.is_dir():
        for stale in work.iterdir():
            if stale.name != name:
                shutil.rmtree(stale)
    (work / name).mkdir(parents=True, exist_ok=True)
    return work / name
