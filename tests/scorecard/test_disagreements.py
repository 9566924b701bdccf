"""The pairs worth reading: ranks, gaps, which pairs are picked, and how they are worded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_evidence import small_evidence

from adjudge.scorecard.disagreements import (
    Disagreement,
    disagreement_rows,
    pick_disagreements,
    rank_gaps,
    score_ranks,
)

NAN = float("nan")
PAIRS = ["a cup", "a lamp", "b lamp", "b sofa", "c lamp"]
scores = st.lists(st.none() | st.integers(0, 6).map(lambda v: v / 6), min_size=1, max_size=25)


def test_ranks_are_the_share_scored_lower() -> None:
    ranks = score_ranks(np.array([0.2, 0.9, 0.9, NAN]))
    assert ranks[:3].tolist() == pytest.approx([0, 1 / 3, 1 / 3])
    assert np.isnan(ranks[3])
    assert np.isnan(score_ranks(np.array([NAN, NAN]))).all()
    assert len(score_ranks(np.array([]))) == 0


@given(scores)
def test_ranks_equal_counting(values: list[float | None]) -> None:
    found = score_ranks(np.array([NAN if v is None else v for v in values]))
    scored = [v for v in values if v is not None]
    for value, rank in zip(values, found, strict=True):
        if value is None:
            assert np.isnan(rank)
        else:
            assert rank == pytest.approx(sum(other < value for other in scored) / len(scored))


@given(scores)
def test_a_monotone_map_changes_no_rank(values: list[float | None]) -> None:
    plain = np.array([NAN if v is None else v for v in values])
    assert np.array_equal(score_ranks(plain), score_ranks(np.exp(3 * plain)), equal_nan=True)


def test_a_gap_by_hand() -> None:
    """Model a ranks the pairs 0, 1/3, 2/3; b ranks them 1/2, 0 and does not score the third."""
    gaps = rank_gaps(3, {"a": np.array([0.1, 0.2, 0.3]), "b": np.array([9.0, 5.0, NAN])})
    assert gaps.tolist() == pytest.approx([1 / 2, 1 / 3, 0])
    assert rank_gaps(2, {"a": np.array([0.1, 0.2])}).tolist() == [0, 0], "one model differs from none"
    assert rank_gaps(2, {}).tolist() == [0, 0]


def test_the_widest_gaps_come_first_then_the_most_seen() -> None:
    evidence = small_evidence(PAIRS, impressions=[1, 50, 90, 2, 3])
    models = {"m": np.array([0.1, 0.2, 0.3, 0.4, 0.5]), "n": np.array([0.5, 0.2, 0.3, 0.4, 0.1])}
    picked = pick_disagreements(evidence, models, 9)
    assert [(d.why, d.row, d.gap) for d in picked] == [("models", 4, 0.8), ("models", 0, 0.8)]
    tied = {"m": np.array([0.0, 0.0, 1.0, 1.0, 1.0]), "n": np.array([1.0, 1.0, 0.0, 0.0, 0.0])}
    assert [d.row for d in pick_disagreements(evidence, tied, 3)] == [1, 0, 2]


def test_only_recommended_pairs_are_shown_for_models() -> None:
    evidence = small_evidence(PAIRS, recommended=[0, 1, 1, 1, 1])
    models = {"m": np.array([0.1, 0.2, 0.3, 0.4, 0.5]), "n": np.array([0.5, 0.2, 0.3, 0.4, 0.1])}
    assert [d.row for d in pick_disagreements(evidence, models, 9)] == [4]


def test_sources_contradict_in_one_direction_at_a_time() -> None:
    """Clicks never say no, and human majority repeats human."""
    sources = {"clicks": "yy...", "search": "yn.y.", "human": "n..n.", "human majority": "ny.n."}
    picked = pick_disagreements(small_evidence(PAIRS, sources=sources), {"m": np.zeros(5)}, 9)
    assert [(d.why, d.row) for d in picked] == [
        ("clicks says relevant, search says not", 1),
        ("clicks says relevant, human says not", 0),
        ("search says relevant, human says not", 0),
        ("search says relevant, human says not", 3),
    ]


@given(st.integers(0, 5000), st.integers(0, 6))
def test_picking_equals_sorting_everything(seed: int, examples: int) -> None:
    rng = np.random.default_rng(seed)
    evidence = small_evidence(PAIRS, impressions=rng.integers(0, 3, 5), recommended=rng.random(5) < 0.8)
    models = {name: rng.integers(0, 4, 5) / 4 for name in "mn"}
    gap = rank_gaps(5, models)
    rows = [row for row in range(5) if evidence.recommended[row] and gap[row] > 0]
    rows.sort(key=lambda row: (-gap[row], -evidence.impressions[row], row))
    picked = pick_disagreements(evidence, models, examples)
    assert [d.row for d in picked] == rows[:examples]


def test_a_row_is_worded_for_a_reader() -> None:
    evidence = small_evidence(
        PAIRS,
        {"a": "home"},
        sources={"clicks": "y....", "search": "n....", "llm": "yn..."},
        impressions=[300, 0, 0, 0, 0],
        clicks=[12, 0, 0, 0, 0],
    )
    picked = [Disagreement("models", 0, 0.75), Disagreement("llm says relevant, search says not", 1, 0.0)]
    models = {"m": np.array([0.9312, 0.1, 0, 0, 0]), "n": np.array([NAN, 0.2, 0, 0, 0])}
    kept = {"m": np.array([True, False] + [False] * 3), "n": np.zeros(5, bool)}
    first, second = disagreement_rows(evidence, picked, models, kept, {"a": "A cup"})
    assert first == {
        "why": "models",
        "item_id": "a",
        "keyphrase": "cup",
        "category": "home",
        "title": "A cup",
        "sources": "search no; llm yes; 12 clicks in 300 impressions",
        "scores": "m 0.931 kept; n none",
        "gap": 0.75,
    }
    assert (second["sources"], second["scores"]) == ("llm no", "m 0.100 dropped; n 0.200 dropped")
    (untitled,) = disagreement_rows(evidence, picked[:1], models, kept, {})
    assert untitled["title"] is None
