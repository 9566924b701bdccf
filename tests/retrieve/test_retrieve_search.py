"""Ranked candidates: hand-worked cases, and the law that a plain loop over sets gives the same."""

from __future__ import annotations

from fractions import Fraction
from importlib import import_module

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieve_case import write

from adjudge.errors import BadConfig
from adjudge.retrieve.align import PLACE_BITS, over, places
from adjudge.retrieve.build import build
from adjudge.retrieve.graph import Graph, load
from adjudge.retrieve.search import search
from adjudge.retrieve.settings import GraphSettings, RetrievalSettings
from adjudge.retrieve.words import cut


def ranked(graph: Graph, title: str | None, category: str | None, **asked: object) -> list[tuple[str, float]]:
    found = search(
        graph, pa.array([title], pa.string()), pa.array([category], pa.string()), RetrievalSettings(**asked)
    )
    assert found.rank.tolist() == list(range(1, len(found.row) + 1))
    texts = graph.phrases.take(pa.array(found.phrase)).to_pylist()
    return list(zip(texts, found.alignment.tolist(), strict=True))


def test_words_are_folded_and_distinct() -> None:
    texts = pa.array(["Men's RED Shoes, size-9 shoe", None, " \U0001f525 ", "glass bus Ｔｖ DRESSES क़मीज़"])
    found = cut(texts, True, 9)
    words = found.words.to_pylist()
    by_row = [[words[w] for w in found.word[found.row == row]] for row in range(4)]
    assert by_row[0] == ["men", "s", "red", "shoe", "size", "9"]
    assert by_row[1:3] == [[], []]
    assert by_row[3][:4] == ["glass", "bus", "tv", "dresse"], "NFKC, and ss and us are no plurals"
    assert len(by_row[3]) == 5, "a vowel sign does not part a word"
    assert found.counts.tolist() == [6, 0, 0, 5]
    assert cut(pa.array(["shoes shoe"]), False, 9).counts.tolist() == [2]
    assert [cut(pa.array(["c b a b"]), True, 2).words[i].as_py() for i in (0, 1)] == ["c", "b"]


def test_alignment_by_hand() -> None:
    shared, phrase, title = np.array([3, 2]), np.array([3, 3]), np.array([4, 4])
    worked = {"lta": [3.0, 1.0], "coverage": [1.0, 2 / 3], "jaccard": [3 / 4, 2 / 5]}
    for name, expected in worked.items():
        np.testing.assert_allclose(shared / over(name, shared, phrase, title), expected)


def test_places_order_fractions_exactly() -> None:
    place, value = places()
    assert value.size < 1 << PLACE_BITS
    for c, d, e, f in ((1, 2, 2, 4), (2, 3, 3, 4), (64, 1, 63, 1), (1, 128, 1, 127), (7, 9, 50, 64)):
        one, other = Fraction(c, d), Fraction(e, f)
        assert (place[c, d] < place[e, f]) == (one > other)
        assert (place[c, d] == place[e, f]) == (one == other)


def test_ranked_by_hand(graph: Graph) -> None:
    # red running shoe 3/(3-3+1) = 3; running shoe 2/1 = 2; red leather shoe 2/(3-2+1) = 1; shoe 1/1 = 1.
    # The tie at 1 goes to "shoe", searched 100 times against 9.
    expected = [("red running shoe", 3.0), ("running shoe", 2.0), ("shoe", 1.0), ("red leather shoe", 1.0)]
    assert ranked(graph, "Acme Red Running Shoes", "Shoes") == expected
    assert ranked(graph, "Acme Red Running Shoes", " Shoes ", per_item=2) == expected[:2]
    assert ranked(graph, "Acme Red Running Shoes", "Shoes", min_shared=2) == [*expected[:2], expected[3]]
    assert ranked(graph, "Acme Red Running Shoes", "Shoes", min_alignment=2) == expected[:2]
    covered = ranked(graph, "Acme Red Running Shoes", "Shoes", alignment="coverage")
    assert [text for text, _ in covered] == ["shoe", "running shoe", "red running shoe", "red leather shoe"]
    assert covered[3][1] == 2 / 3
    close = ranked(graph, "Acme Red Running Shoes", "Shoes", alignment="jaccard")
    assert close[:2] == [("red running shoe", 3 / 4), ("running shoe", 2 / 4)]


def test_unknown_categories_and_filling(graph: Graph) -> None:
    whole = ranked(graph, "Red Running Shoe", "Boats")
    assert [text for text, _ in whole[:3]] == ["red running shoe", "running shoe", "shoe"]
    assert {"red sofa", "red lamp"} < {text for text, _ in whole}
    assert ranked(graph, "Red Running Shoe", None) == whole
    assert ranked(graph, "Red Running Shoe", " ") == whole
    assert ranked(graph, "Red Running Shoe", "Boats", unknown="none") == []
    own = ranked(graph, "Red Running Shoe", "Sofas")
    assert own == [("red sofa", 0.5)]
    filled = ranked(graph, "Red Running Shoe", "Sofas", fill=True, per_item=3)
    assert filled == [*own, *whole[:2]]


def test_titles_without_a_known_word(graph: Graph) -> None:
    for title in (None, "", "  ", "\U0001f525", "zzz", "x " * 5000):
        assert ranked(graph, title, "Shoes") == []
    long = ranked(graph, "red " + "word " * 2000 + "shoe", "Shoes")
    texts = [text for text, _ in long]
    assert texts == ["shoe", "red leather shoe", "red running shoe", "running shoe"], "repeats count once"
    assert ranked(graph, " ".join(f"w{n}" for n in range(40)) + " shoe", "Shoes") == [], "first 32 words only"


def test_settings_are_checked() -> None:
    for wrong in ({"per_item": 0}, {"alignment": "bm25"}, {"unknown": "all"}, {"title_words": 65}):
        with pytest.raises(BadConfig):
            RetrievalSettings(**wrong)
    with pytest.raises(BadConfig):
        GraphSettings(phrase_words=65)


WORDS = st.sampled_from(["red", "blue", "shoe", "bag", "toy", "x1"])
TEXT = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)
ROWS = st.lists(
    st.tuples(TEXT, st.sampled_from(["A", "B", None]), st.integers(0, 3)), min_size=1, max_size=25
)


@settings(max_examples=20, deadline=None)
@given(
    rows=ROWS,
    titles=st.lists(st.tuples(TEXT, st.sampled_from(["A", "B", "C", None])), min_size=1, max_size=6),
    per_item=st.integers(1, 6),
    alignment=st.sampled_from(["lta", "coverage", "jaccard"]),
    fill=st.booleans(),
    edges=st.sampled_from([1, 7, 1000]),
)
def test_equals_a_loop_over_sets(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str | None, int]],
    titles: list[tuple[str, str | None]],
    per_item: int,
    alignment: str,
    fill: bool,
    edges: int,
) -> None:
    folder = tmp_path_factory.mktemp("law")
    texts, categories, searches = (list(column) for column in zip(*rows, strict=True))
    table = {"keyphrase": texts, "category": pa.array(categories, pa.string()), "searches": searches}
    build(write(folder / "k.parquet", pa.table(table)), folder / "graph")
    graph = load(folder / "graph")
    asked = RetrievalSettings(per_item=per_item, alignment=alignment, fill=fill)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("adjudge.retrieve.search"), "EDGES", edges)
        found = search(
            graph,
            pa.array([title for title, _ in titles]),
            pa.array([category for _, category in titles], pa.string()),
            asked,
        )
    for row, (title, category) in enumerate(titles):
        mine = found.row == row
        got = graph.phrases.take(pa.array(found.phrase[mine])).to_pylist()
        assert got == plainly(rows, title, category, asked)
        assert len(got) <= per_item
        assert len(set(got)) == len(got)


def plainly(
    rows: list[tuple[str, str | None, int]], title: str, category: str | None, asked: RetrievalSettings
) -> list[str]:
    """The specification, in plain Python."""
    most: dict[str, int] = {}
    for text, _, searches in rows:
        most[text] = max(most.get(text, 0), searches)
    known = {name for _, name, _ in rows if name}
    own = {text for text, name, _ in rows if name == category} if category in known else set(most)
    held = set(title.split())

    def order(candidates: set[str]) -> list[str]:
        def key(text: str) -> tuple[Fraction, int, str]:
            words = set(text.split())
            c, p, t = len(words & held), len(words), len(held)
            below = {"lta": p - c + 1, "coverage": p, "jaccard": p + t - c}[asked.alignment]
            return -Fraction(c, below), -most[text], text

        return sorted((text for text in candidates if set(text.split()) & held), key=key)

    first = order(own)[: asked.per_item]
    if asked.fill and category in known:
        first += [text for text in order(set(most)) if text not in first]
    return first[: asked.per_item]


def test_a_row_does_not_depend_on_its_neighbours(graph: Graph) -> None:
    titles = ["Red Running Shoe", None, "Red Sofa", "Shoe", "Blue Lamp Red"] * 30
    categories = ["Shoes", "Shoes", "Sofas", None, "Boats"] * 30
    found = search(graph, pa.array(titles), pa.array(categories), RetrievalSettings())
    columns = pa.table({"title": titles, "category": categories})
    chunked = search(graph, columns["title"], columns["category"], RetrievalSettings())
    assert chunked.phrase.tolist() == found.phrase.tolist(), "a table's columns are taken as they are"
    for row in (0, 7, 59, 149):
        mine = found.row == row
        texts = graph.phrases.take(pa.array(found.phrase[mine])).to_pylist()
        alone = ranked(graph, titles[row], categories[row])
        assert list(zip(texts, found.alignment[mine].tolist(), strict=True)) == alone
