"""A logs folder joined into evidence: which pairs count, what is summed, and what absent tables and columns
mean."""

from __future__ import annotations

from pathlib import Path

import logs_world
import numpy as np
import pytest

from adjudge.errors import BadTable
from adjudge.records import no_progress
from adjudge.scorecard.evidence import NO_CATEGORY, PairEvidence, gather
from adjudge.scorecard.joining import join
from adjudge.scorecard.settings import ScorecardSettings

SETTINGS = ScorecardSettings()


def write(folder: Path, name: str, pairs: list[str], **columns: list) -> None:
    """A table of pairs, each `item keyphrase`."""
    ids = [pair.split(" ", 1)[0] for pair in pairs]
    phrases = [pair.split(" ", 1)[1] for pair in pairs]
    logs_world.write(folder / f"{name}.parquet", {"item_id": ids, "keyphrase": phrases, **columns})


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two items, three recommended pairs, clicks on two of them and on a fourth; nothing else."""
    logs_world.write(tmp_path / "items.parquet", {"item_id": ["b", "a"], "title": ["B", "A"]})
    write(tmp_path, "pairs", ["b sofa", "a lamp", "a cup"])
    write(
        tmp_path,
        "clicks",
        ["a lamp", "a lamp", "b cup", "b sofa"],
        position=[1, 2, 1, 1],
        impressions=[30, 70, 9, 40],
        clicks=[2, 9, 9, 0],
    )
    return tmp_path


def names(evidence: PairEvidence) -> list[str]:
    return [" ".join(evidence.name(row)) for row in range(len(evidence))]


def test_pairs_are_those_of_three_tables_in_order(logs: Path) -> None:
    write(logs, "clicks_later", ["c cup", "a lamp"], impressions=[5, 5], clicks=[1, 2])
    evidence = gather(logs, SETTINGS)
    assert names(evidence) == ["a cup", "a lamp", "b cup", "b sofa", "c cup"]
    assert evidence.recommended.tolist() == [True, True, False, True, False]
    assert evidence.later_clicks.tolist() == [0, 2, 0, 0, 1]
    assert evidence.categories == (NO_CATEGORY,)
    assert evidence.items.to_pylist() == ["a", "b", "c"]


def test_clicks_are_summed_over_positions(logs: Path) -> None:
    evidence = gather(logs, SETTINGS)
    assert evidence.impressions.tolist() == [0, 100, 9, 40]
    assert evidence.clicks.tolist() == [0, 11, 9, 0]
    assert evidence.clicks.dtype == evidence.impressions.dtype == np.int64


def test_a_click_counts_as_positive_from_the_floors_on(logs: Path) -> None:
    """a lamp has 11 clicks of 100, b cup 9 of 9: too few impressions, unless the floor is lower."""
    assert gather(logs, SETTINGS).sources["clicks"].yes.tolist() == [False, True, False, False]
    low = gather(logs, ScorecardSettings(min_impressions=5))
    assert low.sources["clicks"].yes.tolist() == [False, True, True, False]
    many = gather(logs, ScorecardSettings(min_clicks=12))
    assert "clicks" not in many.sources, "a source without a verdict is left out"
    steep = gather(logs, ScorecardSettings(min_ctr=0.5))
    assert "clicks" not in steep.sources
    zero = gather(logs, ScorecardSettings(min_clicks=0, min_ctr=0.0))
    assert zero.sources["clicks"].yes.tolist() == [False, True, False, False], (
        "a pair without clicks never counts"
    )


def test_has_says_what_the_logs_hold(logs: Path) -> None:
    assert gather(logs, SETTINGS).has == {"clicks"}
    write(logs, "search", ["a cup"], passed=[True])
    write(logs, "clicks_later", ["a cup"], impressions=[1], clicks=[0], sales=[0])
    assert gather(logs, SETTINGS).has == {"clicks", "search", "later_clicks", "later_sales"}


def test_absent_tables_leave_zeros_and_unknowns(logs: Path) -> None:
    evidence = gather(logs, SETTINGS)
    assert evidence.sales.tolist() == evidence.later_clicks.tolist() == [0, 0, 0, 0]
    assert evidence.revenue.dtype == np.float64
    assert evidence.search.support == evidence.truth.support == 0
    assert evidence.graded.tolist() == [False] * 4
    assert evidence.source is None
    assert evidence.labels == "truth"


def test_search_and_truth_are_known_only_where_they_speak(logs: Path) -> None:
    write(logs, "search", ["a lamp", "b sofa", "z z"], passed=[True, False, True])
    write(logs, "truth", ["a cup", "b sofa"], grade=["good", "bad"], relevant=[True, False])
    evidence = gather(logs, SETTINGS)
    assert evidence.search.known.tolist() == [False, True, False, True]
    assert evidence.search.yes.tolist() == [False, True, False, False]
    assert evidence.truth.yes.tolist() == [True, False, False, False]
    assert evidence.grade[evidence.graded].tolist() == [2, 0]
    assert list(evidence.sources) == ["clicks", "search", "truth"]


def annotate(logs: Path, **grades: list[str]) -> None:
    """Annotations by pair, written with an underscore for the blank."""
    rows = [(pair.replace("_", " "), at, g) for pair, given in grades.items() for at, g in enumerate(given)]
    write(
        logs,
        "annotations",
        [r[0] for r in rows],
        annotator=[f"n{r[1]}" for r in rows],
        grade=[r[2] for r in rows],
    )


def test_annotators_settle_a_label_by_either_rule(logs: Path) -> None:
    """good and excellent are relevant: a cup is settled by all, a lamp by two of three, b sofa by neither
    rule."""
    annotate(
        logs,
        a_cup=["good", "excellent"],
        a_lamp=["good", "bad", "good"],
        b_sofa=["fair", "good"],
        b_cup=["bad"],
    )
    evidence = gather(logs, SETTINGS)
    human, majority = evidence.sources["human"], evidence.sources["human majority"]
    assert names(evidence) == ["a cup", "a lamp", "b cup", "b sofa"]
    assert human.known.tolist() == [True, False, True, False]
    assert human.yes.tolist() == [True, False, False, False]
    assert majority.known.tolist() == [True, True, True, False]
    assert majority.yes.tolist() == [True, True, False, False]


def test_human_labels_are_the_truth_where_there_is_no_other(logs: Path) -> None:
    annotate(logs, a_cup=["good", "excellent"], a_lamp=["good", "bad", "fair"])
    evidence = gather(logs, SETTINGS)
    assert evidence.labels == "human"
    assert evidence.truth.known.tolist() == [True, False, False, False]
    assert evidence.grade[evidence.graded].tolist() == [2, 1], "the middle grade, the lower one of two"
    write(logs, "truth", ["b sofa"], grade=["good"], relevant=[True])
    assert gather(logs, SETTINGS).labels == "truth"
    chosen = gather(logs, ScorecardSettings(labels="human"))
    assert chosen.truth.known.tolist() == [True, False, False, False]
    assert gather(logs, ScorecardSettings(labels="truth")).graded.tolist() == [False, False, False, True]


def test_labels_of_humans_without_annotations_are_none(logs: Path) -> None:
    evidence = gather(logs, ScorecardSettings(labels="human"))
    assert (evidence.labels, evidence.truth.support, int(evidence.graded.sum())) == ("human", 0, 0)


def test_a_grade_off_the_scale_is_no_vote(logs: Path) -> None:
    annotate(logs, a_cup=["good", "superb", "bad"], a_lamp=["superb"])
    evidence = gather(logs, SETTINGS)
    assert evidence.sources.keys() == {"clicks"}, "one yes and one no settle nothing"


def test_judges_speak_one_by_one_and_unscored_is_silence(logs: Path) -> None:
    write(
        logs,
        "judgments",
        ["a cup", "a lamp", "b sofa", "b cup", "a cup", "q q"],
        judge=["x", "x", "x", "x", "y", "y"],
        grade=["relevant", "irrelevant", None, "purple", "excellent", "relevant"],
        status=["scored", "scored", "unscored", "scored", "scored", "scored"],
    )
    evidence = gather(logs, SETTINGS)
    assert list(evidence.sources) == ["clicks", "x", "y"]
    x, y = evidence.sources["x"], evidence.sources["y"]
    assert x.known.tolist() == [True, True, False, False]
    assert x.yes.tolist() == [True, False, False, False]
    assert y.known.tolist() == [True, False, False, False]
    assert y.yes.tolist() == [True, False, False, False]


def test_groups_become_a_segmentation(logs: Path) -> None:
    write(logs, "../groups", ["a lamp", "b sofa"], source=["web", "app"])
    evidence = gather(logs, SETTINGS, groups=logs / ".." / "groups.parquet")
    assert evidence.source is not None
    named = [evidence.source_names[code] for code in evidence.source]
    assert named == [NO_CATEGORY, "web", NO_CATEGORY, "app"]


def test_a_split_keeps_its_pairs_and_their_figures(logs: Path) -> None:
    split = ("CASE WHEN item_id = 'a' THEN 'train' ELSE 'test' END", "train")
    evidence = gather(logs, SETTINGS, split)
    assert names(evidence) == ["a cup", "a lamp"]
    assert evidence.clicks.tolist() == [0, 11]
    assert evidence.counts["pairs"] == 2
    with pytest.raises(BadTable, match="holds no pair in split dev: check the split settings"):
        gather(logs, SETTINGS, (split[0], "dev"))


def test_head_keyphrases_are_those_with_most_clicks_of_all_pairs(logs: Path) -> None:
    """lamp has 11 of 20 clicks, cup 9: a share of one half needs lamp alone."""
    assert gather(logs, ScorecardSettings(head_share=0.5)).head.tolist() == [False, True, False, False]
    assert gather(logs, ScorecardSettings(head_share=0.9)).head.tolist() == [True, True, True, False]


def test_counts_add_up(logs: Path) -> None:
    write(logs, "search", ["a lamp"], passed=[True])
    write(logs, "truth", ["a cup"], grade=["good"], relevant=[True])
    counts = gather(logs, SETTINGS).counts
    assert counts == {
        "pairs": 4,
        "items": 2,
        "keyphrases": 3,
        "recommended": 3,
        "clicked": 2,
        "impressions": 149,
        "clicks": 20,
        "sales": 0,
        "revenue": 0.0,
        "later_clicks": 0,
        "later_sales": 0,
        "search_verdicts": 1,
        "labelled": 1,
    }
    assert isinstance(counts["revenue"], float)
    assert all(isinstance(value, int) for name, value in counts.items() if name != "revenue")


def test_pairs_given_as_text_are_found(logs: Path) -> None:
    import pyarrow as pa

    evidence = gather(logs, SETTINGS)
    items = pa.chunked_array([["b", "a"], ["zz", "a", "b"]])
    phrases = pa.chunked_array([["sofa", "sofa"], ["sofa", "lamp", "nothing"]])
    rows, present = evidence.rows_of(items, phrases)
    assert present.tolist() == [True, False, False, True, False]
    assert [names(evidence)[row] for row in rows[present]] == ["b sofa", "a lamp"]


@pytest.mark.parametrize("name", ["pairs", "items"])
def test_a_folder_without_pairs_or_items_is_refused(logs: Path, name: str) -> None:
    (logs / f"{name}.parquet").unlink()
    with pytest.raises(BadTable, match=rf"holds no {name}.parquet .*adjudge import table {name}"):
        gather(logs, SETTINGS)


def test_a_missing_column_and_an_unreadable_table_are_named(logs: Path) -> None:
    logs_world.write(logs / "search.parquet", {"item_id": ["a"], "keyphrase": ["cup"], "passes": [True]})
    with pytest.raises(BadTable, match="table search needs column passed"):
        gather(logs, SETTINGS)
    (logs / "search.parquet").write_bytes(b"not parquet")
    with pytest.raises(BadTable, match=r"search.parquet cannot be read as Parquet"):
        gather(logs, SETTINGS)


def test_what_is_joined_says_which_tables_were_there(logs: Path) -> None:
    joined = join(logs, None, None, no_progress)
    assert {"items", "pairs", "clicks", "clicks.position", "clicks.clicks"} <= joined.present
    assert "clicks.sales" not in joined.present
    assert joined.humans is None
    assert joined.judges == {}
    assert joined.pairs.num_rows == 4
