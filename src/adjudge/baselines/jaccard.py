"""Word overlap of keyphrase and title (paper 1's rule-driven predecessor): the Jaccard index of their
distinct words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from adjudge.baselines.settings import JaccardSettings
from adjudge.config import from_dict
from adjudge.manifest import Manifest
from adjudge.text.pairs import item_text
from adjudge.text.words import one_array, overlap

EDGE = 0.001


def logits(pairs: pa.Table, settings: JaccardSettings) -> np.ndarray:
    """ln(j / (1 - j)) of the Jaccard index j, clipped to EDGE .. 1 - EDGE so that it is finite.

    Uncalibrated, the score is the index itself (0.001 for no shared word, 0.999 for all words shared).
    """
    shared = overlap(one_array(pairs["keyphrase"]), item_text(pairs, settings.text))
    index = np.clip(shared.jaccard, EDGE, 1 - EDGE)
    return np.log(index) - np.log1p(-index)


def open_model(folder: Path, manifest: Manifest) -> Callable[[pa.Table], np.ndarray]:
    settings = from_dict(JaccardSettings, manifest.config["settings"])
    return lambda pairs: logits(pairs, settings)
