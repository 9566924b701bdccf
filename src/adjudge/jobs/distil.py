"""The job `distil`: a student learns from another model's scores of many more pairs than are labelled.

teacher artifact + logs folder (+ labelled rows) -> unlabelled pairs, scored -> lesson.parquet -> student
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.config import check_apart, setting, settings
from adjudge.jobs.start import job
from adjudge.jobs.train import TrainConfig, TrainedModel, train
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import split_sql
from adjudge.records import Progress, no_progress
from adjudge.scoring.open_model import open_model
from adjudge.storage.duck import in_memory
from adjudge.storage.files import fresh_file
from adjudge.student.sample_pairs import PlausibleSettings, draw
from adjudge.student.settings import NETWORKS, StudentSettings
from adjudge.tables import TRAINING, log_path

UNLABELLED = """
SELECT u.* FROM drawn u
WHERE ({split}) = 'train'
  AND NOT EXISTS (SELECT 1 FROM read_parquet(?) t WHERE t.item_id = u.item_id AND t.keyphrase = u.keyphrase)
ORDER BY u.item_id, u.keyphrase
"""


@settings
class DistilConfig:
    """A teacher, the texts it grades, and the student that learns from its grades."""

    teacher: Annotated[Path, setting("The artifact that grades, of any kind.")]
    training: Annotated[
        Path, setting("Labelled rows: those of train are mixed in, those of dev stop and calibrate.")
    ]
    logs: Annotated[Path, setting("A logs folder: items and keyphrases of the unlabelled pairs.")]
    out: Annotated[Path, setting("The student's folder; the lesson stands beside it as OUT.lesson.parquet.")]
    trust: Annotated[
        float,
        setting("A labelled row's target is trust x label + (1 - trust) x the teacher's score.", ge=0, le=1),
    ] = 0.5
    seed: Annotated[int, setting("Seed of the drawn pairs.", ge=0, le=2**31 - 1)] = 7
    kind: Annotated[str, setting("Kind of the student, instead of student.kind.", choices=NETWORKS)] = "split"
    unlabelled: PlausibleSettings = field(default_factory=PlausibleSettings)
    splits: RecipeSettings = field(default_factory=RecipeSettings)
    student: StudentSettings = field(default_factory=StudentSettings)

    def __post_init__(self) -> None:
        check_apart("DistilConfig", {"teacher": self.teacher}, {"out": self.out})


@dataclass(frozen=True)
class Distilled:
    """The student as `adjudge train` reports it, the lesson, and what it came to."""

    trained: TrainedModel
    lesson: Path
    unlabelled: int
    labelled: int
    ungraded: int


@job(lambda config: config.out)
def distil(config: DistilConfig, progress: Progress = no_progress) -> Distilled:
    """Draw, grade, mix and train. Raises what training raises, and BadTable where the logs cannot be used.

    Pairs that the teacher gives no score are left out of the lesson and counted.
    """
    teacher = open_model(config.teacher)
    parts, ungraded = [], 0
    for number, rows in enumerate((_unlabelled(config), _labelled(config.training))):
        progress("teacher grades", number, 2)
        scores = teacher.score(rows)
        parts.append(_graded(rows, scores, config.trust if number else 0.0))
        ungraded += len(rows) - len(parts[-1])
    progress("teacher grades", 2, 2)
    lesson = config.out.with_name(f"{config.out.name}.lesson.parquet")
    lesson.parent.mkdir(parents=True, exist_ok=True)
    with fresh_file(lesson) as fresh:
        pq.write_table(pa.concat_tables(parts), fresh, compression="zstd")
    student = replace(config.student, kind=config.kind, soft=True)
    done = train(
        TrainConfig(lesson, config.out, f"distilled from {teacher.version}", student=student), progress
    )
    return Distilled(done, lesson, len(parts[0]), len(parts[1]), ungraded)


def _unlabelled(config: DistilConfig) -> pa.Table:
    """Drawn pairs of split train that are not labelled: table to_score."""
    items, keyphrases = (pq.read_table(log_path(config.logs, name)) for name in ("items", "keyphrases"))
    rng = np.random.default_rng([config.seed, 5])
    left, right = draw(items, keyphrases, config.unlabelled, rng)
    columns = [name for name in ("item_id", "title", "category") if name in items.column_names]
    drawn = items.select(columns).take(pa.array(left))
    drawn = drawn.append_column("keyphrase", keyphrases["keyphrase"].take(pa.array(right)))
    with in_memory(f"{config.training} cannot be read: {{}}. Build it with: adjudge recipe") as db:
        db.register("drawn", drawn)
        query = UNLABELLED.format(split=split_sql(config.splits))
        return db.sql(query, params=[str(config.training)]).to_arrow_table()


def _labelled(training: Path) -> pa.Table:
    """The labelled rows of train and dev."""
    rows = pq.read_table(training)
    TRAINING.check_columns(rows.column_names, training)
    split = rows["split"].cast(pa.string())
    return rows.filter(pc.is_in(split, pa.array(["train", "dev"])))


def _graded(rows: pa.Table, scores: np.ndarray, trust: float) -> pa.Table:
    """Rows as table training, `probability` between label (where there is one) and score; none without a
    score.

    Trust .5, label 1, score .6: .8. Dev rows keep the score alone, so that the loss is that of what is
    taught.
    """
    rows = rows.filter(pa.array(~np.isnan(scores)))
    scores = scores[~np.isnan(scores)]
    number = len(rows)
    labelled = "label" in rows.column_names
    label = rows["label"].to_numpy() if labelled else (scores > 0.5).astype(np.float64)
    split = rows["split"].cast(pa.string()) if labelled else pa.array(["train"] * number)
    trusted = trust * pc.equal(split, "train").to_numpy(zero_copy_only=False)
    texts = {name: rows[name].cast(pa.string()) for name in ("item_id", "keyphrase", "title")}
    has = "category" in rows.column_names
    return pa.table(
        {
            **texts,
            "category": rows["category"].cast(pa.string()) if has else pa.nulls(number, pa.string()),
            "label": label,
            "probability": trusted * label + (1 - trusted) * scores,
            "weight": rows["weight"].cast(pa.float64()) if labelled else pa.array(np.ones(number)),
            "source": rows["source"].cast(pa.string()) if labelled else pa.array(["teacher"] * number),
            "split": split,
        }
    )
