"""Opening a split student's artifact for scoring, with the states that `adjudge states` computed for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from adjudge.errors import BadConfig
from adjudge.manifest import Manifest
from adjudge.scoring.core import WorkerThreads
from adjudge.scoring.graphs import open_graph
from adjudge.scoring.split.cache import TextCache
from adjudge.scoring.split.scorer import SplitScorer
from adjudge.scoring.split.store import StateStore
from adjudge.student import split_artifact
from adjudge.student.encode import load_tokenizer, specials

KEPT_MB = 512
ITEMS_SHARE = 0.25
"""Of what may be kept; the rest is for keyphrases, which come back more often than items do."""
MB = 2**20


def open_split(
    artifact: Path,
    manifest: Manifest,
    workers: int,
    batch_tokens: int,
    kept_mb: int = KEPT_MB,
    states: Sequence[Path] = (),
) -> SplitScorer:
    """A split student whose `manifest` was checked. states: folders of `adjudge states`.

    Raises BadArtifact if states are another model's.
    """
    tokenizer = load_tokenizer(artifact)
    return SplitScorer(
        manifest=manifest,
        settings=split_artifact.settings_of(artifact, manifest),
        graphs={name: open_graph(artifact / "onnx" / f"{name}.onnx") for name in split_artifact.GRAPHS},
        tokenizer=tokenizer,
        special=specials(tokenizer),
        workers=WorkerThreads(workers or len(os.sched_getaffinity(0))),
        batch_tokens=batch_tokens,
        keyphrases=TextCache(int((1 - ITEMS_SHARE) * kept_mb * MB)),
        items=TextCache(int(ITEMS_SHARE * kept_mb * MB)),
        stored=_open_stores(states, manifest.model_version),
    )


def _open_stores(folders: Sequence[Path], version: str) -> tuple[StateStore | None, StateStore | None]:
    stores: dict[str, StateStore] = {}
    for folder in folders:
        store = StateStore(folder, version)
        if store.about.side in stores:
            raise BadConfig(
                f"states: two folders of {store.about.side}; allowed is one per side. Drop {folder}."
            )
        stores[store.about.side] = store
    return stores.get("keyphrases"), stores.get("items")
