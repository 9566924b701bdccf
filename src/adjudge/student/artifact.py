"""The artifact's manifest, `adjudge.json`, and its guard: a torn or edited folder is refused.

No torch, no onnxruntime: the scoring room reads artifacts through this file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adjudge.config import check_range, from_dict, to_dict
from adjudge.errors import BadArtifact, BadConfig
from adjudge.student.calibrate import Calibration, sigmoid

MANIFEST = "adjudge.json"
FORMAT = 1
KIND = "cross-encoder"
DECIDING = ("config.json", "model.safetensors", "tokenizer.json", "onnx/model.onnx")
"""The files that, with the manifest's head, calibration and length, decide a score."""
UNSET = "default 0.5; not yet set by click retention"


@dataclass(frozen=True)
class Threshold:
    """Where a threshold comes from: `retention` is the share of clicks it keeps, where clicks set it."""

    how: str = UNSET
    retention: float | None = None


@dataclass(frozen=True)
class Manifest:
    """`adjudge.json` of a cross-encoder (design/0001). `config` is complete; `metrics` are of the dev split."""

    kind: str
    format: int
    model_version: str
    threshold: float | None
    calibration: Calibration
    head: str
    max_length: int
    recipe: str = ""
    threshold_by: Threshold = Threshold()
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def scores(logits: np.ndarray, head: str, calibration: Calibration) -> np.ndarray:
    """Logits (rows, outputs) to scores (rows,) in [0, 1]: what `adjudge score` writes.

    One logit: sigmoid(a x logit + b). Ordinal heads: the expected step over the highest one, which is the mean
    of P(step > k): CORAL's logits give these, CORN's give P(step > k | step >= k), to be multiplied up.
    Logits (ln 3, 0) are probabilities (.75, .5): CORAL (.75 + .5) / 2 = 0.625, CORN (.75 + .375) / 2 = 0.5625.
    """
    above = sigmoid(calibration.a * np.asarray(logits, np.float64) + calibration.b)
    if head == "corn":
        above = np.cumprod(above, axis=1)
    return above.mean(axis=1)


def read(folder: Path) -> Manifest:
    """The manifest of a cross-encoder's folder. Raises BadArtifact on anything but a readable, known one."""
    values = read_any(folder)
    if values.get("kind") != KIND:
        raise BadArtifact(f"{folder} holds a {values.get('kind')!r} model; allowed here is {KIND!r}")
    if values.get("format") != FORMAT:
        raise BadArtifact(
            f"{folder} has artifact format {values.get('format')!r}; allowed is {FORMAT}. Update adjudge or train again."
        )
    try:
        return from_dict(Manifest, values)
    except BadConfig as error:
        raise BadArtifact(
            f"{folder / MANIFEST} is not a manifest: {error}. Train the model again."
        ) from error


def read_any(folder: Path) -> dict[str, Any]:
    """`adjudge.json` of an artifact of any kind, as it stands. Raises BadArtifact where it cannot be read."""
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadArtifact(
            f"{folder} is not an artifact: {path} cannot be read ({error}). An artifact is a folder written by: "
            "adjudge train"
        ) from error
    if not isinstance(values, dict) or "kind" not in values:
        raise BadArtifact(f"{path} is not a manifest: it has no 'kind'. Train the model again.")
    return values


def guard(folder: Path) -> Manifest:
    """The manifest, after checking that the files that decide a score are those it was written with."""
    manifest = read(folder)
    missing = [name for name in DECIDING if not (folder / name).is_file()]
    if missing:
        raise BadArtifact(f"{folder} is incomplete: {', '.join(missing)} missing. Copy or train it again.")
    found = version_of(folder, manifest)
    if found != manifest.model_version:
        raise BadArtifact(
            f"{folder} was changed after it was written: its files hash to {found}, its manifest says "
            f"{manifest.model_version}. Copy or train it again."
        )
    return manifest


def version_of(folder: Path, manifest: Manifest) -> str:
    """12 hex digits of SHA-256 over the deciding files and the manifest's deciding values."""
    calibration = to_dict(manifest.calibration)
    deciding = [manifest.kind, manifest.format, manifest.head, manifest.max_length, calibration]
    digest = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode())
    for name in DECIDING:
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def write(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest, its `model_version` computed from the folder's files; returns it as written."""
    manifest = dataclasses.replace(manifest, model_version=version_of(folder, manifest))
    _swap(folder, to_dict(manifest))
    return manifest


def set_threshold(folder: Path, threshold: float, retention: float | None, how: str) -> None:
    """Set the threshold of an artifact of any kind; `model_version` stays, as no score changes."""
    values = read_any(folder)
    check_range("artifact", "threshold", threshold, -1e9, 1e9)
    values["threshold"] = float(threshold)
    values["threshold_by"] = to_dict(Threshold(how, retention))
    _swap(folder, values)


def _swap(folder: Path, values: dict[str, Any]) -> None:
    fresh = folder / f"{MANIFEST}.new"
    fresh.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(fresh, folder / MANIFEST)
