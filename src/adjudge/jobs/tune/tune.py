"""The job `tune`: human labels make a judge of a language model (LoRA) or of a student (cut points).

labels -> settled, mapped, item-disjoint dev -> class mix matched to the target -> training -> judge folder
       -> the judge's own verdicts on dev (against people) and on a sample (label mix against the target)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge.config import to_dict
from adjudge.jobs.start import job
from adjudge.jobs.tune.checks import JudgeCheck, check
from adjudge.jobs.tune.language_model import fine_tune
from adjudge.jobs.tune.material import STUDENT, TuneConfig, prepare
from adjudge.jobs.tune.student import cut
from adjudge.judge.classmix import ClassMix
from adjudge.records import Progress, no_progress
from adjudge.storage.files import write_json


@dataclass(frozen=True)
class TuneResult:
    """judge: as `adjudge judge --judge` spells it. mix: of the train rows, before and after matching.
    metrics: of the training. checked: what the judge then says. exit_code: 1 if its label mix drifted from
    the target."""

    out: Path
    judge: str
    rows: int
    dev_rows: int
    left_out: dict[str, int]
    shared_items: int
    mix: ClassMix
    metrics: dict[str, Any]
    checked: JudgeCheck

    @property
    def exit_code(self) -> int:
        return int(self.checked.drift.drifted)


@job(lambda config: config.report)
def tune(config: TuneConfig, progress: Progress = no_progress) -> TuneResult:
    """Make the judge, then let it judge; docs/tuning.md says what is written to `out` and to `out` + `.tune`.

    Raises BadConfig, BadTable, NotEnoughData, BadArtifact, MissingExtra, NoAccess.
    """
    config.report.mkdir(parents=True, exist_ok=True)
    material = prepare(config)
    if config.base.startswith(STUDENT):
        spelling, metrics = f"student:{config.out}", cut(config, material)
    else:
        spelling, metrics = f"hf:{config.out}", fine_tune(config, material, progress)
    result = TuneResult(
        config.out,
        spelling,
        len(material.train),
        len(material.dev),
        material.labels.left_out,
        material.labels.shared_items,
        material.mix,
        metrics,
        check(config, spelling, material, progress),
    )
    values = {**to_dict(result), "drifted": result.checked.drift.drifted, "exit_code": result.exit_code}
    write_json(config.report / "tune.json", values)
    return result
