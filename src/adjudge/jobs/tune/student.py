"""A student as a judge on several grades: cut points on its score, fitted on human labels by proportional
odds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from adjudge import manifest
from adjudge.errors import BadConfig
from adjudge.jobs.tune.material import STUDENT, Material, TuneConfig
from adjudge.scoring.open_model import open_model
from adjudge.stats.calibration import fit_cuts, logit
from adjudge.storage.files import fresh_folder


def cut(config: TuneConfig, material: Material) -> dict[str, Any]:
    """Copy the artifact to `config.out` with cut points on `config.scale`; the slope, the cuts and the rows
    used.

    The base itself stays as it is. Rows that the student cannot score are left out and counted.
    """
    base = Path(config.base.removeprefix(STUDENT))
    if config.out.exists() and not (config.out / manifest.MANIFEST).exists():
        raise BadConfig(f"{config.out} exists and is not an artifact: it is left alone. Choose another --out")
    scores = open_model(base).score(material.labels.rows)[material.train]
    steps, scored = material.labels.step[material.train], ~np.isnan(scores)
    rows, grades = int(scored.sum()), len(material.mix.grades)
    # A row that matching the class mix repeats is fitted as often: the cuts are those of the matched mix.
    cuts = fit_cuts(config.scale, logit(scores[scored]), steps[scored], np.ones(rows), grades)
    with fresh_folder(config.out) as fresh:
        shutil.copytree(base, fresh, dirs_exist_ok=True)
        manifest.set_cuts(fresh, cuts)
    return {"slope": cuts.slope, "cuts": list(cuts.cuts), "rows": rows, "unscorable": len(steps) - rows}
