"""Parquet in, Parquet out: what `adjudge retrieve` writes, and that nothing is lost without a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from retrieve_case import KEYPHRASES, write
from typer.testing import CliRunner

from adjudge.cli.commands import app
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.retrieve import BuildGraphConfig, RetrieveConfig, build_graph, retrieve
from adjudge.retrieve import files
from adjudge.retrieve.files import NO_CATEGORY, NO_HIT, NO_ITEM, NO_TITLE, NOT_UTF8, retrieve_file
from adjudge.retrieve.graph import Graph
from adjudge.retrieve.settings import RetrievalSettings
from adjudge.tables import TO_SCORE

ITEMS = {
    "item_id": ["i1", "i2", "i3", None, "i5", "i6"],
    "title": ["Red Running Shoe", None, "\U0001f525", "Shoe", "Sofa red", "Shoe"],
    "category": ["Shoes", "Shoes", "Sofas", "Shoes", "Sofas", "Boats"],
    "price": [1.0] * 6,
}


def test_the_contract(graph: Graph, tmp_path: Path) -> None:
    items = write(tmp_path / "items.parquet", ITEMS)
    done = retrieve_file(
        graph, items, tmp_path / "deep" / "pairs.parquet", RetrievalSettings(per_item=3), chunk=2
    )
    out = pq.read_table(done.out)
    assert out.column_names == ["item_id", "keyphrase", "title", "category", "rank", "alignment"]
    TO_SCORE.check_columns(out.column_names, done.out)
    assert out.to_pylist()[:4] == [
        pair("i1", "red running shoe", "Red Running Shoe", "Shoes", 1, 3.0),
        pair("i1", "running shoe", "Red Running Shoe", "Shoes", 2, 2.0),
        pair("i1", "shoe", "Red Running Shoe", "Shoes", 3, 1.0),
        pair("i5", "red sofa", "Sofa red", "Sofas", 1, 2.0),
    ]
    assert out["item_id"].to_pylist()[4:] == ["i6"] * 3
    assert (done.items, done.pairs, done.graph) == (6, 7, graph.about.version)
    assert done.without == {NO_TITLE: 1, NO_HIT: 1, NO_ITEM: 1}
    aside = pq.read_table(done.without_path).to_pylist()
    assert [(row["row"], row["item_id"], row["reason"]) for row in aside] == [
        (1, "i2", NO_TITLE),
        (2, "i3", NO_HIT),
        (3, None, NO_ITEM),
    ]
    assert sorted(p.name for p in done.out.parent.iterdir()) == ["pairs.parquet", "pairs.without.parquet"]


def pair(item: str, keyphrase: str, title: str, category: str, rank: int, alignment: float) -> dict:
    texts = {"item_id": item, "keyphrase": keyphrase, "title": title, "category": category}
    return {**texts, "rank": rank, "alignment": alignment}


def test_unknown_categories_can_be_refused(graph: Graph, tmp_path: Path) -> None:
    items = write(tmp_path / "items.parquet", ITEMS)
    done = retrieve_file(graph, items, tmp_path / "pairs.parquet", RetrievalSettings(unknown="none"))
    assert done.without == {NO_TITLE: 1, NO_HIT: 1, NO_ITEM: 1, NO_CATEGORY: 1}
    good = {name: values[:1] for name, values in ITEMS.items()}
    retrieve_file(graph, write(items, good), tmp_path / "pairs.parquet")
    assert not (tmp_path / "pairs.without.parquet").exists(), "an older run's file is not left lying"


@pytest.mark.parametrize(("workers", "chunk"), [(1, 7), (3, 5), (2, 1000)])
def test_chunks_and_workers_change_nothing(graph: Graph, tmp_path: Path, workers: int, chunk: int) -> None:
    rng = np.random.default_rng(3)
    words = np.array(["red", "shoe", "running", "sofa", "lamp", "leather", "zzz"])
    titles = [" ".join(rng.choice(words, rng.integers(0, 5))) for _ in range(64)]
    columns = {"item_id": [f"i{n}" for n in range(64)], "title": titles}
    items = write(tmp_path / "items.parquet", columns)
    one = retrieve_file(graph, items, tmp_path / "one.parquet")
    other = retrieve_file(graph, items, tmp_path / "other.parquet", workers=workers, chunk=chunk)
    assert pq.read_table(one.out).equals(pq.read_table(other.out))
    assert one.without == other.without
    assert one.pairs > 100


def test_broken_utf8_and_coded_columns(graph: Graph, tmp_path: Path) -> None:
    raw = [b"Red Shoe", b"Red \xff Shoe", b"Shoe"]
    offsets = np.cumsum([0, *map(len, raw)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(raw))]
    title = pa.Array.from_buffers(pa.string(), 3, buffers)
    category = pa.array(["Shoes"] * 3).dictionary_encode()
    table = pa.table({"item_id": [1, 2, 3], "title": title, "category": category})
    done = retrieve_file(graph, write(tmp_path / "items.parquet", table), tmp_path / "pairs.parquet")
    assert done.without == {NOT_UTF8: 1}
    assert set(pq.read_table(done.out)["item_id"].to_pylist()) == {"1", "3"}


@pytest.mark.parametrize(("most", "pieces"), [(1, 7), (80, 3), (1 << 28, 1)])
def test_long_texts_are_written_a_bounded_piece_at_a_time(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, pieces: int
) -> None:
    """A title stands once a keyphrase: 8192 of 6,000 characters, 50 keyphrases each, are more than a column
    holds."""
    items = write(tmp_path / "items.parquet", ITEMS)
    settings = RetrievalSettings(per_item=3)
    whole = retrieve_file(graph, items, tmp_path / "whole.parquet", settings)
    monkeypatch.setattr(files, "BYTES", most)
    done = retrieve_file(graph, items, tmp_path / "pairs.parquet", settings)
    assert pq.read_table(done.out).equals(pq.read_table(whole.out))
    with pq.ParquetFile(done.out) as file:
        held = [file.read_row_group(group) for group in range(file.num_row_groups)]
    assert len(held) == pieces
    names = ("item_id", "keyphrase", "title", "category")
    sizes = [sum(len(row[name] or "") for row in piece.to_pylist() for name in names) for piece in held]
    assert all(size <= most or len(piece) == 1 for size, piece in zip(sizes, held, strict=True))


def test_ids_alone(graph: Graph, tmp_path: Path) -> None:
    items = write(tmp_path / "items.parquet", ITEMS)
    done = retrieve_file(graph, items, tmp_path / "pairs.parquet", texts=False)
    assert pq.read_table(done.out).column_names == ["item_id", "keyphrase", "rank", "alignment"]


def test_bad_input_is_refused_and_leaves_the_old_file(graph: Graph, tmp_path: Path) -> None:
    out = tmp_path / "pairs.parquet"
    retrieve_file(graph, write(tmp_path / "items.parquet", ITEMS), out)
    before = out.read_bytes()
    with pytest.raises(BadTable, match="needs column title"):
        retrieve_file(graph, write(tmp_path / "x.parquet", {"item_id": ["i"]}), out)
    (tmp_path / "y.parquet").write_bytes(b"no parquet")
    with pytest.raises(BadTable, match="cannot be read as Parquet"):
        retrieve_file(graph, tmp_path / "y.parquet", out)
    with pytest.raises(BadConfig, match="choose another file"):
        retrieve_file(graph, out, out)
    assert out.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_the_commands(tmp_path: Path) -> None:
    keyphrases = write(tmp_path / "keyphrases.parquet", KEYPHRASES)
    items = write(tmp_path / "items.parquet", ITEMS)
    folder, out = str(tmp_path / "graph"), str(tmp_path / "pairs.parquet")
    run = CliRunner()
    built = run.invoke(app, ["retrieve", "build", "--keyphrases", str(keyphrases), "--out", folder])
    assert built.exit_code == 0
    assert "6 keyphrases in 2 categories, 6 words, 24 edges" in built.stdout
    asked = ["retrieve", "--graph", folder, "--items", str(items), "--out", out, "--per-item", "2"]
    told = run.invoke(app, asked)
    assert told.exit_code == 0
    assert "(5 pairs of 6 items;" in told.stdout
    assert f"1 items: {NO_TITLE}" in told.stdout
    config = tmp_path / "pairs.parquet.settings.json"
    again = run.invoke(app, ["retrieve", "--settings", str(config), "--out", str(tmp_path / "again.parquet")])
    assert again.exit_code == 0
    assert pq.read_table(tmp_path / "again.parquet").equals(pq.read_table(out))


def test_the_jobs_save_their_settings(tmp_path: Path) -> None:
    from adjudge import config

    asked = BuildGraphConfig(write(tmp_path / "k.parquet", KEYPHRASES), tmp_path / "graph")
    build_graph(asked)
    assert config.load(BuildGraphConfig, tmp_path / "graph" / "settings.json") == asked
    wanted = RetrieveConfig(asked.out, write(tmp_path / "i.parquet", ITEMS), tmp_path / "p.parquet")
    retrieve(wanted)
    assert config.load(RetrieveConfig, tmp_path / "p.parquet.settings.json") == wanted
    with pytest.raises(BadConfig):
        RetrieveConfig(asked.out, asked.out, asked.out, workers=-1)
