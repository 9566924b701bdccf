"""The import jobs: configs that round-trip and are saved, one table or a whole set, rows for the screen."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from adjudge import config as settings
from adjudge.cli.tables_reference import tables_markdown
from adjudge.errors import BadConfig
from adjudge.jobs import import_ as jobs

ANNOTATIONS = "sku,keyphrase,annotator,grade\na,lamp,x,high\nb,lamp,x,great\nc,lamp,x,irrelevant\n"


def test_one_table_with_a_mapping_and_a_scale(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(ANNOTATIONS)
    config = jobs.ImportTableConfig(
        "annotations", tmp_path / "in.csv", tmp_path / "logs", {"item_id": "sku"}, 0.5, "ordinal3"
    )
    result = jobs.import_table(config)
    assert result.written == {"annotations": 2}
    assert pq.read_table(tmp_path / "logs" / "annotations.parquet")["item_id"].to_pylist() == ["a", "c"]
    assert jobs.summary(result) == [
        (
            "read annotations",
            "3",
            "2",
            f"1 (grade is not one of irrelevant, moderate, high: 1) in "
            f"{tmp_path / 'logs/quarantine/annotations.parquet'}",
        ),
        (f"wrote {tmp_path / 'logs/annotations'}.parquet", "2", "2", ""),
    ]
    assert (
        settings.load(jobs.ImportTableConfig, tmp_path / "logs" / "imports" / "annotations.settings.json")
        == config
    )


def test_clicks_later_has_the_shape_of_clicks(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("item_id,keyphrase,impressions,clicks\na,lamp,3,1\n")
    jobs.import_table(jobs.ImportTableConfig("clicks_later", tmp_path / "in.csv", tmp_path / "logs"))
    assert (tmp_path / "logs" / "clicks_later.parquet").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table": "click"}, "table is 'click': allowed are items.*did you mean clicks"),
        ({"scale": "five"}, "scale is 'five'"),
        ({"max_bad_share": 1.5}, "max_bad_share is 1.5: allowed is 0 to 1"),
    ],
)
def test_settings_outside_their_range(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        jobs.ImportTableConfig(**{"table": "clicks", "file": tmp_path, "logs": tmp_path, **change})


def test_a_whole_set_saves_its_config(tmp_path: Path) -> None:
    for name, text in (
        ("query", "query_id\tquery\tquery_class\n0\tlamp\tLamps\n"),
        ("product", "product_id\tproduct_name\tproduct_class\n0\tdesk lamp\tLamps\n"),
        ("label", "id\tquery_id\tproduct_id\tlabel\n0\t0\t0\tExact\n"),
    ):
        (tmp_path / f"{name}.csv").write_text(text)
    config = jobs.ImportWandsConfig(tmp_path, tmp_path / "logs")
    seen: list[str] = []
    result = jobs.import_wands(config, lambda what, done, total: seen.append(what))
    assert (
        settings.load(jobs.ImportWandsConfig, tmp_path / "logs" / "imports" / "wands.settings.json") == config
    )
    assert {"import label.csv", "write items"} <= set(seen)
    assert ("read label", "1", "1", "0") in jobs.summary(result)


def test_ubi_config_round_trips(tmp_path: Path) -> None:
    config = jobs.ImportUbiConfig(
        tmp_path / "q", tmp_path, tmp_path / "e", first_position=0, click_actions=("tap",)
    )
    assert settings.from_dict(jobs.ImportUbiConfig, settings.to_dict(config)) == config


def test_the_committed_table_docs_are_the_generated_ones() -> None:
    committed = Path(__file__).parents[2] / "docs" / "tables.md"
    assert committed.read_text(encoding="utf-8") == tables_markdown(), (
        "run: python -m adjudge.cli.tables_reference > docs/tables.md"
    )
