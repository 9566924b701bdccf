"""The cross-encoder's scorer: a table of pairs in, calibrated scores out.

Every distinct text is tokenised once, pairs are put together in numpy, batches hold pairs of one length
under a token budget, and each runs on one thread; `workers` of them run at a time (`runners`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.errors import BadArtifact
from adjudge.manifest import Manifest
from adjudge.scoring.precision.choose import choose, version_in
from adjudge.scoring.runners import OnnxRunner, open_runner
from adjudge.student.artifact import above
from adjudge.student.encode import Ids, Specials, batches, encode, load_tokenizer, specials
from adjudge.student.settings import ORDINAL
from adjudge.student.text import text_columns
from adjudge.text.pairs import unscorable

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Scorer(Protocol):
    """What scores pairs, whatever the model. `score` gives float64 of shape (rows,), NaN if it cannot."""

    @property
    def version(self) -> str: ...

    @property
    def threshold(self) -> float | None: ...

    def score(self, pairs: pa.Table) -> np.ndarray: ...


class WorkerThreads:
    """The threads of one scorer, made once and ended with it; one worker alone is the caller's own thread."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, "scoring") if count > 1 else None

    def map(self, function: Callable[[Argument], Result], arguments: Iterable[Argument]) -> Iterator[Result]:
        """The results in order. `function` must not call `map` itself: it would wait for its own thread."""
        return self._pool.map(function, arguments) if self._pool else map(function, arguments)


@dataclass(frozen=True)
class CrossEncoderScorer:
    """A cross-encoder's artifact, opened for scoring. Safe to share between threads."""

    manifest: Manifest
    precision: str
    runner: OnnxRunner
    tokenizer: Any
    special: Specials
    workers: WorkerThreads
    batch_tokens: int

    @property
    def version(self) -> str:
        return version_in(self.manifest, self.precision)

    @property
    def threshold(self) -> float | None:
        return self.manifest.threshold

    def score(self, pairs: pa.Table) -> np.ndarray:
        """Calibrated scores in [0, 1], float64 (rows,), in the order of `pairs`: the mean of `above`.

        `pairs` has item_id, keyphrase, title and optionally category. NaN if a title, keyphrase or
        item_id is null or blank. A pair's score does not depend on the other pairs of the table.
        """
        return self.above(pairs).mean(axis=1)

    def above(self, pairs: pa.Table) -> np.ndarray:
        """P(step > k), float64 (rows, outputs): one output for a plain head, K - 1 for an ordinal one; NaN as
        for `score`."""
        able = pc.is_null(unscorable(pairs))
        result = np.full((len(pairs), self.outputs), np.nan)
        result[able.to_numpy(zero_copy_only=False)] = self._above(pairs.filter(able))
        return result

    def _above(self, pairs: pa.Table) -> np.ndarray:
        first, second = text_columns(pairs)
        encoded = encode(self.tokenizer, first, second, self.manifest.section.max_length)
        lengths = encoded.lengths
        cuts = batches(lengths, self.batch_tokens, exact=True)
        # A product of one row takes another kernel, whose last bit differs: a pair on its own runs twice, so
        # that a score is the same to the last bit whatever its neighbours (a full run equals yesterday's plus
        # a diff).
        cuts = [np.repeat(rows, 2) if len(rows) == 1 else rows for rows in cuts]
        groups = self.runner.plan(lengths, cuts)

        def run(group: list[Ids]) -> list[np.ndarray]:
            return self.runner.run(encoded, self.special, group)

        result = np.empty((len(pairs), self.outputs))
        for group, outputs in zip(groups, self.workers.map(run, groups), strict=True):
            for rows, logits in zip(group, outputs, strict=True):
                result[rows] = above(logits, self.manifest.section.head, self.manifest.calibration)
        return result

    @property
    def outputs(self) -> int:
        """Logits per pair: one, or one less than the levels of an ordinal head."""
        return int(self.manifest.config["levels"]) - 1 if self.manifest.section.head in ORDINAL else 1


def open_cross_encoder(
    artifact: Path, manifest: Manifest, workers: int, batch_tokens: int, precision: str
) -> CrossEncoderScorer:
    """A cross-encoder whose `manifest` was checked, in the precision that the gate and this machine allow."""
    if manifest.section.max_length is None:
        raise BadArtifact(
            f"{artifact}: its manifest has no max_length, which a cross-encoder needs. Train it again."
        )
    chosen = choose(artifact, manifest, precision)
    return open_ungated(artifact, manifest, chosen, workers, batch_tokens)


def open_ungated(
    artifact: Path, manifest: Manifest, precision: str, workers: int, batch_tokens: int
) -> CrossEncoderScorer:
    """A scorer in a precision whether or not a gate allows it: what the gate itself opens."""
    tokenizer = load_tokenizer(artifact)
    workers = workers or len(os.sched_getaffinity(0))
    return CrossEncoderScorer(
        manifest=manifest,
        precision=precision,
        runner=open_runner(artifact, manifest, precision, workers, batch_tokens),
        tokenizer=tokenizer,
        special=specials(tokenizer),
        workers=WorkerThreads(workers),
        batch_tokens=batch_tokens,
    )
