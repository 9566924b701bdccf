"""The results folder: what `evaluate` writes and the report reads. Exact columns, in this order.

Shares are fractions (0.31, not 31). A value without support is null, never zero. `pairs` and `support`
count pairs unless said otherwise. `meta.json` holds the keys of `META`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.errors import BadTable
from adjudge.storage.files import fresh_file, write_text

_text, _number, _count = pa.string(), pa.float64(), pa.int64()


def _schema(text: str, number: str = "", count: str = "") -> pa.Schema:
    """A schema of text, number and count columns, in this order; each string names its columns."""
    kinds = ((text, _text), (number, _number), (count, _count))
    return pa.schema([(name, kind) for names, kind in kinds for name in names.split()])


SCORECARD = pa.schema(
    [
        ("model", _text),
        ("metric", _text),  # a name in scorecard.METRICS, or a ranking metric such as nDCG@10
        ("segment_by", _text),  # all, category, volume, words, source
        ("segment", _text),  # all | a category | head, tail | one, more | a source
        ("value", _number),
        ("low", _number),  # percentile interval of `value`; null if clusters are too few
        ("high", _number),
        ("change", _number),  # against production: value / production - 1, or value - production
        ("change_low", _number),  # its interval over paired replicates
        ("change_high", _number),
        ("support", _count),  # pairs in the denominator (queries for a ranking metric)
        ("note", _text),  # why value, interval or change is null; null if nothing is missing
    ]
)
CURVES = _schema(  # retention: share of click weight asked for
    text="model",
    number="retention threshold clicks_kept keyphrases_kept sales_kept search_pass_rate",
)
RELIABILITY = _schema(  # against: truth, human, search or a judge's name
    text="model against", number="bin_low bin_high mean_score share_relevant", count="pairs"
)
HISTOGRAMS = _schema(  # group: clicked, search passed, search rejected, relevant or irrelevant
    text="model group", number="bin_low bin_high", count="pairs"
)
AGREEMENT = pa.schema(
    [
        ("source_a", _text),  # clicks, search, human (unanimous), human majority, truth, or a judge's name
        ("source_b", _text),
        ("pairs", _count),  # pairs with a verdict from both
        ("agree", _number),  # share of them with the same verdict
        ("kappa", _number),  # Cohen's; null if one side gave a single verdict (clicks: positives only)
    ]
)
# why: "models" or "A says relevant, B says not". sources: "search no; llm yes; 12 clicks in 300 impressions".
# scores: "llm+- 0.930 kept; search+- 0.120 dropped; jaccard none". gap: the largest difference of two models'
# score ranks, 0..1 (rank = share scored lower).
DISAGREEMENTS = _schema(text="why item_id keyphrase category title sources scores", number="gap")
SOURCES = _schema(text="recipe source split", count="positives negatives rows")
CONFLICTS = _schema(text="recipe winner loser", count="pairs").append(pa.field("winner_says", _text))
SCHEMAS: dict[str, pa.Schema] = {
    "scorecard": SCORECARD,
    "curves": CURVES,
    "reliability": RELIABILITY,
    "histograms": HISTOGRAMS,
    "agreement": AGREEMENT,
    "disagreements": DISAGREEMENTS,
    "sources": SOURCES,
    "conflicts": CONFLICTS,
}
META = {
    "title": "str: what the report is called",
    "simulated": "bool: whether any input is simulated",
    "simulated_what": "list of str: which inputs are (market, clicks, judges, ...)",
    "production": "str or null: the model that changes are relative to",
    "models": "object: model -> {threshold: number or null, scored: int, unscored: int, missing: int,"
    " version: str, note: str or null}; in the order given to evaluate",
    "metrics": "object: metric -> {label, unit, kind, higher_is_better, definition}, as in scorecard.METRICS",
    "counts": "object: pairs, items, keyphrases, recommended, clicked, clicks, sales, revenue, ...: number",
    "settings": "object: the complete EvaluateConfig",
    "seed": "int",
    "seconds": "number: how long evaluate took",
    "versions": "object: package -> version",
    "notes": "list of str: what could not be measured and why, in full sentences",
}


def rows(name: str, values: list[dict[str, Any]]) -> pa.Table:
    """Rows as the results table of that name; a key left out is null."""
    return pa.Table.from_pylist(values, schema=SCHEMAS[name])


def write(out: Path, tables: Mapping[str, pa.Table], meta: Mapping[str, Any]) -> None:
    """Write a results folder. Raises BadTable if a table or a key of meta is not as stated here."""
    out.mkdir(parents=True, exist_ok=True)
    for name, schema in SCHEMAS.items():
        table = tables.get(name, schema.empty_table())
        if table.schema != schema:
            raise BadTable(f"results table {name} has columns {table.schema.names}; allowed: {schema.names}")
        with fresh_file(out / f"{name}.parquet") as path:
            pq.write_table(table, path)
    if set(meta) != set(META):
        raise BadTable(f"meta.json has keys {sorted(meta)}; allowed and needed: {sorted(META)}")
    write_text(
        out / "meta.json", json.dumps(dict(meta), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )
