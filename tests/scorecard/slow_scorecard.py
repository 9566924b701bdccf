"""The scorecard in plain Python: rows are dictionaries, and every metric is a loop that reads like its
definition.

Nothing here uses the package's own arithmetic, so that both can be wrong only in the same way by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Row = dict[str, Any]


@dataclass
class World:
    """A tiny logs folder as plain rows; `pairs` holds everything known of each pair, in any order."""

    pairs: list[Row]
    models: tuple[str, ...]

    def items(self) -> set[str]:
        return {row["item"] for row in self.pairs}


def threshold(rows: Sequence[Row], model: str, retention: float, weighting: str = "clicks") -> float | None:
    """The highest observed score at which kept pairs hold at least the retention of all click weight."""

    def weight(row: Row) -> int:
        return row["clicks"] if weighting == "clicks" else int(row["clicks"] > 0)

    total = sum(weight(row) for row in rows)
    observed = {row[model] for row in rows if row[model] is not None}
    for cut in sorted(observed, reverse=True):
        kept = sum(weight(row) for row in rows if row[model] is not None and row[model] >= cut)
        if total and kept >= Fraction(str(retention)) * total:
            return cut
    return None


def is_head(rows: Sequence[Row], share: float) -> dict[str, bool]:
    """Keyphrase -> whether it is one of the most clicked that together hold the share of clicks."""
    clicks: dict[str, int] = {}
    for row in rows:
        clicks[row["keyphrase"]] = clicks.get(row["keyphrase"], 0) + row["clicks"]
    total, running, least = sum(clicks.values()), 0, None
    for number in sorted(clicks.values(), reverse=True):
        if running < share * total and number:
            least = number
        running += number
    return {name: least is not None and number >= least for name, number in clicks.items()}


def segments(rows: Sequence[Row], head_share: float) -> dict[tuple[str, str], Callable[[Row], bool]]:
    """(segment_by, segment) -> which rows are in it, as the scorecard names them; all of them, even empty
    ones."""
    head = is_head(rows, head_share)
    chosen: dict[tuple[str, str], Callable[[Row], bool]] = {("all", "all"): lambda row: True}
    for name in {row["category"] for row in rows}:
        chosen["category", name] = lambda row, name=name: row["category"] == name
    chosen["volume", "head"] = lambda row: head[row["keyphrase"]]
    chosen["volume", "tail"] = lambda row: not head[row["keyphrase"]]
    chosen["words", "one"] = lambda row: len(row["keyphrase"].split()) == 1
    chosen["words", "more"] = lambda row: len(row["keyphrase"].split()) > 1
    return chosen


def share(rows: Iterable[Row], of: Callable[[Row], float], kept: Callable[[Row], bool]) -> float | None:
    rows = list(rows)
    whole = sum(of(row) for row in rows)
    return sum(of(row) for row in rows if kept(row)) / whole if whole else None


def auc(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """Every relevant pair against every irrelevant one."""
    if not positives or not negatives:
        return None
    wins = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    return wins / (len(positives) * len(negatives))


def best_of_items(rows: Sequence[Row], model: str) -> set[tuple[str, str]]:
    """The best scored recommended pair of each item; the first by keyphrase of equals, and of unscored
    ones."""
    best: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (row["item"], row["keyphrase"])):
        if not row["recommended"]:
            continue
        score = -math.inf if row[model] is None else row[model]
        other = best.get(row["item"])
        if other is None or score > (-math.inf if other[model] is None else other[model]):
            best[row["item"]] = row
    return {(row["item"], row["keyphrase"]) for row in best.values()}


def business(
    rows: Sequence[Row], model: str, cut: float | None, inside: Callable[[Row], bool], by: str
) -> dict[str, float | None]:
    """Business metrics and precision and recall of one model in one segment; none without a threshold."""
    if cut is None:
        return {}

    def kept(row: Row) -> bool:
        return row[model] is not None and row[model] >= cut

    mine = [row for row in rows if inside(row)]
    rec = [row for row in mine if row["recommended"]]
    found = {
        "clicks_kept": share(mine, lambda row: row["clicks"], kept),
        "sales_kept": share(mine, lambda row: row["sales"], kept),
        "revenue_kept": share(mine, lambda row: row["revenue"], kept),
        "later_clicks_kept": share(mine, lambda row: row["later_clicks"], kept),
        "later_sales_kept": share(mine, lambda row: row["later_sales"], kept),
        "keyphrases_kept": share(rec, lambda row: 1, kept),
        "search_pass_rate": share(
            [row for row in rec if kept(row) and row["passed"] is not None],
            lambda row: 1,
            lambda row: row["passed"],
        ),
        "precision": share(
            [row for row in rec if kept(row) and row["relevant"] is not None],
            lambda row: 1,
            lambda row: row["relevant"],
        ),
        "recall": share([row for row in rec if row["relevant"]], lambda row: 1, kept),
    }
    if by in ("all", "category"):
        best = best_of_items(rows, model)
        items = {row["item"] for row in rec}
        shares = []
        for item in items:
            of_item = [row for row in rec if row["item"] == item]
            shares.append(sum(map(kept, of_item)) / len(of_item))
        top = [row for row in rec if (row["item"], row["keyphrase"]) in best]
        found |= {
            "keyphrases_kept_item_mean": sum(shares) / len(items) if items else None,
            "keyphrases_per_item": sum(map(kept, rec)) / len(items) if items else None,
            "items_covered": share(top, lambda row: 1, kept),
        }
    return found


def quality(
    rows: Sequence[Row], model: str, inside: Callable[[Row], bool], by: str, bins: int
) -> dict[str, float | None]:
    """AUC, log loss and calibration error over scored recommended pairs with a label."""
    used = [
        row
        for row in rows
        if inside(row) and row["recommended"] and row["relevant"] is not None and row[model] is not None
    ]
    yes = [row[model] for row in used if row["relevant"]]
    no = [row[model] for row in used if not row["relevant"]]
    found: dict[str, float | None] = {"auc": auc(yes, no), "log_loss": None}
    if used:
        tiny = 2.0**-52
        given = [row[model] if row["relevant"] else 1 - row[model] for row in used]
        found["log_loss"] = sum(-math.log(min(max(p, tiny), 1.0)) for p in given) / len(used)
    if by == "all":
        found["ece"] = None
        if used:
            gaps = 0.0
            for b in range(bins):
                of_bin = [row for row in used if min(int(row[model] * bins), bins - 1) == b]
                gaps += abs(sum(row[model] - row["relevant"] for row in of_bin))
            found["ece"] = gaps / len(used)
    return found


def ndcg(rows: Sequence[Row], model: str, k: int, gains: Sequence[int]) -> float:
    """nDCG@k of one keyphrase's graded items; equal scores are not expected."""

    def dcg(steps: Iterable[int]) -> float:
        return sum(gains[step] / math.log2(rank + 2) for rank, step in enumerate(steps))

    scored = [row for row in rows if row[model] is not None]
    ranked = [row["step"] for row in sorted(scored, key=lambda row: -row[model])][:k]
    ideal = dcg(sorted((row["step"] for row in rows), reverse=True)[:k])
    return dcg(ranked) / ideal if ideal else 0.0


def scorecard(
    world: World, retention: float, head_share: float = 0.9, bins: int = 10, weighting: str = "clicks"
) -> dict[tuple[str, str, str, str], float | None]:
    """Every value by (model, metric, segment_by, segment), without floors of support."""
    card: dict[tuple[str, str, str, str], float | None] = {}
    for model in world.models:
        cut = threshold(world.pairs, model, retention, weighting)
        card[model, "threshold", "all", "all"] = cut
        for (by, name), inside in segments(world.pairs, head_share).items():
            values = business(world.pairs, model, cut, inside, by)
            values |= quality(world.pairs, model, inside, by, bins)
            card |= {(model, metric, by, name): value for metric, value in values.items()}
    return card
