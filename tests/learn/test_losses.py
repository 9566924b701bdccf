"""Losses by hand, and against coral_pytorch on random input."""

from __future__ import annotations

import math

import pytest
import torch
from coral_pytorch.dataset import levels_from_labelbatch
from coral_pytorch.losses import coral_loss, corn_loss

from adjudge.errors import BadConfig
from adjudge.learn.losses import coral, corn, cross_entropy, loss_of, squared_error


def tensor(*values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def test_cross_entropy_by_hand() -> None:
    logits, targets = tensor([0.0], [2.0]), tensor(1.0, 0.0)
    assert cross_entropy(logits, targets, tensor(3.0, 1.0)).item() == pytest.approx(1.0516, abs=1e-4)
    assert cross_entropy(logits[:1], targets[:1], tensor(1.0)).item() == pytest.approx(math.log(2))
    # A probability as target: -.9 ln .75 - .1 ln .25
    soft = cross_entropy(tensor([math.log(3)]), tensor(0.9), tensor(1.0)).item()
    assert soft == pytest.approx(0.9 * 0.28768 + 0.1 * 1.38629, abs=1e-4)


def test_squared_error_by_hand() -> None:
    logits, targets = tensor([0.0], [math.log(3)]), tensor(0.9, 0.25)
    assert squared_error(logits, targets, tensor(1.0, 0.0)).item() == pytest.approx(0.16)
    assert squared_error(logits, targets, tensor(0.0, 1.0)).item() == pytest.approx(0.25)


def test_ordinal_losses_by_hand() -> None:
    assert coral(tensor([2.0, -1.0]), tensor(1.0), tensor(1.0)).item() == pytest.approx(0.4402, abs=1e-4)
    both = corn(tensor([2.0, -1.0], [0.0, 5.0]), tensor(1.0, 0.0), tensor(1.0, 1.0)).item()
    assert both == pytest.approx(0.3778, abs=1e-4)


@pytest.mark.parametrize("levels", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_ordinal_losses_equal_coral_pytorch(levels: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(50, levels - 1, generator=generator)
    steps = torch.randint(0, levels, (50,), generator=generator)
    ones = torch.ones(50)
    theirs = coral_loss(logits, levels_from_labelbatch(steps, levels).float())
    assert coral(logits, steps.float(), ones).item() == pytest.approx(theirs.item(), rel=1e-5)
    theirs = corn_loss(logits, steps, levels)
    assert corn(logits, steps.float(), ones).item() == pytest.approx(theirs.item(), rel=1e-5)


@pytest.mark.parametrize("head", ["binary", "probability", "coral", "corn"])
def test_a_weight_counts_as_so_many_rows(head: str) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(4, 2 if head in ("coral", "corn") else 1, generator=generator)
    targets, weights = tensor(0.0, 1.0, 1.0, 0.0), tensor(1.0, 3.0, 0.0, 2.0)
    rows = torch.tensor([0, 1, 1, 1, 3, 3])
    repeated = loss_of(head, logits[rows], targets[rows], torch.ones(6))
    assert loss_of(head, logits, targets, weights).item() == pytest.approx(repeated.item(), rel=1e-6)


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(BadConfig, match="'corl' has no loss: allowed are binary"):
        loss_of("corl", tensor([0.0]), tensor(0.0), tensor(1.0))
