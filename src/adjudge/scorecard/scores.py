"""Score files onto the evidence: aligned, with what is missing counted and named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from adjudge.errors import BadTable
from adjudge.scorecard.evidence import Evidence
from adjudge.tables import SCORES


@dataclass(frozen=True)
class Aligned:
    """scores: float64 [n] in the evidence's order, NaN where there is none.

    missing: pairs of the evidence not in the file, with `example` naming one; unscored: pairs in the file
    with a null score; extra: pairs in the file that the evidence does not hold.
    """

    scores: NDArray[np.float64]
    version: str
    missing: int
    unscored: int
    extra: int
    example: str = ""


def align(evidence: Evidence, path: Path, model: str) -> Aligned:
    """Read a scores file for the evidence. Raises BadTable: unreadable, a pair twice, or no pair in common."""
    found = _read(path)
    item_id, keyphrase = found["item_id"], found["keyphrase"]
    at, here = evidence.rows_of(item_id, keyphrase)
    if not here.any():
        first = f"({item_id[0]}, {keyphrase[0]})" if found.num_rows else "no rows"
        wanted = (
            f"({evidence.items[int(evidence.item[0])]}, {evidence.keyphrases[int(evidence.keyphrase[0])]})"
        )
        raise BadTable(
            f"scores of {model}, {path}: none of its {found.num_rows} pairs is in the logs; first there: {first}, "
            f"first wanted: {wanted}. Score the pairs of this logs folder: adjudge score --pairs ..."
        )
    times = np.bincount(at[here], minlength=len(evidence))
    if times.max() > 1:
        row = int(times.argmax())
        raise BadTable(
            f"scores of {model}, {path}: {int((times > 1).sum())} pairs stand there more than once, e.g. "
            f"{_name(evidence, row)}. One score a pair is allowed: drop the repeats"
        )
    scores = np.full(len(evidence), np.nan)
    scores[at[here]] = found["score"].to_numpy()[here]
    absent = np.flatnonzero(times == 0)
    return Aligned(
        scores=scores,
        version=_version(found),
        missing=len(absent),
        unscored=int(np.isnan(scores).sum()) - len(absent),
        extra=int((~here).sum()),
        example=_name(evidence, int(absent[0])) if len(absent) else "",
    )


def titles(logs: Path, items: set[str]) -> dict[str, str]:
    """The titles of some items."""
    with duckdb.connect() as db:
        found = db.execute(
            "SELECT item_id, title FROM read_parquet(?) WHERE item_id IN (SELECT unnest(?))",
            [str(logs / "items.parquet"), sorted(items)],
        ).fetchall()
    return dict(found)


def _read(path: Path) -> pa.Table:
    try:
        present = pq.read_schema(path).names
        SCORES.check_columns(present, path)
        if "score" not in present:
            raise BadTable(f"{path}: table scores needs column score; seen: {', '.join(present)}")
        found = pq.read_table(path, columns=["item_id", "keyphrase", "score", "model_version"])
        return found.cast(
            pa.schema(
                [
                    ("item_id", pa.string()),
                    ("keyphrase", pa.string()),
                    ("score", pa.float64()),
                    ("model_version", pa.string()),
                ]
            )
        )
    except (OSError, pa.ArrowInvalid) as error:
        raise BadTable(
            f"{path} cannot be read as a Parquet table of scores: {error}. Write it with: adjudge score"
        ) from error


def _version(found: pa.Table) -> str:
    versions = sorted({str(v) for v in found["model_version"].unique().to_pylist() if v is not None})
    return ", ".join(versions)


def _name(evidence: Evidence, row: int) -> str:
    return f"({evidence.items[int(evidence.item[row])]}, {evidence.keyphrases[int(evidence.keyphrase[row])]})"
