"""Everything known about the pairs a model is judged on, as compact NumPy columns.

DuckDB joins a logs folder; the pairs are those of `pairs`, `clicks` and `clicks_later`, sorted by item and
keyphrase so that the order of the logs changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from adjudge.errors import BadTable
from adjudge.records import FOUR, Progress, no_progress
from adjudge.scorecard import joining
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.stats.segments import head_keyphrases

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Bools = NDArray[np.bool_]

NO_CATEGORY = "(none)"


@dataclass(frozen=True)
class Verdicts:
    """A source's yes or no on each pair: `yes` counts only where `known`. Both bool [n]."""

    yes: Bools
    known: Bools

    @property
    def support(self) -> int:
        return int(self.known.sum())


@dataclass(frozen=True)
class Evidence:
    """n pairs, sorted by item then keyphrase.

    items, keyphrases, categories: sorted vocabularies; item, keyphrase, category: codes into them [n].
    clicks, impressions, sales, later_clicks, later_sales: int64 [n]; revenue: float64 [n] (currency).
    recommended: bool [n]. truth: relevant or not, where known. grade: int8 [n], step on scale `four`,
    meaningful where `graded`. head: bool [n], pair of a head keyphrase. one_word: bool [n].
    sources: verdicts by source (clicks, search, human, human majority, truth, judges). labels: which of
    truth and human `truth` is. has: the quantities the logs hold at all. group: optional codes with names.
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
    search: Verdicts
    truth: Verdicts
    labels: str
    grade: NDArray[np.int8]
    graded: Bools
    head: Bools
    one_word: Bools
    sources: Mapping[str, Verdicts]
    has: frozenset[str]
    source: Codes | None = None
    source_names: tuple[str, ...] = ()
    counts: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.item)

    @property
    def key(self) -> Ints:
        """[n], strictly rising: one number per pair."""
        return self.item.astype(np.int64) * len(self.keyphrases) + self.keyphrase

    def rows_of(self, item_id: pa.ChunkedArray, keyphrase: pa.ChunkedArray) -> tuple[Ints, Bools]:
        """For pairs given as text: their rows here, and whether they are here at all."""
        item, item_known = _codes(item_id, self.items)
        phrase, phrase_known = _codes(keyphrase, self.keyphrases)
        wanted = item * len(self.keyphrases) + phrase
        own = self.key
        at = np.minimum(np.searchsorted(own, wanted), len(own) - 1)
        return at, item_known & phrase_known & (own[at] == wanted)


def _codes(values: pa.ChunkedArray, vocabulary: pa.Array) -> tuple[Ints, Bools]:
    """Positions in the vocabulary, and which values are in it at all (position 0 where not)."""
    found = pc.index_in(values, value_set=vocabulary)
    known = np.asarray(pc.is_valid(found).to_numpy())
    return np.asarray(pc.fill_null(found, 0).to_numpy()).astype(np.int64), known


def gather(
    logs: Path,
    settings: ScorecardSettings,
    split: tuple[str, str] | None = None,
    groups: Path | None = None,
    progress: Progress = no_progress,
) -> Evidence:
    """Join a logs folder.

    split: (SQL expression over item_id and keyphrase that gives a pair's split, the split wanted).
    groups: Parquet of item_id, keyphrase, source: a further segmentation.
    Raises BadTable where items or pairs are missing, or no pair is left.
    """
    steps = 4
    with duckdb.connect() as db:
        progress("evidence: reading logs", 0, steps)
        present = joining.views(db, logs, groups)
        joining.universe(db, split)
        progress("evidence: joining", 1, steps)
        joined: pa.Table = db.sql(joining.JOIN).to_arrow_table()
        if joined.num_rows == 0:
            raise BadTable(
                f"{logs} holds no pair in split {split[1] if split else 'all'}: check the split settings"
            )
        progress("evidence: judgments", 2, steps)
        extra = joining.extra_verdicts(db, present)
    progress("evidence: columns", 3, steps)
    found = _assemble(joined, extra, present, settings)
    progress("evidence", steps, steps)
    return found


def _assemble(
    joined: pa.Table, extra: dict[str, pa.Table], present: set[str], settings: ScorecardSettings
) -> Evidence:
    n = joined.num_rows
    numbers = {
        name: joined[name].to_numpy()
        for name in ("impressions", "clicks", "sales", "revenue", "later_clicks", "later_sales")
    }
    items, item = _vocabulary(joined["item_id"])
    phrases, phrase = _vocabulary(joined["keyphrase"])
    categories, category = _vocabulary(pc.fill_null(joined["category"], NO_CATEGORY))
    search, truth = _nullable(joined["passed"]), _nullable(joined["relevant"])
    steps, graded = _codes(joined["grade"], pa.array(FOUR.grades))
    grade = steps.astype(np.int8)
    sources = _sources(n, numbers, search, truth, extra, settings)
    labels = settings.labels
    if labels == "auto":
        labels = "human" if not truth.support and "human" in sources else "truth"
    if labels == "human":
        truth = sources.get("human", Verdicts(np.zeros(n, bool), np.zeros(n, bool)))
        grade, graded = _human_grades(n, extra)
    group, names = None, ()
    if "groups" in present:
        vocabulary, group = _vocabulary(pc.fill_null(joined["source"], NO_CATEGORY))
        names = tuple(vocabulary.to_pylist())
    return Evidence(
        items=items, keyphrases=phrases, categories=tuple(categories.to_pylist()),
        item=item, keyphrase=phrase, category=category, **numbers,
        recommended=joined["recommended"].to_numpy(), search=search, truth=truth, labels=labels,
        grade=grade, graded=graded,
        head=_head(phrase, numbers["clicks"], len(phrases), settings.head_share),
        one_word=_one_word(phrases)[phrase], sources=sources, has=_has(present), source=group,
        source_names=names, counts=_counts(joined, numbers, items, phrases, search, truth),
    )  # fmt: skip


def _has(present: set[str]) -> frozenset[str]:
    names = {
        "clicks": "clicks.clicks",
        "sales": "clicks.sales",
        "revenue": "clicks.revenue",
        "later_clicks": "clicks_later.clicks",
        "later_sales": "clicks_later.sales",
        "search": "search",
    }
    return frozenset(name for name, column in names.items() if column in present)


def _vocabulary(values: pa.ChunkedArray) -> tuple[pa.Array, Codes]:
    """Sorted distinct values, and each value's position among them."""
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks() if encoded.num_chunks != 1 else encoded.chunk(0)
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return encoded.dictionary.take(pa.array(order)), rank[encoded.indices.to_numpy()]


def _nullable(values: pa.ChunkedArray) -> Verdicts:
    known = pc.is_valid(values).to_numpy()
    return Verdicts(pc.fill_null(values, False).to_numpy() & known, known)


def _scatter(n: int, rows: pa.ChunkedArray, yes: NDArray[np.bool_], known: NDArray[np.bool_]) -> Verdicts:
    at = rows.to_numpy()
    found = Verdicts(np.zeros(n, bool), np.zeros(n, bool))
    found.known[at] = known
    found.yes[at] = yes & known
    return found


def _sources(
    n: int,
    numbers: Mapping[str, NDArray],
    search: Verdicts,
    truth: Verdicts,
    extra: dict[str, pa.Table],
    settings: ScorecardSettings,
) -> dict[str, Verdicts]:
    """Every source's verdicts, those without any left out."""
    clicks, shown = numbers["clicks"], numbers["impressions"]
    positive = (clicks >= max(settings.min_clicks, 1)) & (shown >= settings.min_impressions)
    positive &= clicks >= settings.min_ctr * shown
    found = {"clicks": Verdicts(positive, positive), "search": search}
    for name, rows in extra.items():
        if name == "annotations":
            all_, yes = rows["annotators"].to_numpy(), rows["yes"].to_numpy()
            found["human"] = _scatter(n, rows["row"], yes == all_, (yes == all_) | (yes == 0))
            found["human majority"] = _scatter(n, rows["row"], 2 * yes > all_, 2 * yes != all_)
        else:
            said = rows["yes"].to_numpy(zero_copy_only=False)
            found[name.removeprefix("judge ")] = _scatter(n, rows["row"], said, np.ones(len(said), bool))
    found["truth"] = truth
    return {name: verdicts for name, verdicts in found.items() if verdicts.support}


def _human_grades(n: int, extra: dict[str, pa.Table]) -> tuple[NDArray[np.int8], Bools]:
    """The annotators' middle grade (the lower one of two)."""
    grade, graded = np.zeros(n, np.int8), np.zeros(n, bool)
    if "annotations" in extra:
        at = extra["annotations"]["row"].to_numpy()
        grade[at], graded[at] = extra["annotations"]["middle"].to_numpy(), True
    return grade, graded


def _head(phrase: Codes, clicks: Ints, number: int, share: float) -> Bools:
    per_phrase = np.bincount(phrase, weights=clicks, minlength=number).astype(np.int64)
    return head_keyphrases(per_phrase, share)[phrase]


def _one_word(phrases: pa.Array) -> Bools:
    trimmed = pc.utf8_trim_whitespace(phrases)
    return ~pc.match_substring_regex(trimmed, r"\s").to_numpy(zero_copy_only=False)


def _counts(
    joined: pa.Table,
    numbers: Mapping[str, NDArray],
    items: pa.Array,
    phrases: pa.Array,
    search: Verdicts,
    truth: Verdicts,
) -> dict[str, float]:
    return {
        "pairs": joined.num_rows,
        "items": len(items),
        "keyphrases": len(phrases),
        "recommended": int(joined["recommended"].to_numpy().sum()),
        "clicked": int((numbers["clicks"] > 0).sum()),
        **{
            name: float(values.sum()) if name == "revenue" else int(values.sum())
            for name, values in numbers.items()
        },
        "search_verdicts": search.support,
        "labelled": truth.support,
    }
