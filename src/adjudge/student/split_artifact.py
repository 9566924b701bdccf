"""What is a split student's own in an artifact: its files, and what its states are made with. No torch."""

from __future__ import annotations

from pathlib import Path

from adjudge import manifest
from adjudge.config import from_dict
from adjudge.errors import BadArtifact
from adjudge.manifest import Manifest
from adjudge.student.settings import StudentSettings

KIND = "split-encoder"
GRAPHS = ("lower", "asks", "told", "cross")
"""lower: ids -> states; asks: a keyphrase's states -> queries, own share, weight; told: an item's states ->
keys and
values; cross: blocks of pairs -> logits."""
DECIDING = (
    "config.json",
    "weights.safetensors",
    "tokenizer.json",
    *(f"onnx/{graph}.onnx" for graph in GRAPHS),
)


def guard(folder: Path) -> tuple[Manifest, StudentSettings]:
    """The manifest of a split student's folder, its files checked, and its settings. Raises BadArtifact."""
    checked = manifest.guard(folder, (KIND,))
    return checked, settings_of(folder, checked)


def settings_of(folder: Path, about: Manifest) -> StudentSettings:
    """The settings that a split student's manifest holds.

    Raises BadArtifact if they are another student's.
    """
    settings = from_dict(StudentSettings, about.config)
    if settings.kind != "split":
        raise BadArtifact(
            f"{folder}: its settings are of kind {settings.kind!r}; allowed is split. Train it again."
        )
    return settings


def limits(settings: StudentSettings) -> tuple[int, int]:
    """Tokens of its own that a keyphrase and an item keep: with max_length 64, an item keeps 62 and its
    frame."""
    return settings.split.keyphrase_tokens, settings.max_length - 2
