"""The job `report` writes the page and says how large it is."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge import config
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.report import ReportConfig, report

ROW = {"model": "m", "metric": "auc", "segment_by": "all", "segment": "all", "value": 0.75, "low": 0.7}
EMPTY = {"high": 0.8, "change": None, "change_low": None, "change_high": None}


def test_it_writes_one_file(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    pq.write_table(pa.Table.from_pylist([{**ROW, **EMPTY}]), results / "scorecard.parquet")
    (results / "meta.json").write_text(json.dumps({"title": "Small"}))
    told: list[tuple[str, int, int]] = []
    done = report(ReportConfig((results,), tmp_path / "new" / "report.html"), lambda *step: told.append(step))
    assert done.path == tmp_path / "new" / "report.html"
    assert done.bytes == done.path.stat().st_size
    assert "<h1>Small</h1>" in done.path.read_text()
    names = sorted(path.name for path in done.path.parent.iterdir())
    assert names == ["report.html", "report.html.settings.json"]
    assert told[-1][1:] == (1, 1)


def test_its_settings_go_through_json_and_refuse_another_ending(tmp_path: Path) -> None:
    asked = ReportConfig((tmp_path,), tmp_path / "a.html")
    assert config.from_dict(ReportConfig, config.to_dict(asked)) == asked
    with pytest.raises(BadConfig, match=r"a.pdf: allowed is a file that ends in .html"):
        ReportConfig((tmp_path,), tmp_path / "a.pdf")


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="no results folder"):
        report(ReportConfig((tmp_path,), tmp_path / "a.html"))
