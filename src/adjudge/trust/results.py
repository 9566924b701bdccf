"""The tables that `adjudge agree` writes: one place for their columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from adjudge.records import Scale
from adjudge.stats.cluster_bootstrap import Estimate
from adjudge.trust.clicks import ClickAgreement
from adjudge.trust.compare import Agreement, Segment
from adjudge.trust.ppi import Rate
from adjudge.trust.probes import Bin, Probe

_text, _whole, _number = pa.string(), pa.int64(), pa.float64()
_ESTIMATE = [
    *(("value", _number), ("low", _number), ("high", _number), ("se", _number)),
    *(("pairs", _whole), ("clusters", _whole), ("note", _text)),
]
SCHEMAS = {
    "agreement": pa.schema([("segment_by", _text), ("segment", _text), ("statistic", _text), *_ESTIMATE]),
    "confusion": pa.schema(
        [("segment_by", _text), ("segment", _text), ("human", _text), ("judge", _text), ("pairs", _whole)]
    ),
    "annotators": pa.schema([("statistic", _text), ("metric", _text), *_ESTIMATE]),
    "clicks": pa.schema([("measure", _text), ("grade", _text), *_ESTIMATE]),
    "probes": pa.schema(
        [
            *(("probe", _text), ("statistic", _text), ("verdict", _text)),
            *(("harmless_low", _number), ("harmless_high", _number)),
            *_ESTIMATE,
        ]
    ),
    "overlap": pa.schema(
        [
            *(("jaccard_low", _number), ("jaccard_high", _number), ("human_relevant", pa.bool_())),
            *(("pairs", _whole), ("yes", _number), ("wrong", _number)),
        ]
    ),
    "rates": pa.schema(
        [
            *(("segment_by", _text), ("segment", _text), ("method", _text)),
            *(("value", _number), ("low", _number), ("high", _number), ("se", _number), ("weight", _number)),
            *(("labelled", _whole), ("judged", _whole), ("note", _text)),
        ]
    ),
    "labels_needed": pa.schema(
        [
            *(("question", _text), ("value", _number), ("bar", _number)),
            *(("labels", _whole), ("more", _whole), ("note", _text)),
        ]
    ),
}
"""Column names and types of each Parquet file. A missing value is null, never zero."""


def table(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMAS[name])


def agreement_rows(agreements: Sequence[Agreement]) -> list[dict[str, Any]]:
    return [
        {**_segment(agreement.segment), "statistic": name, **asdict(value)}
        for agreement in agreements
        for name, value in agreement.values.items()
    ]


def confusion_rows(agreements: Sequence[Agreement], scale: Scale) -> list[dict[str, Any]]:
    return [
        {
            **_segment(agreement.segment),
            "human": human,
            "judge": judge,
            "pairs": int(agreement.matrix[h, j]),
        }
        for agreement in agreements
        for h, human in enumerate(scale.grades)
        for j, judge in enumerate(scale.grades)
    ]


def annotator_rows(alpha: dict[str, Estimate]) -> list[dict[str, Any]]:
    return [{"statistic": "alpha", "metric": metric, **asdict(value)} for metric, value in alpha.items()]


def click_rows(agreement: ClickAgreement | None) -> list[dict[str, Any]]:
    if agreement is None:
        return []
    rows = [
        {"measure": "concordance", "grade": None, **asdict(agreement.concordance)},
        {"measure": "yes on ignored", "grade": None, **asdict(agreement.ignored)},
    ]
    return rows + [
        {"measure": "coec", "grade": grade, **asdict(value)} for grade, value in agreement.coec.items()
    ]


def probe_rows(probes: Sequence[Probe]) -> list[dict[str, Any]]:
    return [
        {
            "probe": probe.name,
            "statistic": probe.statistic,
            "verdict": probe.verdict,
            "harmless_low": probe.harmless[0],
            "harmless_high": probe.harmless[1],
            **asdict(probe.effect),
        }
        for probe in probes
    ]


def bin_rows(bins: Sequence[Bin]) -> list[dict[str, Any]]:
    return [
        {"jaccard_low": band.low, "jaccard_high": band.high}
        | {key: value for key, value in asdict(band).items() if key not in ("low", "high")}
        for band in bins
    ]


def rate_rows(rated: Iterable[tuple[Segment, Sequence[Rate]]]) -> list[dict[str, Any]]:
    return [{**_segment(segment), **asdict(rate)} for segment, rates in rated for rate in rates]


def _segment(segment: Segment) -> dict[str, str]:
    return {"segment_by": segment.by, "segment": segment.name}
