"""A CORAL head that goes on from a trained student: what the student ranked, its steps rank from the first
step on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from adjudge.jobs.train import TrainConfig, train
from adjudge.scoring.open_model import open_model
from adjudge.student.network import CoralHead
from adjudge.student.settings import StudentSettings
from planted import write_planted


def test_the_worked_example() -> None:
    linear = nn.Linear(2, 1)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 2.0]]))
        linear.bias.fill_(0.5)
    head = CoralHead.like(linear, 2)
    assert head.weight.tolist() == [[1.0, 2.0]]
    assert head.bias.tolist() == pytest.approx([1.5, -0.5])
    again = CoralHead.like(head.as_linear(), 2)
    assert again.weight.tolist() == head.weight.tolist()
    assert again.bias.tolist() == head.bias.tolist()


def test_other_layers_lend_their_width_alone() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(4, 2)
    head = CoralHead.like(linear, 2)
    assert head.weight.shape == (1, 4)
    assert head.bias.tolist() == [1.0, -1.0]


def test_a_coral_student_goes_on_from_a_binary_one(artifact: Path, tmp_path: Path) -> None:
    training = write_planted(tmp_path / "training.parquet", 400, seed=3, levels=3)
    settings = StudentSettings(
        start=str(artifact),
        head="coral",
        lr=1e-6,
        epochs=1,
        warmup=0.0,
        max_length=24,
        batch_tokens=512,
        threads=1,
    )
    done = train(TrainConfig(training, tmp_path / "three", "human", student=settings))
    pairs = pq.read_table(training).slice(0, 200)
    before, after = (open_model(folder).score(pairs) for folder in (artifact, done.artifact))
    assert np.corrcoef(before.argsort().argsort(), after.argsort().argsort())[0, 1] > 0.99
