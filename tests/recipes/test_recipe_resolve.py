from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.errors import BadConfig
from adjudge.recipes.resolve import Conflict, ConflictCase, LabelDecision, conflicts, decide, fates, label_of
from adjudge.recipes.settings import CONFLICTS
from adjudge.records import BINARY, FOUR, ORDINAL3

# Source 0 says irrelevant; 1 and 2 say relevant.
SPLIT = (0b001, 0b110)


@pytest.mark.parametrize(
    ("policy", "says", "wanted"),
    [
        ("first", SPLIT, LabelDecision(0, 0)),
        ("drop", SPLIT, None),
        ("majority", SPLIT, LabelDecision(1, 1)),
        ("positive", SPLIT, LabelDecision(1, 1)),
        ("negative", SPLIT, LabelDecision(0, 0)),
        ("majority", (0b01, 0b10), None),
        ("drop", (0, 0b110), LabelDecision(1, 1)),
        ("first", (0b100, 0b001, 0b010), LabelDecision(1, 0)),
        ("positive", (0b100, 0b001, 0b010), LabelDecision(2, 1)),
        ("negative", (0b100, 0b001, 0b010), LabelDecision(0, 2)),
        ("majority", (0b100, 0b001, 0b1010), LabelDecision(2, 1)),
    ],
)
def test_each_policy_by_hand(policy: str, says: tuple[int, ...], wanted: LabelDecision | None) -> None:
    assert decide(says, policy) == wanted


def test_unknown_policy() -> None:
    with pytest.raises(BadConfig, match="'loudest' is unknown: allowed are first, drop"):
        decide(SPLIT, "loudest")


def test_conflicts_name_winner_loser_and_what_was_said() -> None:
    cases = [ConflictCase(SPLIT, 7), ConflictCase((0, 0b011), 5), ConflictCase((0b010, 0b001), 2)]
    found = conflicts(cases, "first", ("click", "llm", "search"), "binary")
    assert found == (
        Conflict("click", "llm", "irrelevant", 7),
        Conflict("click", "search", "irrelevant", 7),
        Conflict("click", "llm", "relevant", 2),
    )


def test_nobody_wins_a_dropped_conflict() -> None:
    found = conflicts([ConflictCase((0b01, 0b10), 3)], "drop", ("click", "llm"), "binary")
    assert found == (Conflict(None, "click", None, 3), Conflict(None, "llm", None, 3))


def test_fates_by_hand() -> None:
    cases = [ConflictCase(SPLIT, 7), ConflictCase((0, 0b011), 5)]
    assert fates(cases, "first") == {(1, "overruled"): 7, (2, "overruled"): 7, (1, "agreed"): 5}
    assert fates(cases, "drop") == {
        (0, "conflict"): 7,
        (1, "conflict"): 7,
        (2, "conflict"): 7,
        (1, "agreed"): 5,
    }


SAYS = st.lists(st.sampled_from([None, 0, 1, 2]), min_size=1, max_size=6).filter(
    lambda says: any(s is not None for s in says)
)


@given(SAYS, st.sampled_from(CONFLICTS))
def test_the_decided_label_was_said_by_the_credited_source(says: list[int | None], policy: str) -> None:
    masks = tuple(sum(1 << rank for rank, one in enumerate(says) if one == label) for label in range(3))
    decision = decide(masks, policy)
    said = [one for one in says if one is not None]
    if len(set(said)) == 1:
        assert decision is not None
    if decision is not None:
        assert says[decision.rank] == decision.label
        assert decision.label not in says[: decision.rank]
    # Every vote is credited, or has a reason: nothing is lost.
    lost = fates([ConflictCase(masks, 1)], policy)
    assert sum(lost.values()) == len(said) - (decision is not None)


@given(st.permutations([0, 0, 1, 2, 1, 1]))
def test_only_first_depends_on_the_order_of_sources(says: list[int]) -> None:
    masks = tuple(sum(1 << rank for rank, one in enumerate(says) if one == label) for label in range(3))
    labels = {policy: decide(masks, policy) for policy in CONFLICTS}
    assert labels["first"] is not None
    assert labels["first"].label == says[0]
    assert labels["majority"] is not None
    assert labels["majority"].label == 1
    assert labels["drop"] is None


def test_labels_of_grades() -> None:
    assert [label_of(FOUR, grade, "binary") for grade in FOUR.grades] == [0, 0, 1, 1]
    assert [label_of(FOUR, grade, "ordinal") for grade in FOUR.grades] == [0, 0, 1, 2]
    assert [label_of(ORDINAL3, grade, "ordinal") for grade in ORDINAL3.grades] == [0, 1, 2]
    assert [label_of(BINARY, grade, "ordinal") for grade in BINARY.grades] == [0, None]
