"""The builder: results folders in, one self-contained HTML file out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adjudge.report import answer, cascade, evidence, formats, glossary, judging_glossary, quality, trust
from adjudge.report.cells import ordered
from adjudge.report.judging_reading import Folders, Judging, gather
from adjudge.report.reading import Results

SECTIONS = (
    ("answer", "The answer", ("paper",)),
    ("truth", "Is the model right?", ("truth", "per_source")),
    ("later", "Does the threshold hold?", ("later",)),
    ("curves", "At other shares of clicks", ("curves",)),
    ("segments", "Where it helps and where it hurts", ("segments",)),
    ("calibration", "Do scores mean what they say?", ("reliability", "calibration")),
    ("distributions", "Where the scores lie", ("distributions",)),
    ("training", "What the models learned from", ("training", "conflicts")),
    ("agreement", "Do the sources agree?", ("kappa",)),
    ("disagreements", "Pairs they disagree on", ("disagreements",)),
    ("judge", "How far can the judge be trusted?", ("judge",)),
    ("judge_people", "The judge against people", ("judge_people",)),
    ("judge_segments", "Where it agrees with people", ("judge_segments",)),
    ("judge_clicks", "The judge against buyers' clicks", ("judge_clicks",)),
    ("judge_probes", "Known faults of judges, looked for", ("judge_probes",)),
    ("judge_rates", "What share of pairs is relevant?", ("judge_rates",)),
    ("cascade", "A cheap judge, and a strong one for the rest", ("cascade",)),
    ("glossary", "What the words mean", ("terms",)),
    ("reproduce", "How to get these figures again", ("meta", "judge_commands")),
)
"""(id, title, what it shows): a section is on the page when one of the things it shows is there."""

META = (
    "title",
    "simulated",
    "simulated_what",
    "counts",
    "notes",
    "models",
    "choice",
    "seed",
    "seconds",
    "versions",
)
"""The keys of `meta.json` that templates show; one that is missing is shown as absent."""

HERE = Path(__file__).parent / "templates"


def build(results: Path, out: Path, also: Sequence[Path] = ()) -> Path:
    """Write the report on the folder `results` (and those in `also`) to the file `out` and return `out`.

    Folders are those that evaluate, agree and cascade write, one of each kind. The page needs no network and no script;
    the same folders give the same bytes. Sections whose file is missing or empty are left out. Raises BadTable where a
    folder is no results folder.
    """
    page = render(gather([results, *also]))
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    part.write_text(page, encoding="utf-8")
    os.replace(part, out)
    return out


def render(folders: Folders) -> str:
    """The page's text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    shelf = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shelf.filters.update(
        {name: getattr(formats, name) for name in ("change", "share", "decimal", "count", "plain")}
    )
    return shelf.get_template("report.html.j2").render(contents(page_of(folders)))


def page_of(folders: Folders) -> dict[str, Any]:
    """All that the templates show, of whichever folders are there."""
    needs = {key: None for _, _, keys in SECTIONS for key in keys}
    shown = {**needs, **_frame(), **judging_view(folders)}
    if folders.scorecard is None:
        return {**shown, "terms": judging_glossary.TERMS}
    both = folders.trust is not None or folders.cascade is not None
    of_scores = view(folders.scorecard)
    terms = {**of_scores["terms"], **(judging_glossary.TERMS if both else {})}
    names = [of_scores["folder"], *shown["folders"]]
    return {**shown, **of_scores, "terms": terms, "folders": names}


def _frame() -> dict[str, Any]:
    """What every page has, and what a page without a scorecard lacks."""
    css = (HERE / "style.css").read_text(encoding="utf-8")
    absent = ("production", "standing", "absolute", "trade_off", "target")
    return {"css": css, "business": False, "glossary": [], "commands": [], **dict.fromkeys(absent)}


def judging_view(folders: Folders) -> dict[str, Any]:
    """What the templates show of a judge and of a cascade."""
    judge, routed = folders.trust, folders.cascade
    shown: dict[str, Any] = {
        "judge": None,
        "simulated": _simulated(judge, routed),
        "cascade": None if routed is None else cascade.routing(routed),
        "folders": [one.folder.as_posix() for one in (judge, routed) if one is not None],
        "judge_commands": [*_commands(judge, "agree"), *_commands(routed, "cascade")],
        "judge_level": formats.share(0.95 if judge is None else judge.said["level"], 0),
    }
    if judge is not None:
        shown["judge"] = trust.verdict(judge)
        for part in ("people", "segments", "clicks", "probes", "rates"):
            shown[f"judge_{part}"] = getattr(trust, part)(judge)
    return shown


def _simulated(*folders: Judging | None) -> list[str]:
    """What the folders' settings say is simulated."""
    said = [one.said["settings"].get("simulated") or [] for one in folders if one is not None]
    return list(dict.fromkeys(what for told in said for what in told))


def _commands(judging: Judging | None, name: str) -> list[str]:
    return [] if judging is None else [trust.command(judging, name)]


def contents(shown: dict[str, Any]) -> dict[str, Any]:
    """What is shown, with the sections that it fills in `contents`."""
    filled = {name: title for name, title, needs in SECTIONS if any(shown[key] for key in needs)}
    if "answer" not in filled and "truth" in filled:
        filled["truth"] = "The answer"
    if shown["meta"] is None:
        filled[next(iter(filled))] = "The answer"
    return {**shown, "contents": list(filled.items())}


def view(results: Results) -> dict[str, Any]:
    """All that the templates show."""
    meta, strokes = results.meta, answer.model_strokes(results)
    return {
        "meta": {**dict.fromkeys(META), **meta},
        "css": (HERE / "style.css").read_text(encoding="utf-8"),
        "models": ordered(results),
        "production": meta.get("production"),
        "target": answer.retention_target(meta),
        "level": formats.share(answer.interval_level(meta), 0),
        "business": answer.is_business(results),
        "paper": answer.paper_table(results),
        "standing": answer.standing(results),
        "absolute": answer.absolute_table(results),
        "later": answer.later_table(results),
        "trade_off": answer.trade_off(results, strokes),
        "curves": answer.curves(results, strokes),
        "truth": quality.truth_table(results),
        "calibration": quality.calibration_table(results),
        "per_source": quality.per_source(results),
        "segments": quality.segment_tables(results),
        "reliability": quality.reliability(results, strokes),
        "distributions": quality.distributions(results, strokes),
        "training": evidence.training_sets(results),
        "conflicts": results.rows("conflicts"),
        "kappa": evidence.kappa_matrix(results),
        "disagreements": evidence.disagreements(results),
        "commands": evidence.commands(results),
        "settings": evidence.settings(meta),
        "settings_json": evidence.settings_json(meta),
        "glossary": [glossary.metric(name, meta) for name in meta.get("metrics", {})],
        "terms": glossary.TERMS,
        "folder": results.folder.as_posix(),
    }
