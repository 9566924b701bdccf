"""The registry: a new kind of results folder needs no change to the builder, and every kind is complete."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_page import Page

from adjudge.errors import BadConfig, BadTable
from adjudge.report import page, registry
from adjudge.report.glossary import glossary
from adjudge.report.reading import FolderKind, ResultsFolder, Section, Values, kind_of, read_folder
from adjudge.report.registry import KINDS, LAST, read_folders

COLUMNS = ("day", "clicks")


def view(folder: ResultsFolder) -> Values:
    days = [f"{row['day']}: {row['clicks']}" for row in folder.rows("days")]
    shown = {"page_title": folder.meta["name"], "judge": None, "glossary": []}
    return {**shown, "paper": None, "days": days}


RANKER = FolderKind(
    name="ranker",
    command="adjudge rank",
    marker="ranker.json",
    document="ranker.json",
    keys=("name", "settings"),
    tables={"days": COLUMNS},
    sections=(Section("days", "Day by day", ("days",), leads=True),),
    view=view,
    terms="judge_terms",
    head="head_ranker",
    reproduce=lambda folder: [f"adjudge rank --out {folder.path.name}"],
)


def write(folder: Path, name: str = "A ranker", days: list[tuple[int, int]] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ranker.json").write_text(json.dumps({"name": name, "settings": {"simulated": ["shop"]}}))
    rows = [{"day": day, "clicks": clicks} for day, clicks in days or []]
    schema = pa.schema([("day", pa.int64()), ("clicks", pa.int64())])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "days.parquet")
    return folder


@pytest.fixture
def with_ranker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The registry with one more kind, and its two templates beside ours."""
    templates = tmp_path / "templates" / "sections"
    templates.mkdir(parents=True)
    for path in page.TEMPLATES.rglob("*.*"):
        target = tmp_path / "templates" / path.relative_to(page.TEMPLATES)
        target.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (templates / "days.html.j2").write_text("<ul>{% for day in days %}<li>{{ day }}</li>{% endfor %}</ul>")
    (templates / "head_ranker.html.j2").write_text(
        "<h1>{{ page_title }}</h1><p>{{ simulated | join(',') }}</p>"
    )
    monkeypatch.setattr(page, "TEMPLATES", tmp_path / "templates")
    for module in (page, registry):
        monkeypatch.setattr(module, "KINDS", (*KINDS, RANKER))
    return tmp_path


def test_a_new_kind_needs_no_change_to_the_builder(with_ranker: Path) -> None:
    folder = write(with_ranker / "runs", days=[(1, 30), (2, 40)])
    found = Page(page.build(folder, with_ranker / "a.html").read_text())
    assert found.problems == []
    assert found.headings[0] == (1, "A ranker")
    titles = [text for level, text in found.headings if level == 2]
    assert titles == ["The answer", "What the words mean", "How to get these figures again"]
    assert "1: 30" in found.text
    assert "shop" in found.text
    assert "adjudge rank --out runs" in found.text


def test_a_new_kind_stands_on_a_page_with_others(with_ranker: Path, market_results: Path) -> None:
    folder = write(with_ranker / "runs", days=[(1, 30)])
    found = Page(page.build(folder, with_ranker / "a.html", [market_results]).read_text())
    titles = [text for level, text in found.headings if level == 2]
    assert found.headings[0][1] == "Keyphrase filters on a simulated market", "the first kind leads"
    assert titles[0] == "The answer"
    assert titles[-3:] == ["Day by day", "What the words mean", "How to get these figures again"]


def test_a_section_without_anything_to_show_is_left_out(with_ranker: Path) -> None:
    found = Page(page.build(write(with_ranker / "runs"), with_ranker / "a.html").read_text())
    assert "Day by day" not in found.text


def test_every_section_has_its_template_and_is_there_once() -> None:
    sections = [section for kind in KINDS for section in kind.sections] + list(LAST)
    ids = [section.id for section in sections]
    assert len(ids) == len(set(ids))
    for name in [*ids, *{kind.head for kind in KINDS}]:
        assert (page.TEMPLATES / "sections" / f"{name}.html.j2").exists(), name
    for kind in KINDS:
        assert kind.sections[0].leads, "whatever comes first may lead the page"
        assert kind.terms in glossary()


def test_kinds_are_told_by_their_markers() -> None:
    assert len({kind.marker for kind in KINDS}) == len(KINDS)
    assert [kind.command for kind in KINDS] == ["adjudge evaluate", "adjudge agree", "adjudge cascade"]


def test_what_is_no_results_folder_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        BadTable, match="nowhere is not a folder.*adjudge evaluate, adjudge agree, adjudge cascade"
    ):
        kind_of(tmp_path / "nowhere", KINDS)
    with pytest.raises(
        BadTable, match=r"holds none of scorecard.parquet, agree.json, cascade.json; seen: nothing"
    ):
        kind_of(tmp_path, KINDS)
    (tmp_path / "x.csv").touch()
    with pytest.raises(BadTable, match=r"seen: x.csv\. Make one with"):
        kind_of(tmp_path, KINDS)


def test_two_folders_of_one_kind_are_refused(tmp_path: Path, market_results: Path) -> None:
    with pytest.raises(
        BadConfig, match="is a second folder of adjudge evaluate; a page takes one of each kind"
    ):
        read_folders([market_results, market_results])
    assert set(read_folders([market_results])) == {"scorecard"}


def test_a_folder_is_read_as_its_kind_states(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", days=[(1, 2)])
    found = read_folder(folder, RANKER)
    assert (found.meta["name"], found.rows("days"), found.rows("other")) == (
        "A ranker",
        [{"day": 1, "clicks": 2}],
        [],
    )
    (folder / "days.parquet").unlink()
    assert read_folder(folder, RANKER).rows("days") == [], "a table may be missing as a whole"


def test_what_is_wrong_with_a_folder_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "r")
    wanting = replace(RANKER, keys=("name", "verdict", "bar"))
    with pytest.raises(BadTable, match=r"ranker.json lacks verdict, bar. Write it again with: adjudge rank"):
        read_folder(folder, wanting)
    with pytest.raises(
        BadTable, match=r"days.parquet lacks column click; seen: day, clicks.*did you mean clicks"
    ):
        read_folder(folder, replace(RANKER, tables={"days": ("day", "click")}))
    (folder / "days.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadTable, match=r"days.parquet cannot be read as Parquet.*adjudge rank"):
        read_folder(folder, RANKER)
    (folder / "ranker.json").write_text("[1]")
    with pytest.raises(BadTable, match="holds a JSON list; allowed is an object"):
        read_folder(folder, RANKER)
    (folder / "ranker.json").unlink()
    with pytest.raises(BadTable, match="lacks ranker.json; seen: days.parquet"):
        read_folder(folder, RANKER)


def test_numbers_that_are_none_are_missing(tmp_path: Path) -> None:
    folder = write(tmp_path / "r")
    values = pa.table({"day": [1.0, float("nan"), float("inf")], "clicks": [1, None, 2]})
    pq.write_table(values, folder / "days.parquet")
    assert [row["day"] for row in read_folder(folder, RANKER).rows("days")] == [1.0, None, None]
