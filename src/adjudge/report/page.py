"""The builder: a results folder in, one self-contained HTML file out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from adjudge.report import answer, evidence, formats, quality, words
from adjudge.report.cells import ordered
from adjudge.report.reading import Results, read

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
    ("glossary", "What the words mean", ("terms",)),
    ("reproduce", "How to get these figures again", ("meta",)),
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


def build(results: Path, out: Path) -> Path:
    """Write the report on the results folder `results` to the file `out` and return `out`.

    The page needs no network and no script; the same folder gives the same bytes. Sections whose file is
    missing or empty are left out. Raises BadTable where `results` is no results folder.
    """
    page = render(read(results))
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    part.write_text(page, encoding="utf-8")
    os.replace(part, out)
    return out


def render(results: Results) -> str:
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
    return shelf.get_template("report.html.j2").render(contents(view(results)))


def contents(shown: dict[str, Any]) -> dict[str, Any]:
    """What is shown, with the sections that it fills in `contents`."""
    filled = {name: title for name, title, needs in SECTIONS if any(shown[key] for key in needs)}
    if "answer" not in filled and "truth" in filled:
        filled["truth"] = "The answer"
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
        "glossary": [words.metric(name, meta) for name in meta.get("metrics", {})],
        "terms": words.TERMS,
        "folder": results.folder.as_posix(),
    }
