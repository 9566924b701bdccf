"""The scoring core: a table of pairs in, scores out.

Every distinct text is tokenised once, pairs are put together in numpy, batches hold pairs of one length
under a token budget, and each runs on one thread; `workers` of them run at a time (`runners`).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.config import check_range
from adjudge.manifest import Manifest
from adjudge.scoring.precision.choose import EXACT, choose, version_in
from adjudge.scoring.precision.cpu import units
from adjudge.scoring.runners import Runner, open_runner
from adjudge.student.artifact import above, guard
from adjudge.student.encode import Ids, Specials, batches, encode, load_tokenizer, specials
from adjudge.student.settings import ORDINAL
from adjudge.student.text import text_columns, unscorable

BATCH_TOKENS = 2048
"""512 to 4096 are alike on CPUs; larger batches leave the cache (design/0016)."""


class Scorer(Protocol):
    """What scores pairs, whatever the model. `score` gives float64 of shape (rows,), NaN where it cannot."""

    @property
    def version(self) -> str: ...

    @property
    def threshold(self) -> float | None: ...

    def score(self, pairs: pa.Table) -> np.ndarray: ...


@dataclass(frozen=True)
class CrossEncoderScorer:
    """A cross-encoder's artifact, opened for scoring. Safe to share between threads."""

    manifest: Manifest
    precision: str
    runner: Runner
    tokenizer: Any
    special: Specials
    workers: int
    batch_tokens: int

    @property
    def version(self) -> str:
        return version_in(self.manifest, self.precision)

    @property
    def threshold(self) -> float | None:
        return self.manifest.threshold

    def score(self, pairs: pa.Table) -> np.ndarray:
        """Calibrated scores in [0, 1], float64 (rows,), in the order of `pairs`: the mean of `above`.

        `pairs` has item_id, keyphrase, title and optionally category. NaN where a title, keyphrase or
        item_id is null or blank. A pair's score does not depend on the other pairs of the table.
        """
        return self.above(pairs).mean(axis=1)

    def above(self, pairs: pa.Table) -> np.ndarray:
        """P(step > k), float64 (rows, outputs): one output for a plain head, K - 1 for an ordinal one; NaN as above."""
        able = pc.is_null(unscorable(pairs))
        found = self._above(pairs.filter(able))
        result = np.full((len(pairs), found.shape[1]), np.nan)
        result[able.to_numpy(zero_copy_only=False)] = found
        return result

    def _above(self, pairs: pa.Table) -> np.ndarray:
        first, second = text_columns(pairs)
        encoded = encode(self.tokenizer, first, second, cast(int, self.manifest.max_length))
        lengths = encoded.lengths
        cuts = batches(lengths, self.batch_tokens, exact=True)
        # A product of one row takes another kernel, whose last bit differs: a pair on its own runs twice, so that a
        # score is the same to the last bit whatever its neighbours (a full run equals yesterday's plus a diff).
        cuts = [np.repeat(rows, 2) if len(rows) == 1 else rows for rows in cuts]
        groups = self.runner.plan(lengths, cuts)

        def run(group: list[Ids]) -> list[np.ndarray]:
            return self.runner.run(encoded, self.special, group)

        result = np.empty((len(pairs), self.outputs))
        with ThreadPoolExecutor(self.workers) as pool:
            for group, found in zip(groups, pool.map(run, groups), strict=True):
                for rows, logits in zip(group, found, strict=True):
                    result[rows] = above(logits, self.manifest.head, self.manifest.calibration)
        return result

    @property
    def outputs(self) -> int:
        """Logits a pair: one, or one less than the levels of an ordinal head."""
        return int(self.manifest.config["levels"]) - 1 if self.manifest.head in ORDINAL else 1


def load(
    artifact: Path, workers: int = 0, batch_tokens: int = BATCH_TOKENS, precision: str = EXACT
) -> CrossEncoderScorer:
    """Open a cross-encoder's folder. `workers` 0 = one a core.

    `precision` is `fp32` (the model's own scores), `int8`, `bf16` or `mixed` (where the artifact's parity gate allows it and this
    machine has the units), or `auto`: the fastest of those that may be had. Raises BadArtifact if the folder is torn or
    edited, BadConfig or MissingExtra where the precision asked for cannot be had.
    """
    check_range("scoring", "workers", workers, 0, 1024)
    check_range("scoring", "batch_tokens", batch_tokens, 1, 10**7)
    manifest = guard(artifact)
    chosen = choose(artifact, manifest, precision, units())
    workers = workers or len(os.sched_getaffinity(0))
    return opened(artifact, manifest, chosen, workers, batch_tokens)


def opened(
    artifact: Path, manifest: Manifest, precision: str, workers: int, batch_tokens: int
) -> CrossEncoderScorer:
    """A scorer in a precision whether or not a gate allows it: what the gate itself opens."""
    tokenizer = load_tokenizer(artifact)
    return CrossEncoderScorer(
        manifest=manifest,
        precision=precision,
        runner=open_runner(artifact, manifest, precision, workers, batch_tokens),
        tokenizer=tokenizer,
        special=specials(tokenizer),
        workers=workers,
        batch_tokens=batch_tokens,
    )
