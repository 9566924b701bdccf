"""Score files aligned with the evidence: order, what is missing, and what is refused."""

from __future__ import annotations

from pathlib import Path

import logs_world
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_evidence import small_evidence

from adjudge.errors import BadTable
from adjudge.scorecard.evidence import PairEvidence
from adjudge.scorecard.scores import AlignedScores, align, read_titles

PAIRS = ["a cup", "a lamp", "b lamp"]
VERSION = "0123456789ab"


@pytest.fixture
def evidence() -> PairEvidence:
    return small_evidence(PAIRS)


def write(
    path: Path, rows: list[tuple[str, str, float | None]], version: list[str | None] | None = None
) -> Path:
    items, phrases, scores = ([row[at] for row in rows] for at in range(3))
    columns = {"item_id": items, "keyphrase": phrases, "score": pa.array(scores, pa.float64())}
    logs_world.write(path, {**columns, "model_version": version or [VERSION] * len(rows)})
    return path


def test_scores_come_in_the_evidences_order(evidence: PairEvidence, tmp_path: Path) -> None:
    path = write(tmp_path / "m.parquet", [("b", "lamp", 0.3), ("a", "cup", 0.1), ("a", "lamp", 0.2)])
    found = align(evidence, path, "m")
    assert found.scores.tolist() == [0.1, 0.2, 0.3]
    assert (found.version, found.missing, found.unscored, found.extra) == (VERSION, 0, 0, 0)
    assert found.notes("m") == []


def test_missing_unscored_and_foreign_pairs_are_told_apart(evidence: PairEvidence, tmp_path: Path) -> None:
    rows = [("a", "cup", None), ("a", "lamp", 0.2), ("a", "sofa", 0.9), ("zz", "lamp", 0.8)]
    found = align(evidence, write(tmp_path / "m.parquet", rows), "m")
    assert np.isnan(found.scores[[0, 2]]).all()
    assert (found.missing, found.unscored, found.extra, found.example) == (1, 1, 2, "(b, lamp)")
    assert found.notes("m") == [
        "m: 1 of 3 pairs are not in its scores file, e.g. (b, lamp); they count as not kept and their "
        "clicks as lost",
        "m: 1 of 3 pairs have no score; they count as not kept",
        "m: 2 scored pairs are not among those measured and were left out",
    ]


def test_numbers_of_other_types_are_read(evidence: PairEvidence, tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    table = pa.table(
        {
            "item_id": pa.array(["a", "b"], pa.large_string()),
            "keyphrase": pa.array(["cup", "lamp"]).dictionary_encode(),
            "score": pa.array([1, 0], pa.int32()),
            "model_version": pa.array([None, "b"], pa.string()),
            "further": [1, 2],
        }
    )
    pq.write_table(table, path)
    found = align(evidence, path, "m")
    assert found.scores[[0, 2]].tolist() == [1.0, 0.0]
    assert found.version == "b"


def test_several_versions_are_all_named(evidence: PairEvidence, tmp_path: Path) -> None:
    path = write(tmp_path / "m.parquet", [("a", "cup", 0.1), ("a", "lamp", 0.2)], ["b", "a"])
    assert align(evidence, path, "m").version == "a, b"


def test_scores_of_other_pairs_are_refused(evidence: PairEvidence, tmp_path: Path) -> None:
    path = write(tmp_path / "m.parquet", [("zz", "sofa", 0.5)])
    with pytest.raises(
        BadTable, match=r"none of its 1 pairs .*first there: \(zz, sofa\), first wanted: \(a, cup\)"
    ):
        align(evidence, path, "m")
    with pytest.raises(BadTable, match=r"none of its 0 pairs is in the logs; first there: no rows"):
        align(evidence, write(tmp_path / "none.parquet", []), "m")


def test_a_pair_twice_is_refused_by_name(evidence: PairEvidence, tmp_path: Path) -> None:
    rows = [("a", "cup", 0.1), ("b", "lamp", 0.2), ("b", "lamp", 0.2)]
    with pytest.raises(
        BadTable, match=r"1 pairs stand there more than once, e.g. \(b, lamp\). One score per pair"
    ):
        align(evidence, write(tmp_path / "m.parquet", rows), "m")


def test_files_that_are_no_scores_are_refused(evidence: PairEvidence, tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(BadTable, match=r"cannot be read as a Parquet table of scores.*adjudge score"):
        align(evidence, path, "m")
    with pytest.raises(BadTable, match="cannot be read as a Parquet table of scores"):
        align(evidence, tmp_path / "nowhere.parquet", "m")
    logs_world.write(path, {"item_id": ["a"], "keyphrase": ["cup"], "model_version": ["v"]})
    with pytest.raises(BadTable, match="table scores needs column score"):
        align(evidence, path, "m")
    logs_world.write(
        path, {"item_id": ["a"], "keyphrase": ["cup"], "score": ["high"], "model_version": ["v"]}
    )
    with pytest.raises(BadTable, match="cannot be read as a Parquet table of scores"):
        align(evidence, path, "m")


def test_titles_of_some_items(tmp_path: Path) -> None:
    logs_world.write(tmp_path / "items.parquet", {"item_id": ["a", "b"], "title": ["A", "B"]})
    assert read_titles(tmp_path, {"b", "zz"}) == {"b": "B"}
    assert read_titles(tmp_path, set()) == {}


def test_notes_count_pairs_of_the_evidence() -> None:
    aligned = AlignedScores(np.full(5, np.nan), "", missing=2, unscored=3, extra=0, example="(a, b)")
    assert [note[:12] for note in aligned.notes("m")] == ["m: 2 of 5 pa", "m: 3 of 5 pa"]
