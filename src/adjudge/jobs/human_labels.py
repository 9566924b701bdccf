"""Human labels with their texts, settled and mapped to a judge's scale: the rows a judge is tuned on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from adjudge import tables
from adjudge.errors import BadConfig, BadTable
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import split_sql
from adjudge.records import FOUR, ORDINAL3, Scale
from adjudge.stats.annotators import settle
from adjudge.storage.duck import in_memory
from adjudge.storage.views import create_view
from adjudge.text.blank import is_blank

FOUR_TO_THREE = {"excellent": "high", "good": "moderate", "fair": "irrelevant", "bad": "irrelevant"}
"""ESCI's reading: exact is high, substitute moderate, complement and irrelevant irrelevant."""
_JOINED = """SELECT v.item_id, v.keyphrase, p.title, p.category, v.grades, v.votes, {split} AS split
FROM (SELECT item_id, keyphrase, list(grade ORDER BY grade) AS grades, list(number ORDER BY grade) AS votes
      FROM (SELECT item_id, keyphrase, grade, count(*) AS number FROM human GROUP BY ALL) GROUP BY ALL) v
LEFT JOIN pairs p USING (item_id, keyphrase) {given}
ORDER BY item_id, keyphrase"""
_GIVEN = "LEFT JOIN splits s USING (item_id, keyphrase)"


@dataclass(frozen=True)
class Labelled:
    """Rows (item_id, keyphrase, title, category) with `step` on the judge's scale and `split` (train, dev).

    left_out: how many pairs have no label, by reason.
    """

    rows: pa.Table
    step: np.ndarray
    split: np.ndarray
    left_out: dict[str, int]

    def where(self, split: str) -> np.ndarray:
        """Row numbers of a split."""
        return np.flatnonzero(self.split == split)

    @property
    def shared_items(self) -> int:
        """Items that are in both train and dev: 0 unless the splits were given."""
        items = np.array(self.rows["item_id"].to_pylist(), object)
        return len(set(items[self.split == "train"]) & set(items[self.split == "dev"]))


@dataclass(frozen=True)
class Rules:
    """Which label a pair gets, what grades become, and which split it is in.

    rule and min_annotators: as in `trust.settings`.
    """

    scale: Scale
    human_scale: Scale
    rule: str = "unanimous"
    min_annotators: int = 1
    grades: Mapping[str, str] | None = None
    splits: Path | None = None
    split: RecipeSettings = field(default_factory=RecipeSettings)


def mapping_of(human: Scale, judge: Scale, given: Mapping[str, str] | None = None) -> list[int]:
    """For each human grade, the judge's step: given, on the same scale, four to ordinal3, or made binary.

    Raises BadConfig if it is not stated what a grade becomes.
    """
    if given:
        missing = [grade for grade in human.grades if grade not in given]
        if missing:
            raise BadConfig(f"grades does not say what {', '.join(missing)} of scale {human.name} becomes")
        return [judge.index(given[grade]) for grade in human.grades]
    if human.name == judge.name:
        return list(range(len(human.grades)))
    if (human.name, judge.name) == (FOUR.name, ORDINAL3.name):
        return [judge.index(FOUR_TO_THREE[grade]) for grade in human.grades]
    if len(judge.grades) == 2:
        return [int(human.relevant(grade)) for grade in human.grades]
    raise BadConfig(
        f"people graded on {human.name}, the judge is to grade on {judge.name}: say what each grade becomes "
        f'with --set \'grades={{"{human.grades[0]}": "{judge.grades[0]}", ...}}\''
    )


def labelled(pairs: Path, human: Path, rules: Rules) -> Labelled:
    """Join labels and texts, settle each pair's label, map it, and put it into train or dev.

    pairs: shape `to_score`. human: annotations, or one settled grade per pair. By default no item is in both
    splits; a table `splits` (item_id, keyphrase, split) decides instead, and its test pairs are left out.
    Raises BadTable.
    """
    pair_votes = _read(pairs, human, rules)
    votes = _votes(pair_votes, human, rules.human_scale)
    table = mapping_of(rules.human_scale, rules.scale, rules.grades)
    label, sure = settle(votes, rules.rule, rules.min_annotators)
    if rules.rule == "majority":
        onto = np.eye(len(rules.scale.grades), dtype=np.int64)[table]
        step, sure = settle(votes @ onto, rules.rule, rules.min_annotators)
    else:
        step = np.array(table)[label]
    split = np.array(pair_votes["split"].to_pylist(), object)
    title = np.array([not is_blank(text) for text in pair_votes["title"].to_pylist()])
    inside = np.isin(split, ["train", "dev"])
    usable = sure & title & inside
    left_out = {
        "no label under the rule": int((~sure).sum()),
        "no title in the pairs": int((sure & ~title).sum()),
        "in neither train nor dev": int((sure & title & ~inside).sum()),
    }
    rows = pair_votes.select(["item_id", "keyphrase", "title", "category"]).filter(pa.array(usable))
    return Labelled(
        rows, step[usable], split[usable], {why: number for why, number in left_out.items() if number}
    )


def _read(pairs: Path, human: Path, rules: Rules) -> pa.Table:
    message = f"{human} and {pairs} cannot be read or joined: {{}}. Bring each in with: adjudge import table"
    with in_memory(message) as db:
        create_view(db, "pairs", tables.TO_SCORE, pairs)
        create_view(db, "human", tables.ANNOTATIONS.only("item_id", "keyphrase", "grade"), human)
        split, given = split_sql(rules.split), ""
        if rules.splits is not None:
            db.read_parquet(str(rules.splits)).create_view("splits")
            split, given = "s.split", _GIVEN
        return db.sql(_JOINED.format(split=split, given=given)).to_arrow_table()


def _votes(pair_votes: pa.Table, human: Path, scale: Scale) -> np.ndarray:
    """[n, K]: annotators by grade. Raises BadTable on a grade off the scale."""
    votes = np.zeros((len(pair_votes), len(scale.grades)), np.int64)
    for row, (grades, numbers) in enumerate(
        zip(pair_votes["grades"].to_pylist(), pair_votes["votes"].to_pylist(), strict=True)
    ):
        for grade, number in zip(grades, numbers, strict=True):
            if grade not in scale.grades:
                raise BadTable(
                    f"{human}: grade {grade!r} is not on scale {scale.name} ({', '.join(scale.grades)}): "
                    "name the scale of people's grades with --human-scale (adjudge audit: --scale)"
                )
            votes[row, scale.index(grade)] = number
    return votes
