"""Check of a fresh judge: its agreement with people on the dev rows, and its label mix on a sample."""

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
from adjudge.stats.agreement import Coefficient, coefficients
from adjudge.stats.cluster_bootstrap import Estimate, Floats, estimates, sums_by_cluster
from adjudge.stats.sampling import Sampling
from adjudge.storage.files import fresh_file
from adjudge.trust.drift import Drift, drift
from adjudge.trust.reading import codes

STATISTICS = ("exact", "within_one", "balanced", "kappa")


@dataclass(frozen=True)
class JudgeCheck:
    """agreement: on the dev pairs, by coefficient, with intervals over items; majority: the same of a judge
    that always gives people's most frequent train grade. drift: of the sample's label mix. unscored: of the
    sample."""

    agreement: dict[str, Estimate]
    majority: dict[str, Estimate]
    drift: Drift
    sampled: int
    unscored: int
    sample: str


def check(config: TuneConfig, spelling: str, material: Material, progress: Progress) -> JudgeCheck:
    """Judge the dev pairs and the sample by the new judge through its own verdict log, and compare."""
    judged, dev = scale(config.scale), material.labels.rows.take(pa.array(material.dev))
    rng = np.random.default_rng([config.seed, 13])
    on_dev = _judged(config, spelling, dev, "dev", progress)
    if config.sample is None:
        sample, name, on_sample = dev, "the dev pairs", on_dev
    else:
        sample, name = _drawn(config.sample, config), str(config.sample)
        on_sample = _judged(config, spelling, sample, "sample", progress)
    scored = on_sample >= 0
    if not scored.any():
        raise NotEnoughData(f"{spelling} gave no verdict on any of {len(on_sample)} sampled pairs")
    drifted = drift(
        judged.grades,
        on_sample[scored],
        codes(sample["item_id"].combine_chunks())[scored],
        material.mix.target,
        config.drift_limit,
        config.sampling,
        rng,
    )
    people, items = material.labels.step[material.dev], codes(dev["item_id"].combine_chunks())
    commonest = np.full(len(people), int(np.argmax(material.mix.before)))
    return JudgeCheck(
        agreement(judged, people, on_dev, items, config.sampling, rng),
        agreement(judged, people, commonest, items, config.sampling, rng),
        drifted,
        len(on_sample),
        int((~scored).sum()),
        name,
    )


def agreement(
    on: Scale,
    people: np.ndarray,
    judge_steps: np.ndarray,
    cluster: np.ndarray,
    sampling: Sampling,
    rng: np.random.Generator,
) -> dict[str, Estimate]:
    """Coefficients of a judge's steps (-1: unscored, left out) against people's, with intervals over
    clusters."""
    grades, scored = len(on.grades), judge_steps >= 0
    cells = people[scored] * grades + judge_steps[scored]
    by_name = coefficients(grades)
    statistics = {name: partial(_flat, by_name[name], grades) for name in STATISTICS}
    sums = sums_by_cluster(cluster[scored], cells, grades * grades)
    return estimates(sums, statistics, int(scored.sum()), sampling, rng)


def _flat(coefficient: Coefficient, grades: int, sums: Floats) -> Floats:
    return coefficient(sums.reshape(*sums.shape[:-1], grades, grades))


def _judged(config: TuneConfig, spelling: str, pairs: pa.Table, name: str, progress: Progress) -> np.ndarray:
    """Steps of the judge's verdicts in the pairs' order, -1 if it gave none."""
    path, out = config.report / f"{name}.pairs.parquet", config.report / f"{name}.parquet"
    with fresh_file(path) as fresh:
        pq.write_table(pairs.select(["item_id", "keyphrase", "title", "category"]), fresh)
    local = TransformersSettings(chat=config.sft.chat, threads=config.sft.threads, device=best_device())
    log = config.report / f"{name}.sqlite"
    judge(JudgeConfig(path, spelling, log, out, config.scale, local=local), progress)
    return steps_in(out, scale(config.scale))


def steps_in(judgments: Path, on: Scale) -> np.ndarray:
    """The steps of a judgments table in its order, -1 if unscored."""
    grades = pq.read_table(judgments, columns=["grade"])["grade"].to_pylist()
    return np.array([-1 if grade is None else on.index(grade) for grade in grades], np.int64)


def _drawn(sample: Path, config: TuneConfig) -> pa.Table:
    rows, table = count(sample), pq.read_table(sample)
    if "category" not in table.column_names:
        table = table.append_column("category", pa.nulls(rows, pa.string()))
    if rows <= config.sample_rows:
        return table
    chosen = np.random.default_rng([config.seed, 14]).choice(rows, config.sample_rows, replace=False)
    return table.take(pa.array(np.sort(chosen)))
