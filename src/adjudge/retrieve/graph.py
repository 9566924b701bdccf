"""Bipartite graph of words and keyphrases, on disk and in memory.

For each category and each word there: the keyphrases that hold the word (compressed sparse rows). Keyphrases
are numbered in the order that breaks ties: searched most, then shown with fewest items, then by text.
Category 0 is the whole graph: every keyphrase, whatever its category.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.config import from_dict, to_dict
from adjudge.errors import BadArtifact, BadConfig
from adjudge.manifest import hash_of
from adjudge.retrieve.settings import GraphSettings
from adjudge.storage.files import discard, move_in, write_json

MANIFEST, FORMAT, KIND = "graph.json", 1, "keyphrase-graph"
TEXTS = ("phrases", "words", "categories")
NUMBERS = ("lengths", "keys", "starts", "edges")
WHOLE = 0


@dataclass(frozen=True)
class GraphManifest:
    """`graph.json`: files lie in the folder `version`, which is a hash of them and of the settings."""

    kind: str = KIND
    format: int = FORMAT
    version: str = ""
    settings: GraphSettings = field(default_factory=GraphSettings)
    counts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """`phrases` (P texts), `lengths` (P,) distinct words of each; `words` and `categories` number their
    texts; `keys` (K,) int64 sorted: category * len(words) + word; `edges[starts[k]:starts[k + 1]]` int32,
    rising: the keyphrases of that category that hold that word."""

    about: GraphManifest
    phrases: pa.Array
    words: dict[str, int]
    categories: dict[str, int]
    lengths: np.ndarray
    keys: np.ndarray
    starts: np.ndarray
    edges: np.ndarray


def save(graph: Graph, out: Path) -> Graph:
    """Write a graph; `out` shows the old graph until the new one is whole. Returns it with its version."""
    about = GraphManifest(settings=graph.about.settings, counts=graph.about.counts)
    texts = {
        "phrases": graph.phrases,
        "words": pa.array(list(graph.words), pa.string()),
        "categories": pa.array(list(graph.categories), pa.string()),
    }
    # The folder's final name is a hash of its files, so they are written first and moved in afterwards.
    unnamed = out / ".unnamed"
    discard(unnamed)
    unnamed.mkdir(parents=True)
    for name in TEXTS:
        pq.write_table(pa.table({name: texts[name]}), unnamed / f"{name}.parquet", compression="zstd")
    for name in NUMBERS:
        np.save(unnamed / f"{name}.npy", getattr(graph, name))
    about = replace(about, version=_version(unnamed, about))
    move_in(unnamed, out / about.version)
    write_json(out / MANIFEST, to_dict(about))
    for folder in out.iterdir():
        if folder.is_dir() and folder.name != about.version:
            discard(folder)
    return replace(graph, about=about)


def load(folder: Path) -> Graph:
    """Open a graph; the numbers are mapped, not read. Raises BadArtifact if it is torn or was changed."""
    about = _about(folder)
    inner = folder / about.version
    missing = [name for name in _files() if not (inner / name).is_file()]
    if missing:
        raise BadArtifact(f"{folder} is incomplete: {', '.join(missing)} missing. Copy or build it again.")
    version = _version(inner, about)
    if version != about.version:
        raise BadArtifact(
            f"{folder} was changed after it was written: its files hash to {version}, graph.json says "
            f"{about.version}. Copy or build it again."
        )
    phrases, words, categories = (
        pq.read_table(inner / f"{name}.parquet")[name].combine_chunks() for name in TEXTS
    )
    numbers = {name: np.load(inner / f"{name}.npy", mmap_mode="r") for name in NUMBERS}
    return Graph(about, phrases, _numbered(words), _numbered(categories), **numbers)


def _numbered(texts: pa.Array) -> dict[str, int]:
    return {text: number for number, text in enumerate(texts.to_pylist())}


def _files() -> list[str]:
    return [f"{name}.parquet" for name in TEXTS] + [f"{name}.npy" for name in NUMBERS]


def _version(folder: Path, about: GraphManifest) -> str:
    identity = json.dumps([about.kind, about.format, to_dict(about.settings)], sort_keys=True)
    return hashlib.sha256((identity + hash_of(folder, _files())).encode()).hexdigest()[:12]


def _about(folder: Path) -> GraphManifest:
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadArtifact(
            f"{folder} is not a graph: {path} cannot be read ({error}). Write one with: adjudge retrieve "
            f"build"
        ) from error
    if not isinstance(values, dict) or (values.get("kind"), values.get("format")) != (KIND, FORMAT):
        raise BadArtifact(
            f"{path} is not the manifest of a {KIND} of format {FORMAT}. Update adjudge or build it again."
        )
    try:
        return from_dict(GraphManifest, values)
    except BadConfig as error:
        raise BadArtifact(f"{path} is not a graph's manifest: {error}. Build the graph again.") from error
