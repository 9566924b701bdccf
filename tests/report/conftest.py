"""One market and one labelled page for all of the report's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import results_folder
from report_page import Page

from adjudge.report.page import build


@pytest.fixture(scope="session")
def market_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return results_folder.market(tmp_path_factory.mktemp("market") / "results")


@pytest.fixture(scope="session")
def market_file(market_results: Path) -> Path:
    return build(market_results, market_results.parent / "report.html")


@pytest.fixture(scope="session")
def market_page(market_file: Path) -> Page:
    return Page(market_file.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def labelled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = results_folder.labelled(tmp_path_factory.mktemp("labelled") / "results")
    return build(results, results.parent / "report.html")


@pytest.fixture(scope="session")
def labelled_page(labelled_file: Path) -> Page:
    return Page(labelled_file.read_text(encoding="utf-8"))
