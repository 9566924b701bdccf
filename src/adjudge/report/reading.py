"""Reads results folders: a JSON file and tables, as the folder's kind states them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge.errors import BadTable, did_you_mean

Row = dict[str, Any]
Values = dict[str, Any]
"""What templates show, by the name they use."""


@dataclass(frozen=True)
class ResultsFolder:
    """A results folder in memory: what its JSON file says (`meta`), and its tables as rows in file order."""

    path: Path
    meta: Mapping[str, Any]
    tables: Mapping[str, list[Row]]

    def rows(self, table: str) -> list[Row]:
        """The rows of a table; empty if its file is missing."""
        return self.tables.get(table, [])


@dataclass(frozen=True)
class Section:
    """A section of the page: `templates/sections/<id>.html.j2`, shown if one of the values in `shows` is
    there.

    leads: its title becomes `The answer` if it is the first on the page.
    """

    id: str
    title: str
    shows: tuple[str, ...]
    leads: bool = False


@dataclass(frozen=True)
class FolderKind:
    """A kind of results folder, and what a page shows of it.

    command: what writes such folders. marker: the file that tells the kind. document: its JSON file, which
    holds the keys `keys`. tables: the columns needed of each table, which may be missing as a whole. view:
    the values that the templates of `sections` and the page's head show, with `page_title`. terms: the
    heading in glossary.yaml of the terms to explain. head: the page's head if this kind leads it,
    `templates/sections/<head>.html.j2`. reproduce: the command lines that make the folder again, unless the
    view shows them.
    """

    name: str
    command: str
    marker: str
    document: str
    keys: tuple[str, ...]
    tables: Mapping[str, tuple[str, ...]]
    sections: tuple[Section, ...]
    view: Callable[[ResultsFolder], Values]
    terms: str
    head: str
    reproduce: Callable[[ResultsFolder], list[str]] | None = None


def read_folder(folder: Path, kind: FolderKind) -> ResultsFolder:
    """A folder of that kind. Raises BadTable if its JSON file, a key or a column is missing."""
    document = folder / kind.document
    if not document.exists():
        raise BadTable(
            f"{folder} is no results folder: it lacks {kind.document}; seen: {_names(folder)}. "
            f"Make one with: {kind.command}"
        )
    meta = _read_object(document, kind.command)
    missing = [key for key in kind.keys if key not in meta]
    if missing:
        raise BadTable(f"{document} lacks {', '.join(missing)}. Write it again with: {kind.command}")
    files = {name: folder / f"{name}.parquet" for name in kind.tables}
    tables = {
        name: _read_rows(path, kind.tables[name], kind.command)
        for name, path in files.items()
        if path.exists()
    }
    return ResultsFolder(folder, meta, tables)


def kind_of(folder: Path, kinds: tuple[FolderKind, ...]) -> FolderKind:
    """The kind whose marker a folder holds. Raises BadTable if it is no results folder."""
    commands = ", ".join(kind.command for kind in kinds)
    if not folder.is_dir():
        raise BadTable(
            f"{folder} is not a folder. A report is made of results folders; make one with one of: {commands}"
        )
    for kind in kinds:
        if (folder / kind.marker).exists():
            return kind
    markers = ", ".join(kind.marker for kind in kinds)
    raise BadTable(
        f"{folder} is no results folder: it holds none of {markers}; seen: {_names(folder)}. "
        f"Make one with one of: {commands}"
    )


def _names(folder: Path) -> str:
    return ", ".join(sorted(path.name for path in folder.iterdir())[:12]) or "nothing"


def _read_object(path: Path, command: str) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadTable(f"{path} cannot be read: {error}. Write it again with: {command}") from error
    if not isinstance(value, dict):
        raise BadTable(f"{path} holds a JSON {type(value).__name__}; allowed is an object. Run: {command}")
    return value


def _read_rows(path: Path, needed: tuple[str, ...], command: str) -> list[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(
            f"{path} cannot be read as Parquet: {error}. Write it again with: {command}"
        ) from error
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise BadTable(
            f"{path} lacks column {', '.join(missing)}; seen: {', '.join(table.column_names)}"
            f"{did_you_mean(missing[0], table.column_names)}. Write it again with: {command}"
        )
    return [
        # A NaN or infinity is a missing value.
        {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()}
        for row in table.to_pylist()
    ]
