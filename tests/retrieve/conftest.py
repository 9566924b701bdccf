"""The graph that the room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from retrieve_case import KEYPHRASES, write

from adjudge.retrieve.build import build
from adjudge.retrieve.graph import Graph, load


@pytest.fixture(scope="session")
def graph_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph")
    build(write(folder / "keyphrases.parquet", KEYPHRASES), folder / "graph")
    return folder / "graph"


@pytest.fixture(scope="session")
def graph(graph_folder: Path) -> Graph:
    return load(graph_folder)
