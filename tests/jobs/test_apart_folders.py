"""No job that writes several files into a folder writes over what it reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adjudge.errors import BadConfig
from adjudge.jobs.audit import AuditConfig
from adjudge.jobs.cascade.cascade import CascadeConfig

OUT, OTHER = Path("out"), Path("other.parquet")
ROUTED = CascadeConfig("cheap.parquet", "strong.parquet", OUT)
ASKED = CascadeConfig("fake", "fake", OUT, pairs=OTHER)
AUDITED = AuditConfig(OTHER, OTHER, OTHER, "fake", OUT)
REFUSED = "it would be overwritten; give (out|log) another file"


@pytest.mark.parametrize(
    "given",
    [
        {"cheap": "out/judgments.parquet"},
        {"strong": "other/../out/judgments.parquet"},
        {"human": OUT / "judgments.parquet"},
        {"region": OUT / "region.json"},
        {"strong": "student:out", "pairs": OTHER},
        {"strong": "hf:out", "pairs": OTHER},
    ],
)
def test_a_cascade_of_tables(given: dict[str, object]) -> None:
    with pytest.raises(BadConfig, match=REFUSED):
        replace(ROUTED, **given)


@pytest.mark.parametrize(
    "given",
    [
        {"pairs": OUT / "rest.parquet"},
        {"pairs": OUT / "held.parquet"},
        {"human": OUT / "rest.judgments.parquet"},
        {"human": OUT / "cheap.judgments.parquet"},
        {"log": OTHER},
        {"log": OUT / "judgments.parquet"},
    ],
)
def test_a_cascade_that_asks(given: dict[str, object]) -> None:
    with pytest.raises(BadConfig, match=REFUSED):
        replace(ASKED, **given)


def test_a_cascade_goes_on_from_what_an_earlier_one_asked() -> None:
    """Answers that were asked for are given as tables: then they are read, and not written."""
    cheap, strong = (f"out/{name}.judgments.parquet" for name in ("cheap", "rest"))
    replace(ROUTED, cheap=cheap, strong=strong, pairs=OUT / "rest.parquet")
    replace(ROUTED, out=Path("again"), region=OUT / "region.json")


@pytest.mark.parametrize("name", ["labels", "items", "clicks", "valid", "prompt", "prices"])
@pytest.mark.parametrize(
    "written", ["labels.parquet", "pairs.parquet", "contradicting.parquet", "rejudged.parquet", "audit.json"]
)
def test_an_audit(name: str, written: str) -> None:
    with pytest.raises(BadConfig, match="it would be overwritten"):
        replace(AUDITED, **{name: OUT / written})


def test_an_audit_by_a_judge_in_its_folder() -> None:
    with pytest.raises(BadConfig, match="AuditConfig.judge too: it would be overwritten"):
        replace(AUDITED, judge="student:out")
