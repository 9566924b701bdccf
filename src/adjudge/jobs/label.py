"""The jobs `label export` and `label import`: pairs to Label Studio, its annotations back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adjudge import config as settings_of
from adjudge import tables
from adjudge.config import check_apart, check_choice, check_range
from adjudge.errors import BadTable, NotEnoughData
from adjudge.judge.pairs import count
from adjudge.records import SCALES, Progress, no_progress, scale
from adjudge.stats import annotators
from adjudge.text.blank import is_blank
from adjudge.trust import labelstudio

QUESTION = "How well does this item serve a buyer who types this keyphrase?"
_WANTED = """SELECT p.item_id, p.keyphrase, p.title, p.category, i.image FROM pairs p
LEFT JOIN pictures i USING (item_id)
ANTI JOIN done d ON d.item_id = p.item_id AND d.keyphrase = p.keyphrase
ORDER BY p.item_id, p.keyphrase"""


@dataclass(frozen=True)
class LabelExportConfig:
    """pairs: a table of shape `to_score`. out: the folder to write. items: adds pictures (`image`). done: annotations
    already there; their pairs are left out.

    sample: how many pairs, drawn at random alike (what corrected rates need); none = all. annotators: people a pair.
    tasks_per_file: Label Studio takes files up to some 100 MB well.
    """

    pairs: Path
    out: Path
    items: Path | None = None
    done: Path | None = None
    scale: str = "four"
    sample: int | None = None
    annotators: int = 3
    question: str = QUESTION
    title: str = "Keyphrase relevance"
    tasks_per_file: int = 50_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("LabelExportConfig", "scale", self.scale, SCALES)
        check_range("LabelExportConfig", "annotators", self.annotators, 1, 100)
        check_range("LabelExportConfig", "tasks_per_file", self.tasks_per_file, 1, 10**7)
        if self.sample is not None:
            check_range("LabelExportConfig", "sample", self.sample, 1, 10**9)


@dataclass(frozen=True)
class LabelsAsked:
    """What was written: tasks, of how many pairs open for labelling; pictures: tasks whose image is a location; blank:
    pairs left out as they have no keyphrase or no title."""

    out: Path
    tasks: int
    open: int
    pictures: int
    files: tuple[Path, ...]
    blank: int = 0


def export_labels(config: LabelExportConfig, progress: Progress = no_progress) -> LabelsAsked:
    """Write tasks-NNN.json, labelling.xml, project.json and config.json. Raises BadTable, NotEnoughData."""
    progress("label tasks", 0, 2)
    there = _open_pairs(config)
    rows = [row for row in there if not is_blank(row["keyphrase"]) and not is_blank(row["title"])]
    if not rows:
        raise NotEnoughData(f"{config.pairs} holds no pair that is still to label: nothing was written")
    chosen = rows
    if config.sample is not None and config.sample < len(rows):
        rng = np.random.default_rng(config.seed)
        places = np.sort(rng.choice(len(rows), config.sample, replace=False))
        chosen = [rows[int(place)] for place in places]
    pictures = sum(labelstudio.is_location(row["image"]) for row in chosen)
    layout = labelstudio.labelling_config(scale(config.scale), pictures > 0, config.question)
    config.out.mkdir(parents=True, exist_ok=True)
    for stale in config.out.glob("tasks-*.json"):
        stale.unlink()
    progress("label tasks", 1, 2)
    files: list[Path] = []
    for start in range(0, len(chosen), config.tasks_per_file):
        part = chosen[start : start + config.tasks_per_file]
        files.append(config.out / f"tasks-{len(files):03d}.json")
        _put(files[-1], [labelstudio.task(_shown(row, pictures > 0)) for row in part])
    (config.out / "labelling.xml").write_text(layout, encoding="utf-8")
    _put(config.out / "project.json", labelstudio.project(config.title, layout, config.annotators))
    settings_of.save(config, config.out / "config.json")
    progress("label tasks", 2, 2)
    return LabelsAsked(config.out, len(chosen), len(rows), pictures, tuple(files), len(there) - len(rows))


def _shown(row: dict[str, Any], pictures: bool) -> dict[str, Any]:
    """Where pictures are shown, a text that is no location would be a broken picture: it is left empty."""
    if pictures and not labelstudio.is_location(row["image"]):
        return {**row, "image": None}
    return row


def _open_pairs(config: LabelExportConfig) -> list[dict[str, Any]]:
    """The pairs still to label, in order of item and keyphrase; categories and pictures as text."""
    import duckdb

    count(config.pairs)
    try:
        with duckdb.connect() as db:
            _view(db, "pairs", config.pairs, tables.TO_SCORE, ("category",))
            _view(db, "pictures", config.items, tables.ITEMS, ("image",))
            _view(db, "done", config.done, tables.ANNOTATIONS, ())
            rows: list[dict[str, Any]] = db.sql(_WANTED).to_arrow_table().to_pylist()
    except duckdb.Error as error:
        raise BadTable(f"{config.pairs} cannot be read as pairs: {str(error).splitlines()[0]}") from error
    return rows


def _view(db: Any, name: str, path: Path | None, shape: tables.Table, optional: tuple[str, ...]) -> None:
    if path is None:
        empty = ", ".join(f'NULL::VARCHAR AS "{column}"' for column in shape.names)
        db.execute(f"CREATE TEMP VIEW {name} AS SELECT {empty} WHERE false")
        return
    there = db.read_parquet(str(path))
    shape.check_columns(there.columns, path)
    for column in optional:
        told = f'* REPLACE ("{column}"::VARCHAR AS "{column}")'
        there = there.project(told if column in there.columns else f'*, NULL::VARCHAR AS "{column}"')
    there.create_view(name)


def _put(path: Path, told: Any) -> None:
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class LabelImportConfig:
    """export: Label Studio's JSON export (or JSON-MIN, which does not tell of skipped tasks). out: the annotations table to
    write. scale: of the choices. annotators: people a pair was meant to get. quarantine: where bad annotations go
    (default: a folder `quarantine` beside `out`). max_bad_share: past it the export is refused."""

    export: Path
    out: Path
    scale: str = "four"
    annotators: int = 3
    quarantine: Path | None = None
    max_bad_share: float = 0.01

    def __post_init__(self) -> None:
        check_choice("LabelImportConfig", "scale", self.scale, SCALES)
        check_range("LabelImportConfig", "annotators", self.annotators, 1, 100)
        check_range("LabelImportConfig", "max_bad_share", self.max_bad_share, 0.0, 1.0)
        check_apart(
            "LabelImportConfig", {"export": self.export}, {"out": self.out, "quarantine": self.quarantine}
        )


@dataclass(frozen=True)
class LabelsTaken:
    """annotations = kept + skipped + sum(reasons). pairs: with a grade; complete: of those, with all annotators;
    unanimous: of the complete, with one grade. alpha: Krippendorff's, ordinal; None without disagreement or pairs.
    minimal: the export was JSON-MIN, so that skipped and untouched are not known."""

    out: Path
    tasks: int
    untouched: int
    annotations: int
    kept: int
    skipped: int
    reasons: dict[str, int]
    quarantine: Path | None
    pairs: int
    complete: int
    unanimous: int
    alpha: float | None
    minimal: bool = False


def import_labels(config: LabelImportConfig, progress: Progress = no_progress) -> LabelsTaken:
    """Write the annotations table and the quarantine. Raises BadTable, also where too many annotations are bad; the
    quarantine is written then, the table is not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    progress("annotations", 0, 1)
    taken = labelstudio.read_export(config.export, scale(config.scale))
    aside = config.quarantine or config.out.parent / "quarantine" / config.out.name
    if taken.bad:
        aside.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(taken.bad), aside, compression="zstd")
    else:
        aside.unlink(missing_ok=True)
    _refuse(config, taken, aside)
    config.out.parent.mkdir(parents=True, exist_ok=True)
    half = config.out.with_name(f".{config.out.name}.half")
    pq.write_table(pa.Table.from_pylist(taken.rows), half, compression="zstd")
    half.replace(config.out)
    settings_of.save(config, config.out.with_name(config.out.name + ".config.json"))
    votes = _votes(taken, config.scale)
    complete = votes.sum(1) >= config.annotators
    progress("annotations", 1, 1)
    return LabelsTaken(
        out=config.out,
        tasks=taken.tasks,
        untouched=taken.untouched,
        annotations=taken.annotations,
        kept=len(taken.rows),
        skipped=taken.skipped,
        reasons=taken.reasons,
        quarantine=aside if taken.bad else None,
        pairs=len(votes),
        complete=int(complete.sum()),
        unanimous=int((votes[complete].max(1) == votes[complete].sum(1)).sum()),
        alpha=annotators.alpha(votes, "ordinal"),
        minimal=taken.minimal,
    )


def _refuse(config: LabelImportConfig, taken: labelstudio.Taken, aside: Path) -> None:
    told = taken.annotations - taken.skipped
    if not taken.rows:
        raise BadTable(
            f"{config.export}: {taken.tasks} tasks, {taken.annotations} annotations, {taken.skipped} skipped, none usable "
            f"({taken.reasons or 'no fault'}): label tasks first, then export as JSON"
        )
    if taken.faults > config.max_bad_share * told:
        listed = "; ".join(f"{reason}: {count:,}" for reason, count in taken.reasons.items())
        raise BadTable(
            f"{config.export}: {taken.faults:,} of {told:,} annotations are bad, allowed is {config.max_bad_share:.2%}. "
            f"{listed}. They are in {aside}; {config.out} was not written. Correct them, or raise --max-bad-share"
        )


def _votes(taken: labelstudio.Taken, scale_name: str) -> np.ndarray:
    """[pairs, K]: annotators per grade."""
    on = scale(scale_name)
    places: dict[tuple[str, str], int] = {}
    cells = [
        (places.setdefault((row["item_id"], row["keyphrase"]), len(places)), on.index(row["grade"]))
        for row in taken.rows
    ]
    votes = np.zeros((len(places), len(on.grades)), np.int64)
    np.add.at(votes, tuple(np.array(cells).T), 1)
    return votes
