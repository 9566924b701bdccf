"""Scoring with a split student: states once a distinct text, kept between calls; only the crossing is per pair.

distinct texts -> lower layers -> states (rounded to float16, so that kept and fresh ones are the same)
keyphrases     -> queries, own share, weight of each token, kept ready
items          -> keys and values, made anew for each call from their states (they are four times as large)
pairs          -> blocks (split_blocks) of one item each -> logits -> calibrated scores
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from adjudge.config import check_range
from adjudge.errors import BadConfig
from adjudge.manifest import Manifest
from adjudge.scoring.graphs import open_graph
from adjudge.scoring.split.blocks import PAIRS, Blocks, build, runs, spans
from adjudge.scoring.split.cache import Found, Kept, Rows
from adjudge.scoring.split.columns import Columns, columns_of
from adjudge.student import split_artifact
from adjudge.student.artifact import above
from adjudge.student.encode import Ids, Specials, batches, load_tokenizer, specials
from adjudge.student.settings import StudentSettings
from adjudge.student.split_text import ASKING_FRAME, FRAME, framed, lengths, tokenised

BATCH_TOKENS = 2048
TOKENS_ALIKE = 16
"""The weight of a token is a product of a matrix and a vector: onnxruntime takes rows by 16 and the rest in another way,
with another last bit. Filled up to 16s, all tokens go the same way, and a score depends on its pair alone."""
KEPT_MB = 512
ITEMS_SHARE = 0.25
"""Of what may be kept; the rest is for keyphrases, which come back more often than items do."""
MB = 2**20


class Store(Protocol):
    """States that were computed ahead: `split_states.Stored`."""

    @property
    def about(self) -> Any: ...

    def find(self, texts: list[str]) -> list[np.ndarray | None]: ...

    def alike(self, states: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class SplitScorer:
    """A split student's artifact, opened for scoring. Safe to share between threads."""

    manifest: Manifest
    settings: StudentSettings
    graphs: dict[str, Any]
    tokenizer: Any
    special: Specials
    workers: int
    batch_tokens: int
    keyphrases: Kept
    items: Kept
    stored: tuple[Store | None, Store | None] = (None, None)
    """States on disk of keyphrases and of items (split_states)."""

    @property
    def version(self) -> str:
        """The artifact's, and the sides whose kept states are int8 (`+int8-items`): those scores are others."""
        rounded = [f"-{s.about.side}" for s in self.stored if s is not None and s.about.dtype == "int8"]
        return self.manifest.model_version + (f"+int8{''.join(rounded)}" if rounded else "")

    @property
    def threshold(self) -> float | None:
        return self.manifest.threshold

    def score(self, pairs: pa.Table) -> np.ndarray:
        """Calibrated scores in [0, 1], float64 (rows,), in the order of `pairs`: the mean of `above`.

        `pairs` has item_id, keyphrase, title and optionally category, as strings or dictionaries of them. NaN where
        a title, keyphrase or item_id is null or blank. A pair's score does not depend on its neighbours, to the last bit.
        """
        return self.above(pairs).mean(axis=1)

    def above(self, pairs: pa.Table) -> np.ndarray:
        """P(step > k), float64 (rows, outputs): one output for a plain head, K - 1 for an ordinal one; NaN as above."""
        columns = columns_of(pairs)
        result = np.full((len(pairs), self.settings.outputs), np.nan)
        if len(columns.able):
            found = above(self._logits(columns), self.manifest.head, self.manifest.calibration)
            result[columns.able] = found
        return result

    def _logits(self, columns: Columns) -> np.ndarray:
        """Logits (able rows, outputs)."""
        asking = self.keyphrases.find(columns.keyphrases, self._asks)
        telling = self.items.find(columns.items, self._states_of_items)
        # Items of one length stand together, an item's pairs side by side.
        rank = np.argsort(np.argsort(telling.lengths, kind="stable"), kind="stable")
        ranked = rank[columns.item_of]
        order = np.argsort(ranked, kind="stable")
        keyphrase = columns.keyphrase_of[order]
        blocks = build(
            order,
            columns.item_of[order],
            asking.starts[keyphrase],
            asking.lengths[keyphrase],
            asking.columns[-1],
        )
        result = np.empty((len(order), self.settings.outputs), np.float32)
        result[order] = self._cross(blocks, asking, telling)
        return result

    def _cross(self, blocks: Blocks, asking: Found, telling: Found) -> np.ndarray:
        """Logits (pairs in the order of the blocks, outputs)."""
        names = [f"queries_{head}" for head in range(self.settings.split.heads)] + ["own"]
        tables = dict(zip(names, asking.columns[:-1], strict=True))

        def run(span: tuple[slice, Ids]) -> np.ndarray:
            whole, place = span
            items, rows, pool = blocks.item[whole], blocks.rows[whole], blocks.pool[whole]
            keys, values = self._told(telling, items[np.flatnonzero(np.diff(place, prepend=-1))])
            told = {**tables, "keys": keys, "values": values}
            found = [
                self.graphs["cross"].run(
                    None, {**told, "rows": rows[part], "items": place[part], "pool": pool[part]}
                )[0]
                for part in runs(len(rows))
            ]
            return np.concatenate(found)

        parts = spans(blocks.item, telling.lengths[blocks.item])
        if self.workers == 1:
            found = [run(span) for span in parts]
        else:
            with ThreadPoolExecutor(self.workers) as pool:
                found = list(pool.map(run, parts))
        return np.concatenate(found).reshape(len(blocks.item) * PAIRS, -1)[blocks.at]

    def _told(self, telling: Found, items: Ids) -> list[np.ndarray]:
        """Keys and values of items of one length."""
        rows = telling.starts[items][:, None] + np.arange(telling.lengths[items[0]])
        return self.graphs["told"].run(None, {"states": telling.columns[0][rows].astype(np.float32)})

    def states(self, texts: list[str], item: bool) -> Rows:
        """States, float16 (all tokens, width), and tokens of each text; a keyphrase's [SEP], which asks nothing, is
        left out. `texts` are as `split_columns` spells them; those in a store are read and not computed, all others are
        rounded as the store rounds: which texts it holds changes no score."""
        store = self.stored[int(item)]
        if store is None:
            return self._computed(texts, item)
        kept = store.find(texts)
        missing = [text for text, found in zip(texts, kept, strict=True) if found is None]
        lengths, (states,) = self._computed(missing, item)
        made = iter(np.split(store.alike(states), np.cumsum(lengths)[:-1]))
        whole = [next(made) if found is None else found for found in kept]
        return np.array([len(one) for one in whole], np.int64), [np.concatenate(whole)]

    def _computed(self, texts: list[str], item: bool) -> Rows:
        most = split_artifact.limits(self.settings)[int(item)]
        coded = tokenised(self.tokenizer, pa.array(texts, pa.string()), most)
        whole = lengths(coded, most)
        kept = whole if item else whole - FRAME + ASKING_FRAME
        starts = np.cumsum(kept) - kept
        result = np.empty((int(kept.sum()), self.width), np.float16)

        def run(rows: Ids) -> None:
            ids, _ = framed(coded, rows, most, self.special)
            found = self.graphs["lower"].run(None, {"ids": ids, "types": np.full_like(ids, int(item))})[0]
            size = int(kept[rows[0]])
            result[starts[rows][:, None] + np.arange(size)] = found[:, :size]

        with ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(run, batches(whole, self.batch_tokens, exact=True)))
        return kept, [result]

    @property
    def width(self) -> int:
        """Of the lower layers' states."""
        return int(self.graphs["lower"].get_outputs()[0].shape[-1])

    def _states_of_items(self, texts: list[str]) -> Rows:
        return self.states(texts, True)

    def _asks(self, texts: list[str]) -> Rows:
        kept, (states,) = self.states(texts, False)
        parts = []
        for at in range(0, len(states), BATCH_TOKENS):
            some = states[at : at + BATCH_TOKENS].astype(np.float32)
            whole = np.pad(some, ((0, -len(some) % TOKENS_ALIKE), (0, 0)))
            parts.append([found[: len(some)] for found in self.graphs["asks"].run(None, {"states": whole})])
        return kept, [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def load(
    artifact: Path,
    workers: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    kept_mb: int = KEPT_MB,
    states: Sequence[Path] = (),
) -> SplitScorer:
    """Open a split student's folder. `workers` 0 = one a core; `states`: folders of `adjudge states`.

    Raises BadArtifact if it is torn or edited, or if states are another model's.
    """
    check_range("scoring", "workers", workers, 0, 1024)
    check_range("scoring", "batch_tokens", batch_tokens, 1, 10**7)
    check_range("scoring", "kept_mb", kept_mb, 0, 10**7)
    manifest, settings = split_artifact.guard(artifact)
    tokenizer = load_tokenizer(artifact)
    return SplitScorer(
        manifest=manifest,
        settings=settings,
        graphs={name: open_graph(artifact / "onnx" / f"{name}.onnx") for name in split_artifact.GRAPHS},
        tokenizer=tokenizer,
        special=specials(tokenizer),
        workers=workers or len(os.sched_getaffinity(0)),
        batch_tokens=batch_tokens,
        keyphrases=Kept(int((1 - ITEMS_SHARE) * kept_mb * MB)),
        items=Kept(int(ITEMS_SHARE * kept_mb * MB)),
        stored=_stored(states, manifest.model_version),
    )


def _stored(folders: Sequence[Path], version: str) -> tuple[Store | None, Store | None]:
    from adjudge.scoring.split.store import Stored

    found: dict[str, Store] = {}
    for folder in folders:
        opened = Stored(folder, version)
        if opened.about.side in found:
            raise BadConfig(
                f"states: two folders of {opened.about.side}; allowed is one a side. Drop {folder}."
            )
        found[opened.about.side] = opened
    return found.get("keyphrases"), found.get("items")
