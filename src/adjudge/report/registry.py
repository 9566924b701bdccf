"""The registry of results folders: each kind with its marker, its tables and the sections it adds to a page.

A new system adds its kind here, and its templates to `templates/sections`; the builder knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from adjudge.errors import BadConfig
from adjudge.report.cascade import CASCADE
from adjudge.report.reading import FolderKind, ResultsFolder, Section, kind_of, read_folder
from adjudge.report.scorecard import SCORECARD
from adjudge.report.trust import TRUST

KINDS: tuple[FolderKind, ...] = (SCORECARD, TRUST, CASCADE)
"""In the order of the page; the first one given leads it."""
LAST = (
    Section("glossary", "What the words mean", ("terms",)),
    Section("reproduce", "How to get these figures again", ("meta", "folder_commands")),
)
"""Sections that every page ends with."""


def read_folders(paths: Sequence[Path]) -> Mapping[str, ResultsFolder]:
    """Folders by their kind's name. Raises BadTable on a folder of no kind, BadConfig on two of one."""
    folders: dict[str, ResultsFolder] = {}
    for path in paths:
        kind = kind_of(path, KINDS)
        if kind.name in folders:
            raise BadConfig(
                f"{path} is a second folder of {kind.command}; a page takes one of each kind: "
                "make another page of it"
            )
        folders[kind.name] = read_folder(path, kind)
    return folders
