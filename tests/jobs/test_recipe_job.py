from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge import config
from adjudge.errors import BadRecipe
from adjudge.jobs.recipe import RecipeConfig, recipe
from adjudge.recipes.settings import RecipeSettings


def test_the_job_saves_its_config_beside_the_result(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    pairs = {"item_id": ["a", "b"], "keyphrase": ["k", "k"]}
    pq.write_table(pa.table({"item_id": ["a", "b"], "title": ["x", "y"]}), logs / "items.parquet")
    pq.write_table(pa.table({**pairs, "passed": [True, False]}), logs / "search.parquet")
    asked = RecipeConfig("search+-", logs, tmp_path / "out", RecipeSettings(shares=(1.0, 0.0, 0.0), seed=9))
    report = recipe(asked)
    assert report.rows == pq.read_table(tmp_path / "out" / "training.parquet").num_rows == 2
    assert config.load(RecipeConfig, tmp_path / "out" / "settings.json") == asked


def test_a_misspelt_recipe_fails_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="position 7"):
        RecipeConfig("search", tmp_path, tmp_path)
