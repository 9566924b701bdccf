"""`adjudge.json`, in every artifact whatever its model, and its guard: a torn or edited folder is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adjudge.config import check_range, from_dict, to_dict
from adjudge.errors import BadArtifact, BadConfig
from adjudge.stats.calibration import Calibration, Cuts

MANIFEST = "adjudge.json"
FORMAT = 1
UNSET = "default; not yet set by click retention"


@dataclass(frozen=True)
class Threshold:
    """Where a threshold comes from: `retention` is the share of clicks it keeps, where clicks set it."""

    how: str = UNSET
    retention: float | None = None


@dataclass(frozen=True)
class Manifest:
    """What an artifact says of itself (design/0001).

    `files` and `config` (complete settings, and what was learnt and fits in a line) decide a score, together with
    kind, head, max_length and calibration: `model_version` is a hash of them. `metrics` are of the dev split. `cuts`
    make a judge on a scale of several grades of a model with one score; scores do not depend on them. `precisions`
    holds the parity gate's verdicts (`scoring.precision`).
    """

    kind: str
    files: tuple[str, ...] = ()
    format: int = FORMAT
    model_version: str = ""
    threshold: float | None = None
    calibration: Calibration = field(default_factory=Calibration)
    head: str = "binary"
    max_length: int | None = None
    recipe: str = ""
    threshold_by: Threshold = field(default_factory=Threshold)
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    cuts: Cuts | None = None
    precisions: dict[str, Any] = field(default_factory=dict)


def read_any(folder: Path) -> dict[str, Any]:
    """`adjudge.json` as it stands. Raises BadArtifact where it cannot be read."""
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


def read(folder: Path, kinds: Iterable[str]) -> Manifest:
    """The manifest of a model of one of `kinds`. Raises BadArtifact on anything but a readable, known one."""
    values = read_any(folder)
    allowed = tuple(kinds)
    if values.get("kind") not in allowed:
        raise BadArtifact(
            f"{folder} holds a {values.get('kind')!r} model; allowed here is {', '.join(allowed)}. Give the folder of one, or "
            "train it: adjudge train"
        )
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


def guard(folder: Path, kinds: Iterable[str]) -> Manifest:
    """The manifest, after checking that the files that decide a score are those it was written with."""
    manifest = read(folder, kinds)
    missing = [name for name in manifest.files if not (folder / name).is_file()]
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
    names = ("kind", "format", "head", "max_length", "calibration", "config", "files")
    values = to_dict(manifest)
    digest = hashlib.sha256(json.dumps([values[name] for name in names], sort_keys=True).encode())
    digest.update(hash_of(folder, manifest.files).encode())
    return digest.hexdigest()[:12]


def hash_of(folder: Path, names: Iterable[str]) -> str:
    """SHA-256 over the named files of a folder, in that order, as hex digits."""
    digest = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as file:
            digest.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def write(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest with its `model_version` computed; last, so that a torn folder is no artifact."""
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


def set_cuts(folder: Path, cuts: Cuts) -> None:
    """Store the cut points by which an artifact judges on `cuts.scale`; `model_version` stays, as no score changes."""
    values = read_any(folder)
    values["cuts"] = to_dict(cuts)
    _swap(folder, values)


def set_precisions(folder: Path, verdicts: dict[str, Any]) -> None:
    """Store the parity gate's verdicts by precision; `model_version` stays, as no score in float32 changes."""
    values = read_any(folder)
    values["precisions"] = verdicts
    _swap(folder, values)


def _swap(folder: Path, values: dict[str, Any]) -> None:
    fresh = folder / f"{MANIFEST}.new"
    fresh.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(fresh, folder / MANIFEST)
