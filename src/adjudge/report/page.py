"""The builder: results folders in, one self-contained HTML file out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from adjudge.report import formats
from adjudge.report.glossary import glossary
from adjudge.report.reading import ResultsFolder, Values
from adjudge.report.registry import KINDS, LAST, read_folders
from adjudge.storage.files import write_text

TEMPLATES = Path(__file__).parent / "templates"
FILTERS = ("change", "share", "decimal", "count", "plain")
"""Functions of `formats` that templates use."""


def build(results: Path, out: Path, also: Sequence[Path] = ()) -> Path:
    """Write the report on the folder `results` (and those in `also`) to the file `out` and return `out`.

    Folders are those of the registry's kinds, one of each. The page needs no network and no script; the same
    folders give the same bytes. Sections whose file is missing or empty are left out. Raises BadTable if a
    folder is no results folder.
    """
    page = render(read_folders([results, *also]))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, page)
    return out


def render(folders: Mapping[str, ResultsFolder]) -> str:
    """The page's text, from at least one folder by the name of its kind."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({name: getattr(formats, name) for name in FILTERS})
    return environment.get_template("report.html.j2").render(page_values(folders))


def page_values(folders: Mapping[str, ResultsFolder]) -> Values:
    """All that the templates show, of whichever folders are there."""
    sections = [section for kind in KINDS for section in kind.sections] + list(LAST)
    shown: Values = dict.fromkeys(value for section in sections for value in section.shows)
    shown |= {"glossary": [], "terms": {}, "folders": [], "folder_commands": [], "simulated": []}
    shown["css"] = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    present = [kind for kind in KINDS if kind.name in folders]
    for kind in reversed(present):  # The first kind comes last, so that its head and title lead the page.
        shown |= {**kind.view(folders[kind.name]), "head": kind.head}
    for kind in present:
        folder = folders[kind.name]
        shown["terms"] |= glossary()[kind.terms]
        shown["folders"].append(folder.path.as_posix())
        if kind.reproduce is not None:
            shown["folder_commands"] += kind.reproduce(folder)
        simulated = (folder.meta.get("settings") or {}).get("simulated") or []
        shown["simulated"] += [what for what in simulated if what not in shown["simulated"]]
    filled = [section for section in sections if any(shown[value] for value in section.shows)]
    titles = {section.id: section.title for section in filled}
    if filled[0].leads:
        titles[filled[0].id] = "The answer"
    return {**shown, "contents": list(titles.items())}
