"""The job `compare` on a small market: recipes, students, baselines, scorecard, report, and a resumed run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadConfig, BadRecipe
from adjudge.jobs.compare import CompareConfig, RecipeComparison, compare
from adjudge.jobs.demo import DemoConfig, demo
from adjudge.market.settings import CatalogueSettings, MarketSettings
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.scoring.open_model import open_model
from adjudge.student.settings import StudentSettings

RECIPES = ("search+-", "click+ llm-")
TINY = StudentSettings(start="random", width=16, vocabulary=500, max_pairs=600, threads=1, golden=8)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoConfig, RecipeComparison]:
    out = tmp_path_factory.mktemp("runs") / "demo"
    config = DemoConfig(
        out,
        MarketSettings(catalogue=CatalogueSettings(items=400)),
        recipes=RECIPES,
        baselines=("jaccard",),
        student=TINY,
        scorecard=ScorecardSettings(replicates=20),
    )
    return config, demo(config)


def test_the_run_leaves_what_it_promises(run: tuple[DemoConfig, RecipeComparison]) -> None:
    config, done = run
    assert {p.name for p in (config.out / "artifacts").iterdir() if p.is_dir() and p.name[0] != "."} == {
        *RECIPES,
        "jaccard",
    }
    page = done.report.read_text()
    assert "imulated" in page
    assert all(spelling in page for spelling in RECIPES)
    card = pq.read_table(config.out / "scorecard.parquet").to_pylist()
    zero = {
        row["metric"]: row["change"]
        for row in card
        if row["model"] == "search+-" and row["segment_by"] == "all" and row["change"] is not None
    }
    assert zero["keyphrases_kept"] == zero["sales_kept"] == zero["search_pass_rate"] == 0


def test_the_artifact_carries_the_threshold_that_keeps_the_clicks(
    run: tuple[DemoConfig, RecipeComparison],
) -> None:
    config, done = run
    stated = json.loads((config.out / "thresholds.json").read_text())
    for model, artifact in done.artifacts.items():
        assert open_model(artifact).threshold == pytest.approx(stated[model]["threshold"], abs=0)
        assert json.loads((artifact / "adjudge.json").read_text())["threshold_by"]["retention"] == 0.95
    rows = {
        r["model"]: r
        for r in pq.read_table(config.out / "scorecard.parquet").to_pylist()
        if r["metric"] == "clicks_kept" and r["segment_by"] == "all"
    }
    assert all(rows[model]["value"] >= 0.95 for model in done.artifacts)


def test_only_unseen_items_are_measured(run: tuple[DemoConfig, RecipeComparison]) -> None:
    config, _ = run
    measured = set(pq.read_table(config.out / "to_score.parquet")["item_id"].to_pylist())
    training = pq.read_table(config.out / "recipes" / "search+-" / "training.parquet")
    learnt = {r["item_id"] for r in training.to_pylist() if r["split"] != "test"}
    assert measured
    assert not measured & learnt


def test_a_finished_run_is_not_trained_again(run: tuple[DemoConfig, RecipeComparison]) -> None:
    config, done = run
    before = {
        model: (path / "model.safetensors") for model, path in done.artifacts.items() if model != "jaccard"
    }
    stamps = {model: path.stat().st_mtime_ns for model, path in before.items()}
    again = demo(config)
    assert {model: path.stat().st_mtime_ns for model, path in before.items()} == stamps
    assert again.evaluated.table == done.evaluated.table


def test_a_lost_artifact_is_made_again(run: tuple[DemoConfig, RecipeComparison]) -> None:
    config, done = run
    before = (done.artifacts["jaccard"] / "adjudge.json").read_text()
    shutil.rmtree(done.artifacts["jaccard"])
    again = demo(config)
    assert (again.artifacts["jaccard"] / "adjudge.json").read_text() == before


def test_bad_settings_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="production is 'llm.-': allowed are search"):
        CompareConfig(tmp_path, tmp_path / "x", recipes=("search+-",), production="llm+-")
    with pytest.raises(BadConfig, match="name at least one, each once"):
        CompareConfig(tmp_path, tmp_path / "x", recipes=("search+-", "search+-"))
    with pytest.raises(BadConfig, match="baselines is 'jacard': .*did you mean jaccard"):
        CompareConfig(tmp_path, tmp_path / "x", baselines=("jacard",))
    assert not (tmp_path / "x").exists()


def test_an_unknown_source_names_the_judges_there_are(run: tuple[DemoConfig, RecipeComparison]) -> None:
    out = run[0].out
    config = CompareConfig(
        out / "market",
        out / "other",
        recipes=("lmm+-",),
        production="lmm+-",
        student=TINY,
        scorecard=ScorecardSettings(replicates=20),
    )
    with pytest.raises(BadRecipe, match="did you mean llm"):
        compare(config)
