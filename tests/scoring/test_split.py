"""The split scorer: blocks by hand, what is kept, and scores that depend on nothing but the pair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.errors import BadConfig
from adjudge.scoring.check import check
from adjudge.scoring.open_model import open_model
from adjudge.scoring.split.blocks import PAIRS, ROWS, build, cuts, runs, spans
from adjudge.scoring.split.cache import TextCache
from adjudge.scoring.split.columns import columns_of
from adjudge.stats.calibration import sigmoid
from adjudge.student.split_export import reference_logits
from planted import planted


def test_blocks_by_hand() -> None:
    item, tokens = np.array([7, 7, 7, 9]), np.array([20, 10, 5, 5])
    assert cuts(item, tokens).tolist() == [0, 2, 3]
    weight = np.arange(100, dtype=np.float32)
    made = build(np.arange(4), item, np.array([0, 20, 30, 50]), tokens, weight)
    assert made.item.tolist() == [7, 7, 9]
    assert made.at.tolist() == [0, 1, PAIRS, 2 * PAIRS]
    assert made.rows[0].tolist() == [*range(30), 0, 0]
    assert made.rows[1, :6].tolist() == [30, 31, 32, 33, 34, 0]
    assert made.pool[0, 0].tolist() == [*range(20), *[0] * 12]
    assert made.pool[0, 1].tolist() == [*[0] * 20, *range(20, 30), 0, 0]
    assert made.pool[2, 0, :6].tolist() == [50, 51, 52, 53, 54, 0]


def test_many_short_keyphrases_fill_the_room() -> None:
    assert cuts(np.zeros(PAIRS + 1, int), np.ones(PAIRS + 1, int)).tolist() == [0, PAIRS]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, ROWS)), min_size=1, max_size=60))
def test_blocks_keep_every_token_of_every_pair(made: list[tuple[int, int]]) -> None:
    item, tokens = (np.array(part) for part in zip(*sorted(made), strict=True))
    start = np.cumsum(tokens) - tokens
    weight = np.linspace(1, 2, int(tokens.sum()), dtype=np.float32)
    blocks = build(np.arange(len(item)), item, start, tokens, weight)
    pool = blocks.pool.reshape(-1, ROWS)[blocks.at]
    for pair in range(len(item)):
        block = blocks.at[pair] // PAIRS
        assert blocks.item[block] == item[pair]
        at = np.flatnonzero(pool[pair])
        own = np.arange(start[pair], start[pair] + tokens[pair])
        assert blocks.rows[block][at].tolist() == own.tolist()
        assert pool[pair][at].tolist() == weight[own].tolist()
    assert len(set(blocks.at.tolist())) == len(item)


def test_spans_are_of_one_length_and_few_items() -> None:
    item = np.array([5, 5, 3, 3, 8, 1, 2, 2])
    lengths = np.array([4, 4, 4, 4, 4, 5, 5, 5])
    found = [(part.start, part.stop, place.tolist()) for part, place in spans(item, lengths, most=2)]
    assert found == [(0, 4, [0, 0, 1, 1]), (4, 5, [0]), (5, 8, [0, 1, 1])]
    assert not list(spans(np.zeros(0, int), np.zeros(0, int)))
    assert [(part.start, part.stop) for part in runs(5, most=2)] == [(0, 2), (2, 4), (4, 5)]


def rows_of(texts: list[str]) -> tuple[np.ndarray, list[np.ndarray]]:
    """As many rows as a text has letters, each the letter's code."""
    codes = np.array([ord(letter) for text in texts for letter in text], np.float32)[:, None]
    return np.array([len(text) for text in texts]), [codes]


@given(st.lists(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=8), max_size=12))
def test_kept_texts_have_their_own_rows_and_memory_is_bounded(calls: list[list[str]]) -> None:
    kept = TextCache(40 * 4)
    for texts in calls:
        found = kept.find(texts, rows_of)
        for text, first, size in zip(texts, found.starts, found.lengths, strict=True):
            assert "".join(map(chr, found.columns[0][first : first + size, 0].astype(int))) == text
        assert kept.rows <= max(40, sum(map(len, set(texts))))
        assert len(kept.columns[0]) <= max(40, 2 * sum(map(len, set(texts))))


def test_what_was_asked_last_stays() -> None:
    kept, made = TextCache(16 * 4), []

    def make(texts: list[str]) -> tuple[np.ndarray, list[np.ndarray]]:
        made.extend(texts)
        return rows_of(texts)

    kept.find(["aaaa"], make)
    kept.find(["bbbb"], make)
    kept.find(["cccc"], make)
    kept.find(["bbbb"], make)
    kept.find(["dddddd"], make)
    kept.find(["bbbb"], make)
    kept.find(["aaaa"], make)
    assert made == ["aaaa", "bbbb", "cccc", "dddddd", "aaaa"]
    assert kept.added == 5


def test_scores_equal_torch(split_artifact_folder: Path) -> None:
    rows = planted(300, seed=9)
    ours = open_model(split_artifact_folder, workers=1).score(rows)
    assert np.abs(sigmoid(reference_logits(split_artifact_folder, rows)[:, 0]) - ours).max() < 1e-4
    assert ours.std() > 0.05


def test_a_score_depends_on_its_pair_alone(split_artifact_folder: Path) -> None:
    rows = planted(200, seed=10)
    whole = open_model(split_artifact_folder, workers=2).score(rows)
    order = np.random.default_rng(2).permutation(len(rows))
    # Next to no room: everything is computed anew for each call, and in other company.
    other = replace(open_model(split_artifact_folder, workers=1), keyphrases=TextCache(0), items=TextCache(0))
    assert (other.score(rows.take(pa.array(order))) == whole[order]).all()
    some = np.random.default_rng(3)
    for size in (2, 3, 5, 20, 100) * 4:
        taken = np.sort(some.choice(len(rows), size, replace=False))
        assert (other.score(rows.take(pa.array(taken))) == whole[taken]).all(), taken
    single = np.array([other.score(rows.slice(row, 1))[0] for row in range(0, 200, 9)])
    assert (single == whole[::9]).all()


def test_scoring_opens_a_student_of_any_network(split_artifact_folder: Path, artifact: Path) -> None:
    assert check(split_artifact_folder).worst < 1e-4
    assert check(artifact).worst < 1e-4
    with pytest.raises(
        BadConfig, match="precision int8 is for cross-encoders; .* holds a split-encoder model"
    ):
        open_model(split_artifact_folder, precision="int8")
    with pytest.raises(BadConfig, match="states are for a split student"):
        open_model(artifact, states=[split_artifact_folder])


def test_texts_are_computed_once_and_kept(split_artifact_folder: Path) -> None:
    scorer = open_model(split_artifact_folder, workers=1)
    rows = planted(200, seed=10)
    first = scorer.score(rows)
    made = scorer.items.added, scorer.keyphrases.added
    assert made[0] <= len(set(zip(*(rows[name].to_pylist() for name in ("category", "title")), strict=True)))
    assert (scorer.score(rows) == first).all()
    assert (scorer.items.added, scorer.keyphrases.added) == made


def test_dictionaries_and_strings_are_the_same(split_artifact_folder: Path) -> None:
    rows = planted(50, seed=3).select(["item_id", "keyphrase", "title", "category"])
    scorer = open_model(split_artifact_folder, 1)
    coded = pa.table({name: rows[name].combine_chunks().dictionary_encode() for name in rows.column_names})
    assert (scorer.score(coded) == scorer.score(rows)).all()


def test_what_cannot_be_scored_is_nan_and_what_is_odd_is_scored(split_artifact_folder: Path) -> None:
    odd = "\U0001f45f", "x" * 10_000, "word " * 2000, "[SEP] [CLS]", "東京"
    rows = pa.table(
        {
            "item_id": ["a", None, "c", "d", *(f"o{number}" for number in range(len(odd)))],
            "keyphrase": ["red shoe", "red shoe", " ", "red shoe", *odd],
            "title": ["acme red shoe", "acme", "acme", None, *odd],
            "category": ["Shoes", "Shoes", "Shoes", "Shoes", *[None] * len(odd)],
        }
    )
    scorer = open_model(split_artifact_folder, 1)
    found = scorer.score(rows)
    assert np.isnan(found).tolist() == [False, True, True, True, *[False] * len(odd)]
    assert ((found[~np.isnan(found)] >= 0) & (found[~np.isnan(found)] <= 1)).all()
    assert len(scorer.score(rows.slice(0, 0))) == 0
    assert np.isnan(scorer.score(rows.slice(1, 3))).all()
    without = scorer.score(rows.drop_columns(["category"]))
    assert without[4:] == pytest.approx(found[4:], abs=1e-6)


def test_columns_by_hand() -> None:
    rows = pa.table(
        {
            "item_id": ["a", "a", "b", "c"],
            "keyphrase": ["k", "k", "l", " "],
            "title": ["t", "t", "t", "t"],
            "category": ["C", None, "C", "C"],
        }
    )
    columns = columns_of(rows)
    assert columns.able.tolist() == [0, 1, 2]
    assert [columns.keyphrases[place] for place in columns.keyphrase_of] == ["k", "k", "l"]
    assert [columns.items[place] for place in columns.item_of] == ["C [SEP] t", " [SEP] t", "C [SEP] t"]


def test_golden_pairs_hold(split_artifact_folder: Path) -> None:
    golden = pq.read_table(split_artifact_folder / "golden.parquet")
    scorer = open_model(split_artifact_folder)
    assert np.abs(scorer.score(golden) - golden["score"].to_numpy()).max() < 1e-4
    assert scorer.threshold == 0.5
    assert len(scorer.version) == 12
