"""The training loop on a model without tokens: a linear regression, against plain torch, through kills and
early stops."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adjudge.learn.checkpoint import Checkpoints, fingerprint
from adjudge.learn.loop import (
    BETAS,
    TrainingLoop,
    TrainingState,
    adamw,
    evaluation_step,
    fit,
    learning_rate,
    resume,
    snapshot,
    train_step,
)
from adjudge.records import no_progress


@dataclass(frozen=True)
class Settings:
    epochs: int = 3
    max_pairs: int = 0
    lr: float = 0.05
    warmup: float = 0.1
    weight_decay: float = 0.1
    clip: float = 1.0
    evaluations: int = 4
    patience: int = 0
    seed: int = 5


@dataclass
class Regression:
    """y = X w + noise, in batches of eight; dev losses may be scripted."""

    model: torch.nn.Module
    features: torch.Tensor
    targets: torch.Tensor
    scripted: list[float] = field(default_factory=list)
    batches: list[np.ndarray] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.features)

    def plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        order = rng.permutation(self.rows)
        return [order[start : start + 8] for start in range(0, self.rows, 8)]

    def loss(self, rows: np.ndarray) -> torch.Tensor:
        self.batches.append(rows)
        return ((self.model(self.features[rows])[:, 0] - self.targets[rows]) ** 2).mean()

    def evaluate(self) -> dict[str, float | None]:
        if self.scripted:
            return {"dev_loss": self.scripted.pop(0)}
        with torch.no_grad():
            return {"dev_loss": float(((self.model(self.features)[:, 0] - self.targets) ** 2).mean())}


def task(rows: int = 40, scripted: tuple[float, ...] = ()) -> Regression:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(rows, 3, generator=generator)
    targets = features @ torch.tensor([1.0, -2.0, 0.5]) + 0.1 * torch.randn(rows, generator=generator)
    model = torch.nn.Linear(3, 1)
    with torch.no_grad():
        model.weight.fill_(0.1)
        model.bias.zero_()
    return Regression(model, features, targets, list(scripted))


def loop_of(regression: Regression, settings: Settings) -> TrainingLoop:
    return TrainingLoop(regression, settings, adamw(regression.model, settings))


def weights(regression: Regression) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in regression.model.parameters()]).numpy()


def test_the_rate_by_hand() -> None:
    """lr 1, warm-up 0.1 of 100 rows: 0.5 after 5, 1 after 10, 0.5 after 55, 0 at the end; the first step is
    not lost."""
    loop = loop_of(task(100), Settings(epochs=1, lr=1.0))
    for seen, rate in ((0, 0.05), (5, 0.5), (10, 1.0), (55, 0.5), (100, 0.0)):
        loop.state.seen = seen
        assert learning_rate(loop) == pytest.approx(rate)
    flat = loop_of(task(100), Settings(epochs=1, lr=1.0, warmup=0.0))
    assert learning_rate(flat) == 1.0


def test_a_run_equals_plain_torch(tmp_path: Path) -> None:
    """The same batches, rates, clipping and AdamW written out by hand give the same weights to the bit."""
    settings, ours, theirs = Settings(), task(), task()
    fit(loop_of(ours, settings), Checkpoints(tmp_path, "r"), no_progress)
    matrices, vectors = [theirs.model.weight], [theirs.model.bias]  # type: ignore[union-attr]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=settings.lr, betas=BETAS, fused=True)
    total, seen, best, best_loss, evaluations = 120, 0, None, math.inf, 0
    for epoch in range(3):
        for rows in theirs.plan(np.random.default_rng([settings.seed, 2, epoch])):
            share = seen / total
            rate = settings.lr * min(max(share, 0.005) / 0.1, (1 - share) / 0.9)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
            theirs.loss(rows).backward()
            torch.nn.utils.clip_grad_norm_(theirs.model.parameters(), 1.0)
            optimiser.step()
            seen += len(rows)
            if seen * 4 >= total * (evaluations + 1):
                evaluations = seen * 4 // total
                loss = theirs.evaluate()["dev_loss"]
                if loss is not None and loss < best_loss:
                    best_loss, best = loss, weights(theirs).copy()
    assert best is not None
    assert np.array_equal(weights(ours), best)


def test_it_learns(tmp_path: Path) -> None:
    regression = task(200)
    fit(loop_of(regression, Settings(epochs=60, clip=100.0)), Checkpoints(tmp_path, "r"), no_progress)
    assert np.allclose(weights(regression), [1.0, -2.0, 0.5, 0.0], atol=0.1)


def test_every_epoch_sees_every_row_once_in_another_order(tmp_path: Path) -> None:
    regression = task()
    fit(loop_of(regression, Settings(epochs=2)), Checkpoints(tmp_path, "r"), no_progress)
    first, second = np.concatenate(regression.batches[:5]), np.concatenate(regression.batches[5:])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(40))
    assert first.tolist() != second.tolist()


def test_max_pairs_ends_a_run(tmp_path: Path) -> None:
    loop = loop_of(task(), Settings(epochs=10, max_pairs=56))
    fit(loop, Checkpoints(tmp_path, "r"), no_progress)
    assert (loop.total, loop.state.seen) == (56, 56)
    assert loop.state.done


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    """Scripted dev losses 3, 1, 2, 4: the weights of the second evaluation are in the model at the end."""
    regression = task(scripted=(3.0, 1.0, 2.0, 4.0))
    loop = loop_of(regression, Settings())
    seen: list[np.ndarray] = []
    evaluate = regression.evaluate

    def spied() -> dict[str, float | None]:
        seen.append(weights(regression).copy())
        return evaluate()

    regression.evaluate = spied  # type: ignore[method-assign]
    fit(loop, Checkpoints(tmp_path, "r"), no_progress)
    assert len(seen) == 4
    assert np.array_equal(weights(regression), seen[1])
    assert [entry["dev_loss"] for entry in loop.state.history] == [3.0, 1.0, 2.0, 4.0]


def test_patience_stops(tmp_path: Path) -> None:
    loop = loop_of(task(scripted=(3.0, 1.0, 2.0, 4.0, 0.5)), Settings(evaluations=5, patience=2))
    fit(loop, Checkpoints(tmp_path, "r"), no_progress)
    assert [entry["dev_loss"] for entry in loop.state.history] == [3.0, 1.0, 2.0, 4.0]
    assert loop.state.seen < loop.total


def test_without_dev_rows_the_last_weights_stay(tmp_path: Path) -> None:
    regression = task()
    regression.evaluate = dict  # type: ignore[method-assign,assignment]
    loop = loop_of(regression, Settings())
    fit(loop, Checkpoints(tmp_path, "r"), no_progress)
    assert not loop.best
    assert loop.state.best_loss is None
    assert all(set(entry) == {"pairs", "loss"} for entry in loop.state.history)


def test_the_training_loss_of_an_entry_is_the_mean_since_the_last_one() -> None:
    loop = loop_of(task(), Settings())
    loop.state = TrainingState(seen=30, loss_sum=12.0, loss_rows=30)
    evaluation_step(loop)
    assert loop.state.history[0]["loss"] == pytest.approx(0.4)
    assert (loop.state.loss_sum, loop.state.loss_rows) == (0.0, 0)


class Killed(Exception):
    """Stands in for a kill between two steps."""


@pytest.mark.parametrize("steps", [4, 7, 11, 14])
def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path, steps: int) -> None:
    settings, whole = Settings(), task()
    fit(loop_of(whole, settings), Checkpoints(tmp_path / "whole", "r"), no_progress)
    killed, number = task(), 0

    def stop(what: str, done: int, total: int) -> None:
        nonlocal number
        number += 1
        if number == steps:
            raise Killed

    checkpoints = Checkpoints(tmp_path / "killed", "r")
    with pytest.raises(Killed):
        fit(loop_of(killed, settings), checkpoints, stop)
    again = task()
    loop = loop_of(again, settings)
    resumed = resume(loop, checkpoints)
    assert resumed == (steps > 4)
    fit(loop, checkpoints, no_progress)
    assert np.array_equal(weights(again), weights(whole))


def test_a_checkpoint_of_another_run_is_ignored(tmp_path: Path) -> None:
    loop = loop_of(task(), Settings())
    train_step(loop, np.arange(8))
    Checkpoints(tmp_path, "one").save(snapshot(loop))
    fresh = loop_of(task(), Settings())
    assert not resume(fresh, Checkpoints(tmp_path, "two"))
    assert fresh.state.seen == 0
    assert resume(fresh, Checkpoints(tmp_path, "one"))
    assert fresh.state.seen == 8
    Checkpoints(tmp_path, "one").clear()
    assert not tmp_path.exists()
    assert not resume(fresh, Checkpoints(tmp_path, "one"))


def test_a_kill_while_saving_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path, "r")
    checkpoints.save({"step": 1})

    def torn(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise Killed

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(Killed):
        checkpoints.save({"step": 2})
    monkeypatch.undo()
    assert checkpoints.load() == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_fingerprint_depends_on_settings_and_rows() -> None:
    import pyarrow as pa

    rows = pa.table({"a": [1, 2]})
    same = fingerprint({"lr": 1}, rows)
    assert same == fingerprint({"lr": 1}, pa.concat_tables([rows.slice(0, 1), rows.slice(1)]))
    assert len({same, fingerprint({"lr": 2}, rows), fingerprint({"lr": 1}, rows.slice(1))}) == 3


def test_frozen_parameters_are_not_optimised() -> None:
    regression = task()
    regression.model.bias.requires_grad_(False)  # type: ignore[union-attr]
    groups = adamw(regression.model, Settings()).param_groups
    assert [len(group["params"]) for group in groups] == [1, 0]
    assert groups[0]["weight_decay"] == 0.1


def test_settings_stay_a_protocol() -> None:
    """Any object with the loop's settings will do; the student's class has them all."""
    from adjudge.student.settings import StudentSettings

    student = StudentSettings()
    names = ("epochs", "max_pairs", "lr", "warmup", "weight_decay", "clip", "evaluations", "patience", "seed")
    assert all(hasattr(student, name) for name in names)
    assert replace(Settings(), epochs=2).epochs == 2
