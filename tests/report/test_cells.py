"""Cells of tables: figures, intervals, whiskers on one scale, and what an interval says against a mark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.report import cells
from adjudge.report.cells import EMPTY, TableCell, Whisker
from adjudge.report.glossary import MetricStyle, glossary, metric_style, segment_name
from adjudge.report.reading import ResultsFolder

SHARE = MetricStyle("sales_kept", "Sales", "share", "change", True, "", "")


def row(value: float | None, low: float | None = None, high: float | None = None, **other: Any) -> dict:
    base = {"model": "m", "metric": "auc", "segment_by": "all", "segment": "all", "value": value}
    changes = dict.fromkeys(("change", "change_low", "change_high"))
    return {**base, "low": low, "high": high, **changes, **other}


def folder(*rows: dict, **meta: Any) -> ResultsFolder:
    return ResultsFolder(Path("r"), meta, {"scorecard": list(rows)})


def test_a_value_with_its_interval() -> None:
    (cell,) = cells.estimates([row(0.5, 0.4, 0.6)], "share")
    assert (cell.text, cell.interval, cell.tone, cell.note) == ("50.0 %", "40.0 to 60.0 %", "", "")
    assert cell.whisker == Whisker(5.0, 127.0, 66.0, None), "5 units of room on either side of 132"


def test_all_cells_of_a_column_share_a_scale() -> None:
    first, second = cells.estimates([row(0.0, 0.0, 0.5), row(1.0, 0.5, 1.0)], "decimal")
    assert first.whisker == Whisker(5.0, 66.0, 5.0, None)
    assert second.whisker == Whisker(66.0, 127.0, 127.0, None)


def test_a_mark_widens_the_scale_and_gives_a_tone() -> None:
    (cell,) = cells.estimates([row(0.5, 0.5, 0.6)], "decimal", mark=0.0)
    assert cell.whisker is not None
    assert (cell.whisker.mark, cell.whisker.high) == (5.0, 127.0)
    assert cell.tone == "better"
    (around,) = cells.estimates([row(0.5, 0.3, 0.6)], "decimal", mark=0.5)
    assert around.tone == "same"
    (below,) = cells.estimates([row(0.1, 0.0, 0.2)], "decimal", mark=0.5)
    assert below.tone == "worse"


def test_a_missing_value_is_a_dash_without_a_whisker() -> None:
    (cell,) = cells.estimates([row(None, note="support 3 is below 20")], "share", mark=0.5)
    assert cell == TableCell("–", note="support 3 is below 20")


def test_a_value_without_an_interval_is_a_dot() -> None:
    (cell,) = cells.estimates([row(0.5)], "share", mark=0.5)
    assert cell.whisker is not None
    assert (cell.whisker.low, cell.whisker.high, cell.tone) == (None, None, "")


def test_productions_own_change_is_zero_without_a_verdict() -> None:
    rows = {"new": row(0.5, change=0.1, change_low=0.05, change_high=0.2), "old": row(0.4, change=0.0)}
    found = cells.change_cells(rows, SHARE, "old")
    assert (found["old"].text, found["old"].interval, found["old"].tone) == ("0 %", "", "")
    assert (found["new"].text, found["new"].tone) == ("+10.0 %", "better")


def test_a_harmless_range_is_shaded() -> None:
    cell = cells.ranged(row(0.0, -0.1, 0.1), "decimal", (-0.2, 0.2), "better")
    assert cell.whisker is not None
    assert cell.whisker.band == (5.0, 122.0), "the range is the whole drawing"
    assert cell.tone == "better"
    assert cells.ranged(row(None), "decimal", (-0.2, 0.2), "").whisker is None


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1), st.sampled_from([True, False, None]))
def test_a_tone_is_the_side_of_the_mark(a: float, b: float, mark: float, higher: bool | None) -> None:
    low, high = min(a, b), max(a, b)
    tone = cells.tone(low, high, mark, higher)
    assert (tone == "same") == (low <= mark <= high)
    if tone != "same":
        good = {True: "better", False: "worse", None: "more"}
        bad = {True: "worse", False: "better", None: "fewer"}
        assert tone == (good if low > mark else bad)[higher]
    assert cells.tone(None, high, mark, higher) == cells.tone(low, None, mark, higher) == ""


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 2), st.floats(0, 2)), min_size=1, max_size=6))
def test_whiskers_stay_in_their_drawing_and_in_order(values: list[tuple[float, float, float]]) -> None:
    rows = [row(value, value - left, value + right) for value, left, right in values]
    for cell in cells.estimates(rows, "decimal", mark=0.0):
        drawn = cell.whisker
        assert drawn is not None
        assert drawn.low is not None
        assert drawn.high is not None
        assert cells.PAD <= drawn.low <= drawn.at <= drawn.high <= cells.WIDTH - cells.PAD


def test_models_come_in_the_order_of_the_run() -> None:
    results = folder(row(0.1, model="late"), row(0.2, model="a"), models={"b": {}, "a": {}})
    assert cells.ordered(results) == ["b", "a", "late"]


def test_rows_by_segment_and_those_present() -> None:
    results = folder(
        row(0.5),
        row(0.6, model="n"),
        row(None, metric="recall"),
        row(0.7, segment_by="words", segment="one"),
    )
    assert {m: r["value"] for m, r in cells.overall_rows(results, "auc").items()} == {"m": 0.5, "n": 0.6}
    assert list(cells.rows_by_segment(results, "auc", "words")) == ["one"]
    assert cells.overall_rows(results, "ece") == {}
    assert [style.name for style in cells.present(results, ["recall", "auc", "ece"])] == ["auc"]
    assert [style.name for style in cells.present(results, ["auc"], "words")] == ["auc"]


def test_a_table_row_has_a_cell_in_every_column() -> None:
    results = folder(row(0.5), row(0.6, model="n"), models={"m": {}, "n": {}, "silent": {}})
    column = {"m": TableCell("1")}
    assert cells.cells_by_model(results, [column, {}]) == [("m", [TableCell("1"), EMPTY])]
    names = [model for model, _ in cells.cells_by_model(results, [column], every=True)]
    assert names == ["m", "n", "silent"]


@pytest.mark.parametrize(
    ("stated", "unit", "change"),
    [
        ({"unit": "share", "kind": "ratio"}, "share", "change"),
        ({"unit": "share", "kind": "difference"}, "share", "share_points"),
        ({"unit": "nats", "kind": "difference"}, "decimal", "points"),
        ({"unit": "keyphrases", "kind": "ratio"}, "decimal", "change"),
        ({}, "decimal", "points"),
    ],
)
def test_a_metric_is_written_by_its_unit_and_kind(stated: dict, unit: str, change: str) -> None:
    style = metric_style("x_y", {"metrics": {"x_y": stated}})
    assert (style.label, style.unit, style.change_unit, style.plain) == ("x y", unit, change, "")


def test_an_auc_is_written_as_a_plain_number_and_definitions_as_sentences() -> None:
    stated = {"auc": {"unit": "share", "kind": "difference", "definition": "chance that it wins"}}
    style = metric_style("auc", {"metrics": stated})
    assert (style.unit, style.definition) == ("decimal", "Chance that it wins")
    assert style.plain.startswith("0.5 is a coin")
    name = metric_style("m", {"metrics": {"m": {"definition": "nDCG@10 of items"}}})
    assert name.definition == "nDCG@10 of items"


def test_segments_are_named_for_a_reader() -> None:
    assert segment_name("words", "one") == "one word"
    assert segment_name("volume", "tail") == "tail: all others"
    assert segment_name("category", "Shoes") == "Shoes"


def test_every_word_is_filled() -> None:
    def texts(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for inner in value.values() for text in texts(inner)]
        return [text for inner in value for text in texts(inner)] if isinstance(value, list) else [value]

    found = texts(dict(glossary()))
    assert len(found) > 60
    assert all(isinstance(text, str) and text == text.strip() and text for text in found)
    for label, meaning in (*glossary()["coefficients"].values(), *glossary()["probes"].values()):
        assert label[0].isupper()
        assert meaning.endswith(".")
