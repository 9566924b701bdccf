"""What a judge is made of: the settings of `tune`, and the labelled rows, split and matched to the target
mix."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from adjudge.config import check_apart, check_choice, check_range
from adjudge.errors import BadConfig, BadTable, NotEnoughData
from adjudge.jobs.human_labels import Labelled, Rules, labelled
from adjudge.judge.classmix import AS_LABELLED, ClassMix, mix_of, of_shares, planned, resampled, target_of
from adjudge.judge.tuned_folder import PromptSpec
from adjudge.llm.sft import SftSettings
from adjudge.recipes.settings import RecipeSettings
from adjudge.records import SCALES, scale
from adjudge.stats.annotators import RULES
from adjudge.stats.sampling import Sampling

STUDENT, LOCAL = "student:", "hf:"


@dataclass(frozen=True)
class TuneConfig:
    """pairs: shape `to_score`; human: annotations, or one settled grade a pair (item_id, keyphrase, grade).
    base: a causal language model (folder or hub name, with or without `hf:`), tuned by LoRA; or
    `student:ARTIFACT`, which gets cut points on its score: give it pairs that it was not trained on. out: the
    judge's folder.

    scale: of the judge; human_scale: of the grades; grades: what each becomes (default: docs/tuning.md).
    rule, min_annotators: which label a pair gets. splits: a table (item_id, keyphrase, split) instead of the
    item-disjoint `split`. target: `as labelled`, `even`, `high=.5,...`, or a judgments table (.parquet) whose
    label mix is wanted; factor: how often a row may be repeated to get there, and the share (1 / factor) of a
    class that stays at least. prompt, order, guidance, examples: as for `adjudge judge`; they go into the
    judge's folder. sample: unlabelled pairs (shape `to_score`) whose label mix is compared with the target
    (default: the dev pairs); sample_rows: at most so many, drawn by the seed. drift_limit: the most that the
    label mix may be away from the target (total variation).
    """

    pairs: Path
    human: Path
    base: str
    out: Path
    scale: str = "binary"
    human_scale: str = "four"
    grades: dict[str, str] = field(default_factory=dict)
    rule: str = "unanimous"
    min_annotators: int = 1
    splits: Path | None = None
    split: RecipeSettings = field(default_factory=lambda: RecipeSettings(shares=(0.85, 0.15, 0.0)))
    target: str = AS_LABELLED
    factor: float = 3.0
    prompt: Path | None = None
    order: str = "best_first"
    guidance: Path | None = None
    examples: Path | None = None
    sample: Path | None = None
    sample_rows: int = 10_000
    drift_limit: float = 0.1
    seed: int = 7
    sft: SftSettings = field(default_factory=SftSettings)
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        check_choice("TuneConfig", "scale", self.scale, SCALES)
        check_choice("TuneConfig", "human_scale", self.human_scale, SCALES)
        check_choice("TuneConfig", "rule", self.rule, RULES)
        check_range("TuneConfig", "min_annotators", self.min_annotators, 1, 1000)
        check_range("TuneConfig", "factor", self.factor, 1, 1000)
        check_range("TuneConfig", "sample_rows", self.sample_rows, 1, 10**8)
        check_range("TuneConfig", "drift_limit", self.drift_limit, 0, 1)
        check_range("TuneConfig", "seed", self.seed, 0, 2**31 - 1)
        base = self.base.removeprefix(STUDENT).removeprefix(LOCAL)
        if not base:
            raise BadConfig(
                f"TuneConfig.base is {self.base!r}: allowed are a model's folder or name, or student:ARTIFACT"
            )
        check_apart("TuneConfig", {"base": Path(base)}, {"out": self.out})

    @property
    def asked(self) -> PromptSpec:
        return PromptSpec(self.scale, self.prompt, self.order, 0, self.guidance, self.examples)

    @property
    def report(self) -> Path:
        """Where everything beside the judge goes."""
        return self.out.with_name(self.out.name + ".tune")


@dataclass(frozen=True)
class Material:
    """What a judge is made of: labelled rows, the row numbers to train on and to watch the loss on (both
    matched to the
    target, rows repeated) and those of dev as they are."""

    labels: Labelled
    train: np.ndarray
    watched: np.ndarray
    dev: np.ndarray
    mix: ClassMix


def prepare(config: TuneConfig) -> Material:
    """Settled labels, their splits, and the train rows matched to the target. Raises NotEnoughData."""
    on = scale(config.scale)
    rules = Rules(
        on,
        scale(config.human_scale),
        config.rule,
        config.min_annotators,
        config.grades,
        config.splits,
        config.split,
    )
    labels = labelled(config.pairs, config.human, rules)
    train, dev = labels.where("train"), labels.where("dev")
    counts = np.bincount(labels.step[train], minlength=len(on.grades)).tolist()
    if len(train) < 2 or not len(dev) or sum(count > 0 for count in counts) < 2:
        raise NotEnoughData(
            f"{config.human}: {len(train)} train and {len(dev)} dev rows, by grade "
            f"{dict(zip(on.grades, counts, strict=True))} (left out: {labels.left_out or 'none'}); both "
            "splits and two grades are needed"
        )
    target = _target(config, counts)
    rng = np.random.default_rng([config.seed, 12])
    (taken, after), (watched, _) = (_matched(config, labels.step, rows, target, rng) for rows in (train, dev))
    return Material(labels, taken, watched, dev, mix_of(on, target, counts, after))


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
    on = scale(config.scale)
    if not config.target.endswith(".parquet"):
        return target_of(config.target, on, counts)
    try:
        grades = pq.read_table(config.target, columns=["grade"])["grade"].drop_null().to_pylist()
    except (OSError, ValueError) as error:
        raise BadTable(f"target {config.target} cannot be read as a judgments table: {error}") from error
    if not grades:
        raise NotEnoughData(f"target {config.target} holds no scored judgment")
    return of_shares({grade: grades.count(grade) / len(grades) for grade in sorted(set(grades))}, on)


def with_seed(config: TuneConfig) -> SftSettings:
    """The training's settings under the job's seed."""
    return replace(config.sft, seed=config.seed)
