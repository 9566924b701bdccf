"""A baseline's folder: `adjudge.json` (design/0001) and the files that, with it, decide a score."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adjudge.config import from_dict, to_dict
from adjudge.errors import BadArtifact, BadConfig

MANIFEST = "adjudge.json"
FORMAT = 1


@dataclass(frozen=True)
class Calibration:
    """score = sigmoid(a * logit + b); a > 0, so that the order of scores never changes."""

    a: float = 1.0
    b: float = 0.0


@dataclass(frozen=True)
class Manifest:
    """`adjudge.json` of a baseline. `files`: those that decide a score, relative to the folder. `settings` are
    complete; `config` also holds what was learnt and fits in a line."""

    kind: str
    format: int
    model_version: str
    threshold: float | None
    calibration: Calibration
    head: str = "binary"
    max_length: int | None = None
    recipe: str = ""
    files: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    threshold_by: dict[str, Any] = field(default_factory=dict)


def write(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest with its `model_version` computed; last, so that a torn folder is no artifact."""
    values = {**to_dict(manifest), "model_version": version_of(folder, manifest)}
    fresh = folder / f"{MANIFEST}.new"
    fresh.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(fresh, folder / MANIFEST)
    return from_dict(Manifest, values)


def read(folder: Path) -> Manifest:
    """The manifest, after checking that the folder's files are those it was written with.

    Raises BadArtifact on a folder that is no artifact, is incomplete, was changed, or is of another format.
    """
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadArtifact(
            f"{folder} is not an artifact: {path} cannot be read ({error}). Fit the model again."
        ) from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        seen = values.get("format") if isinstance(values, dict) else type(values).__name__
        raise BadArtifact(
            f"{path} has artifact format {seen!r}; allowed is {FORMAT}. Update adjudge or fit again."
        )
    try:
        manifest = from_dict(Manifest, values)
    except BadConfig as error:
        raise BadArtifact(f"{path} is not a baseline's manifest: {error}. Fit the model again.") from error
    missing = [name for name in manifest.files if not (folder / name).is_file()]
    if missing:
        raise BadArtifact(f"{folder} is incomplete: {', '.join(missing)} missing. Copy or fit it again.")
    found = version_of(folder, manifest)
    if found != manifest.model_version:
        raise BadArtifact(
            f"{folder} was changed after it was written: it hashes to {found}, its manifest says "
            f"{manifest.model_version}. Copy or fit it again."
        )
    return manifest


def version_of(folder: Path, manifest: Manifest) -> str:
    """12 hex digits of SHA-256 over the deciding files and the manifest's deciding values."""
    deciding = [manifest.kind, manifest.format, to_dict(manifest.calibration), manifest.config]
    digest = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode())
    digest.update(hash_of(folder, manifest.files).encode())
    return digest.hexdigest()[:12]


def hash_of(folder: Path, names: tuple[str, ...]) -> str:
    """SHA-256 over the named files of a folder, in that order, as hex digits."""
    digest = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as file:
            digest.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def settings_of(cls: type[Any], config: Mapping[str, Any]) -> Any:
    """The settings a manifest's config holds."""
    return from_dict(cls, config["settings"])
