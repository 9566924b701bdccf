"""Checks of a fresh judge: agreement with people on the dev rows, and drift of its label mix from the target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.errors import NotEnoughData
from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.jobs.tune.material import Material, TuneConfig
from adjudge.judge.pairs import count
from adjudge.llm.transformers_client import TransformersSettings, best_device
from adjudge.records import Progress, Scale, scale
from adjudge.stats import agreement as agreement_coefficients
from adjudge.stats.cluster_bootstrap import Estimate, Floats, estimates, sums_by_cluster
from adjudge.stats.sampling import Sampling
from adjudge.trust.drift import Drift, drift
from adjudge.trust.reading import codes

TOLD = ("exact", "within_one", "balanced", "kappa")


@dataclass(frozen=True)
class Checked:
    """agreement: of the dev pairs, by coefficient, intervals over items; majority: the same of a judge that
    always
    gives people's most frequent train grade. drift: of the sample's label mix. unscored: of the sample."""

    agreement: dict[str, Estimate]
    majority: dict[str, Estimate]
    drift: Drift
    sampled: int
    unscored: int
    sample: str


def check(config: TuneConfig, spelled: str, material: Material, progress: Progress) -> Checked:
    """Judge the dev pairs and the sample by the new judge through its own verdict log, and compare."""
    on, dev = scale(config.scale), material.labels.rows.take(pa.array(material.dev))
    rng = np.random.default_rng([config.seed, 13])
    said = _judged(config, spelled, dev, "dev", progress)
    people, item = material.labels.step[material.dev], codes(dev["item_id"].combine_chunks())
    most = np.full(len(people), int(np.argmax(material.mix.before)))
    sampled, what = (dev, "the dev pairs") if config.sample is None else (_drawn(config), str(config.sample))
    verdicts = said if config.sample is None else _judged(config, spelled, sampled, "sample", progress)
    scored = verdicts >= 0
    if not scored.any():
        raise NotEnoughData(f"{spelled} gave no verdict on any of {len(verdicts)} sampled pairs")
    items = codes(sampled["item_id"].combine_chunks())
    drifted = drift(
        on.grades,
        verdicts[scored],
        items[scored],
        material.mix.target,
        config.drift_limit,
        config.sampling,
        rng,
    )
    return Checked(
        agreement(on, people, said, item, config.sampling, rng),
        agreement(on, people, most, item, config.sampling, rng),
        drifted,
        len(verdicts),
        int((~scored).sum()),
        what,
    )


def agreement(
    on: Scale,
    people: np.ndarray,
    said: np.ndarray,
    cluster: np.ndarray,
    sampling: Sampling,
    rng: np.random.Generator,
) -> dict[str, Estimate]:
    """Coefficients of steps `said` (-1: unscored, left out) against `people`, intervals over clusters."""
    grades, scored = len(on.grades), said >= 0
    sums = sums_by_cluster(cluster[scored], people[scored] * grades + said[scored], grades * grades)
    known = agreement_coefficients.coefficients(grades)
    statistics = {name: partial(_flat, known[name], grades) for name in TOLD}
    return estimates(sums, statistics, int(scored.sum()), sampling, rng)


def _flat(coefficient: agreement_coefficients.Coefficient, grades: int, sums: Floats) -> Floats:
    return coefficient(sums.reshape(*sums.shape[:-1], grades, grades))


def _judged(config: TuneConfig, spelled: str, pairs: pa.Table, name: str, progress: Progress) -> np.ndarray:
    """Steps of the judge's verdicts in the pairs' order, -1 where it gave none."""
    asked, out = config.report / f"{name}.pairs.parquet", config.report / f"{name}.parquet"
    pq.write_table(pairs.select(["item_id", "keyphrase", "title", "category"]), asked)
    judge(
        JudgeConfig(
            asked,
            spelled,
            config.report / f"{name}.sqlite",
            out,
            config.scale,
            local=TransformersSettings(
                chat=config.sft.chat, threads=config.sft.threads, device=best_device()
            ),
        ),
        progress,
    )
    return steps_in(out, scale(config.scale))


def steps_in(judgments: Path, on: Scale) -> np.ndarray:
    """The steps of a judgments table in its order, -1 where unscored."""
    grades = pq.read_table(judgments, columns=["grade"])["grade"].to_pylist()
    return np.array([-1 if grade is None else on.index(grade) for grade in grades], np.int64)


def _drawn(config: TuneConfig) -> pa.Table:
    sample = config.sample or config.pairs
    rows = count(sample)
    table = pq.read_table(sample)
    if "category" not in table.column_names:
        table = table.append_column("category", pa.nulls(rows, pa.string()))
    if rows <= config.sample_rows:
        return table
    chosen = np.random.default_rng([config.seed, 14]).choice(rows, config.sample_rows, replace=False)
    return table.take(pa.array(np.sort(chosen)))
