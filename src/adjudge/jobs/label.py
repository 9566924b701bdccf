"""The jobs `label export` and `label import`: pairs to Label Studio, its annotations back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from adjudge import tables
from adjudge.config import check_apart, setting, settings
from adjudge.errors import BadTable, NotEnoughData
from adjudge.jobs.start import job
from adjudge.judge.pairs import count
from adjudge.records import SCALES, Progress, no_progress, scale
from adjudge.stats import annotators
from adjudge.storage.duck import in_memory
from adjudge.storage.files import fresh_file, write_json, write_text
from adjudge.storage.views import create_view
from adjudge.text.blank import is_blank
from adjudge.trust import labelstudio

_OPEN_PAIRS = """SELECT p.item_id, p.keyphrase, p.title, p.category, i.image FROM pairs p
LEFT JOIN pictures i USING (item_id)
ANTI JOIN done d ON d.item_id = p.item_id AND d.keyphrase = p.keyphrase
ORDER BY p.item_id, p.keyphrase"""

ScaleName = Annotated[str, setting("The scale of the annotators' grades.", choices=SCALES)]
Annotators = Annotated[int, setting("Annotators per pair.", ge=1, le=100)]


@settings
class LabelExportConfig:
    """Pairs to label, and how Label Studio shows them."""

    pairs: Annotated[Path, setting("The pairs (shape `to_score`).")]
    out: Annotated[Path, setting("The folder of tasks to write.")]
    items: Annotated[Path | None, setting("The items table, whose pictures (`image`) are shown.")] = None
    done: Annotated[Path | None, setting("Annotations already there; their pairs are left out.")] = None
    scale: ScaleName = "four"
    sample: Annotated[
        int | None,
        setting(
            "Pairs drawn at random, each with the same chance (corrected rates need that); by default all.",
            ge=1,
            le=10**9,
            unit="pairs",
        ),
    ] = None
    annotators: Annotators = 3
    question: Annotated[str, setting("The question that annotators read.")] = (
        "How well does this item serve a buyer who types this keyphrase?"
    )
    title: Annotated[str, setting("The project's title in Label Studio.")] = "Keyphrase relevance"
    tasks_per_file: Annotated[
        int, setting("Label Studio imports files of up to about 100 MB well.", ge=1, le=10**7, unit="tasks")
    ] = 50_000
    seed: Annotated[int, setting("Seed of the sample.")] = 0


@dataclass(frozen=True)
class LabelsAsked:
    """Tasks written, of how many pairs open for labelling.

    pictures: tasks whose image is a location. blank: pairs left out because they lack a keyphrase or a title.
    """

    out: Path
    tasks: int
    open: int
    pictures: int
    files: tuple[Path, ...]
    blank: int = 0


@job(lambda config: config.out)
def export_labels(config: LabelExportConfig, progress: Progress = no_progress) -> LabelsAsked:
    """Write tasks-NNN.json, labelling.xml and project.json. Raises BadTable, NotEnoughData."""
    progress("label tasks", 0, 2)
    pairs = _open_pairs(config)
    rows = [row for row in pairs if not is_blank(row["keyphrase"]) and not is_blank(row["title"])]
    if not rows:
        raise NotEnoughData(f"{config.pairs} holds no pair that is still to label: nothing was written")
    chosen = rows
    if config.sample is not None and config.sample < len(rows):
        rng = np.random.default_rng(config.seed)
        drawn = np.sort(rng.choice(len(rows), config.sample, replace=False))
        chosen = [rows[int(row)] for row in drawn]
    pictures = sum(labelstudio.is_location(row["image"]) for row in chosen)
    layout = labelstudio.labelling_config(scale(config.scale), pictures > 0, config.question)
    config.out.mkdir(parents=True, exist_ok=True)
    for stale in config.out.glob("tasks-*.json"):
        stale.unlink()
    progress("label tasks", 1, 2)
    files: list[Path] = []
    for start in range(0, len(chosen), config.tasks_per_file):
        tasks = [
            labelstudio.task(_shown(row, pictures > 0))
            for row in chosen[start : start + config.tasks_per_file]
        ]
        files.append(config.out / f"tasks-{len(files):03d}.json")
        write_json(files[-1], tasks)
    write_text(config.out / "labelling.xml", layout)
    write_json(config.out / "project.json", labelstudio.project(config.title, layout, config.annotators))
    progress("label tasks", 2, 2)
    return LabelsAsked(config.out, len(chosen), len(rows), pictures, tuple(files), len(pairs) - len(rows))


def _shown(row: dict[str, Any], pictures: bool) -> dict[str, Any]:
    """A row without an image that is no location: Label Studio would show a broken picture."""
    if pictures and not labelstudio.is_location(row["image"]):
        return {**row, "image": None}
    return row


def _open_pairs(config: LabelExportConfig) -> list[dict[str, Any]]:
    """The pairs still to label, in order of item and keyphrase; categories and pictures as text."""
    count(config.pairs)
    with in_memory(f"{config.pairs} cannot be read as pairs: {{}}") as db:
        create_view(db, "pairs", tables.TO_SCORE, config.pairs)
        create_view(db, "pictures", tables.ITEMS, config.items)
        create_view(db, "done", tables.ANNOTATIONS, config.done)
        rows: list[dict[str, Any]] = db.sql(_OPEN_PAIRS).to_arrow_table().to_pylist()
    return rows


@settings
class LabelImportConfig:
    """Label Studio's export, and the annotations table made of it."""

    export: Annotated[
        Path,
        setting("Label Studio's JSON export (or JSON-MIN, which does not say which tasks were skipped)."),
    ]
    out: Annotated[Path, setting("The annotations table to write (Parquet).")]
    scale: ScaleName = "four"
    annotators: Annotators = 3
    quarantine: Annotated[
        Path | None,
        setting("File for bad annotations; by default in a folder `quarantine` beside `out`."),
    ] = None
    max_bad_share: Annotated[
        float, setting("The export is refused if a larger share of its annotations is bad.", ge=0, le=1)
    ] = 0.01

    def __post_init__(self) -> None:
        check_apart(
            "LabelImportConfig", {"export": self.export}, {"out": self.out, "quarantine": self.quarantine}
        )


@dataclass(frozen=True)
class LabelsTaken:
    """Counts of an import: annotations = kept + skipped + sum(reasons).

    pairs: with a grade; complete: of those, with all annotators; unanimous: of the complete, with one grade.
    alpha: Krippendorff's, ordinal; None without disagreement or pairs. minimal: the export was JSON-MIN, so
    that skipped and untouched are not known.
    """

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


@job(lambda config: config.out)
def import_labels(config: LabelImportConfig, progress: Progress = no_progress) -> LabelsTaken:
    """Write the annotations table and the quarantine.

    Raises BadTable, also if too many annotations are bad: then the quarantine is written, the table is not.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    progress("annotations", 0, 1)
    taken = labelstudio.read_export(config.export, scale(config.scale))
    aside = config.quarantine or config.out.parent / "quarantine" / config.out.name
    if taken.bad:
        aside.parent.mkdir(parents=True, exist_ok=True)
        with fresh_file(aside) as file:
            pq.write_table(pa.Table.from_pylist(taken.bad), file, compression="zstd")
    else:
        aside.unlink(missing_ok=True)
    _refuse(config, taken, aside)
    config.out.parent.mkdir(parents=True, exist_ok=True)
    with fresh_file(config.out) as file:
        pq.write_table(pa.Table.from_pylist(taken.rows), file, compression="zstd")
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


def _refuse(config: LabelImportConfig, taken: labelstudio.LabelStudioExport, aside: Path) -> None:
    if not taken.rows:
        raise BadTable(
            f"{config.export}: {taken.tasks} tasks, {taken.annotations} annotations, {taken.skipped} "
            f"skipped, none usable ({taken.reasons or 'no fault'}): label tasks first, then export as JSON"
        )
    answered = taken.annotations - taken.skipped
    if taken.faults > config.max_bad_share * answered:
        listed = "; ".join(f"{reason}: {number:,}" for reason, number in taken.reasons.items())
        raise BadTable(
            f"{config.export}: {taken.faults:,} of {answered:,} annotations are bad, allowed is "
            f"{config.max_bad_share:.2%}. {listed}. They are in {aside}; {config.out} was not written. "
            "Correct them, or raise --max-bad-share"
        )


def _votes(taken: labelstudio.LabelStudioExport, scale_name: str) -> np.ndarray:
    """[pairs, K]: annotators per grade."""
    grades = scale(scale_name)
    numbers: dict[tuple[str, str], int] = {}
    cells = [
        (numbers.setdefault((row["item_id"], row["keyphrase"]), len(numbers)), grades.index(row["grade"]))
        for row in taken.rows
    ]
    votes = np.zeros((len(numbers), len(grades.grades)), np.int64)
    np.add.at(votes, tuple(np.array(cells).T), 1)
    return votes
