"""`adjudge.json`, the metadata of every artifact, and its guard: a torn or edited folder is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adjudge.config import check_range, from_dict, to_dict
from adjudge.errors import BadArtifact, BadConfig, did_you_mean
from adjudge.stats.calibration import Calibration, Cuts
from adjudge.storage.files import write_json

MANIFEST = "adjudge.json"
FORMAT = 1
UNSET = "default; not yet set by click retention"


@dataclass(frozen=True)
class Threshold:
    """Where a threshold comes from: `retention` is the share of clicks it keeps, where clicks set it."""

    how: str = UNSET
    retention: float | None = None


@dataclass(frozen=True)
class EncoderSection:
    """What manifests of encoders add. head: how logits become steps of a scale; max_length: of the input, in
    tokens."""

    head: str = "binary"
    max_length: int | None = None


@dataclass(frozen=True)
class CrossEncoderSection(EncoderSection):
    """precisions: the parity gate's verdicts (`scoring.precision`)."""

    precisions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BaselineSection:
    """Baselines add nothing."""


KINDS: dict[str, type] = {
    "cross-encoder": CrossEncoderSection,
    "split-encoder": EncoderSection,
    "jaccard": BaselineSection,
    "ctr": BaselineSection,
    "cosine": BaselineSection,
}
"""The kinds of models, and the section that each adds to the manifest."""
FLAT = to_dict(CrossEncoderSection())
"""Format 1 writes the fields of these sections beside the common ones, in the manifest of every kind."""
DECIDING = ("kind", "format", "head", "max_length", "calibration", "config", "files")
"""What `model_version` is a hash of, with the files' contents; another kind's deciding settings belong into
`config`."""


@dataclass(frozen=True)
class Manifest:
    """What an artifact says of itself (design/0001).

    `files` and `config` (complete settings, and what was learnt and fits in a line) decide a score, together
    with the other DECIDING values. `metrics` are of the dev split. `cuts` make a judge on a scale of several
    grades of a model with one score; scores do not depend on them. `section` is of the class that KINDS names
    for `kind`.
    """

    kind: str
    files: tuple[str, ...] = ()
    format: int = FORMAT
    model_version: str = ""
    threshold: float | None = None
    calibration: Calibration = field(default_factory=Calibration)
    recipe: str = ""
    threshold_by: Threshold = field(default_factory=Threshold)
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    cuts: Cuts | None = None
    section: Any = field(default_factory=BaselineSection)

    @property
    def values(self) -> dict[str, Any]:
        """As `adjudge.json` spells it."""
        common = to_dict(self)
        section = common.pop("section")
        return common | FLAT | section


def read_any(folder: Path) -> dict[str, Any]:
    """`adjudge.json` as it stands. Raises BadArtifact if it cannot be read."""
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadArtifact(
            f"{folder} is not an artifact: {path} cannot be read ({error}). An artifact is a folder written "
            "by: adjudge train"
        ) from error
    if not isinstance(values, dict) or "kind" not in values:
        raise BadArtifact(f"{path} is not a manifest: it has no 'kind'. Train the model again.")
    return values


def read(folder: Path, kinds: Iterable[str] = KINDS) -> Manifest:
    """The manifest of a model of one of `kinds`. Raises BadArtifact on anything but a readable, known one."""
    values = read_any(folder)
    allowed, kind = tuple(kinds), str(values["kind"])
    if kind not in allowed:
        raise BadArtifact(
            f"{folder} holds a model of kind {kind!r}; allowed here is {', '.join(allowed)}"
            f"{did_you_mean(kind, allowed)}. Give the folder of one, or train it: adjudge train (a newer "
            "adjudge may know more kinds)"
        )
    if values.get("format") != FORMAT:
        raise BadArtifact(
            f"{folder} has artifact format {values.get('format')!r}; allowed is {FORMAT}. Update adjudge or "
            "train again."
        )
    names = {field.name for field in dataclasses.fields(KINDS[kind])}
    common = {key: value for key, value in values.items() if key not in FLAT or value != FLAT[key]}
    section = {key: common.pop(key) for key in names if key in common}
    try:
        return from_dict(Manifest, {**common, "section": from_dict(KINDS[kind], section)})
    except BadConfig as error:
        raise BadArtifact(
            f"{folder / MANIFEST} is not a manifest: {error}. Train the model again."
        ) from error


def guard(folder: Path, kinds: Iterable[str] = KINDS) -> Manifest:
    """The manifest, after checking that the files that decide a score are those it was written with."""
    manifest = read(folder, kinds)
    missing = [name for name in manifest.files if not (folder / name).is_file()]
    if missing:
        raise BadArtifact(f"{folder} is incomplete: {', '.join(missing)} missing. Copy or train it again.")
    version = version_of(folder, manifest)
    if version != manifest.model_version:
        raise BadArtifact(
            f"{folder} was changed after it was written: its files hash to {version}, its manifest says "
            f"{manifest.model_version}. Copy or train it again."
        )
    return manifest


def version_of(folder: Path, manifest: Manifest) -> str:
    """12 hex digits of SHA-256 over the deciding files and the manifest's deciding values."""
    values = manifest.values
    digest = hashlib.sha256(json.dumps([values[name] for name in DECIDING], sort_keys=True).encode())
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
    write_json(folder / MANIFEST, manifest.values)
    return manifest


def set_threshold(folder: Path, threshold: float, retention: float | None, how: str) -> None:
    """Set the threshold of an artifact of any kind; `model_version` stays, as no score changes."""
    values = read_any(folder)
    check_range("artifact", "threshold", threshold, -1e9, 1e9)
    values["threshold"] = float(threshold)
    values["threshold_by"] = to_dict(Threshold(how, retention))
    write_json(folder / MANIFEST, values)


def set_cuts(folder: Path, cuts: Cuts) -> None:
    """Store the cut points by which an artifact judges on `cuts.scale`; `model_version` stays, as no score
    changes."""
    values = read_any(folder)
    values["cuts"] = to_dict(cuts)
    write_json(folder / MANIFEST, values)


def set_precisions(folder: Path, verdicts: dict[str, Any]) -> None:
    """Store the parity gate's verdicts by precision; `model_version` stays, as no score in float32
    changes."""
    values = read_any(folder)
    values["precisions"] = verdicts
    write_json(folder / MANIFEST, values)
