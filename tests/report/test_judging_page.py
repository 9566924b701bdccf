"""The page about a judge and a cascade: well-formed, says what agree and cascade found, and fits in a
browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import browser
import judging_folders
import pytest
from report_page import Page

from adjudge.cascade.curve import CURVE as WRITTEN_CURVE
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.report import ReportConfig, report
from adjudge.records import money
from adjudge.report.cascade import CURVE
from adjudge.report.page import build
from adjudge.report.reading import kind_of
from adjudge.report.registry import KINDS
from adjudge.report.trust import TABLES
from adjudge.trust.results import SCHEMAS


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("judging")
    logs = judging_folders.tables(home / "logs")
    judging_folders.agreed(logs, home / "agree")
    judging_folders.routed(logs, home / "cascade")
    return home


@pytest.fixture(scope="session")
def judging_file(folders: Path) -> Path:
    return build(folders / "agree", folders / "page.html", (folders / "cascade",))


@pytest.fixture(scope="session")
def page(judging_file: Path) -> Page:
    return Page(judging_file.read_text(encoding="utf-8"))


def test_it_is_well_formed_and_names_from_the_data_are_escaped(page: Page) -> None:
    assert page.problems == []
    assert len(page.ids) == len(set(page.ids))
    inside = [link for link in page.links if not link.startswith("data:")]
    assert {link[1:] for link in inside} <= set(page.ids)
    assert all(link.startswith("#") for link in inside)
    assert page.having("small") == []
    assert "cheap & <small>" in page.text
    assert len(page.having("table")) == len(page.having("caption"))
    levels = [level for level, _ in page.headings]
    assert levels.count(1) == 1
    charts = [svg for svg in page.having("svg") if svg.get("role") == "img"]
    assert len(charts) == 3
    assert all(len(svg["aria-label"] or "") > 20 for svg in charts)


def test_every_part_is_there_in_words(page: Page) -> None:
    titles = [text for level, text in page.headings if level == 2]
    assert titles == [
        "The answer",
        "The judge against people",
        "Where it agrees with people",
        "The judge against buyers' clicks",
        "Known faults of judges, looked for",
        "What share of pairs is relevant?",
        "A cheap judge, and a strong one for the rest",
        "What the words mean",
        "How to get these figures again",
    ]
    assert "people: excellent" in page.text
    assert "At most one step apart" in page.text


def test_it_says_what_was_found(folders: Path, page: Page) -> None:
    said = json.loads((folders / "agree" / "agree.json").read_text())
    assert f"{said['agreement']['kappa']['value']:.3f}" in page.text
    assert said["verdict"] in page.text
    routed = json.loads((folders / "cascade" / "cascade.json").read_text())
    assert routed["verdict"] == "validated"
    assert f"{100 * routed['second']['value']:.1f} %" in page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert f"{money(routed['money']['saved'])} saved" in page.text
    assert routed["words"] in page.text
    assert "adjudge cascade" in page.text
    assert "adjudge agree" in page.text


def test_what_is_simulated_is_said_at_the_top(folders: Path, page: Page, tmp_path: Path) -> None:
    assert "This is not real commerce. Made up by a program: judges, people." in page.text
    alone = Page(build(folders / "cascade", tmp_path / "c.html").read_text())
    assert "not real commerce" not in alone.text


def test_a_cascade_alone_and_one_without_people_say_so(folders: Path, tmp_path: Path) -> None:
    alone = judging_folders.routed(folders / "logs", tmp_path / "c", target=0.65, people=False)
    text = Page(build(alone, tmp_path / "c.html").read_text()).text
    assert "Agreement with the strong judge" in text
    assert "Agreement with people" not in text
    assert "No human labels" in text
    hard = judging_folders.routed(folders / "logs", tmp_path / "d", target=0.97)
    text = Page(build(hard, tmp_path / "d.html").read_text()).text
    assert "not validated" in text
    assert "Nothing was routed" in text


def test_a_frozen_region_without_labels_has_no_curve_and_says_it_was_not_checked(
    folders: Path, tmp_path: Path
) -> None:
    frozen = judging_folders.routed(
        folders / "logs", tmp_path / "f", people=False, region=folders / "cascade" / "region.json"
    )
    found = Page(build(frozen, tmp_path / "f.html").read_text())
    assert found.problems == []
    assert "used as it is and not checked here" in found.text
    assert [svg for svg in found.having("svg") if svg.get("role") == "img"] == []


def test_an_open_question_says_how_many_labels_and_a_broken_judge_why(folders: Path, tmp_path: Path) -> None:
    logs = folders / "logs"
    open_ = judging_folders.agreed(logs, tmp_path / "open", statistic="exact", bar=0.5, rule="majority")
    said = json.loads((open_ / "agree.json").read_text())
    assert said["verdict"] == "inconclusive"
    text = Page(build(open_, tmp_path / "o.html").read_text()).text
    assert "These labels do not decide" in text
    assert f"about {said['labels_needed'][0]['more']:,} more labelled pairs would decide it" in text
    middle = f"The line marks Same grade of all pairs ({100 * said['agreement']['exact']['value']:.1f} %)"
    assert middle in text.replace("\N{NO-BREAK SPACE}", " ")
    broken = judging_folders.agreed(logs, tmp_path / "broken", min_annotators=9)
    found = Page(build(broken, tmp_path / "b.html").read_text())
    assert found.problems == []
    assert "could not be measured" in found.text
    assert "kappa is undefined: no pairs" in found.text


def test_a_cheap_judge_that_is_not_cheap_is_called_so(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "cascade", tmp_path / "c")
    path = tmp_path / "c" / "cascade.json"
    said = json.loads(path.read_text())
    said["money"] = {**said["money"], "cascade": 3.5, "all_strong": 2.0, "saved": -1.5}
    path.write_text(json.dumps(said))
    text = Page(build(tmp_path / "c", tmp_path / "c.html").read_text()).text
    assert "costs 3.50 in place of 2.00: 1.50 more, since the cheap judge is not cheap enough" in text


def test_the_same_folders_give_the_same_bytes(folders: Path, judging_file: Path, tmp_path: Path) -> None:
    again = build(folders / "cascade", tmp_path / "again.html", (folders / "agree",))
    assert again.read_bytes() == judging_file.read_bytes()


def test_it_stands_on_a_scorecards_page(folders: Path, market_results: Path, tmp_path: Path) -> None:
    done = report(
        ReportConfig((market_results, folders / "agree", folders / "cascade"), tmp_path / "all.html")
    )
    found = Page(done.path.read_text())
    titles = [text for level, text in found.headings if level == 2]
    assert found.problems == []
    assert titles[0] == "The answer"
    assert "How far can the judge be trusted?" in titles
    assert titles.index("A cheap judge, and a strong one for the rest") < titles.index("What the words mean")


def test_only_what_agree_found_is_shown(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "agree", tmp_path / "agree")
    for name, title in (("clicks", "buyers' clicks"), ("probes", "Known faults"), ("rates", "What share of")):
        (tmp_path / "agree" / f"{name}.parquet").unlink()
        found = Page(build(tmp_path / "agree", tmp_path / "a.html").read_text())
        assert not any(title in text for _, text in found.headings)
        assert found.problems == []


def test_broken_folders_are_named(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="second folder of adjudge agree"):
        build(folders / "agree", tmp_path / "a.html", (folders / "agree",))
    shutil.copytree(folders / "agree", tmp_path / "agree")
    (tmp_path / "agree" / "confusion.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadTable, match="confusion.parquet cannot be read.*adjudge agree"):
        build(tmp_path / "agree", tmp_path / "a.html")
    (tmp_path / "agree" / "agree.json").write_text("{}")
    with pytest.raises(BadTable, match=r"agree.json lacks judge, verdict.*adjudge agree"):
        build(tmp_path / "agree", tmp_path / "a.html")


def test_it_reads_what_the_jobs_write() -> None:
    assert TABLES.keys() == SCHEMAS.keys()
    assert all(set(TABLES[name]) <= set(SCHEMAS[name].names) for name in TABLES)
    assert set(CURVE) <= set(WRITTEN_CURVE.names)


def test_kinds_are_told_by_what_a_folder_holds(folders: Path, tmp_path: Path) -> None:
    assert [kind_of(folders / name, KINDS).name for name in ("agree", "cascade")] == ["trust", "cascade"]
    with pytest.raises(BadTable, match="no results folder"):
        build(folders / "logs", tmp_path / "a.html")


@pytest.mark.browser
@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here; Debian: apt-get install chromium")
@pytest.mark.parametrize("width", [1400, 420])
def test_it_fits_and_everything_has_a_size(judging_file: Path, tmp_path: Path, width: int) -> None:
    seen = browser.measured(judging_file, tmp_path, f"--window-size={width},1000")
    assert seen["errors"] == []
    assert len(seen["charts"]) == 3
    assert all(wide > 100 and high > 100 for wide, high in seen["charts"])
    assert all(wide > 100 and high > 40 for wide, high in seen["tables"] if wide)
    assert all(wide > 40 and high > 4 for wide, high in seen["whiskers"])
    assert seen["width"] <= seen["window"]


@pytest.mark.browser
@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here; Debian: apt-get install chromium")
def test_a_phone_shows_what_was_found_and_shades_whole_rows(judging_file: Path, tmp_path: Path) -> None:
    seen = browser.measured(judging_file, tmp_path, "--window-size=420,1000")
    assert len(seen["results"]) == 2
    assert max(seen["results"]) <= 0
    assert max(seen["captions"]) <= 1
    assert seen["highlighted"]
    # A cell that stays in place while the others scroll under it must have a background of its own.
    assert all(place != "sticky" or row == cell for row, cell, place in seen["highlighted"])
