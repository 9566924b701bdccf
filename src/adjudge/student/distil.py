"""Lessons for a student, in the order it takes them: the cosine's grades, the teacher's grades, people's
labels.

Each lesson is a training table (tables.TRAINING) for `student.train` with `soft`: its target is the column
`probability`. Unlabelled pairs carry the grade sigmoid(sharpness x z), z the grader's logit in standard
deviations of the labelled train pairs around their mean. The last lesson mixes people's labels with
unlabelled pairs, so that what the teacher taught is not forgotten while a few thousand labels are learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.config import setting, settings
from adjudge.errors import NotEnoughData
from adjudge.records import Progress, no_progress
from adjudge.stats.calibration import sigmoid
from adjudge.storage.files import write_json
from adjudge.student.sample_by_rank import UnlabelledSettings, draw, phrases
from adjudge.student.teacher import Blend, TeacherSettings, embed, fit_blend, of_pairs, similarities

LESSONS = ("cosine", "teacher", "labels")
GRADERS = ("cosine", "overlap", "teacher")
COLUMNS = ("item_id", "keyphrase", "title", "category")
TEXTS = ("train", "all")


@settings
class DistilSettings:
    """The lessons: which unlabelled pairs, how many of each, and how labels and grades are mixed."""

    texts: Annotated[
        str,
        setting(
            "Whose keyphrases and titles form unlabelled pairs; `all` takes those of dev and test too, "
            "never their labels.",
            choices=TEXTS,
        ),
    ] = "train"
    most_keyphrases: Annotated[
        int, setting("Keyphrases at most, a seeded draw above that.", ge=1, le=10**8)
    ] = 3000
    most_titles: Annotated[int, setting("Titles at most, a seeded draw above that.", ge=1, le=10**8)] = 6000
    cosine_pairs: Annotated[int, setting("Pairs of the first lesson; 0 leaves it out.", ge=0, le=10**8)] = (
        60_000
    )
    teacher_pairs: Annotated[int, setting("Pairs of the second lesson; 0 leaves it out.", ge=0, le=10**8)] = (
        200_000
    )
    anchor_pairs: Annotated[int, setting("Unlabelled pairs in the last lesson.", ge=0, le=10**8)] = 8000
    sharpness: Annotated[float, setting("Slope of a grade in a standardised logit.", ge=0.01, le=100)] = 1.5
    trust: Annotated[
        float,
        setting("A labelled pair's target is trust x label + (1 - trust) x the teacher's grade.", ge=0, le=1),
    ] = 0.7
    label_weight: Annotated[
        float, setting("Mean weight of a labelled pair; an unlabelled one weighs 1.", ge=1e-6, le=1e6)
    ] = 1.0
    balance: Annotated[
        float,
        setting("0 leaves the classes as they are, 1 gives both the same sum of weights.", ge=0, le=1),
    ] = 0.5
    seed: Annotated[int, setting("Seed of all draws.", ge=0, le=2**31 - 1)] = 7
    teacher: TeacherSettings = field(default_factory=TeacherSettings)
    unlabelled: UnlabelledSettings = field(default_factory=UnlabelledSettings)


@dataclass(frozen=True)
class Lessons:
    """The training tables by lesson (only those with pairs), the blend, each grader's logits of the labelled
    rows
    given (in their order), and how many texts and pairs it came to."""

    tables: dict[str, Path]
    blend: Blend
    logits: dict[str, np.ndarray]
    counts: dict[str, int]


@dataclass(frozen=True)
class _Grades:
    """Standardised logits [keyphrases, titles] by grader, and what the rows and columns are."""

    logits: dict[str, np.ndarray]
    keyphrases: Sequence[str]
    titles: pa.Table
    real: int


def lessons(
    training: pa.Table, settings: DistilSettings, out: Path, progress: Progress = no_progress
) -> Lessons:
    """Write `cosine.parquet`, `teacher.parquet`, `labels.parquet` and `teacher.json` to `out`.

    `training`: labelled rows of all splits (tables.TRAINING, labels 0 or 1). Labels of train alone are used;
    dev rows stand in every lesson with their label (for AUC) and the grader's probability (for the loss).
    Test rows lend their texts where `texts` is `all`, nothing else. Raises NotEnoughData, MissingExtra.
    """
    rng = np.random.default_rng([settings.seed, 3])
    out.mkdir(parents=True, exist_ok=True)
    texts, made = _texts(training, settings, rng)
    known, graded, blend = _grade(training, texts, made, settings, progress)
    tables: dict[str, Path] = {}
    dev = pc.equal(training["split"], "dev")
    for lesson in LESSONS:
        grader = "cosine" if lesson == "cosine" else "teacher"
        pairs = settings.anchor_pairs if lesson == "labels" else getattr(settings, f"{lesson}_pairs")
        parts = [_unlabelled(graded, grader, pairs, settings, rng)] if pairs else []
        grades = sigmoid(settings.sharpness * known[grader])
        if lesson == "labels":
            parts.append(_labelled(training, grades, settings))
        if parts:
            parts.append(_rows(training, grades, np.ones(len(training)), "dev").filter(dev))
            tables[lesson] = out / f"{lesson}.parquet"
            pq.write_table(pa.concat_tables(parts), tables[lesson], compression="zstd")
        progress("lessons", LESSONS.index(lesson) + 1, len(LESSONS))
    counts = {"keyphrases": graded.real, "phrases": len(made), "titles": len(graded.titles)}
    note = {"blend": asdict(blend), **counts}
    write_json(out / "teacher.json", note)
    return Lessons(tables, blend, known, counts)


def _texts(
    training: pa.Table, settings: DistilSettings, rng: np.random.Generator
) -> tuple[pa.Table, list[str]]:
    """The labelled rows whose texts may be used, and keyphrases made up from their titles."""
    rows = training if settings.texts == "all" else training.filter(pc.equal(training["split"], "train"))
    if not len(rows):
        raise NotEnoughData(
            "distillation needs rows of split 'train'; there are none. Check the recipe's splits."
        )
    titles = sorted(pc.unique(rows["title"]).to_pylist())
    return rows, phrases(titles, settings.unlabelled, rng)


def _grade(
    training: pa.Table, texts: pa.Table, made: Sequence[str], settings: DistilSettings, progress: Progress
) -> tuple[dict[str, np.ndarray], _Grades, Blend]:
    """Standardised logits of the labelled rows by grader, of all unlabelled pairs, and the blend."""
    rng = np.random.default_rng([settings.seed, 4])
    real = _draw(pc.unique(texts["keyphrase"]).to_pylist(), settings.most_keyphrases, rng)
    taken = set(real)
    keyphrases = [*real, *(text for text in made if text not in taken)]
    titles = _titles(texts, settings.most_titles, rng)
    teacher = settings.teacher
    all_keyphrases = _first(keyphrases, training["keyphrase"])
    all_titles = _first(titles["title"].to_pylist(), training["title"])
    left = embed(all_keyphrases, teacher.keyphrase_tokens, teacher, progress)
    right = embed(all_titles, teacher.title_tokens, teacher, progress)
    places = _places(training["keyphrase"], all_keyphrases), _places(training["title"], all_titles)
    cosine, overlap = of_pairs(left, right, *places)
    train = pc.equal(training["split"], "train").to_numpy(zero_copy_only=False)
    blend = fit_blend(cosine[train], overlap[train], training["label"].to_numpy()[train], teacher)
    known = {"cosine": cosine, "overlap": overlap, "teacher": blend(cosine, overlap)}
    cosine, overlap = similarities(left.take(len(keyphrases)), right.take(len(titles)), progress)
    graded = {"cosine": cosine, "teacher": blend(cosine, overlap).astype(np.float32)}
    for name in GRADERS:
        centre, spread = known[name][train].mean(), known[name][train].std()
        known[name] = (known[name] - centre) / spread
        if name in graded:
            graded[name] = ((graded[name] - centre) / spread).astype(np.float32)
    return known, _Grades(graded, keyphrases, titles, len(real)), blend


def _titles(texts: pa.Table, most: int, rng: np.random.Generator) -> pa.Table:
    """Distinct titles, each with one item that has it, at most `most`."""
    first = texts.group_by("title", use_threads=False).aggregate([("item_id", "min")]).sort_by("title")
    if len(first) <= most:
        return first
    return first.take(pa.array(np.sort(rng.choice(len(first), most, replace=False))))


def _first(texts: Sequence[str], others: pa.ChunkedArray) -> list[str]:
    """`texts`, then those of `others` that are not among them, sorted."""
    return [*texts, *sorted(set(others.to_pylist()) - set(texts))]


def _unlabelled(
    graded: _Grades, grader: str, pairs: int, settings: DistilSettings, rng: np.random.Generator
) -> pa.Table:
    logits = graded.logits[grader]
    left, right = draw(logits, graded.real, pairs, settings.unlabelled, rng)
    given = sigmoid(settings.sharpness * logits[left, right])
    titles = graded.titles.take(pa.array(right))
    number = len(left)
    return pa.table(
        {
            "item_id": titles["item_id_min"],
            "keyphrase": pa.array(graded.keyphrases).take(pa.array(left)),
            "title": titles["title"],
            "category": pa.nulls(number, pa.string()),
            "label": (given > 0.5).astype(np.float64),
            "probability": given,
            "weight": np.ones(number),
            "source": pa.array([f"{grader} grades"] * number),
            "split": pa.array(["train"] * number),
        }
    )


def _labelled(training: pa.Table, grades: np.ndarray, settings: DistilSettings) -> pa.Table:
    """The train rows with targets between label and teacher, weighted towards class balance."""
    train = pc.equal(training["split"], "train").to_numpy(zero_copy_only=False)
    label = training["label"].to_numpy()
    given = settings.trust * label + (1 - settings.trust) * grades
    share = label[train].mean()
    weights = np.where(label > 0, (1 - share) / max(share, 1e-9), 1.0) ** settings.balance
    weights *= settings.label_weight / weights[train].mean()
    return _rows(training, given, weights, "train").filter(pa.array(train))


def _rows(training: pa.Table, probability: np.ndarray, weights: np.ndarray, split: str) -> pa.Table:
    number = len(training)
    columns = {name: training[name].cast(pa.string()) for name in COLUMNS}
    return pa.table(
        {
            **columns,
            "label": training["label"].cast(pa.float64()),
            "probability": pa.array(probability, pa.float64()),
            "weight": pa.array(weights, pa.float64()),
            "source": training["source"].cast(pa.string()),
            "split": pa.array([split] * number),
        }
    )


def _draw(texts: list[str], most: int, rng: np.random.Generator) -> list[str]:
    texts = sorted(texts)
    if len(texts) <= most:
        return texts
    return [texts[index] for index in np.sort(rng.choice(len(texts), most, replace=False))]


def _places(column: pa.ChunkedArray, texts: Sequence[str]) -> np.ndarray:
    return np.asarray(pc.index_in(column, value_set=pa.array(texts)).to_numpy())
