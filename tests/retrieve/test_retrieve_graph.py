"""What a graph holds, in which order, and that a torn or changed one is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from retrieve_case import KEYPHRASES, write

from adjudge.errors import BadArtifact, BadConfig, BadTable, NotEnoughData
from adjudge.retrieve import graph as graph_module
from adjudge.retrieve.build import build
from adjudge.retrieve.graph import Graph, load
from adjudge.retrieve.settings import GraphSettings


def members(graph: Graph, category: str) -> dict[str, list[str]]:
    """Word -> keyphrases of a category, as the graph has them."""
    words, found = list(graph.words), {}
    for at, key in enumerate(graph.keys):
        number, word = divmod(int(key), len(words))
        if number == graph.categories[category]:
            edges = graph.edges[graph.starts[at] : graph.starts[at + 1]]
            assert (np.diff(edges) > 0).all()
            found[words[word]] = graph.phrases.take(pa.array(edges)).to_pylist()
    return found


def test_contents_by_hand(graph: Graph) -> None:
    # By searches: shoe 100, running shoe 40, red leather shoe 9, red sofa 7, red running shoe 5, red lamp
    # none.
    assert graph.phrases.to_pylist() == [
        *("shoe", "running shoe", "red leather shoe"),
        *("red sofa", "red running shoe", "red lamp"),
    ]
    assert graph.lengths.tolist() == [1, 2, 3, 2, 3, 2]
    assert list(graph.categories) == ["", "Shoes", "Sofas"]
    assert members(graph, "Shoes") == {
        "shoe": ["shoe", "running shoe", "red leather shoe", "red running shoe"],
        "running": ["running shoe", "red running shoe"],
        "red": ["red leather shoe", "red running shoe"],
        "leather": ["red leather shoe"],
    }
    assert members(graph, "Sofas") == {"red": ["red sofa"], "sofa": ["red sofa"]}
    assert members(graph, "")["red"] == ["red leather shoe", "red sofa", "red running shoe", "red lamp"]
    assert graph.about.counts == {"keyphrases": 6, "words": 6, "categories": 2, "edges": 9 + 2 + 13}


def test_clicks_add_categories_and_break_ties(tmp_path: Path) -> None:
    table = {"keyphrase": ["a b", "b c", "c d"], "category": ["X", "X", "Y"], "searches": [1, 1, 1]}
    clicks = {
        "item_id": ["i1", "i2", "i2", "i3", "i3"],
        "keyphrase": ["a b", "a b", "b c", "c d", "never listed"],
        "impressions": [9, 9, 9, 9, 9],
        "clicks": [3, 2, 2, 3, 9],
    }
    items = {"item_id": ["i1", "i2", "i3"], "category": ["Z", "Y", None]}
    paths = [write(tmp_path / f"{n}.parquet", t) for n, t in enumerate((table, clicks, items))]
    build(paths[0], tmp_path / "graph", clicks=paths[1], items=paths[2])
    graph = load(tmp_path / "graph")
    assert graph.phrases.to_pylist() == ["b c", "c d", "a b"], (
        "a b was shown with two items, so it comes last"
    )
    assert list(graph.categories) == ["", "X", "Y", "Z"]
    assert members(graph, "Z") == {"a": ["a b"], "b": ["a b"]}
    assert members(graph, "Y") == {"c": ["c d"], "d": ["c d"]}, "two clicks are fewer than min_clicks"
    build(paths[0], tmp_path / "g2", GraphSettings(min_clicks=2), paths[1], paths[2])
    assert members(load(tmp_path / "g2"), "Y")["b"] == ["b c", "a b"]
    with pytest.raises(BadConfig, match="together with --clicks"):
        build(paths[0], tmp_path / "g3", items=paths[2])


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    table = {
        "keyphrase": ["a", None, "!!", "b c d", "e", "\U0001f525"],
        "searches": pa.array([5, 5, 5, 5, 1, None], pa.int64()),
    }
    path = write(tmp_path / "k.parquet", table)
    done = build(path, tmp_path / "graph", GraphSettings(phrase_words=2, min_searches=2))
    assert done.left_out == {
        "keyphrase is null, or has no word": 3,
        "more than 2 words": 1,
        "fewer than 2 searches": 1,
    }
    assert (done.keyphrases, done.categories) == (1, 0)
    with pytest.raises(NotEnoughData, match="no keyphrase to build from"):
        build(path, tmp_path / "none", GraphSettings(min_searches=9))
    assert not (tmp_path / "none").exists()
    with pytest.raises(BadTable, match="needs column keyphrase"):
        build(write(tmp_path / "x.parquet", {"query": ["a"]}), tmp_path / "none")


def test_same_table_same_bytes_in_any_order(graph: Graph, tmp_path: Path) -> None:
    back = {name: values[::-1] for name, values in KEYPHRASES.items()}
    done = build(write(tmp_path / "k.parquet", back), tmp_path / "graph")
    assert done.version == graph.about.version


def test_a_new_graph_takes_the_old_ones_place(tmp_path: Path) -> None:
    first = build(write(tmp_path / "k.parquet", KEYPHRASES), tmp_path / "graph")
    old = load(tmp_path / "graph")
    second = build(tmp_path / "k.parquet", tmp_path / "graph", GraphSettings(fold_plurals=False))
    assert first.version != second.version
    assert load(tmp_path / "graph").about.version == second.version
    assert sorted(path.name for path in (tmp_path / "graph").iterdir()) == sorted(
        [second.version, "graph.json"]
    )
    assert old.edges.sum() > 0, "who opened the old one can go on"


def test_a_build_that_dies_leaves_the_old_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(write(tmp_path / "k.parquet", KEYPHRASES), tmp_path / "graph")

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("numpy.save", dies)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "k.parquet", tmp_path / "graph", GraphSettings(fold_plurals=False))
    monkeypatch.undo()
    assert load(tmp_path / "graph").about.version == first.version
    build(tmp_path / "k.parquet", tmp_path / "graph")
    assert len(list((tmp_path / "graph").iterdir())) == 2, "and its rest is cleared away"


def test_torn_and_changed_graphs_are_refused(graph_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "graph"
    shutil.copytree(graph_folder, copy)
    inner = copy / load(copy).about.version
    (inner / "edges.npy").write_bytes((inner / "edges.npy").read_bytes()[:-4] + b"abcd")
    with pytest.raises(BadArtifact, match="was changed after it was written"):
        load(copy)
    (inner / "edges.npy").unlink()
    with pytest.raises(BadArtifact, match=r"edges.npy missing"):
        load(copy)
    told = json.loads((copy / "graph.json").read_text())
    for wrong in ({**told, "format": 2}, {**told, "kind": "x"}, {**told, "speed": 1}, []):
        (copy / "graph.json").write_text(json.dumps(wrong))
        with pytest.raises(BadArtifact, match="manifest"):
            load(copy)
    with pytest.raises(BadArtifact, match="adjudge retrieve build"):
        load(tmp_path)


def test_a_build_that_dies_leaves_the_old_graph_and_the_next_one_tidies_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write(tmp_path / f"{n}.parquet", {"keyphrase": [text]}) for n, text in enumerate(("a b", "c d"))]
    old = build(paths[0], tmp_path / "graph")
    for step in ("move_in", "write_json"):

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(graph_module, step, die)
            with pytest.raises(KeyboardInterrupt):
                build(paths[1], tmp_path / "graph")
        assert load(tmp_path / "graph").phrases.to_pylist() == ["a b"], step
    new = build(paths[1], tmp_path / "graph")
    assert load(tmp_path / "graph").phrases.to_pylist() == ["c d"]
    assert new.version != old.version
    assert sorted(path.name for path in (tmp_path / "graph").iterdir()) == sorted([new.version, "graph.json"])
