"""region.json: one that an earlier version wrote opens; another judge's, scale's or format's is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adjudge.cascade.region import Region
from adjudge.cascade.saved_region import SavedRegion, load_region
from adjudge.config import from_dict, save, to_dict
from adjudge.errors import BadConfig
from adjudge.records import BINARY, FOUR

WRITTEN = """{
  "judge": "llm",
  "scale": "binary",
  "least": {"irrelevant": 0.9042, "relevant": null},
  "validated": true,
  "against": "people",
  "target": 0.9,
  "level": 0.95,
  "agreement": 0.9312,
  "low": 0.9107,
  "pairs": 731,
  "share": 0.4211,
  "identity": "",
  "format": 1
}
"""
"""As the version of 2026-11-22 wrote it."""
SAVED = SavedRegion(
    judge="llm",
    scale="binary",
    least={"irrelevant": 0.9, "relevant": None},
    validated=True,
    against="people",
    target=0.9,
    level=0.95,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "region.json"


def test_a_region_that_an_earlier_version_wrote_opens(path: Path) -> None:
    path.write_text(WRITTEN)
    saved = load_region(path, "llm", BINARY)
    assert saved.region == Region((0.9042, None))
    assert (saved.low, saved.pairs, saved.share) == (0.9107, 731, 0.4211)
    save(saved, path)
    assert json.loads(path.read_text()) == json.loads(WRITTEN)


def test_a_saved_region_is_read_back(path: Path) -> None:
    save(SAVED, path)
    assert load_region(path, "llm", BINARY) == SAVED
    assert from_dict(SavedRegion, to_dict(SAVED)) == SAVED


@pytest.mark.parametrize(
    ("judge", "scale", "match"),
    [
        ("other", BINARY, "is for judge 'llm' on scale binary; the cheap judge here is 'other'"),
        ("llm", FOUR, "on scale binary; the cheap judge here is 'llm' on four"),
    ],
)
def test_it_is_of_one_judge_and_scale(path: Path, judge: str, scale: object, match: str) -> None:
    save(SAVED, path)
    with pytest.raises(BadConfig, match=match):
        load_region(path, judge, scale)


def test_a_region_that_was_not_validated_is_not_used(path: Path) -> None:
    save(replace(SAVED, validated=False), path)
    with pytest.raises(BadConfig, match=r"was not validated \(0\.9 not shown\)"):
        load_region(path, "llm", BINARY)


@pytest.mark.parametrize(
    "least",
    [
        {"irrelevant": 2.0, "relevant": None},
        {"irrelevant": -0.1, "relevant": None},
        {"irrelevant": True, "relevant": None},
        {"irrelevant": "0.9", "relevant": None},
        {"irrelevant": 0.9},
        {"relevant": 0.9, "irrelevant": None},
        {"irrelevant": 0.9, "relevant": None, "fair": 1.0},
    ],
)
def test_thresholds_are_null_or_0_to_1_for_each_grade_in_order(path: Path, least: dict[str, object]) -> None:
    save(replace(SAVED, least=least), path)
    with pytest.raises(BadConfig, match="allowed are irrelevant, relevant, each null or 0 to 1"):
        load_region(path, "llm", BINARY)


@pytest.mark.parametrize("threshold", [0, 1, 0.0, 1.0, None])
def test_the_ends_of_the_range_are_thresholds(path: Path, threshold: float | None) -> None:
    save(replace(SAVED, least={"irrelevant": threshold, "relevant": None}), path)
    assert load_region(path, "llm", BINARY).region == Region((threshold, None))


def test_a_judge_that_has_changed_is_another(path: Path) -> None:
    """A table says nothing of what its judge is, so that it is not compared."""
    save(replace(SAVED, identity="a" * 16), path)
    assert load_region(path, "llm", BINARY, "a" * 16).identity == "a" * 16
    assert load_region(path, "llm", BINARY).judge == "llm"
    with pytest.raises(BadConfig, match="with another model revision, prompt or decoding"):
        load_region(path, "llm", BINARY, "b" * 16)
    save(SAVED, path)
    assert load_region(path, "llm", BINARY, "b" * 16) == SAVED


def test_another_format_and_an_unknown_field_are_refused(path: Path) -> None:
    save(replace(SAVED, format=2), path)
    with pytest.raises(BadConfig, match="has format 2; allowed is 1. Run adjudge cascade with labels again"):
        load_region(path, "llm", BINARY)
    path.write_text(json.dumps({**to_dict(SAVED), "extra": 1}))
    with pytest.raises(BadConfig, match="has no setting 'extra'"):
        load_region(path, "llm", BINARY)
    path.write_text("no JSON")
    with pytest.raises(BadConfig, match="cannot be read as settings"):
        load_region(path, "llm", BINARY)
