"""Segmentations: which there are, and which pair is in which segment."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_evidence import small_evidence

from adjudge.scorecard.segments import OTHER, Segmentation, segmentations

PAIRS = ["a green sofa", "a lamp", "b lamp", "b sofa", "c lamp", "d phone"]
CATEGORY = {"a": "home", "b": "home", "c": "light", "d": "tech"}


def named(found: list[Segmentation], by: str) -> list[str]:
    """Every pair's segment by name."""
    (one,) = [s for s in found if s.by == by]
    return [one.names[code] for code in one.codes]


def test_by_hand() -> None:
    evidence = small_evidence(
        PAIRS, CATEGORY, head=[True, False, False, True, False, False], groups=list("xxyyyx")
    )
    found = segmentations(evidence, 50)
    assert [s.by for s in found] == ["all", "category", "volume", "words", "source"]
    assert named(found, "all") == ["all"] * 6
    assert named(found, "category") == ["home"] * 4 + ["light", "tech"]
    assert named(found, "volume") == ["head", "tail", "tail", "head", "tail", "tail"]
    assert named(found, "words") == ["more"] + ["one"] * 5
    assert named(found, "source") == ["x", "x", "y", "y", "y", "x"]


def test_a_segmentation_of_one_segment_says_nothing() -> None:
    evidence = small_evidence(["a lamp", "b sofa"], {"a": "home", "b": "home"}, groups=["x", "x"])
    assert [s.by for s in segmentations(evidence, 50)] == ["all"]


def test_the_smaller_categories_are_other() -> None:
    """home has 4 pairs; light and tech one each, and the first by name comes before the other."""
    evidence = small_evidence(PAIRS, CATEGORY)
    assert named(segmentations(evidence, 1), "category") == ["home"] * 4 + [OTHER] * 2
    assert named(segmentations(evidence, 2), "category") == ["home"] * 4 + ["light", OTHER]
    assert OTHER not in named(segmentations(evidence, 3), "category")


def test_chosen_categories_stay_in_name_order() -> None:
    pairs = ["a x", "b x", "b y", "c x", "c y", "c z", "d x"]
    evidence = small_evidence(pairs, {"a": "zoo", "b": "art", "c": "mid", "d": "zap"})
    (chosen,) = [s for s in segmentations(evidence, 2) if s.by == "category"]
    assert chosen.names == ("art", "mid", OTHER)


@given(st.lists(st.sampled_from("pqrstu"), min_size=2, max_size=12), st.integers(1, 6))
def test_categories_are_a_partition_and_the_largest_survive(categories: list[str], most: int) -> None:
    pairs = [f"{chr(97 + at)} lamp" for at in range(len(categories))]
    of_item = {chr(97 + at): name for at, name in enumerate(categories)}
    found = [s for s in segmentations(small_evidence(pairs, of_item), most) if s.by == "category"]
    if not found:
        assert len(set(categories)) == 1
        return
    names = named(found, "category")
    shown = set(names) - {OTHER}
    assert len(shown) <= most
    sizes = {name: categories.count(name) for name in categories}
    for name, given_name in zip(names, categories, strict=True):
        assert name in (given_name, OTHER)
    dropped = set(categories) - shown
    assert all(sizes[small] <= sizes[large] for small in dropped for large in shown)
    assert found[0].codes.dtype == np.int32
