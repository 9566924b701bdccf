"""What the page says about a model is what its intervals say, and numbers are written one way."""

from __future__ import annotations

import doctest
import importlib
import itertools
from pathlib import Path

import pytest
import results_folder
from hypothesis import given
from hypothesis import strategies as st

from adjudge.report import answer, formats, labels, published, quality, sources
from adjudge.report.cells import ordered, tone
from adjudge.report.charts import strokes
from adjudge.report.reading import ResultsFolder, read_folder
from adjudge.report.scorecard import SCORECARD


@pytest.fixture(scope="module")
def market(market_results: Path) -> ResultsFolder:
    return read_folder(market_results, SCORECARD)


@pytest.mark.parametrize("name", ["answer", "formats", "labels", "published", "quality", "sources"])
def test_worked_examples_in_the_docstrings(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"adjudge.report.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


def business(model: str, metric: str, low: float, high: float) -> dict:
    row = {"model": model, "metric": metric, "segment_by": "all", "segment": "all", "value": 0.5, "low": None}
    return {**row, "high": None, "change": (low + high) / 2, "change_low": low, "change_high": high}


def made(*models: tuple[str, tuple[float, float], tuple[float, float]]) -> ResultsFolder:
    """A folder with these models: name, keyphrase interval, sales interval."""
    rows = [business("search+-", name, 0.0, 0.0) for name in published.METRICS]
    for model, keyphrases, sales in models:
        rows += [business(model, "keyphrases_kept", *keyphrases), business(model, "sales_kept", *sales)]
        rows += [business(model, "search_pass_rate", 0.1, 0.2)]
    stated = {"unit": "share", "kind": "ratio", "label": "x", "definition": "x"}
    metrics = {
        "keyphrases_kept": {**stated, "higher_is_better": None},
        "sales_kept": {**stated, "higher_is_better": True},
        "search_pass_rate": {**stated, "higher_is_better": True},
    }
    return ResultsFolder(Path("x"), {"production": "search+-", "metrics": metrics}, {"scorecard": rows})


def test_the_intervals_decide_which_models_stand() -> None:
    found = answer.standing(
        made(
            ("held", (-0.5, -0.4), (-0.02, 0.03)),
            ("risen", (-0.2, -0.1), (0.01, 0.05)),
            ("fallen", (-0.6, -0.5), (-0.3, -0.1)),
            ("longer", (0.1, 0.2), (0.0, 0.1)),
            ("perhaps", (-0.3, 0.1), (0.0, 0.1)),
        )
    )
    assert found is not None
    assert [row["model"] for row in found["stand"]] == ["risen", "held"]
    assert found["lose_sales"] == ["fallen"]
    assert found["not_shorter"] == ["longer", "perhaps"]


def test_a_model_without_an_interval_is_not_judged() -> None:
    results = made(("held", (-0.5, -0.4), (-0.02, 0.03)))
    for row in results.rows("scorecard"):
        if row["model"] == "held":
            row["change_low"] = None
    found = answer.standing(results)
    assert found is not None
    assert found["stand"] == []
    assert found["without_interval"] == ["held"]


def test_the_papers_table_has_production_as_zero_and_ebays_figures_beside_it(market: ResultsFolder) -> None:
    table = answer.paper_table(market)
    assert table is not None
    (_, recipes), (title, others) = table["groups"]
    assert [row["model"] for row in recipes] == list(results_folder.BUSINESS)[:6]
    assert [row["model"] for row in others] == ["jaccard", "ctr", "cosine"]
    assert title == "Other models"
    assert [cell.text for cell in recipes[0]["cells"]] == ["0 %", "0 %", "0 %"]
    llm = recipes[2]
    assert [cell.text for cell in llm["cells"]] == ["−41.0 %", "+3.5 %", "+52.0 %"]
    assert [cell.tone for cell in llm["cells"]] == ["fewer", "better", "better"]
    assert llm["published"] == [-0.68, 0.10, 0.97]
    assert others[0]["published"] == [None, None, None]


def test_paper_one_table_is_as_published() -> None:
    rows = {
        name: [published.change(name, metric) for metric in published.METRICS]
        for name in results_folder.BUSINESS
    }
    assert rows["click+ llm-"] == [-0.31, -0.48, 1.03]
    assert rows["click+ llm+-"] == [-0.55, -0.23, 1.00]
    assert rows["click+ search-"] == [-0.26, -0.60, 0.82]
    assert rows["tuned+-"] == [0.07, -0.20, 0.56]
    assert rows["search+-"] == [0, 0, 0]


HIGHER, LOWER, NEITHER = True, False, None


def test_tone_is_in_the_metrics_own_sense() -> None:
    assert tone(0.1, 0.2, 0.0, HIGHER) == "better"
    assert tone(0.1, 0.2, 0.0, LOWER) == "worse"
    assert tone(-0.2, -0.1, 0.0, LOWER) == "better"
    assert tone(-0.2, -0.1, 0.0, NEITHER) == "fewer"
    assert tone(0.1, 0.2, 0.0, NEITHER) == "more"
    assert tone(0.0, 0.2, 0.0, HIGHER) == "same"
    assert tone(None, 0.2, 0.0, HIGHER) == ""


@given(st.floats(-5, 5), st.integers(0, 3))
def test_a_change_is_signed_and_never_minus_zero(value: float, digits: int) -> None:
    text = (
        formats.change(value, digits)
        .removesuffix("\N{NARROW NO-BREAK SPACE}%")
        .removesuffix("\N{NO-BREAK SPACE}%")
    )
    text = text.removesuffix("%").strip()
    number = float(text.replace("−", "-"))
    assert number == pytest.approx(100 * value, abs=0.51 / 10**digits)
    assert (text[0] in "+−") == (number != 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_names_at_line_ends_never_touch(wanted: list[float]) -> None:
    at = labels.spread(sorted(wanted), 0.05)
    assert all(low >= -1e-6 and low <= 1 + 1e-6 for low in at)
    assert all(after - before >= 0.05 - 1e-5 for before, after in itertools.pairwise(at))


@given(st.lists(st.tuples(st.floats(50, 650), st.floats(50, 350)), min_size=1, max_size=9, unique=True))
def test_names_near_points_stay_in_the_picture(points: list[tuple[float, float]]) -> None:
    for spot in labels.place_names(points, [60.0] * len(points), [], (0, 0, 700, 400)):
        left, bottom, right, top = spot.box
        assert left >= 0
        assert bottom >= 0
        assert right <= 700
        assert top <= 400


def test_two_names_at_one_place_do_not_cover_each_other() -> None:
    one, other = (
        spot.box for spot in labels.place_names([(300, 200), (302, 200)], [60.0, 60.0], [], (0, 0, 700, 400))
    )
    assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_every_model_has_a_stroke_of_its_own() -> None:
    recipes = [f"r{n}+-" for n in range(9)]
    found = strokes(["p", *recipes, "jaccard", "ctr", "cosine"], "p", recipes)
    assert list(found) == ["p", *recipes, "jaccard", "ctr", "cosine"]
    assert len({(stroke.colour, str(stroke.dash)) for stroke in found.values()}) == len(found)


def test_segments_keep_their_order_and_tell_chance_from_difference(market: ResultsFolder) -> None:
    table = quality.segment_tables(market)[0]
    assert table["models"] == ordered(market)
    assert [title for title, _ in table["groups"]][:2] == ["Search volume", "Words in the keyphrase"]
    assert [row["name"] for row in dict(table["groups"])["Words in the keyphrase"]] == [
        "one word",
        "two words or more",
    ]
    cells = [cell for _, rows in table["groups"] for row in rows for cell in row["cells"]]
    assert {cell["sure"] for cell in cells} == {True, False}
    assert max(abs(cell["shade"]) for cell in cells) == quality.STEPS


def test_disagreements_are_cut_with_their_count(market: ResultsFolder) -> None:
    groups = sources.disagreements(market)
    assert [group["total"] for group in groups] == [20, 20, 20]
    assert all(len(group["pairs"]) == sources.SHOWN for group in groups)
    gaps = [pair["gap"] for pair in groups[0]["pairs"]]
    assert gaps == sorted(gaps, reverse=True)
    assert groups[0]["pairs"][0]["scores"][2] == {"model": "click+ llm-", "score": "0.71", "verdict": "kept"}
    assert groups[0]["pairs"][0]["scores"][3] == {"model": "jaccard none", "score": "", "verdict": ""}


def test_training_sets_add_up(market: ResultsFolder) -> None:
    rows = market.rows("sources")
    sets = {one["recipe"]: one["rows"] for one in sources.training_sets(market)}
    assert sets["click+ llm-"] == sum(row["rows"] for row in rows if row["recipe"] == "click+ llm-")
    assert sum(sets.values()) == sum(row["rows"] for row in rows)


def test_the_commands_are_quoted_for_a_shell() -> None:
    settings = {"logs": "my logs", "out": "o", "scores": {"click+ llm-": "a b.parquet"}, "production": None}
    first, second = sources.commands(ResultsFolder(Path("r"), {"settings": settings}, {}))
    assert "--logs 'my logs'" in first
    assert "--scores 'click+ llm-=a b.parquet'" in first
    assert "--production" not in first
    assert second == "adjudge report --results r --out report.html"
