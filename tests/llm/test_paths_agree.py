"""One model, three ways to ask it: in this process, behind an endpoint, and through batch files."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.jobs.judge import judge
from adjudge.judge.runner import RunSettings
from adjudge.llm.transformers_client import TransformersSettings

HERE = Path(__file__).parent
PAIRS = 1000
TOLERANCE = 1e-4
SHORT = """# User
{category} title {title} keyphrase {keyphrase}
# Grades
- relevant = yes: x
- irrelevant = no: x
"""


def module(name: str) -> Any:
    """A helper beside this file, loaded once."""
    full = f"tests_llm_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, HERE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("paths")
    module("models").build(home / "model")
    (home / "prompt.md").write_text(SHORT)
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows = {
        "item_id": [str(k) for k in range(PAIRS)],
        "keyphrase": [
            " ".join(letters[(k * step) % 26] for step in range(1, 3 + k % 5)) for k in range(PAIRS)
        ],
        "title": [
            " ".join(letters[(k // 26 + step) % 26] for step in range(1 + k % 17)) for k in range(PAIRS)
        ],
        "category": [letters[k % 7] for k in range(PAIRS)],
    }
    pq.write_table(pa.table(rows), home / "pairs.parquet")
    return home


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[str]:
    command = [sys.executable, str(HERE / "serve_model.py"), str(home / "model")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.stdin.close()


@pytest.fixture(scope="module")
def paths(home: Path, served: str) -> Any:
    complete = module("serve_model").completer(str(home / "model"))
    return module("paths").Paths(home, home / "model", home / "prompt.md", served, complete)


def test_three_paths_agree_on_a_thousand_pairs(paths: Any) -> None:
    tables = paths.ask_all()
    module("paths").check_equal(tables, PAIRS, TOLERANCE)
    assert {row["grade"] for row in tables[0]} >= {"relevant", "irrelevant"}


def test_batches_of_any_size_give_the_same(home: Path, paths: Any) -> None:
    seen = []
    for size in (1, 7, 64):
        made = paths.config(f"size{size}", f"hf:{home / 'model'}", local=TransformersSettings(threads=1))
        table = pq.read_table(home / "pairs.parquet").slice(0, 50)
        pq.write_table(table, home / "few.parquet")
        judge(replace(made, pairs=home / "few.parquet", run=RunSettings(batch=size)))
        seen.append(pq.read_table(home / f"size{size}.parquet").column("probability").to_pylist())
    assert sum(p is not None for p in seen[0]) > 25
    for one, seven, all_at_once in zip(*seen, strict=True):
        assert one == pytest.approx(seven, abs=1e-5)
        assert one == pytest.approx(all_at_once, abs=1e-5)


def test_a_text_longer_than_the_model_takes_is_unscored(home: Path, paths: Any) -> None:
    made = paths.config("long", f"hf:{home / 'model'}", local=TransformersSettings(longest=12, threads=1))
    result = judge(replace(made, pairs=home / "pairs.parquet"))
    assert result.written is not None
    assert 0 < result.written.scored < PAIRS
    assert result.written.reasons["refused request"] > 100
