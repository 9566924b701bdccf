"""What is a cross-encoder's own in an artifact: its files, and how logits become a score. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adjudge import manifest
from adjudge.manifest import Manifest
from adjudge.stats.calibration import Calibration, sigmoid

KIND = "cross-encoder"
DECIDING = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "onnx/model.onnx",
    "onnx/first.onnx",
    "onnx/rest.onnx",
)
"""The files that decide a score."""


def guard(folder: Path) -> Manifest:
    """The manifest of a cross-encoder's folder, its files checked. Raises BadArtifact."""
    return manifest.guard(folder, (KIND,))


def read(folder: Path) -> Manifest:
    """The manifest of a cross-encoder's folder, its files unchecked. Raises BadArtifact."""
    return manifest.read(folder, (KIND,))


def above(logits: np.ndarray, head: str, calibration: Calibration) -> np.ndarray:
    """Logits (rows, outputs) to P(step > k), float64 (rows, outputs); of one output P(relevant).

    CORAL's logits give them one by one, CORN's give P(step > k | step >= k), to be multiplied up. Logits (ln
    3, 0) are probabilities (.75, .5): CORAL (.75, .5), CORN (.75, .375).
    """
    chances = sigmoid(calibration.a * np.asarray(logits, np.float64) + calibration.b)
    return np.cumprod(chances, axis=1) if head == "corn" else chances


def scores(logits: np.ndarray, head: str, calibration: Calibration) -> np.ndarray:
    """Logits (rows, outputs) to scores (rows,) in [0, 1]: what `adjudge score` writes.

    One logit: sigmoid(a x logit + b). Ordinal heads: the expected step over the highest one, which is the
    mean of P(step > k). Logits (ln 3, 0): CORAL (.75 + .5) / 2 = 0.625, CORN (.75 + .375) / 2 = 0.5625.
    """
    return above(logits, head, calibration).mean(axis=1)
