"""Training loop as named steps: plan an epoch, train on a batch, evaluate, keep the best, save a checkpoint.

The loop knows no tokens and no model family: a `TrainingTask` plans batches of row numbers, gives the loss of
one, and evaluates itself. A killed run goes on from its last checkpoint and ends with the weights of a run
that never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from adjudge.learn.checkpoint import Checkpoints
from adjudge.records import Progress

BETAS = (0.9, 0.98)
DEV_LOSS = "dev_loss"
"""The entry of an evaluation that decides which weights are best."""


class LoopSettings(Protocol):
    """What a settings class of a model must state for the loop; see `student.settings` for the meanings."""

    @property
    def epochs(self) -> int: ...
    @property
    def max_pairs(self) -> int: ...
    @property
    def lr(self) -> float: ...
    @property
    def warmup(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def clip(self) -> float: ...
    @property
    def evaluations(self) -> int: ...
    @property
    def patience(self) -> int: ...
    @property
    def seed(self) -> int: ...


class TrainingTask(Protocol):
    """A model with its rows."""

    model: torch.nn.Module

    @property
    def rows(self) -> int:
        """Rows of one epoch."""
        ...

    def plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        """One epoch's batches of row numbers, in the order in which they are trained on."""
        ...

    def loss(self, rows: np.ndarray) -> torch.Tensor:
        """The loss of a batch, ready for `backward`."""
        ...

    def evaluate(self) -> Mapping[str, float | None]:
        """Figures on the dev rows, DEV_LOSS among them; empty if there are no dev rows."""
        ...


@dataclass
class TrainingState:
    """The position of a run; with weights, optimiser and generator it is all that a checkpoint holds."""

    epoch: int = 0
    batch: int = 0
    seen: int = 0
    evaluations: int = 0
    since_best: int = 0
    best_loss: float | None = None
    loss_sum: float = 0.0
    loss_rows: int = 0
    done: bool = False
    history: list[dict[str, float | None]] = field(default_factory=list)


@dataclass
class TrainingLoop:
    """What the steps work on."""

    task: TrainingTask
    settings: LoopSettings
    optimiser: torch.optim.Optimizer
    state: TrainingState = field(default_factory=TrainingState)
    best: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Rows the run sees unless it stops early."""
        every = self.settings.epochs * self.task.rows
        return min(every, self.settings.max_pairs or every)


def adamw(model: torch.nn.Module, settings: LoopSettings) -> torch.optim.AdamW:
    """AdamW; weight decay for the matrices of the layers only (not vectors, not embeddings)."""
    decayed: list[Any] = []
    free: list[Any] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        plain = parameter.ndim < 2 or "embeddings" in name
        (free if plain else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.lr, betas=BETAS, fused=True)


def fit(loop: TrainingLoop, checkpoints: Checkpoints, progress: Progress) -> None:
    """Run until the rows are seen or the dev loss no longer falls; the best weights are then in the model."""
    state, settings = loop.state, loop.settings
    while not state.done:
        plan = loop.task.plan(np.random.default_rng([settings.seed, 2, state.epoch]))
        while state.batch < len(plan) and not state.done:
            train_step(loop, plan[state.batch])
            state.batch += 1
            progress("train", min(state.seen, loop.total), loop.total)
            if state.seen * settings.evaluations >= loop.total * (state.evaluations + 1):
                evaluation_step(loop)
                checkpoints.save(snapshot(loop))
        state.epoch, state.batch = state.epoch + 1, 0
    if loop.best:
        loop.task.model.load_state_dict(loop.best)


def train_step(loop: TrainingLoop, rows: np.ndarray) -> None:
    """One batch: loss, backward, clipped optimiser step at the present learning rate."""
    loop.task.model.train()
    for group in loop.optimiser.param_groups:
        group["lr"] = learning_rate(loop)
    loss = loop.task.loss(rows)
    loop.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(loop.task.model.parameters(), loop.settings.clip)
    loop.optimiser.step()
    loop.state.seen += len(rows)
    loop.state.loss_sum += float(loss.detach()) * len(rows)
    loop.state.loss_rows += len(rows)


def learning_rate(loop: TrainingLoop) -> float:
    """The learning rate: up from 0 over `warmup` of the rows, then linearly down to 0.

    lr 1, warmup 0.1: 0.5 after 5 % of the rows, 1 after 10 %, 0.5 after 55 %.
    """
    share = loop.state.seen / loop.total
    warmup = loop.settings.warmup
    # A first step at rate 0 would be wasted: half a percent of warm-up is taken as done.
    up = max(share, 0.005) / warmup if warmup else 1.0
    return loop.settings.lr * max(0.0, min(up, (1.0 - share) / (1.0 - warmup)))


def evaluation_step(loop: TrainingLoop) -> None:
    """Evaluate the dev rows, keep the weights if they are the best so far, decide whether to stop."""
    state, settings = loop.state, loop.settings
    state.evaluations = state.seen * settings.evaluations // loop.total
    entry: dict[str, float | None] = {"pairs": state.seen, "loss": state.loss_sum / max(1, state.loss_rows)}
    state.loss_sum, state.loss_rows = 0.0, 0
    figures = loop.task.evaluate()
    dev_loss = figures.get(DEV_LOSS)
    if dev_loss is not None:
        entry |= figures
        better = state.best_loss is None or dev_loss < state.best_loss
        state.since_best = 0 if better else state.since_best + 1
        if better:
            state.best_loss = dev_loss
            loop.best = {name: value.clone() for name, value in loop.task.model.state_dict().items()}
    state.history.append(entry)
    stalled = bool(settings.patience) and state.since_best >= settings.patience
    state.done = stalled or state.seen >= loop.total


def snapshot(loop: TrainingLoop) -> dict[str, Any]:
    """Everything a run needs to go on as if it had not stopped."""
    return {
        "state": asdict(loop.state),
        "model": loop.task.model.state_dict(),
        "best": loop.best,
        "optimiser": loop.optimiser.state_dict(),
        "generator": torch.get_rng_state(),
    }


def resume(loop: TrainingLoop, checkpoints: Checkpoints) -> bool:
    """Restore a checkpoint of this run, if there is one; says whether there was."""
    saved = checkpoints.load()
    if saved is None:
        return False
    loop.state = TrainingState(**saved["state"])
    loop.task.model.load_state_dict(saved["model"])
    loop.best = saved["best"]
    loop.optimiser.load_state_dict(saved["optimiser"])
    torch.set_rng_state(saved["generator"])
    return True
