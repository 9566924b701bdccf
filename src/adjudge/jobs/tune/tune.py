"""The job `tune`: human labels make a judge of a language model (LoRA) or of a student (cut points).

labels -> settled, mapped, item-disjoint dev -> class mix matched to the target -> training -> judge folder
       -> the judge's own verdicts on dev (against people) and on a sample (label mix against the target)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge import config as settings_of
from adjudge.jobs.tune import checks
from adjudge.jobs.tune.checks import Checked
from adjudge.jobs.tune.language_model import fine_tune
from adjudge.jobs.tune.material import STUDENT, TuneConfig, prepare
from adjudge.jobs.tune.student import cut
from adjudge.judge.classmix import ClassMix
from adjudge.records import Progress, no_progress


@dataclass(frozen=True)
class TuneResult:
    """judge: as `adjudge judge --judge` spells it. mix: of the train rows, before and after matching.
    metrics: of the training. checked: what the judge then says. exit_code: 0, or 1 where its label mix
    drifted from the target."""

    out: Path
    judge: str
    rows: int
    dev_rows: int
    left_out: dict[str, int]
    shared_items: int
    mix: ClassMix
    metrics: dict[str, Any]
    checked: Checked

    @property
    def exit_code(self) -> int:
        return int(self.checked.drift.drifted)


def tune(config: TuneConfig, progress: Progress = no_progress) -> TuneResult:
    """Make the judge, then let it judge; see docs/tuning.md for what is written to `out` and to `out` +
    `.tune`.

    Raises BadConfig, BadTable, NotEnoughData, BadArtifact, MissingExtra, NoAccess.
    """
    settings_of.save(config, config.report / "config.json")
    material = prepare(config)
    if config.base.startswith(STUDENT):
        spelled, metrics = f"student:{config.out}", cut(config, material)
    else:
        spelled, metrics = f"hf:{config.out}", fine_tune(config, material, progress)
    checked = checks.check(config, spelled, material, progress)
    done = TuneResult(
        config.out,
        spelled,
        len(material.train),
        len(material.dev),
        material.labels.left_out,
        material.labels.shared_items,
        material.mix,
        metrics,
        checked,
    )
    values = {**settings_of.to_dict(done), "drifted": checked.drift.drifted, "exit_code": done.exit_code}
    text = json.dumps(values, indent=2, ensure_ascii=False)
    (config.report / "tune.json").write_text(text + "\n", encoding="utf-8")
    return done
