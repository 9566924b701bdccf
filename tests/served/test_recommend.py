"""Recommendations: by hand, and against the same rules written row by row in Python."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.recommend import RecommendConfig, recommend
from adjudge.served.item import ScoredKeyphrase, form_of, keyphrases_to_show
from adjudge.served.recommend import FORMS
from adjudge.served.settings import RecommendSettings

ITEMS = [
    {"item_id": "a", "title": "t", "adgroup_id": "g", "seller_id": "s"},
    {"item_id": "b", "title": "t", "adgroup_id": "g", "seller_id": "s"},
    {"item_id": "c", "title": "t", "adgroup_id": "g", "seller_id": "other"},
    {"item_id": "d", "title": "t", "adgroup_id": None, "seller_id": "s"},
    {"item_id": "e", "title": "t", "adgroup_id": None, "seller_id": None},
]
SCHEMA = pa.schema(
    [(n, pa.string()) for n in ("item_id", "keyphrase")]
    + [("score", pa.float64()), ("kept", pa.bool_()), ("model_version", pa.string())]
)


def run(
    folder: Path,
    rows: list[tuple[str, str, float | None, bool | None]],
    items: pa.Table | None = None,
    **asked: Any,
) -> tuple[Any, list[Any]]:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(ITEMS) if items is None else items, folder / "items.parquet")
    values = [dict(zip(SCHEMA.names, (*row, "m"), strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(values, SCHEMA), folder / "scores.parquet")
    config = RecommendConfig(
        folder / "scores.parquet",
        folder / "items.parquet",
        folder / "out.parquet",
        RecommendSettings(**asked),
    )
    done = recommend(config)
    out = pq.read_table(config.out).to_pylist()
    return done, [(row["item_id"], row["rank"], row["keyphrase"], row["score"]) for row in out]


def test_by_hand(tmp_path: Path) -> None:
    rows = [
        ("a", "red shoe", 0.9, True),
        ("a", "Red  Shoe", 0.8, True),
        ("a", "shoe red", 0.7, True),
        ("a", "boot", 0.9, True),
        ("a", "lamp", 0.1, False),
        ("a", "", None, None),
        ("b", "red shoe", 0.95, True),
        ("b", "boot", 0.6, True),
        ("c", "red shoe", 0.5, True),
        ("d", "red shoe", 0.5, True),
        ("e", "red shoe", 0.5, True),
        ("unknown", "red shoe", 0.5, True),
    ]
    done, out = run(tmp_path, rows)
    assert out == [
        ("a", 1, "boot", 0.9),
        ("a", 2, "shoe red", 0.7),
        ("b", 1, "red shoe", 0.95),
        ("c", 1, "red shoe", 0.5),
        ("d", 1, "red shoe", 0.5),
        ("e", 1, "red shoe", 0.5),
        ("unknown", 1, "red shoe", 0.5),
    ]
    assert done.removed == {
        "not kept": 2,
        "same form on the item": 1,
        "same form in the adgroup": 2,
        "cap per item": 0,
        "cap per adgroup": 0,
        "cap per seller": 0,
    }
    assert (done.rows, done.out_rows, done.items, done.without_adgroup) == (12, 7, 6, 3)
    done, out = run(tmp_path, rows, form="words", per_item=1, per_adgroup=1, per_seller=1)
    assert out == [
        ("b", 1, "red shoe", 0.95),
        ("c", 1, "red shoe", 0.5),
        *[(i, 1, "red shoe", 0.5) for i in ("e", "unknown")],
    ]
    assert done.removed["cap per seller"] == 1, "item d stands on the page of seller s"


@pytest.mark.parametrize("numbers", [("adgroup_id",), ("seller_id",), ("adgroup_id", "seller_id")])
def test_ids_that_are_numbers_are_read_as_texts(tmp_path: Path, numbers: tuple[str, ...]) -> None:
    rows = [("a", "red shoe", 0.9, True), ("b", "red shoe", 0.8, True), ("d", "red shoe", 0.7, True)]
    ids = {"adgroup_id": [7, 7, None], "seller_id": [1, 1, 1]}
    given = {
        name: pa.array([None if i is None else i if name in numbers else str(i) for i in values])
        for name, values in ids.items()
    }
    items = pa.table({"item_id": ["a", "b", "d"], "title": ["t"] * 3, **given})
    done, out = run(tmp_path, rows, items=items)
    assert out == [("a", 1, "red shoe", 0.9), ("d", 1, "red shoe", 0.7)]
    assert done.removed["same form in the adgroup"] == 1
    written = pq.read_table(done.out)
    assert written["adgroup_id"].to_pylist() == ["7", None]
    assert written["seller_id"].to_pylist() == ["1", "1"]


phrases = st.sampled_from(["x", "X", "x y", "y x", "z", " z", "w"])
scores = st.lists(
    st.tuples(st.sampled_from("abcdeu"), phrases, st.sampled_from([0.1, 0.5, 0.5, 0.9]), st.booleans()),
    max_size=30,
)
FORM = {
    "exact": lambda text: text,
    "spacing": lambda text: " ".join(text.lower().split()),
    "words": lambda text: " ".join(sorted(text.lower().split())),
}


def by_rows(rows: list[tuple[str, str, float, bool]], asked: dict[str, Any]) -> list[Any]:
    of = {row["item_id"]: (row["seller_id"], row["adgroup_id"]) for row in ITEMS}

    def adgroup(item: str) -> Any:
        seller, group = of.get(item, (None, None))
        return item if group is None else (seller, group)

    def page(item: str) -> Any:
        seller = of.get(item, (None, None))[0]
        return ("item", item) if seller is None else seller

    def first(rows: list[Any], group: Any, order: Any, most: int) -> list[Any]:
        groups = defaultdict(list)
        for row in rows:
            groups[group(row)].append(row)
        return [row for held in groups.values() for row in sorted(held, key=order)[:most]]

    form = FORM[asked["form"]]
    left = [row[:3] for row in rows if row[3]]
    left = first(left, lambda r: (r[0], form(r[1])), lambda r: (-r[2], r[1]), 1)
    left = first(left, lambda r: (adgroup(r[0]), form(r[1])), lambda r: (-r[2], r[0]), 1)
    left = first(left, lambda r: r[0], lambda r: (-r[2], r[1]), asked["per_item"])
    left = first(left, lambda r: adgroup(r[0]), lambda r: (-r[2], r[1], r[0]), asked["per_adgroup"])
    left = first(left, lambda r: page(r[0]), lambda r: (-r[2], r[1], r[0]), asked["per_seller"])
    return sorted(left)


@settings(max_examples=30, deadline=None)
@given(
    rows=scores,
    asked=st.fixed_dictionaries(
        {
            "form": st.sampled_from(sorted(FORM)),
            "per_item": st.integers(1, 3),
            "per_adgroup": st.integers(1, 4),
            "per_seller": st.integers(1, 5),
        }
    ),
)
def test_against_the_rules_row_by_row(
    rows: list[tuple[str, str, float, bool]], asked: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    done, out = run(tmp_path_factory.mktemp("rules"), rows, **asked)  # type: ignore[arg-type]
    assert sorted((item, phrase, score) for item, _, phrase, score in out) == by_rows(rows, asked)
    assert done.rows == len(rows) == sum(done.removed.values()) + done.out_rows
    ranks = defaultdict(list)
    for item, rank, phrase, score in out:
        ranks[item].append((rank, -score, phrase))
    assert all(
        held == [(n, *rest) for n, (_, *rest) in enumerate(sorted(held, key=lambda r: r[1:]), 1)]
        for held in ranks.values()
    )


def test_what_cannot_be_recommended_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="1 rows have a score but no `kept`"):
        run(tmp_path, [("a", "x", 0.5, None)])
    with pytest.raises(BadConfig, match="form is 'stem'"):
        RecommendSettings(form="stem")
    with pytest.raises(BadTable, match="does not exist"):
        recommend(
            RecommendConfig(tmp_path / "scores.parquet", tmp_path / "no.parquet", tmp_path / "o.parquet")
        )
    twice = [*ITEMS, ITEMS[0]]
    pq.write_table(pa.Table.from_pylist(twice), tmp_path / "twice.parquet")
    run(tmp_path, [("a", "x", 0.5, True)])
    with pytest.raises(BadTable, match="names an item twice"):
        recommend(
            RecommendConfig(tmp_path / "scores.parquet", tmp_path / "twice.parquet", tmp_path / "o.parquet")
        )
    assert not (tmp_path / "o.parquet").exists()


texts = st.text(st.characters(codec="utf-8", max_codepoint=0x2FFF, exclude_characters="\x00"), max_size=6)
spaced = st.lists(
    texts | phrases | st.sampled_from(["İ", "ΑΣ", "é", "e\u0301", "\u00a0x", "x\u2003", "\x0bx"]),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("ef"), spaced.map(" ".join), st.sampled_from([None, 0.1, 0.5, 0.9]), st.booleans()
        ),
        max_size=20,
    ),
    asked=st.fixed_dictionaries(
        {
            "form": st.sampled_from(sorted(FORM)),
            "per_item": st.integers(1, 4),
            "per_adgroup": st.integers(1, 4),
        }
    ),
)
def test_one_item_alone_is_the_table_of_all(
    rows: list[tuple[str, str, float | None, bool]],
    asked: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The law: a service that has one item's keyphrases shows what the job over all items writes."""
    rows = [(item, phrase, score, kept if score is not None else None) for item, phrase, score, kept in rows]
    _, out = run(tmp_path_factory.mktemp("law"), rows, **asked)
    for item in "ef":
        scored = [ScoredKeyphrase(phrase, score, kept) for name, phrase, score, kept in rows if name == item]
        shown = keyphrases_to_show(scored, RecommendSettings(**asked))
        assert [(row.keyphrase, row.score) for row in shown] == [row[2:] for row in out if row[0] == item]


def test_forms_of_every_character_are_those_of_sql() -> None:
    """Every character that existed in Unicode 14, alone and between others: one form in Python and in
    DuckDB."""
    import sys

    import duckdb

    characters = [chr(code) for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    characters = [character for character in characters if unicodedata.category(character) != "Cn"]
    phrases = [f"{character}A {character}b{character}" for character in characters]
    joined = pa.table({"keyphrase": phrases})
    with duckdb.connect() as db:
        db.register("joined", joined)
        for form, query in FORMS.items():
            forms = db.sql(query).to_arrow_table()["form"].to_pylist()
            wrong = [
                (hex(ord(character)), ours, theirs)
                for character, phrase, theirs in zip(characters, phrases, forms, strict=True)
                if (ours := form_of(phrase, form)) != theirs
            ]
            assert wrong == [], form
