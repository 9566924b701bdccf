"""Evidence of a scorecard: everything known about the pairs that models are judged on, as compact NumPy
columns.

DuckDB joins a logs folder; the pairs are those of `pairs`, `clicks` and `clicks_later`, sorted by item and
keyphrase so that the order of the logs changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from adjudge.records import FOUR, Progress, no_progress
from adjudge.scorecard import joining
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.stats.annotators import settle
from adjudge.stats.segments import are_one_word, head_keyphrases

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Bools = NDArray[np.bool_]

NO_CATEGORY = "(none)"
QUANTITIES = {
    "clicks": "clicks.clicks",
    "sales": "clicks.sales",
    "revenue": "clicks.revenue",
    "later_clicks": "clicks_later.clicks",
    "later_sales": "clicks_later.sales",
    "search": "search",
}
"""Quantity -> the table, or its column, that must be in the logs for it."""
HUMAN_RULES = {"human": "unanimous", "human majority": "majority"}
"""Source -> the rule by which its labels are settled."""


@dataclass(frozen=True)
class SourceVerdicts:
    """A source's yes or no on each pair: `yes` counts only where `known`. Both bool [n]."""

    yes: Bools
    known: Bools

    @property
    def support(self) -> int:
        return int(self.known.sum())


@dataclass(frozen=True)
class PairEvidence:
    """n pairs, sorted by item then keyphrase.

    items, keyphrases, categories: sorted vocabularies; item, keyphrase, category: codes into them [n].
    clicks, impressions, sales, later_clicks, later_sales: int64 [n]; revenue: float64 [n] (currency).
    recommended: bool [n]. truth: relevant or not, if known. grade: int8 [n], step on scale `four`, meaningful
    where `graded`. head: bool [n], pair of a head keyphrase. one_word: bool [n]. sources: verdicts by source
    (clicks, search, human, human majority, truth, judges). labels: which of truth and human `truth` is. has:
    the quantities that the logs hold at all. source: optional codes with names.
    """

    items: pa.Array
    keyphrases: pa.Array
    categories: tuple[str, ...]
    item: Codes
    keyphrase: Codes
    category: Codes
    impressions: Ints
    clicks: Ints
    sales: Ints
    revenue: Floats
    later_clicks: Ints
    later_sales: Ints
    recommended: Bools
    search: SourceVerdicts
    truth: SourceVerdicts
    labels: str
    grade: NDArray[np.int8]
    graded: Bools
    head: Bools
    one_word: Bools
    sources: Mapping[str, SourceVerdicts]
    has: frozenset[str]
    source: Codes | None = None
    source_names: tuple[str, ...] = ()
    counts: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.item)

    def name(self, row: int) -> tuple[str, str]:
        """The item_id and keyphrase of a row."""
        return self.items[int(self.item[row])].as_py(), self.keyphrases[int(self.keyphrase[row])].as_py()

    def click_weights(self, weighting: str) -> Ints:
        """[n]: what each pair weighs when a threshold is chosen: its clicks, or 1 if it was clicked
        (`pairs`)."""
        return self.clicks if weighting == "clicks" else (self.clicks > 0).astype(np.int64)

    def rows_of(self, item_id: pa.ChunkedArray, keyphrase: pa.ChunkedArray) -> tuple[Ints, Bools]:
        """For pairs given as text: their rows here, and whether they are here at all."""
        item, item_known = _codes(item_id, self.items)
        phrase, phrase_known = _codes(keyphrase, self.keyphrases)
        # One strictly rising number per pair, since pairs are sorted by item and keyphrase.
        keys = self.item.astype(np.int64) * len(self.keyphrases) + self.keyphrase
        wanted = item * len(self.keyphrases) + phrase
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return at, item_known & phrase_known & (keys[at] == wanted)


def gather(
    logs: Path,
    settings: ScorecardSettings,
    split: tuple[str, str] | None = None,
    groups: Path | None = None,
    progress: Progress = no_progress,
) -> PairEvidence:
    """Join a logs folder.

    split: (SQL expression over item_id and keyphrase that gives a pair's split, the split wanted).
    groups: Parquet of item_id, keyphrase, source: a further segmentation.
    Raises BadTable if items or pairs are missing, or no pair is left.
    """
    steps = 3
    progress("evidence: joining logs", 0, steps)
    joined = joining.join(logs, split, groups, progress)
    progress("evidence: columns", 2, steps)
    evidence = _assemble(joined, settings)
    progress("evidence", steps, steps)
    return evidence


def _assemble(joined: joining.JoinedLogs, settings: ScorecardSettings) -> PairEvidence:
    pairs, n = joined.pairs, joined.pairs.num_rows
    names = ("impressions", "clicks", "sales", "revenue", "later_clicks", "later_sales")
    numbers = {name: pairs[name].to_numpy() for name in names}
    items, item = _vocabulary(pairs["item_id"])
    phrases, phrase = _vocabulary(pairs["keyphrase"])
    categories, category = _vocabulary(pc.fill_null(pairs["category"], NO_CATEGORY))
    search, truth = _nullable(pairs["passed"]), _nullable(pairs["relevant"])
    steps, graded = _codes(pairs["grade"], pa.array(FOUR.grades))
    grade = steps.astype(np.int8)
    positive = settings.floors.positive(numbers["impressions"], numbers["clicks"])
    sources = {"clicks": SourceVerdicts(positive, positive), "search": search}
    sources |= _human_verdicts(n, joined.humans) | _judge_verdicts(n, joined.judges) | {"truth": truth}
    sources = {name: verdicts for name, verdicts in sources.items() if verdicts.support}
    labels = settings.labels
    if labels == "auto":
        labels = "human" if not truth.support and "human" in sources else "truth"
    if labels == "human":
        truth = sources.get("human", SourceVerdicts(np.zeros(n, bool), np.zeros(n, bool)))
        grade, graded = np.zeros(n, np.int8), np.zeros(n, bool)
        if joined.humans is not None:  # The annotators' middle grade, the lower one of two.
            rows = joined.humans["row"].to_numpy()
            grade[rows], graded[rows] = joined.humans["middle"].to_numpy(), True
    group, group_names = None, ()
    if "groups" in joined.present:
        vocabulary, group = _vocabulary(pc.fill_null(pairs["source"], NO_CATEGORY))
        group_names = tuple(vocabulary.to_pylist())
    clicks_per_phrase = np.bincount(phrase, weights=numbers["clicks"], minlength=len(phrases))
    recommended = pairs["recommended"].to_numpy()
    counts = {
        "pairs": n,
        "items": len(items),
        "keyphrases": len(phrases),
        "recommended": int(recommended.sum()),
        "clicked": int((numbers["clicks"] > 0).sum()),
        **{name: values.sum().item() for name, values in numbers.items()},
        "search_verdicts": search.support,
        "labelled": truth.support,
    }
    return PairEvidence(
        items=items, keyphrases=phrases, categories=tuple(categories.to_pylist()),
        item=item, keyphrase=phrase, category=category, **numbers,
        recommended=recommended, search=search, truth=truth, labels=labels, grade=grade, graded=graded,
        head=head_keyphrases(clicks_per_phrase.astype(np.int64), settings.head_share)[phrase],
        one_word=are_one_word(phrases)[phrase], sources=sources,
        has=frozenset(name for name, column in QUANTITIES.items() if column in joined.present),
        source=group, source_names=group_names, counts=counts,
    )  # fmt: skip


def _human_verdicts(n: int, humans: pa.Table | None) -> dict[str, SourceVerdicts]:
    """Labels of the annotators, settled by either rule."""
    if humans is None:
        return {}
    yes = humans["yes"].to_numpy()
    votes = np.stack([humans["annotators"].to_numpy() - yes, yes], axis=1)
    return {name: _scatter(n, humans["row"], *settle(votes, rule)) for name, rule in HUMAN_RULES.items()}


def _judge_verdicts(n: int, judges: Mapping[str, pa.Table]) -> dict[str, SourceVerdicts]:
    verdicts = {}
    for name, rows in judges.items():
        yes = rows["yes"].to_numpy(zero_copy_only=False)
        verdicts[name] = _scatter(n, rows["row"], yes, np.ones(len(yes), bool))
    return verdicts


def _scatter(n: int, rows: pa.ChunkedArray, yes: NDArray, known: Bools) -> SourceVerdicts:
    at = rows.to_numpy()
    verdicts = SourceVerdicts(np.zeros(n, bool), np.zeros(n, bool))
    verdicts.known[at] = known
    verdicts.yes[at] = yes.astype(bool) & known
    return verdicts


def _nullable(values: pa.ChunkedArray) -> SourceVerdicts:
    valid = pc.is_valid(values).to_numpy()
    return SourceVerdicts(pc.fill_null(values, False).to_numpy() & valid, valid)


def _codes(values: pa.ChunkedArray, vocabulary: pa.Array) -> tuple[Ints, Bools]:
    """Positions in the vocabulary, and which values are in it at all (position 0 if not)."""
    codes = pc.index_in(values, value_set=vocabulary)
    in_it = np.asarray(pc.is_valid(codes).to_numpy())
    return np.asarray(pc.fill_null(codes, 0).to_numpy()).astype(np.int64), in_it


def _vocabulary(values: pa.ChunkedArray) -> tuple[pa.Array, Codes]:
    """Sorted distinct values, and each value's position among them."""
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks() if encoded.num_chunks != 1 else encoded.chunk(0)
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return encoded.dictionary.take(pa.array(order)), rank[encoded.indices.to_numpy()]
