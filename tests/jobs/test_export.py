"""The job `export`: what other tools read, what is left out, escaped or refused."""

from __future__ import annotations

import csv
import doctest
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import ir_measures
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge import config
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.export import ExportConfig, export
from adjudge.judge import trec_quepid


def judged(path: Path, rows: list[tuple[str, str, str | None]], judge: str = "j") -> Path:
    """(item_id, keyphrase, grade) a row."""
    named = dict(zip(("item_id", "keyphrase", "grade"), map(list, zip(*rows, strict=True)), strict=True))
    status = ["unscored" if row[2] is None else "scored" for row in rows]
    pq.write_table(pa.table({**named, "judge": [judge] * len(rows), "status": status}), path)
    return path


ROWS = [
    ("a", "red, mug", "excellent"),
    ("b c", 'the "best" mug', "bad"),
    ("d", "red, mug", None),
    ("e", "red, mug", "fair"),
]


def asked(tmp_path: Path, rows: list[tuple[str, str, str | None]] = ROWS, **more: Any) -> ExportConfig:
    table = judged(tmp_path / "j.parquet", rows)
    return ExportConfig(table, tmp_path / "out" / "x", **{"scale": "four", **more})


def test_worked_examples_in_the_docstrings() -> None:
    found = doctest.testmod(trec_quepid)
    assert found.attempted > 0
    assert found.failed == 0


def test_qrels_are_read_by_ir_measures_and_score_a_run(tmp_path: Path) -> None:
    done = export(asked(tmp_path))
    assert done.out.read_text() == "1 0 a 3\n2 0 b%20c 0\n1 0 e 1\n"
    assert Path(f"{done.out}.topics.tsv").read_text() == '1\tred, mug\n2\tthe "best" mug\n'
    assert (done.written.rows, done.written.unscored, done.written.queries, done.written.escaped) == (
        3,
        1,
        2,
        1,
    )
    qrels = list(ir_measures.read_trec_qrels(str(done.out)))
    assert [(q.query_id, unquote(q.doc_id), q.relevance) for q in qrels] == [
        ("1", "a", 3),
        ("2", "b c", 0),
        ("1", "e", 1),
    ]
    run = [ir_measures.ScoredDoc("1", "e", 2.0), ir_measures.ScoredDoc("1", "a", 1.0)]
    first = [q for q in qrels if q.query_id == "1"]
    assert ir_measures.calc_aggregate([ir_measures.RR(rel=3)], first, run)[ir_measures.RR(rel=3)] == 0.5


def test_quepid_keeps_texts_as_they_are(tmp_path: Path) -> None:
    done = export(asked(tmp_path, format="quepid"))
    with done.out.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["query", "docid", "rating"],
            ["red, mug", "a", "3"],
            ['the "best" mug', "b c", "0"],
            ["red, mug", "e", "1"],
        ]
    assert (done.written.rows, done.written.unscored) == (3, 1)


def test_the_grades_numbers_are_stated_and_may_be_set(tmp_path: Path) -> None:
    numbers = {"bad": -1, "fair": 0, "good": 1, "excellent": 10}
    done = export(asked(tmp_path, grades=numbers))
    assert done.out.read_text() == "1 0 a 10\n2 0 b%20c -1\n1 0 e 0\n"
    saved = config.load(ExportConfig, done.out.with_name("x.settings.json"))
    assert saved.grades == numbers
    assert (
        config.load(ExportConfig, export(asked(tmp_path)).out.with_name("x.settings.json")).grades[
            "excellent"
        ]
        == 3
    )
    for wrong, match in (
        ({"bad": 0}, "gives no number for fair, good, excellent"),
        ({**numbers, "god": 1}, "names 'god'.*did you mean good"),
        ({**numbers, "good": -2}, "a better grade may not have a smaller number than fair"),
        ({**numbers, "excellent": 10_000}, "grades.excellent is 10000"),
    ):
        with pytest.raises(BadConfig, match=match):
            asked(tmp_path, grades=wrong)


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="item_id 'b c' has a blank.*--set ids=escape"):
        export(asked(tmp_path, ids="refuse"))
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(BadConfig, match="ExportConfig.out is .*, which is ExportConfig.judgments too"):
        ExportConfig(tmp_path / "j.parquet", tmp_path / "out" / ".." / "j.parquet", scale="four")
    with pytest.raises(BadConfig, match="grade 'bad' is not on the scale.*--scale"):
        export(asked(tmp_path, scale="binary"))
    with pytest.raises(BadTable, match="occurs twice"):
        export(asked(tmp_path, [*ROWS, ROWS[0]]))
    with pytest.raises(BadTable, match="1 rows have an empty item_id or keyphrase"):
        export(asked(tmp_path, [("  ", "mug", "bad")]))
    with pytest.raises(BadConfig, match="judge 'k' is not in"):
        export(asked(tmp_path, judge="k"))
    with pytest.raises(BadConfig, match="format"):
        asked(tmp_path, format="csv")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadTable, match="cannot be read as Parquet"):
        export(ExportConfig(tmp_path / "broken.parquet", tmp_path / "x"))


def test_one_judge_of_several(tmp_path: Path) -> None:
    one = pq.read_table(judged(tmp_path / "a.parquet", ROWS, "general"))
    other = pq.read_table(judged(tmp_path / "b.parquet", [("a", "red, mug", "bad")], "tuned"))
    pq.write_table(pa.concat_tables([one, other]), tmp_path / "both.parquet")
    both = ExportConfig(tmp_path / "both.parquet", tmp_path / "x", scale="four")
    with pytest.raises(BadConfig, match="holds judges general, tuned: say which one"):
        export(both)
    export(ExportConfig(tmp_path / "both.parquet", tmp_path / "x", scale="four", judge="tuned"))
    assert (tmp_path / "x").read_text() == "1 0 a 0\n"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_an_escaped_id_is_one_word_and_comes_back(item_id: str) -> None:
    name = trec_quepid.escaped(item_id)
    assert len(name.split()) == 1
    assert name.isascii()
    assert unquote(name) == item_id


@given(st.lists(st.sampled_from("\\tnr\t\n\rax "), max_size=12).map("".join))
def test_a_topics_line_is_one_line_and_reversible(text: str) -> None:
    line = trec_quepid._line(text)
    assert not set(line) & {"\t", "\n", "\r"}
    back, place = "", 0
    undo = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
    while place < len(line):
        if line[place] == "\\":
            back, place = back + undo[line[place + 1]], place + 2
        else:
            back, place = back + line[place], place + 1
    assert back == text
