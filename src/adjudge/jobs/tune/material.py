"""Training data of a judge: the settings of `tune`, and the labelled rows, split and matched to the target
mix."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow.parquet as pq

from adjudge.config import check_apart, setting, settings
from adjudge.errors import BadConfig, BadTable, NotEnoughData
from adjudge.jobs.human_labels import Labelled, Rules, labelled
from adjudge.judge.classmix import AS_LABELLED, ClassMix, mix_of, of_shares, planned, resampled, target_of
from adjudge.judge.prompt import ORDERS
from adjudge.judge.tuned_folder import PromptSpec
from adjudge.llm.sft import SftSettings
from adjudge.recipes.settings import RecipeSettings
from adjudge.records import SCALES, scale
from adjudge.stats.annotators import RULES
from adjudge.stats.sampling import Sampling

STUDENT, LOCAL = "student:", "hf:"


@settings
class TuneConfig:
    """Human labels, the model to tune on them, the class mix that it shall follow, and the judge's folder."""

    pairs: Annotated[Path, setting("The pairs with their texts: item_id, keyphrase, title, category.")]
    human: Annotated[
        Path, setting("Annotations, or one settled grade per pair (item_id, keyphrase, grade); Parquet.")
    ]
    base: Annotated[
        str,
        setting(
            "A causal language model (folder or hub name, with or without hf:), tuned by LoRA; or "
            "student:ARTIFACT, which gets cut points on its score: give it pairs that it was not trained on."
        ),
    ]
    out: Annotated[Path, setting("The judge's folder; OUT.tune beside it gets everything else.")]
    scale: Annotated[str, setting("Scale of the judge.", choices=SCALES)] = "binary"
    human_scale: Annotated[str, setting("Scale of the human grades.", choices=SCALES)] = "four"
    grades: Annotated[
        dict[str, str], setting("What a human grade becomes, GRADE=GRADE; the usual ones: docs/tuning.md.")
    ] = field(default_factory=dict)
    rule: Annotated[str, setting("Which label a pair gets from several annotators.", choices=RULES)] = (
        "unanimous"
    )
    min_annotators: Annotated[int, setting("Annotators that a pair needs.", ge=1, le=1000)] = 1
    splits: Annotated[
        Path | None, setting("A table (item_id, keyphrase, split) instead of the item-disjoint `split`.")
    ] = None
    split: RecipeSettings = field(default_factory=lambda: RecipeSettings(shares=(0.85, 0.15, 0.0)))
    target: Annotated[
        str,
        setting(
            "The class mix to train on: `as labelled`, `even`, shares such as "
            "high=0.5,moderate=0.3,irrelevant=0.2, or a judgments table (.parquet) whose label mix is wanted."
        ),
    ] = AS_LABELLED
    factor: Annotated[
        float,
        setting(
            "How often a row may be repeated to reach the target; 1 / factor of a class stays at least.",
            ge=1,
            le=1000,
        ),
    ] = 3.0
    prompt: Annotated[
        Path | None, setting("Your own prompt file (Markdown); it goes into the judge's folder.")
    ] = None
    order: Annotated[str, setting("Order in which the options are shown.", choices=ORDERS)] = "best_first"
    guidance: Annotated[Path | None, setting("JSON: guidance per category, as docs/judging.md says.")] = None
    examples: Annotated[
        Path | None, setting("JSON: graded examples for the prompt, as docs/judging.md says.")
    ] = None
    sample: Annotated[
        Path | None,
        setting("Unlabelled pairs whose label mix is compared with the target; by default the dev pairs."),
    ] = None
    sample_rows: Annotated[
        int, setting("Pairs of the sample that are judged at most, drawn by the seed.", ge=1, le=10**8)
    ] = 10_000
    drift_limit: Annotated[
        float, setting("Largest distance of label mix and target (total variation).", ge=0, le=1)
    ] = 0.1
    seed: Annotated[int, setting("Seed of the draws and the training.", ge=0, le=2**31 - 1)] = 7
    sft: SftSettings = field(default_factory=SftSettings)
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        base = self.base.removeprefix(STUDENT).removeprefix(LOCAL)
        if not base:
            raise BadConfig(
                f"TuneConfig.base is {self.base!r}: allowed are a model's folder or name, or student:ARTIFACT"
            )
        check_apart("TuneConfig", {"base": Path(base)}, {"out": self.out})

    @property
    def prompt_spec(self) -> PromptSpec:
        return PromptSpec(self.scale, self.prompt, self.order, 0, self.guidance, self.examples)

    @property
    def report(self) -> Path:
        """The folder of everything beside the judge."""
        return self.out.with_name(self.out.name + ".tune")


@dataclass(frozen=True)
class Material:
    """Labelled rows, and the row numbers of each use.

    train, watched: to train on and to watch the loss on, both matched to the target (rows repeat); dev: the
    dev rows as they are.
    """

    labels: Labelled
    train: np.ndarray
    watched: np.ndarray
    dev: np.ndarray
    mix: ClassMix


def prepare(config: TuneConfig) -> Material:
    """Settled labels, their splits, and the train rows matched to the target. Raises NotEnoughData."""
    judged = scale(config.scale)
    rules = Rules(
        judged,
        scale(config.human_scale),
        config.rule,
        config.min_annotators,
        config.grades,
        config.splits,
        config.split,
    )
    labels = labelled(config.pairs, config.human, rules)
    train, dev = labels.where("train"), labels.where("dev")
    counts = np.bincount(labels.step[train], minlength=len(judged.grades)).tolist()
    if len(train) < 2 or not len(dev) or sum(count > 0 for count in counts) < 2:
        by_grade = dict(zip(judged.grades, counts, strict=True))
        raise NotEnoughData(
            f"{config.human}: {len(train)} train and {len(dev)} dev rows, by grade {by_grade} (left out: "
            f"{labels.left_out or 'none'}); both splits and two grades are needed"
        )
    target = _target(config, counts)
    rng = np.random.default_rng([config.seed, 12])
    matched, after = _matched(config, labels.step, train, target, rng)
    watched, _ = _matched(config, labels.step, dev, target, rng)
    return Material(labels, matched, watched, dev, mix_of(judged, target, counts, after))


def _matched(
    config: TuneConfig,
    steps: np.ndarray,
    rows: np.ndarray,
    target: tuple[float, ...],
    rng: np.random.Generator,
) -> tuple[np.ndarray, list[int]]:
    """The row numbers resampled towards the target, and how many there then are by grade."""
    counts = np.bincount(steps[rows], minlength=len(target)).tolist()
    # `as labelled` takes every row as it is: there is nothing to match.
    after = counts if config.target == AS_LABELLED else planned(counts, target, config.factor)
    return rows[resampled(steps[rows], after, rng)], after


def _target(config: TuneConfig, counts: list[int]) -> tuple[float, ...]:
    judged = scale(config.scale)
    if not config.target.endswith(".parquet"):
        return target_of(config.target, judged, counts)
    try:
        grades = pq.read_table(config.target, columns=["grade"])["grade"].drop_null().to_pylist()
    except (OSError, ValueError) as error:
        raise BadTable(f"target {config.target} cannot be read as a judgments table: {error}") from error
    if not grades:
        raise NotEnoughData(f"target {config.target} holds no scored judgment")
    return of_shares({grade: grades.count(grade) / len(grades) for grade in sorted(set(grades))}, judged)
