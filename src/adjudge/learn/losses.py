"""Losses, each a function (logits, targets, row weights) -> scalar: a weighted mean over rows.

Shapes: logits (rows, outputs); targets (rows,) float; weights (rows,) float, not all zero.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from adjudge.errors import BadConfig


def cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy of one logit; targets in [0, 1] (hard labels or a judge's probability).

    Paper 1's default. Logit 0 and target 1 cost ln 2 = 0.6931; logit 2 and target 0 cost 2.1269; with
    weights 3 and 1 the two rows cost (3 x 0.6931 + 2.1269) / 4 = 1.0516.
    """
    losses = F.binary_cross_entropy_with_logits(logits[:, 0], targets, reduction="none")
    return _mean(losses, weights)


def squared_error(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Squared difference of sigmoid(logit) and the judge's probability (paper 1's comparison).

    Logit 0 against 0.9 costs 0.16; logit ln 3 (probability 0.75) against 0.25 costs 0.25.
    """
    return _mean((torch.sigmoid(logits[:, 0]) - targets) ** 2, weights)


def coral(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """CORAL (arXiv 1901.07884, eq. 4): the sum over k of the cross-entropy of 'the step is above k'.

    Targets are steps 0 .. outputs. Logits (2, -1) at step 1 (targets 1, 0) cost 0.1269 + 0.3133 = 0.4402.
    """
    steps = torch.arange(logits.shape[1], device=logits.device)
    above = (targets[:, None] > steps).to(logits.dtype)
    losses = F.binary_cross_entropy_with_logits(logits, above, reduction="none").sum(dim=1)
    return _mean(losses, weights)


def corn(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """CORN (arXiv 2111.08851, eq. 5): logit k is asked only of rows whose step is at least k.

    It models P(step > k | step >= k). The mean is over all (row, k) asked. Logits (2, -1) at step 1 and
    (0, 5) at step 0: asked are 2 of 1 (0.1269), -1 of 0 (0.3133) and 0 of 0 (0.6931): 1.1333 / 3 = 0.3778.
    """
    steps = torch.arange(logits.shape[1], device=logits.device)
    asked = (targets[:, None] >= steps).to(logits.dtype) * weights[:, None]
    above = (targets[:, None] > steps).to(logits.dtype)
    losses = F.binary_cross_entropy_with_logits(logits, above, reduction="none")
    return (losses * asked).sum() / asked.sum()


LOSSES = {"binary": cross_entropy, "probability": squared_error, "coral": coral, "corn": corn}


def loss_of(head: str, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The loss of a head. Raises BadConfig on an unknown head."""
    if head not in LOSSES:
        raise BadConfig(f"head {head!r} has no loss: allowed are {', '.join(LOSSES)}")
    return LOSSES[head](logits, targets, weights)


def _mean(losses: Tensor, weights: Tensor) -> Tensor:
    return (losses * weights).sum() / weights.sum()
