"""The page as a whole: well-formed, complete, the same every time, and it shows only what is there."""

from __future__ import annotations

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import results_folder
from report_page import Page

from adjudge.errors import BadTable
from adjudge.report.page import build
from adjudge.report.scorecard import SCORECARD
from adjudge.scorecard.results import SCHEMAS, rows, write

SECTIONS = {
    "curves": "curves",
    "reliability": "calibration",
    "histograms": "distributions",
    "agreement": "agreement",
    "disagreements": "disagreements",
}


@pytest.fixture(params=["market_page", "labelled_page"])
def page(request: pytest.FixtureRequest) -> Page:
    return request.getfixturevalue(request.param)


def test_every_tag_is_closed_and_every_id_is_the_only_one(page: Page) -> None:
    assert page.problems == []
    assert len(page.ids) == len(set(page.ids))


def test_every_link_stays_on_the_page_and_leads_somewhere(page: Page) -> None:
    inside = [link for link in page.links if not link.startswith("data:")]
    assert len(inside) > 20
    assert {link for link in inside if not link.startswith("#")} == set()
    assert {link[1:] for link in inside} <= set(page.ids)


def test_headings_come_in_order_under_one_title(page: Page) -> None:
    levels = [level for level, _ in page.headings]
    assert levels.count(1) == 1
    assert all(text.strip() for _, text in page.headings)
    first = levels.index(1)
    assert first == 0
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_charts_have_words(page: Page) -> None:
    tables, charts = page.having("table"), [svg for svg in page.having("svg") if svg.get("role") == "img"]
    assert len(tables) == len(page.having("caption"))
    assert len(charts) >= 6
    assert all(len(svg["aria-label"] or "") > 20 for svg in charts)
    others = [svg for svg in page.having("svg") if svg.get("role") != "img"]
    assert all(svg.get("aria-hidden") == "true" for svg in others)


def test_it_loads_nothing_and_runs_nothing(market_file: Path) -> None:
    text = market_file.read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.search(r"@import|url\((?!#)", text)
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    assert market_file.stat().st_size < 3_000_000


def test_chart_colours_all_come_from_the_page(market_file: Path) -> None:
    charts = re.findall(
        r"<svg[^>]*class=\"chart\".*?</svg>", market_file.read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(charts) > 20
    assert all(
        not re.search(r"#[0-9a-f]{6}", re.sub(r'(href|id|clip-path)="[^"]*"', "", chart)) for chart in charts
    )
    assert all("font-family" not in chart and "<style" not in chart for chart in charts)


def test_the_same_folder_gives_the_same_bytes(
    market_results: Path, market_file: Path, tmp_path: Path
) -> None:
    assert build(market_results, tmp_path / "again.html").read_bytes() == market_file.read_bytes()


def test_a_simulated_market_says_so_and_a_real_set_does_not(market_page: Page, labelled_page: Page) -> None:
    assert "Simulated." in market_page.text
    assert "Made up by a program: the market, its clicks and sales, the judges" in market_page.text
    assert "imulated" not in labelled_page.text


def test_a_labelled_set_has_no_business_section(labelled_page: Page) -> None:
    assert "answer" not in labelled_page.ids
    assert "eBay" not in labelled_page.text
    assert {"truth", "calibration", "distributions", "glossary", "reproduce"} <= set(labelled_page.ids)
    assert "nDCG@10" in labelled_page.text
    assert "labelled3,500" in labelled_page.text.replace("\n", "")
    assert "clicks0" not in labelled_page.text.replace("\n", "")
    assert "0.851" in labelled_page.text  # the student's AUC
    assert "0.841" in labelled_page.text  # its AUC on dev


@pytest.mark.parametrize("file", SECTIONS)
def test_a_section_is_there_only_with_its_file(
    market_results: Path, market_page: Page, tmp_path: Path, file: str
) -> None:
    assert SECTIONS[file] in market_page.ids
    results = tmp_path / "results"
    shutil.copytree(market_results, results)
    for slow_to_draw in {file, "reliability", "histograms", "curves"}:
        (results / f"{slow_to_draw}.parquet").unlink()
    rest = set(SECTIONS) - {file, "reliability", "histograms", "curves"}
    page = Page(build(results, tmp_path / "b.html").read_text())
    assert SECTIONS[file] not in page.ids
    assert f"#{SECTIONS[file]}" not in page.links
    assert {SECTIONS[other] for other in rest} <= set(page.ids)
    assert page.problems == []


def test_a_bare_folder_still_gives_a_page(tmp_path: Path) -> None:
    card = [{"model": "m", "metric": "auc", "segment_by": "all", "segment": "all", "value": 0.5}]
    (tmp_path / "results").mkdir()
    import pyarrow.parquet as pq

    pq.write_table(rows("scorecard", card), tmp_path / "results" / "scorecard.parquet")
    (tmp_path / "results" / "meta.json").write_text("{}")
    page = Page(build(tmp_path / "results", tmp_path / "a.html").read_text())
    assert page.problems == []
    assert page.headings[0] == (1, "Scorecard")
    assert "0.500" in page.text


NASTY = '<script>alert(1)</script>"><img src=x onerror=alert(2)>{{ 7 * 7 }}$x^2$'


def test_words_from_the_data_are_never_markup(tmp_path: Path) -> None:
    results_folder.market(tmp_path / "results", titles=(NASTY,))
    meta = json.loads((tmp_path / "results" / "meta.json").read_text())
    meta["title"] = NASTY
    meta["notes"] = [NASTY]
    meta["settings"][NASTY] = NASTY
    (tmp_path / "results" / "meta.json").write_text(json.dumps(meta))
    page = Page(build(tmp_path / "results", tmp_path / "a.html").read_text())
    assert page.problems == []
    assert page.having("script") == []
    assert page.having("img") == []
    assert page.text.count(NASTY) >= 4
    assert page.headings[0] == (1, NASTY)


def test_a_models_name_is_never_markup_in_a_chart(tmp_path: Path) -> None:
    curve = [
        {"model": NASTY, "retention": x, "keyphrases_kept": x, "sales_kept": x, "search_pass_rate": 0.5}
        for x in (0.8, 0.9, 1.0)
    ]
    meta = results_folder._meta("t", [NASTY], False)
    write(tmp_path / "results", {"curves": rows("curves", curve)}, meta)
    page = Page(build(tmp_path / "results", tmp_path / "a.html").read_text())
    assert page.problems == []
    assert page.having("script") == page.having("img") == []
    assert page.text.count(NASTY) >= 4


def test_letters_of_any_script_are_drawn_without_a_warning(tmp_path: Path) -> None:
    curve = [
        {"model": "モデル", "retention": x, "keyphrases_kept": x, "sales_kept": x, "search_pass_rate": 0.5}
        for x in (0.8, 1.0)
    ]
    write(
        tmp_path / "results",
        {"curves": rows("curves", curve)},
        results_folder._meta("検索", ["モデル"], False),
    )
    assert Page(build(tmp_path / "results", tmp_path / "a.html").read_text()).text.count("モデル") >= 4


def test_a_folder_that_holds_no_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "items.parquet").touch()
    markers = "scorecard.parquet, agree.json, cascade.json"
    with pytest.raises(BadTable, match=rf"holds none of {markers}; seen: items.parquet. .*adjudge evaluate"):
        build(tmp_path / "logs", tmp_path / "a.html")
    with pytest.raises(BadTable, match="is not a folder"):
        build(tmp_path / "nowhere", tmp_path / "a.html")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "scorecard.parquet").touch()
    with pytest.raises(BadTable, match=r"lacks meta.json; seen: scorecard.parquet. .*adjudge evaluate"):
        build(tmp_path / "half", tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize("file", ["scorecard", "curves"])
def test_a_broken_file_is_named(market_results: Path, tmp_path: Path, file: str) -> None:
    shutil.copytree(market_results, tmp_path / "results")
    (tmp_path / "results" / f"{file}.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(BadTable, match=rf"{file}.parquet cannot be read as Parquet"):
        build(tmp_path / "results", tmp_path / "a.html")


def test_a_broken_meta_is_named(market_results: Path, tmp_path: Path) -> None:
    shutil.copytree(market_results, tmp_path / "results")
    for text, match in (("{", "cannot be read"), ("[1]", "holds a JSON list")):
        (tmp_path / "results" / "meta.json").write_text(text)
        with pytest.raises(BadTable, match=match):
            build(tmp_path / "results", tmp_path / "a.html")


def test_a_missing_column_is_named_with_the_close_one(market_results: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    shutil.copytree(market_results, tmp_path / "results")
    path = tmp_path / "results" / "agreement.parquet"
    pq.write_table(
        pq.read_table(path).rename_columns(["source_a", "source_b", "pairs", "agree", "kapa"]), path
    )
    with pytest.raises(BadTable, match="lacks column kappa.*did you mean kapa"):
        build(tmp_path / "results", tmp_path / "a.html")


def test_it_reads_what_the_scorecard_writes() -> None:
    assert SCORECARD.tables.keys() == SCHEMAS.keys()
    assert all(set(SCORECARD.tables[name]) <= set(SCHEMAS[name].names) for name in SCHEMAS)
