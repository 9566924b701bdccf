"""The scoring core: a table of pairs in, scores out.

Every distinct text is tokenised once, pairs are put together in numpy, batches hold pairs of one length
under a token budget, and each runs on one thread; `workers` of them run at a time.
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
from adjudge.errors import BadArtifact, MissingExtra
from adjudge.manifest import Manifest
from adjudge.student.artifact import above, guard
from adjudge.student.encode import Specials, assemble, batches, encode, load_tokenizer, specials
from adjudge.student.settings import ORDINAL
from adjudge.student.text import text_columns, unscorable

BATCH_TOKENS = 2048
"""Measured best on CPUs: larger batches leave the cache (bench/results/score.json)."""


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
    session: Any
    tokenizer: Any
    special: Specials
    workers: int
    batch_tokens: int

    @property
    def version(self) -> str:
        return self.manifest.model_version

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
        cuts = batches(encoded.lengths, self.batch_tokens, exact=True)

        def run(rows: np.ndarray) -> np.ndarray:
            ids, types, mask = assemble(encoded, rows, self.special)
            inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
            return self.session.run(["logits"], inputs)[0]

        result = np.empty((len(pairs), self.outputs))
        with ThreadPoolExecutor(self.workers) as pool:
            for rows, logits in zip(cuts, pool.map(run, cuts), strict=True):
                result[rows] = above(logits, self.manifest.head, self.manifest.calibration)
        return result

    @property
    def outputs(self) -> int:
        """Logits a pair: one, or one less than the levels of an ordinal head."""
        return int(self.manifest.config["levels"]) - 1 if self.manifest.head in ORDINAL else 1


def load(artifact: Path, workers: int = 0, batch_tokens: int = BATCH_TOKENS) -> CrossEncoderScorer:
    """Open a cross-encoder's folder. `workers` 0 = one a core. Raises BadArtifact if it is torn or edited."""
    check_range("scoring", "workers", workers, 0, 1024)
    check_range("scoring", "batch_tokens", batch_tokens, 1, 10**7)
    manifest = guard(artifact)
    tokenizer = load_tokenizer(artifact)
    return CrossEncoderScorer(
        manifest=manifest,
        session=_session(artifact / "onnx" / "model.onnx"),
        tokenizer=tokenizer,
        special=specials(tokenizer),
        workers=workers or len(os.sched_getaffinity(0)),
        batch_tokens=batch_tokens,
    )


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "score") from error
    options = onnxruntime.SessionOptions()
    # One thread a batch: several small batches at a time beat one batch on several threads.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.Fail as error:
        raise BadArtifact(
            f"{path} cannot be run: {str(error).splitlines()[0]}. Train the model again."
        ) from error
