"""Opening a model for scoring: one function and one registry for every kind, and a slot for hot swaps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.config import check_range
from adjudge.errors import BadConfig
from adjudge.manifest import KINDS, Manifest, guard
from adjudge.scoring.precision.cpu import EXACT

if TYPE_CHECKING:
    from adjudge.scoring.core import Scorer

BATCH_TOKENS = 2048
"""512 to 4096 are alike on CPUs; larger batches leave the cache (design/0016)."""


@dataclass(frozen=True)
class OpenOptions:
    """How a model is opened.

    workers: threads, 0 = one per core. precision: fp32 (the model's own scores), int8, bf16 or mixed (if the
    artifact's parity gate allows it and this machine has the units), or auto. states: folders of `adjudge
    states`.
    """

    workers: int = 0
    batch_tokens: int = BATCH_TOKENS
    precision: str = EXACT
    states: tuple[Path, ...] = ()


@dataclass(frozen=True)
class ModelOpener:
    """How models of one kind are opened, and which options they have."""

    open: Callable[[Path, Manifest, OpenOptions], Scorer]
    has_precisions: bool = False
    has_states: bool = False


def _cross_encoder(artifact: Path, manifest: Manifest, options: OpenOptions) -> Scorer:
    from adjudge.scoring.core import open_cross_encoder

    return open_cross_encoder(artifact, manifest, options.workers, options.batch_tokens, options.precision)


def _split_encoder(artifact: Path, manifest: Manifest, options: OpenOptions) -> Scorer:
    from adjudge.scoring.split.open_split import open_split

    return open_split(artifact, manifest, options.workers, options.batch_tokens, states=options.states)


def _baseline(artifact: Path, manifest: Manifest, options: OpenOptions) -> Scorer:
    from adjudge.baselines.scorer import OPEN, Baseline

    return Baseline(manifest, OPEN[manifest.kind](artifact, manifest))


OPENERS = {
    "cross-encoder": ModelOpener(_cross_encoder, has_precisions=True),
    "split-encoder": ModelOpener(_split_encoder, has_states=True),
    "jaccard": ModelOpener(_baseline),
    "ctr": ModelOpener(_baseline),
    "cosine": ModelOpener(_baseline),
}
"""By the manifest's `kind`."""


def open_model(
    artifact: Path,
    workers: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    precision: str = EXACT,
    states: Sequence[Path] = (),
    kinds: Iterable[str] = KINDS,
) -> Scorer:
    """Open an artifact's folder for scoring, whatever its kind (`kinds`: those that will do); see
    `OpenOptions`.

    Raises BadArtifact if the folder is torn or edited, or of another kind; BadConfig or MissingExtra if the
    precision or the states cannot be had.
    """
    check_range("scoring", "workers", workers, 0, 1024)
    check_range("scoring", "batch_tokens", batch_tokens, 1, 10**7)
    manifest = guard(artifact, kinds)
    opener = OPENERS[manifest.kind]
    if precision not in (EXACT, "auto") and not opener.has_precisions:
        raise BadConfig(
            f"precision {precision} is for cross-encoders; {artifact} holds a {manifest.kind} model: allowed "
            "are fp32, auto"
        )
    if states and not opener.has_states:
        raise BadConfig(
            f"states are for a split student (kind split-encoder); {artifact} holds a {manifest.kind} model. "
            "Leave them out."
        )
    return opener.open(artifact, manifest, OpenOptions(workers, batch_tokens, precision, tuple(states)))


def chosen_precision(artifact: Path, manifest: Manifest, precision: str) -> str:
    """The one precision of a run: what `auto` means on the machine that starts it, so that no worker chooses
    anew."""
    if precision != "auto":
        return precision
    if not OPENERS[manifest.kind].has_precisions:
        return EXACT
    from adjudge.scoring.precision.choose import choose

    return choose(artifact, manifest, precision)


class ModelSlot:
    """The model that a service scores with; its next version takes its place while other threads score.

    A caller takes `current` once and uses it for the whole request, so that score, version and threshold are
    of one model. Reading an attribute is atomic in Python, so nobody waits: a request that began before a
    swap ends with the model it began with, which goes when its last request has ended.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._swapping = threading.Lock()

    @property
    def current(self) -> Scorer:
        return self._scorer

    def swap(self, new: Scorer) -> Scorer:
        """Make an opened model the current one; gives the one before, each to exactly one caller."""
        with self._swapping:
            before, self._scorer = self._scorer, new
        return before
