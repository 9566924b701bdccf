"""Reads what `adjudge agree` and `adjudge cascade` wrote, and tells the kinds of results folders apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge.errors import BadConfig, BadTable
from adjudge.report.reading import Results, Row, json_object, read, rows_of

_ESTIMATE = ("value", "low", "high", "pairs", "clusters", "note")
TRUST = {
    "agreement": ("segment_by", "segment", "statistic", *_ESTIMATE),
    "confusion": ("segment_by", "segment", "human", "judge", "pairs"),
    "annotators": ("statistic", "metric", *_ESTIMATE),
    "clicks": ("measure", "grade", *_ESTIMATE),
    "probes": ("probe", "statistic", "verdict", "harmless_low", "harmless_high", *_ESTIMATE),
    "overlap": ("jaccard_low", "jaccard_high", "human_relevant", "pairs", "yes", "wrong"),
    "rates": ("segment_by", "segment", "method", "value", "low", "high", "labelled", "judged", "note"),
    "labels_needed": ("question", "value", "bar", "labels", "more", "note"),
}
CURVE = ("kind", "against", "strong_share", *_ESTIMATE, "money", "chosen", "place")
MADE_BY = {"scorecard": "adjudge evaluate", "trust": "adjudge agree", "cascade": "adjudge cascade"}
_MARKS = {"scorecard": "scorecard.parquet", "trust": "agree.json", "cascade": "cascade.json"}
_SAID = {
    "trust": ("judge", "verdict", "reason", "statistic", "bar", "level", "counts", "settings"),
    "cascade": ("verdict", "reason", "cheap", "strong", "against", "words", "target", "level", "settings"),
}


@dataclass(frozen=True)
class Judging:
    """A folder of agree or cascade in memory: what its JSON says, and its tables as rows."""

    folder: Path
    said: Mapping[str, Any]
    tables: Mapping[str, list[Row]]

    def rows(self, table: str) -> list[Row]:
        return self.tables.get(table, [])


@dataclass(frozen=True)
class Folders:
    """What a page is made of; at least one is there."""

    scorecard: Results | None = None
    trust: Judging | None = None
    cascade: Judging | None = None


def gather(folders: Sequence[Path]) -> Folders:
    """The folders of a page, each told by what it holds. Raises BadTable on a folder of no kind, BadConfig on two of one."""
    found: dict[str, Any] = {}
    for folder in folders:
        kind = kind_of(folder)
        if kind in found:
            raise BadConfig(
                f"{folder} is a second folder of {MADE_BY[kind]}; a page takes one of each kind: make another page of it"
            )
        found[kind] = read(folder) if kind == "scorecard" else _judging(folder, kind)
    return Folders(**found)


def kind_of(folder: Path) -> str:
    """`trust`, `cascade`, or `scorecard` (also where a folder is none: `read` then says what is missing)."""
    for kind in ("trust", "cascade"):
        if (folder / _MARKS[kind]).exists():
            return kind
    return "scorecard"


def _judging(folder: Path, kind: str) -> Judging:
    path, by = folder / _MARKS[kind], MADE_BY[kind]
    said = json_object(path, by)
    missing = [key for key in _SAID[kind] if key not in said]
    if missing:
        raise BadTable(f"{path} lacks {', '.join(missing)}. Write it again with: {by}")
    wanted = TRUST if kind == "trust" else {"curve": CURVE}
    files = {name: folder / f"{name}.parquet" for name in wanted}
    tables = {name: rows_of(path, wanted[name], by) for name, path in files.items() if path.exists()}
    return Judging(folder, said, tables)
