"""The split student's scorer: states once per distinct text, kept between calls; only the crossing is per
pair.

distinct texts -> lower layers -> states (rounded to float16, so that kept and fresh ones are the same)
keyphrases     -> queries, own share, weight of each token, kept ready
items          -> keys and values, made anew for each call from their states (they are four times as large)
pairs          -> blocks (split/blocks) of one item each -> logits -> calibrated scores
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from adjudge.manifest import Manifest
from adjudge.scoring.core import WorkerThreads
from adjudge.scoring.split.blocks import PAIRS, Blocks, build, runs, spans
from adjudge.scoring.split.cache import CachedRows, Rows, TextCache
from adjudge.scoring.split.columns import TextColumns, columns_of
from adjudge.student import split_artifact
from adjudge.student.artifact import above
from adjudge.student.encode import Ids, Specials, batches
from adjudge.student.settings import StudentSettings
from adjudge.student.split_text import ASKING_FRAME, FRAME, framed, lengths, tokenised

ASKING_TOKENS = 2048
"""Tokens of keyphrases whose queries are made at a time."""
TOKENS_ALIKE = 16
"""The weight of a token is a product of a matrix and a vector: onnxruntime takes rows by 16 and the rest in
another way, with another last bit. Filled up to 16s, all tokens go the same way, and a score depends on its
pair alone."""


class PrecomputedStates(Protocol):
    """States that were computed ahead: `split.store.StateStore`."""

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
    workers: WorkerThreads
    batch_tokens: int
    keyphrases: TextCache
    items: TextCache
    stored: tuple[PrecomputedStates | None, PrecomputedStates | None] = (None, None)
    """States on disk of keyphrases and of items."""

    @property
    def version(self) -> str:
        """The artifact's, and the sides whose kept states are int8 (`+int8-items`): those scores are
        others."""
        rounded = [f"-{s.about.side}" for s in self.stored if s is not None and s.about.dtype == "int8"]
        return self.manifest.model_version + (f"+int8{''.join(rounded)}" if rounded else "")

    @property
    def threshold(self) -> float | None:
        return self.manifest.threshold

    def score(self, pairs: pa.Table) -> np.ndarray:
        """Calibrated scores in [0, 1], float64 (rows,), in the order of `pairs`: the mean of `above`.

        `pairs` has item_id, keyphrase, title and optionally category, as strings or dictionaries of them. NaN
        if a title, keyphrase or item_id is null or blank. A pair's score does not depend on its
        neighbours, to the last bit.
        """
        return self.above(pairs).mean(axis=1)

    def above(self, pairs: pa.Table) -> np.ndarray:
        """P(step > k), float64 (rows, outputs): one output for a plain head, K - 1 for an ordinal one; NaN
        as above."""
        columns = columns_of(pairs)
        result = np.full((len(pairs), self.settings.outputs), np.nan)
        if len(columns.able):
            logits = self._logits(columns)
            result[columns.able] = above(logits, self.manifest.section.head, self.manifest.calibration)
        return result

    def _logits(self, columns: TextColumns) -> np.ndarray:
        """Logits (able rows, outputs)."""
        keyphrases = self.keyphrases.find(columns.keyphrases, self._queries)
        items = self.items.find(columns.items, self._states_of_items)
        # Items of one length stand together, an item's pairs side by side.
        rank = np.argsort(np.argsort(items.lengths, kind="stable"), kind="stable")
        ranked = rank[columns.item_of]
        order = np.argsort(ranked, kind="stable")
        keyphrase = columns.keyphrase_of[order]
        blocks = build(
            order,
            columns.item_of[order],
            keyphrases.starts[keyphrase],
            keyphrases.lengths[keyphrase],
            keyphrases.columns[-1],
        )
        result = np.empty((len(order), self.settings.outputs), np.float32)
        result[order] = self._cross(blocks, keyphrases, items)
        return result

    def _cross(self, blocks: Blocks, keyphrases: CachedRows, items: CachedRows) -> np.ndarray:
        """Logits (pairs in the order of the blocks, outputs)."""
        names = [f"queries_{head}" for head in range(self.settings.split.heads)] + ["own"]
        tables = dict(zip(names, keyphrases.columns[:-1], strict=True))

        def run(span: tuple[slice, Ids]) -> np.ndarray:
            whole, number = span
            item, rows, pool = blocks.item[whole], blocks.rows[whole], blocks.pool[whole]
            keys, values = self._keys_values(items, item[np.flatnonzero(np.diff(number, prepend=-1))])
            fixed = {**tables, "keys": keys, "values": values}
            logits = [
                self.graphs["cross"].run(
                    None, {**fixed, "rows": rows[piece], "items": number[piece], "pool": pool[piece]}
                )[0]
                for piece in runs(len(rows))
            ]
            return np.concatenate(logits)

        logits = list(self.workers.map(run, spans(blocks.item, items.lengths[blocks.item])))
        return np.concatenate(logits).reshape(len(blocks.item) * PAIRS, -1)[blocks.at]

    def _keys_values(self, cached: CachedRows, items: Ids) -> list[np.ndarray]:
        """Keys and values of items of one length."""
        rows = cached.starts[items][:, None] + np.arange(cached.lengths[items[0]])
        return self.graphs["told"].run(None, {"states": cached.columns[0][rows].astype(np.float32)})

    def states(self, texts: list[str], item: bool) -> Rows:
        """States, float16 (all tokens, width), and tokens of each text.

        A keyphrase's [SEP], which asks nothing, is left out. `texts` are as `split.columns` spells them;
        those in a store are read and not computed, all others are rounded as the store rounds: which texts it
        holds changes no score.
        """
        store = self.stored[int(item)]
        if store is None:
            return self._computed(texts, item)
        stored = store.find(texts)
        missing = [text for text, states in zip(texts, stored, strict=True) if states is None]
        lengths, (computed,) = self._computed(missing, item)
        fresh = iter(np.split(store.alike(computed), np.cumsum(lengths)[:-1]))
        whole = [next(fresh) if states is None else states for states in stored]
        return np.array([len(states) for states in whole], np.int64), [np.concatenate(whole)]

    def _computed(self, texts: list[str], item: bool) -> Rows:
        most = split_artifact.limits(self.settings)[int(item)]
        coded = tokenised(self.tokenizer, pa.array(texts, pa.string()), most)
        whole = lengths(coded, most)
        used = whole if item else whole - FRAME + ASKING_FRAME
        starts = np.cumsum(used) - used
        result = np.empty((int(used.sum()), self.width), np.float16)

        def run(rows: Ids) -> None:
            ids, _ = framed(coded, rows, most, self.special)
            states = self.graphs["lower"].run(None, {"ids": ids, "types": np.full_like(ids, int(item))})[0]
            size = int(used[rows[0]])
            result[starts[rows][:, None] + np.arange(size)] = states[:, :size]

        list(self.workers.map(run, batches(whole, self.batch_tokens, exact=True)))
        return used, [result]

    @property
    def width(self) -> int:
        """Of the lower layers' states."""
        return int(self.graphs["lower"].get_outputs()[0].shape[-1])

    def _states_of_items(self, texts: list[str]) -> Rows:
        return self.states(texts, True)

    def _queries(self, texts: list[str]) -> Rows:
        tokens, (states,) = self.states(texts, False)
        batches = []
        for begin in range(0, len(states), ASKING_TOKENS):
            some = states[begin : begin + ASKING_TOKENS].astype(np.float32)
            padded = np.pad(some, ((0, -len(some) % TOKENS_ALIKE), (0, 0)))
            outputs = self.graphs["asks"].run(None, {"states": padded})
            batches.append([output[: len(some)] for output in outputs])
        return tokens, [np.concatenate(columns) for columns in zip(*batches, strict=True)]
