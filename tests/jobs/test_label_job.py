"""Pairs out to Label Studio and its annotations back, and what a judge is probed with."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge import tables
from adjudge.errors import BadConfig, BadTable, NotEnoughData
from adjudge.jobs.agree import AgreeConfig, agree
from adjudge.jobs.label import LabelExportConfig, LabelImportConfig, export_labels, import_labels
from adjudge.jobs.probe import ProbeConfig, probe
from adjudge.judge.prompt import load
from adjudge.records import SCALES


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    n = 40
    table = {
        "item_id": [f"i{k // 2:02d}" for k in range(n)],
        "keyphrase": [f"phrase {k % 2}" for k in range(n)],
        "title": [f"Title & <b>{k // 2}</b>" for k in range(n)],
        "category": ["Sofas" if k % 3 else None for k in range(n)],
    }
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    return tmp_path / "pairs.parquet"


def tasks_of(out: Path) -> list[dict[str, Any]]:
    return [one for path in sorted(out.glob("tasks-*.json")) for one in json.loads(path.read_text())]


def answered(tasks: list[dict[str, Any]], grades: list[str]) -> list[dict[str, Any]]:
    """As Label Studio exports them: annotator k gives grades[k] to every task."""
    for number, one in enumerate(tasks):
        one |= {"id": number, "predictions": []}
        one["annotations"] = [
            {
                "id": 10 * number + who,
                "completed_by": who,
                "was_cancelled": False,
                "updated_at": "2026-03-09T22:16:08Z",
                "result": [
                    {
                        "from_name": "grade",
                        "to_name": "title",
                        "type": "choices",
                        "value": {"choices": [grade]},
                    }
                ],
            }
            for who, grade in enumerate(grades, start=1)
        ]
    return tasks


def test_round_trip_into_agree(pairs: Path, tmp_path: Path) -> None:
    asked = export_labels(LabelExportConfig(pairs, tmp_path / "ls", tasks_per_file=15))
    assert (asked.tasks, asked.open, len(asked.files)) == (40, 40, 3)
    tasks = answered(tasks_of(tmp_path / "ls"), ["good", "good", "excellent"])
    (tmp_path / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    taken = import_labels(LabelImportConfig(tmp_path / "export.json", tmp_path / "h.parquet"))
    assert (taken.tasks, taken.kept, taken.pairs, taken.complete, taken.unanimous) == (40, 120, 40, 40, 0)
    assert taken.quarantine is None
    human = pq.read_table(tmp_path / "h.parquet")
    assert human.column_names == list(tables.ANNOTATIONS.names)
    judged = pq.read_table(pairs, columns=["item_id", "keyphrase"])
    for name, value in (("judge", "j"), ("grade", "relevant"), ("status", "scored")):
        judged = judged.append_column(name, pa.array([value] * 40))
    pq.write_table(judged, tmp_path / "j.parquet")
    found = agree(AgreeConfig(tmp_path / "j.parquet", tmp_path / "h.parquet", tmp_path / "out"))
    assert found.counts["without a label under the rule"] == 40


def test_sample_is_random_seeded_and_leaves_out_what_is_done(pairs: Path, tmp_path: Path) -> None:
    def drawn(name: str, **more: Any) -> set[tuple[str, str]]:
        export_labels(LabelExportConfig(pairs, tmp_path / name, sample=10, **more))
        return {(one["data"]["item_id"], one["data"]["keyphrase"]) for one in tasks_of(tmp_path / name)}

    first = drawn("a")
    assert len(first) == 10
    assert first == drawn("b")
    assert first != drawn("c", seed=1)
    done = {"item_id": [i for i, _ in first], "keyphrase": [k for _, k in first]}
    pq.write_table(
        pa.table({**done, "annotator": ["x"] * 10, "grade": ["good"] * 10}), tmp_path / "done.parquet"
    )
    assert not first & drawn("d", done=tmp_path / "done.parquet")
    none = {"item_id": [], "keyphrase": [], "title": []}
    pq.write_table(pa.table({k: pa.array(v, pa.string()) for k, v in none.items()}), tmp_path / "no.parquet")
    with pytest.raises(NotEnoughData, match="still to label"):
        export_labels(LabelExportConfig(tmp_path / "no.parquet", tmp_path / "e"))


def test_pairs_with_nothing_to_label_are_left_out_and_counted(tmp_path: Path) -> None:
    table = {
        "item_id": [str(k) for k in range(6)],
        "keyphrase": ["", "mug", "mug", None, "mug", "mug"],
        "title": ["Mug", "  ", "\u200b", "Mug", None, "Mug"],
    }
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    asked = export_labels(LabelExportConfig(tmp_path / "pairs.parquet", tmp_path / "ls"))
    assert (asked.tasks, asked.open, asked.blank) == (1, 1, 5)
    assert [one["data"]["item_id"] for one in tasks_of(tmp_path / "ls")] == ["5"]
    pq.write_table(pa.table({**table, "title": list(range(6))}), tmp_path / "pairs.parquet")
    with pytest.raises(BadTable, match="column title is int64: allowed is string"):
        export_labels(LabelExportConfig(tmp_path / "pairs.parquet", tmp_path / "ls"))


def test_categories_that_are_numbers_are_shown_as_their_digits(tmp_path: Path) -> None:
    table = {"item_id": ["a", "b"], "keyphrase": ["mug"] * 2, "title": ["Mug"] * 2, "category": [12, None]}
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    export_labels(LabelExportConfig(tmp_path / "pairs.parquet", tmp_path / "ls"))
    assert [one["data"]["category"] for one in tasks_of(tmp_path / "ls")] == ["12", ""]


def test_pictures_are_shown_where_they_can_be(pairs: Path, tmp_path: Path) -> None:
    items = {"item_id": [f"i{k:02d}" for k in range(20)], "title": ["t"] * 20}
    places = ["https://x/1.jpg" if k < 5 else "colour: red" for k in range(20)]
    pq.write_table(pa.table({**items, "image": places}), tmp_path / "items.parquet")
    asked = export_labels(LabelExportConfig(pairs, tmp_path / "p", items=tmp_path / "items.parquet"))
    assert asked.pictures == 10
    assert "<Image" in (tmp_path / "p" / "labelling.xml").read_text()
    assert {one["data"]["image"] for one in tasks_of(tmp_path / "p")} == {"https://x/1.jpg", ""}
    pq.write_table(pa.table({**items, "image": ["colour: red"] * 20}), tmp_path / "items.parquet")
    export_labels(LabelExportConfig(pairs, tmp_path / "q", items=tmp_path / "items.parquet"))
    assert "<Image" not in (tmp_path / "q" / "labelling.xml").read_text()
    assert {one["data"]["image"] for one in tasks_of(tmp_path / "q")} == {"colour: red"}


def test_bad_annotations_are_quarantined_then_refused(pairs: Path, tmp_path: Path) -> None:
    export_labels(LabelExportConfig(pairs, tmp_path / "ls"))
    tasks = answered(tasks_of(tmp_path / "ls"), ["good", "fair"])
    tasks[3]["annotations"][0]["result"] = []
    (tmp_path / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    config = LabelImportConfig(tmp_path / "export.json", tmp_path / "h.parquet", annotators=2)
    with pytest.raises(BadTable, match="1 of 80 annotations are bad.*no grade chosen: 1"):
        import_labels(config)
    aside = pq.read_table(tmp_path / "quarantine" / "h.parquet").to_pylist()
    assert [(one["row_number"], one["reason"]) for one in aside] == [(4, "no grade chosen")]
    assert not (tmp_path / "h.parquet").exists()
    with pytest.raises(BadConfig, match="LabelImportConfig.out is .*, which is LabelImportConfig.export too"):
        LabelImportConfig(config.export, config.export)
    taken = import_labels(LabelImportConfig(config.export, config.out, annotators=2, max_bad_share=0.05))
    assert (taken.kept, taken.complete, taken.pairs) == (79, 39, 40)
    assert taken.annotations == taken.kept + taken.skipped + sum(taken.reasons.values())


def test_probe_writes_what_to_judge_and_how(pairs: Path, tmp_path: Path) -> None:
    made = probe(
        ProbeConfig(pairs, tmp_path / "probe", "openai:m", sample=8, base_url="http://localhost:1/v1")
    )
    assert made.pairs == 8
    original, stuffed, padded = (
        pq.read_table(tmp_path / "probe" / f"{name}.parquet") for name in ("original", "stuffed", "padded")
    )
    assert original.select(["item_id", "keyphrase"]).equals(stuffed.select(["item_id", "keyphrase"]))
    for row, full in zip(original.to_pylist(), stuffed.to_pylist(), strict=True):
        assert full["title"] == f"{row['title']} {row['keyphrase']}"
    assert all(len(t) > 50 for t in padded["title"].to_pylist())
    runs = {run["name"]: run for run in json.loads((tmp_path / "probe" / "runs.json").read_text())}
    assert set(runs) == {"original", "position", "rewording", "stuffing", "padding"}
    words = shlex.split(runs["position"]["command"])
    assert words[:2] == ["adjudge", "judge"]
    assert "order=worst_first" in words
    assert runs["stuffing"]["pairs"] == str(tmp_path / "probe" / "stuffed.parquet")
    AgreeConfig(
        pairs, pairs, tmp_path, paired={name: run["out"] for name, run in runs.items() if name != "original"}
    )


@pytest.mark.parametrize("scale", SCALES)
def test_second_wordings_ask_the_same_in_other_words(scale: str, pairs: Path, tmp_path: Path) -> None:
    probe(ProbeConfig(pairs, tmp_path / "probe", "fake", scale=scale))
    second, first = load(scale, tmp_path / "probe" / "reworded.md"), load(scale)
    assert second.answers == first.answers
    assert second.hash != first.hash
    text = second.render("red sofa", "Couch </title>", "Sofas")
    assert "red sofa" in text.user
    assert "</title></title>" not in text.user
