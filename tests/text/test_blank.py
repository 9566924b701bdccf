"""One meaning of blank: Python, Arrow and SQL agree on every text, and every package that decides asks the
same question."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge import tables
from adjudge.intake.intake import take_in
from adjudge.judge import pairs as judge_pairs
from adjudge.recipes.build import build as build_recipe
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import parse
from adjudge.retrieve.build import build as build_graph
from adjudge.retrieve.files import NO_TITLE, retrieve_file
from adjudge.retrieve.graph import load
from adjudge.storage.duck import in_memory
from adjudge.text.blank import are_blank, blank_sql, is_blank
from adjudge.text.pairs import unscorable

BLANK = [
    "",
    " ",
    "\t",
    "\r\n",
    "\x00",
    "\x1f",
    "\x85",
    "\u00a0",
    "\u00ad",
    "\u1680",
    "\u2003",
    "\u200b",
    "\u2028",
    "\u202e",
    "\u2060",
    "\u3000",
    "\ufeff",
    "\ue000",
    " \u200b\t\u2003 ",
]
"""Spaces, control characters, invisible format characters, private use; alone and together."""
VISIBLE = [
    "0",
    "a",
    ".",
    "-",
    "\u00b7",
    "\u0301",
    "\u2603",
    "\U0001f525",
    " x ",
    "\u200bx",
    "\ufffd",
    "\u3042",
]


def in_sql(texts: list[str | None]) -> list[bool]:
    with in_memory(threads=1) as db:
        db.register("texts", pa.table({"row": range(len(texts)), "text": pa.array(texts, pa.string())}))
        return [row[0] for row in db.sql(f"SELECT {blank_sql('text')} FROM texts ORDER BY row").fetchall()]


@given(
    texts=st.lists(
        st.one_of(
            st.none(),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
            st.text(st.sampled_from([*(text for text in BLANK if len(text) == 1), *VISIBLE[:3]]), max_size=4),
        ),
        max_size=20,
    )
)
def test_python_and_arrow_agree(texts: list[str | None]) -> None:
    expected = [is_blank(text) for text in texts]
    assert are_blank(pa.array(texts, pa.string())).to_pylist() == expected
    assert are_blank(pa.chunked_array([pa.array(texts, pa.string())])).to_pylist() == expected


def test_all_three_agree_on_every_character_that_unicode_assigns() -> None:
    """Unassigned ones (Cn) are left out: the three know Unicode versions of different years."""
    characters = [
        chr(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) not in ("Cs", "Cn")
        and unicodedata.ucd_3_2_0.category(chr(code)) != "Cn"
    ]
    expected = [is_blank(character) for character in characters]
    assert 100 < sum(expected) < len(characters)
    for name, answers in (
        ("Arrow", are_blank(pa.array(characters)).to_pylist()),
        ("SQL", in_sql(characters)),
    ):
        differ = [f"U+{ord(c):04X}" for c, e, a in zip(characters, expected, answers, strict=True) if e != a]
        assert not differ, f"{name}: {differ[:20]}"


def test_known_texts() -> None:
    texts = [None, *BLANK, *VISIBLE]
    expected = [True] * (1 + len(BLANK)) + [False] * len(VISIBLE)
    assert [is_blank(text) for text in texts] == expected
    assert are_blank(pa.array(texts)).to_pylist() == expected
    assert in_sql(texts) == expected


def test_the_judge_counts_texts_that_are_not_blank(tmp_path: Path) -> None:
    texts = [None, *BLANK, *VISIBLE]
    table = pa.table({"item_id": ["i"] * len(texts), "keyphrase": ["k"] * len(texts), "title": texts})
    pq.write_table(table, tmp_path / "pairs.parquet")
    assert judge_pairs.count_texts(tmp_path / "pairs.parquet") == len(VISIBLE)


def test_the_student_cannot_score_blank_texts() -> None:
    texts = pa.array([None, *BLANK, *VISIBLE], pa.string())
    for name in ("item_id", "keyphrase", "title"):
        reasons = unscorable(pa.table({name: texts}))
        assert reasons.is_valid().to_pylist() == are_blank(texts).to_pylist(), name


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_import_sets_blank_ids_aside(tmp_path: Path, kind: str) -> None:
    texts = [*BLANK, *VISIBLE]
    table = pa.table({"item_id": texts, "keyphrase": [f"k{n}" for n in range(len(texts))]})
    source = tmp_path / f"pairs.{kind}"
    if kind == "parquet":
        pq.write_table(table, source)
    else:
        import json

        source.write_text("\n".join(map(json.dumps, table.to_pylist())))
    result = take_in(source, tables.PAIRS, tmp_path / "out.parquet", max_bad_share=1)
    assert result.reasons == {"item_id is blank": len(BLANK)}
    assert pq.read_table(result.out)["item_id"].to_pylist() == VISIBLE


def test_a_recipe_drops_items_with_a_blank_title(tmp_path: Path) -> None:
    titles = [*BLANK, *VISIBLE, None]
    ids = [f"i{n}" for n in range(len(titles))]
    pq.write_table(pa.table({"item_id": ids, "title": titles}), tmp_path / "items.parquet")
    passed = [n % 2 == 0 for n in range(len(titles))]
    search = pa.table({"item_id": ids, "keyphrase": ["k"] * len(titles), "passed": passed})
    pq.write_table(search, tmp_path / "search.parquet")
    report = build_recipe(
        parse("search+-"), tmp_path, RecipeSettings(shares=(1.0, 0.0, 0.0)), tmp_path / "out"
    )
    assert [(drop.reason, drop.pairs) for drop in report.dropped] == [("no_title", len(BLANK) + 1)]
    assert sorted(pq.read_table(tmp_path / "out" / "training.parquet")["title"].to_pylist()) == sorted(
        VISIBLE
    )


def test_retrieve_gives_blank_titles_nothing(tmp_path: Path) -> None:
    titles = [None, *BLANK, *VISIBLE]
    pq.write_table(pa.table({"keyphrase": ["a b"]}), tmp_path / "k.parquet")
    build_graph(tmp_path / "k.parquet", tmp_path / "graph")
    items = pa.table({"item_id": [f"i{n}" for n in range(len(titles))], "title": titles})
    pq.write_table(items, tmp_path / "items.parquet")
    done = retrieve_file(load(tmp_path / "graph"), tmp_path / "items.parquet", tmp_path / "out.parquet")
    assert done.without[NO_TITLE] == len(BLANK) + 1
    without = pq.read_table(done.without_path)
    rows = without.filter(pc.equal(without["reason"], NO_TITLE))["row"].to_pylist()
    assert rows == list(range(len(BLANK) + 1))
