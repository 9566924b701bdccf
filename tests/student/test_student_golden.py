"""Golden pairs: across the score range, with the odd ones, from a table of any writer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from adjudge.student.golden import choose


def rows(nullable: bool) -> pa.Table:
    schema = pa.schema(
        [pa.field(n, pa.string(), nullable) for n in ("item_id", "keyphrase", "category", "title")]
    )
    columns = [[f"{name} {n}" for n in range(9)] for name in schema.names]
    return pa.table(columns, schema=schema)


def test_columns_that_could_hold_no_null_still_get_the_odd_pairs() -> None:
    scores = np.linspace(0, 1, 9)
    strict, loose = choose(rows(False), scores, 3), choose(rows(True), scores, 3)
    assert strict.equals(loose)
    assert strict["category"].null_count == 1


def test_the_pairs_span_the_scores() -> None:
    chosen = choose(rows(True), np.linspace(0, 1, 9), 3)
    assert chosen["item_id"].to_pylist()[:3] == ["item_id 0", "item_id 4", "item_id 8"]
    assert len(chosen) == 13
