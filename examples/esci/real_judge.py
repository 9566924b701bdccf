"""Judges on three grades from ESCI's train labels, measured against people's test labels.

    python -m examples.esci.real_judge --out runs/esci-judge      (`make real-judge`, after `make real`)


    a run of `real` -> labels on ordinal3 -> cut points and CORAL heads on its students, LoRA on a decoder
                    -> dev: quadratic kappa chooses one of each -> test, once: judge and agree, per source

Exact is high, substitute moderate, complement and irrelevant irrelevant. Nothing but train and dev decides
anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from adjudge import config as settings_of
from adjudge.cli.commands import run_one
from adjudge.cli.output import interval, lines, number, table
from adjudge.cli.registry import JobSpec
from adjudge.config import check_range
from adjudge.errors import BadConfig
from adjudge.jobs.agree import AgreeConfig, agree
from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.jobs.train import TrainConfig, train
from adjudge.jobs.tune.checks import STATISTICS, agreement, steps_in
from adjudge.jobs.tune.material import TuneConfig
from adjudge.jobs.tune.tune import tune
from adjudge.llm.sft import SftSettings
from adjudge.llm.transformers_client import TransformersSettings
from adjudge.records import ORDINAL3, Progress, no_progress
from adjudge.stats.sampling import Sampling
from adjudge.student.settings import StudentSettings
from adjudge.trust.settings import TrustSettings
from examples.esci import judge_tables
from examples.esci.judge_tables import Part, Tables
from examples.esci.real import LessonSettings

MAJORITY = "always the commonest train grade"
STUDENTS = {"after teacher": "artifacts/after teacher", "student": "artifact"}
CUTS, CORAL, DECODER, UNTUNED = "cuts", "coral", "decoder", "decoder, untuned"
ALL = "all"


@dataclass(frozen=True)
class RealJudgeConfig:
    """real: the folder of a finished `adjudge real`; out: this run's folder. targets: the class mixes that
    are tried, each as `adjudge tune` spells it; factor: as there. coral: how a student takes the graded
    labels. decoder: a causal language model that is tuned too (none: left out), towards decoder_targets, with
    its prompt for ordinal3; sft: how."""

    real: Path = Path("runs/esci")
    out: Path = Path("runs/esci-judge")
    targets: tuple[str, ...] = ("as labelled", "even")
    factor: float = 6.0
    coral: LessonSettings = field(default_factory=lambda: LessonSettings(epochs=4, lr=1e-4, evaluations=4))
    decoder: str = ""
    decoder_prompt: Path | None = None
    decoder_targets: tuple[str, ...] = ("even",)
    sft: SftSettings = field(
        default_factory=lambda: SftSettings(lr=1e-3, epochs=2, evaluations=6, patience=0, longest=256)
    )
    seed: int = 7
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        check_range("RealJudgeConfig", "factor", self.factor, 1, 1000)
        check_range("RealJudgeConfig", "seed", self.seed, 0, 2**31 - 1)
        if not self.targets:
            raise BadConfig(
                "RealJudgeConfig.targets is empty: allowed is one class mix or more, such as 'as labelled'"
            )


@dataclass(frozen=True)
class RealJudged:
    """rows: every figure (as in metrics.json): judge, split, segment, metric, value, low, high, pairs,
    queries; chosen: the
    judge of each kind that dev chose; confusion: [human grade][judge's grade] of the test pairs, by judge."""

    out: Path
    rows: list[dict[str, Any]]
    chosen: dict[str, str]
    confusion: dict[str, list[list[int]]]

    def one(self, judge: str, split: str, metric: str, segment: str = ALL) -> dict[str, Any]:
        """The row so named. Raises KeyError where there is none."""
        asked = {"judge": judge, "split": split, "metric": metric, "segment": segment}
        for row in self.rows:
            if asked.items() <= row.items():
                return row
        raise KeyError(asked)


def real_judge(config: RealJudgeConfig, progress: Progress = no_progress) -> RealJudged:
    """Make the judges, choose on dev, measure on test.

    Raises what the steps raise: BadTable, NotEnoughData, BadConfig.
    """
    settings_of.save(config, config.out / "config.json")
    tables = judge_tables.write(config.real, config.out)
    spelled = {**_cuts(config, tables, progress), **_coral(config, tables, progress)}
    spelled |= _decoders(config, tables, progress)
    dev = {
        name: _judged(config, tables.parts["dev"], "dev", name, spelled[name], progress) for name in spelled
    }
    rows = _rows(config, "dev", tables, dev)
    chosen = _choose(rows, spelled)
    test = {
        name: _judged(config, tables.parts["test"], "test", name, spelled[name], progress)
        for name in (*chosen.values(), *(one for one in spelled if one == UNTUNED))
    }
    rows += _rows(config, "test", tables, test)
    for name in test:
        _agree(config, tables.parts["test"], name, progress)
    confusion = {name: _confusion(tables.parts["test"].step, said) for name, said in test.items()}
    done = RealJudged(config.out, rows, chosen, confusion)
    told = {
        **{name: value for name, value in asdict(done).items() if name != "out"},
        "mix": {split: np.bincount(part.step, minlength=3).tolist() for split, part in tables.parts.items()},
        "config": settings_of.to_dict(config),
    }
    text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)
    (config.out / "metrics.json").write_text(text + "\n", encoding="utf-8")
    return done


def _tune(config: RealJudgeConfig, tables: Tables, name: str, target: str, **more: Any) -> TuneConfig:
    return TuneConfig(
        tables.pairs,
        tables.human,
        out=config.out / "judges" / name,
        scale=ORDINAL3.name,
        human_scale=ORDINAL3.name,
        splits=tables.splits,
        target=target,
        factor=config.factor,
        seed=config.seed,
        sampling=config.sampling,
        **more,
    )


def _cuts(config: RealJudgeConfig, tables: Tables, progress: Progress) -> dict[str, str]:
    """Cut points on the student's score, from train's labels: before the student saw labels, and after."""
    spelled = {}
    for student, folder in STUDENTS.items():
        for target in config.targets:
            name = f"{CUTS}, {student}, {target}"
            asked = _tune(config, tables, name, target, base=f"student:{config.real / folder}")
            spelled[name] = tune(asked, progress).judge
    return spelled


def _coral(config: RealJudgeConfig, tables: Tables, progress: Progress) -> dict[str, str]:
    """The student before it saw labels, trained on with a CORAL head on the three steps."""
    spelled = {}
    for target in config.targets:
        name = f"{CORAL}, {target}"
        training = judge_tables.write_steps(
            tables, config.out / "steps" / f"{name}.parquet", target, config.factor
        )
        student = StudentSettings(
            start=str(config.real / STUDENTS["after teacher"]),
            head=CORAL,
            levels=len(ORDINAL3.grades),
            seed=config.seed,
            threads=1,
            **settings_of.to_dict(config.coral),
        )
        artifact = config.out / "judges" / name
        train(TrainConfig(training, artifact, "human", student=student), progress)
        spelled[name] = f"student:{artifact}"
    return spelled


def _decoders(config: RealJudgeConfig, tables: Tables, progress: Progress) -> dict[str, str]:
    """The decoder as it is, and tuned on train's labels."""
    if not config.decoder:
        return {}
    spelled = {UNTUNED: f"hf:{config.decoder}"}
    for target in config.decoder_targets:
        name = f"{DECODER}, {target}"
        asked = _tune(
            config, tables, name, target, base=config.decoder, prompt=config.decoder_prompt, sft=config.sft
        )
        spelled[name] = tune(asked, progress).judge
    return spelled


def _judged(
    config: RealJudgeConfig, part: Part, split: str, name: str, spelled: str, progress: Progress
) -> np.ndarray:
    """The judge's steps on a split, in the order of its pairs, -1 where unscored."""
    out = config.out / split / f"{name}.parquet"
    prompt = config.decoder_prompt if name == UNTUNED else None
    asked = JudgeConfig(
        part.pairs,
        spelled,
        config.out / f"{split}.sqlite",
        out,
        ORDINAL3.name,
        name=name,
        prompt=prompt,
        local=TransformersSettings(threads=config.sft.threads, chat=config.sft.chat),
    )
    judge(asked, progress)
    return steps_in(out, ORDINAL3)


def _rows(
    config: RealJudgeConfig, split: str, tables: Tables, said: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Every coefficient of every judge, over all pairs and per source, intervals over queries; and of the
    majority."""
    part = tables.parts[split]
    most = int(np.bincount(tables.parts["train"].step).argmax())
    given = {**said, MAJORITY: np.full(len(part.step), most)}
    query = np.unique(part.keyphrase.astype(str), return_inverse=True)[1]
    rows = []
    for name, steps in given.items():
        for segment, inside in _segments(part):
            # The same resamples for every judge, so that figures of one table differ by their judges alone.
            rng = np.random.default_rng([config.seed, 15])
            found = agreement(ORDINAL3, part.step[inside], steps[inside], query[inside], config.sampling, rng)
            told = {"judge": name, "split": split, "segment": segment}
            unscored = int((steps[inside] < 0).sum())
            rows += [
                {**told, "metric": metric, **_estimate(found[metric]), "unscored": unscored}
                for metric in STATISTICS
            ]
    return rows


def _estimate(found: Any) -> dict[str, Any]:
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "pairs": found.pairs,
        "queries": found.clusters,
    }


def _segments(part: Part) -> Iterator[tuple[str, np.ndarray]]:
    yield ALL, np.ones(len(part.step), bool)
    sources = sorted(set(part.source))
    if len(sources) > 1:
        yield from ((str(source), part.source == source) for source in sources)


def _choose(rows: list[dict[str, Any]], spelled: dict[str, str]) -> dict[str, str]:
    """The student's judge and the tuned decoder with the highest quadratic kappa on dev."""
    kappa = {row["judge"]: row["value"] for row in rows if row["metric"] == "kappa" and row["segment"] == ALL}
    kinds = {"student": (CUTS, CORAL), DECODER: (DECODER,)}
    chosen = {}
    for kind, starts in kinds.items():
        able = [
            one
            for one in spelled
            if one != UNTUNED and one.split(",")[0] in starts and kappa[one] is not None
        ]
        if able:
            chosen[kind] = max(able, key=lambda one: kappa[one])
    return chosen


def _agree(config: RealJudgeConfig, part: Part, name: str, progress: Progress) -> None:
    """`adjudge agree` on the test pairs, in all and per source (the human labels of that source)."""
    judgments, human = config.out / "test" / f"{name}.parquet", pq.read_table(part.human)
    for segment, inside in _segments(part):
        own = config.out / "test" / "human" / f"{segment}.parquet"
        own.parent.mkdir(exist_ok=True)
        pq.write_table(human.take(np.flatnonzero(inside)), own)
        asked = AgreeConfig(
            judgments,
            own,
            config.out / "agree" / name / segment,
            ORDINAL3.name,
            ORDINAL3.name,
            seed=config.seed,
            trust=replace(TrustSettings(), sampling=config.sampling),
        )
        agree(asked, progress)


def _confusion(people: np.ndarray, said: np.ndarray) -> list[list[int]]:
    grades = len(ORDINAL3.grades)
    scored = said >= 0
    cells = np.bincount(people[scored] * grades + said[scored], minlength=grades * grades)
    return [[int(cell) for cell in row] for row in cells.reshape(grades, grades)]


def show(done: RealJudged, config: RealJudgeConfig) -> None:
    """Print how far each judge agrees with people on dev and test."""
    for split in ("dev", "test"):
        rows = [row for row in done.rows if row["split"] == split]
        shown = []
        for name, segment in dict.fromkeys((row["judge"], row["segment"]) for row in rows):
            same = {row["metric"]: row for row in rows if (row["judge"], row["segment"]) == (name, segment)}
            cells = [f"{number(r['value'])} {interval(r['low'], r['high'])}".strip() for r in same.values()]
            shown.append([name, segment, f"{next(iter(same.values()))['pairs']:,}", *cells])
        metrics = list(dict.fromkeys(row["metric"] for row in rows))
        table(f"{split}: against people", ["judge", "source", "pairs", *metrics], shown)
    lines(*(f"dev chose, {kind}: {name}" for kind, name in done.chosen.items()), f"tables: {done.out}")


if __name__ == "__main__":
    run_one(JobSpec("real_judge", "Judges from ESCI's labels.", package="examples.esci.", show=show))
