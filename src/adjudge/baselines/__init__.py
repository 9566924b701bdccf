"""Baselines behind the same artifact folder as a student: word overlap, a CTR model, embedding cosine."""

from adjudge.baselines.fitting import KINDS, fit
from adjudge.baselines.scorer import Baseline, load
from adjudge.baselines.settings import CosineSettings, CtrSettings, JaccardSettings

__all__ = ["KINDS", "Baseline", "CosineSettings", "CtrSettings", "JaccardSettings", "fit", "load"]
