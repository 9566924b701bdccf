"""Score files, aligned with the evidence; what is missing is counted and named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from adjudge.errors import BadTable
from adjudge.scorecard.evidence import PairEvidence
from adjudge.storage.duck import in_memory
from adjudge.tables import SCORES

_COLUMNS = pa.schema(
    {
        "item_id": pa.string(),
        "keyphrase": pa.string(),
        "score": pa.float64(),
        "model_version": pa.string(),
    }
)


@dataclass(frozen=True)
class AlignedScores:
    """scores: float64 [n] in the evidence's order, NaN if there is none.

    missing: pairs of the evidence not in the file, with `example` naming one; unscored: pairs in the file
    with a null score; extra: pairs in the file that the evidence does not hold.
    """

    scores: NDArray[np.float64]
    version: str
    missing: int
    unscored: int
    extra: int
    example: str = ""

    def notes(self, model: str) -> list[str]:
        """What is missing, in full sentences."""
        pairs, notes = len(self.scores), []
        if self.missing:
            notes.append(
                f"{model}: {self.missing} of {pairs} pairs are not in its scores file, e.g. {self.example}; "
                "they count as not kept and their clicks as lost"
            )
        if self.unscored:
            notes.append(f"{model}: {self.unscored} of {pairs} pairs have no score; they count as not kept")
        if self.extra:
            notes.append(f"{model}: {self.extra} scored pairs are not among those measured and were left out")
        return notes


def align(evidence: PairEvidence, path: Path, model: str) -> AlignedScores:
    """Read a scores file. Raises BadTable if it is unreadable, repeats a pair, or shares none."""
    table = _read(path)
    item_id, keyphrase = table["item_id"], table["keyphrase"]
    rows, present = evidence.rows_of(item_id, keyphrase)
    if not present.any():
        first = f"({item_id[0]}, {keyphrase[0]})" if table.num_rows else "no rows"
        raise BadTable(
            f"scores of {model}, {path}: none of its {table.num_rows} pairs is in the logs; "
            f"first there: {first}, first wanted: {_pair(evidence, 0)}. "
            "Score the pairs of this logs folder: adjudge score --pairs ..."
        )
    times = np.bincount(rows[present], minlength=len(evidence))
    if times.max() > 1:
        raise BadTable(
            f"scores of {model}, {path}: {int((times > 1).sum())} pairs stand there more than once, e.g. "
            f"{_pair(evidence, int(times.argmax()))}. One score per pair is allowed: drop the repeats"
        )
    scores = np.full(len(evidence), np.nan)
    scores[rows[present]] = table["score"].to_numpy()[present]
    absent = np.flatnonzero(times == 0)
    versions = sorted({str(v) for v in table["model_version"].unique().to_pylist() if v is not None})
    return AlignedScores(
        scores=scores,
        version=", ".join(versions),
        missing=len(absent),
        unscored=int(np.isnan(scores).sum()) - len(absent),
        extra=int((~present).sum()),
        example=_pair(evidence, int(absent[0])) if len(absent) else "",
    )


def read_titles(logs: Path, items: set[str]) -> dict[str, str]:
    """The titles of some items, by item_id."""
    path = str(logs / "items.parquet")
    with in_memory(f"{path} cannot be read as items: {{}}") as db:
        rows = db.execute(
            "SELECT item_id, title FROM read_parquet(?) WHERE item_id IN (SELECT unnest(?))",
            [path, sorted(items)],
        ).fetchall()
    return dict(rows)


def _read(path: Path) -> pa.Table:
    try:
        present = pq.read_schema(path).names
        SCORES.check_columns(present, path)
        if "score" not in present:
            raise BadTable(f"{path}: table scores needs column score; seen: {', '.join(present)}")
        return pq.read_table(path, columns=_COLUMNS.names).cast(_COLUMNS)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadTable(
            f"{path} cannot be read as a Parquet table of scores: {error}. Write it with: adjudge score"
        ) from error


def _pair(evidence: PairEvidence, row: int) -> str:
    item, keyphrase = evidence.name(row)
    return f"({item}, {keyphrase})"
