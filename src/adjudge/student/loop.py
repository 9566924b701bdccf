"""The training loop: its state, one step, one evaluation, and going on from a checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from adjudge.records import Progress
from adjudge.student import network
from adjudge.student.checkpoint import Checkpoints
from adjudge.student.data import Examples, examples
from adjudge.student.encode import Specials, Texts, batches, specials
from adjudge.student.families import Family
from adjudge.student.losses import loss_of
from adjudge.student.settings import StudentSettings
from adjudge.student.start import Start

EVALUATION_TOKENS = 16_384
BETAS = (0.9, 0.98)


@dataclass
class State:
    """Where a run stands; with weights, optimiser and generator it is all that a checkpoint holds."""

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
class Loop:
    """What the steps work on. `used` and `full`: see `network.narrow_vocabulary`."""

    settings: StudentSettings
    family: Family
    model: Any
    optimiser: torch.optim.AdamW
    special: Specials
    train: Examples
    dev: Examples
    used: np.ndarray
    full: torch.Tensor
    state: State = field(default_factory=State)
    best: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Pairs the run sees unless it stops early."""
        every = self.settings.epochs * len(self.train)
        return min(every, self.settings.max_pairs or every)


@dataclass(frozen=True)
class Measured:
    """The dev split under the present weights: weighted loss, AUC of label > 0 (None with one class), logits."""

    loss: float
    auc: float | None
    logits: np.ndarray


def prepare(
    begun: Start, rows: pa.Table, dev_rows: pa.Table, settings: StudentSettings, family: Family
) -> Loop:
    """Tokenise, keep the vocabulary that occurs, and set up the optimiser."""
    special = specials(begun.tokenizer)
    train, dev = (examples(begun.tokenizer, part, settings) for part in (rows, dev_rows))
    parts = [texts.flat for split in (train, dev) for texts in (split.pairs.first, split.pairs.second)]
    used = np.unique(np.concatenate([*parts, [special.cls, special.sep, special.pad]]))
    narrow = Specials(*(int(np.searchsorted(used, one)) for one in (special.cls, special.sep, special.pad)))
    model = begun.model
    full = network.narrow_vocabulary(model, used, narrow.pad)
    if settings.head == "coral":
        model.classifier = network.CoralHead.like(model.classifier, settings.outputs)
    train, dev = _renumber(train, used), _renumber(dev, used)
    return Loop(settings, family, model, optimiser(model, settings), narrow, train, dev, used, full)


def optimiser(model: Any, settings: StudentSettings) -> torch.optim.AdamW:
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


def fit(loop: Loop, checkpoints: Checkpoints, progress: Progress) -> None:
    """Run until the pairs are seen or the dev loss no longer falls; the best weights are then in the model."""
    state, settings = loop.state, loop.settings
    while not state.done:
        plan = plan_epoch(loop)
        while state.batch < len(plan) and not state.done:
            train_step(loop, plan[state.batch])
            state.batch += 1
            progress("train", min(state.seen, loop.total), loop.total)
            if state.seen * settings.evaluations >= loop.total * (state.evaluations + 1):
                evaluation_step(loop)
                checkpoints.save(snapshot(loop))
        state.epoch, state.batch = state.epoch + 1, 0
    if loop.best:
        loop.model.load_state_dict(loop.best)


def plan_epoch(loop: Loop) -> list[np.ndarray]:
    """The epoch's batches in random order."""
    rng = np.random.default_rng([loop.settings.seed, 2, loop.state.epoch])
    return loop.family.plan(loop.train.pairs, loop.settings, rng)


def train_step(loop: Loop, rows: np.ndarray) -> None:
    """One batch: forward, loss, backward, clipped AdamW step at the rate of the moment."""
    loop.model.train()
    for group in loop.optimiser.param_groups:
        group["lr"] = rate(loop)
    with torch.autocast("cpu", torch.bfloat16, enabled=loop.settings.precision == "bf16"):
        logits = forward(loop, loop.train, rows)
    targets, weights = (torch.from_numpy(part[rows]) for part in (loop.train.targets, loop.train.weights))
    loss = loss_of(loop.settings.head, logits.float(), targets, weights)
    loop.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(loop.model.parameters(), loop.settings.clip)
    loop.optimiser.step()
    loop.state.seen += len(rows)
    loop.state.loss_sum += float(loss.detach()) * len(rows)
    loop.state.loss_rows += len(rows)


def rate(loop: Loop) -> float:
    """The learning rate: up from 0 over `warmup` of the pairs, then linearly down to 0.

    lr 1, warmup 0.1: 0.5 after 5 % of the pairs, 1 after 10 %, 0.5 after 55 %.
    """
    share = loop.state.seen / loop.total
    warmup = loop.settings.warmup
    # The first step is not wasted at rate 0: half a percent of warm-up is taken as done.
    up = max(share, 0.005) / warmup if warmup else 1.0
    return loop.settings.lr * max(0.0, min(up, (1.0 - share) / (1.0 - warmup)))


def forward(loop: Loop, split: Examples, rows: np.ndarray) -> torch.Tensor:
    return loop.family.forward(loop.model, split.pairs, rows, loop.special, loop.settings)


def evaluation_step(loop: Loop) -> None:
    """Look at the dev split, keep the weights if they are the best so far, decide whether to stop."""
    state, settings = loop.state, loop.settings
    state.evaluations = state.seen * settings.evaluations // loop.total
    entry: dict[str, float | None] = {"pairs": state.seen, "loss": state.loss_sum / max(1, state.loss_rows)}
    state.loss_sum, state.loss_rows = 0.0, 0
    if len(loop.dev):
        measured = evaluate(loop)
        entry |= {"dev_loss": measured.loss, "dev_auc": measured.auc}
        better = state.best_loss is None or measured.loss < state.best_loss
        state.since_best = 0 if better else state.since_best + 1
        if better:
            state.best_loss = measured.loss
            loop.best = {name: value.clone() for name, value in loop.model.state_dict().items()}
    state.history.append(entry)
    stalled = bool(settings.patience) and state.since_best >= settings.patience
    state.done = stalled or state.seen >= loop.total


def evaluate(loop: Loop) -> Measured:
    """Loss, AUC and logits of the dev rows."""
    loop.model.eval()
    dev = loop.dev
    logits = np.zeros((len(dev), loop.settings.outputs), np.float32)
    with torch.no_grad():
        for rows in batches(dev.pairs.lengths, EVALUATION_TOKENS):
            logits[rows] = forward(loop, dev, rows).numpy()
        targets, weights = torch.from_numpy(dev.targets), torch.from_numpy(dev.weights)
        loss = loss_of(loop.settings.head, torch.from_numpy(logits), targets, weights)
    return Measured(float(loss), _auc(logits.mean(axis=1), dev.steps > 0), logits.astype(np.float64))


def snapshot(loop: Loop) -> dict[str, Any]:
    """Everything a run needs to go on as if it had not stopped."""
    return {
        "state": asdict(loop.state),
        "model": loop.model.state_dict(),
        "best": loop.best,
        "optimiser": loop.optimiser.state_dict(),
        "generator": torch.get_rng_state(),
    }


def resume(loop: Loop, checkpoints: Checkpoints) -> bool:
    """Put a checkpoint of this run back, if there is one; says whether there was."""
    kept = checkpoints.load()
    if kept is None:
        return False
    loop.state = State(**kept["state"])
    loop.model.load_state_dict(kept["model"])
    loop.best = kept["best"]
    loop.optimiser.load_state_dict(kept["optimiser"])
    torch.set_rng_state(kept["generator"])
    return True


def unwrap(loop: Loop, padding: int) -> Any:
    """The trained model as transformers holds it: whole vocabulary, plain linear classifier."""
    network.widen_vocabulary(loop.model, loop.used, loop.full, padding)
    if isinstance(loop.model.classifier, network.CoralHead):
        loop.model.classifier = loop.model.classifier.as_linear()
        loop.model.config.num_labels = loop.settings.outputs
    return loop.model.eval()


def _renumber(split: Examples, used: np.ndarray) -> Examples:
    first, second = (
        Texts(np.searchsorted(used, texts.flat), texts.starts, texts.lengths)
        for texts in (split.pairs.first, split.pairs.second)
    )
    return replace(split, pairs=replace(split.pairs, first=first, second=second))


def _auc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    from sklearn.metrics import roc_auc_score

    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, scores))
