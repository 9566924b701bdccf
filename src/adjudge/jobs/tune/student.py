"""A student as a judge on several grades: cut points on its score, fitted on people's labels by proportional
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
from adjudge.storage.files import move_in


def cut(config: TuneConfig, material: Material) -> dict[str, Any]:
    """Copy the artifact to `config.out` with cut points on `config.scale`; the slope, the cuts and the rows
    used.

    The base itself stays as it is. Rows that the student cannot score are left out and counted.
    """
    base = Path(config.base.removeprefix(STUDENT))
    if config.out.exists() and not (config.out / manifest.MANIFEST).exists():
        raise BadConfig(f"{config.out} exists and is not an artifact: it is left alone. Choose another --out")
    scores = open_model(base).score(material.labels.rows)[material.train]
    steps, able = material.labels.step[material.train], ~np.isnan(scores)
    # Repeats from matching the class mix count as so many rows: the fit is that of the matched mix.
    cuts = fit_cuts(
        config.scale, logit(scores[able]), steps[able], np.ones(int(able.sum())), len(material.mix.grades)
    )
    fresh = config.out.with_name(f".{config.out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(base, fresh)
    manifest.set_cuts(fresh, cuts)
    move_in(fresh, config.out)
    return {
        "slope": cuts.slope,
        "cuts": list(cuts.cuts),
        "rows": int(able.sum()),
        "unscorable": int((~able).sum()),
    }
