from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.judge.verdict import ReadSettings, Verdict, VerdictReader
from adjudge.llm import chat
from adjudge.llm.answer_tokens import step_of
from adjudge.llm.contract import Answer
from adjudge.records import BINARY, FOUR, ORDINAL3

YES_NO = VerdictReader(BINARY, ("no", "yes"))
GRADES3 = VerdictReader(ORDINAL3, ORDINAL3.grades)


def tops(**shares: float) -> tuple[tuple[str, float], ...]:
    return tuple((token.replace("_", " "), math.log(p)) for token, p in shares.items())


def test_hand_worked_sum_over_token_variants() -> None:
    verdict = YES_NO.from_tokens(tops(yes=0.70, _yes=0.10, no=0.15, the=0.05))
    assert verdict.grade == "relevant"
    assert verdict.mass == pytest.approx(0.95)
    assert verdict.probability == pytest.approx(0.80 / 0.95)
    assert verdict.expected == pytest.approx(0.80 / 0.95)


def test_hand_worked_expected_grade_on_three_steps() -> None:
    # high .5, moderate .3, irrelevant .2: expected 2 * .5 + .3 = 1.3; relevant from moderate on: .8
    verdict = GRADES3.from_tokens(tops(high=0.5, Moderate=0.3, irre=0.2))
    assert (verdict.grade, verdict.reason) == ("high", None)
    assert verdict.expected == pytest.approx(1.3)
    assert verdict.probability == pytest.approx(0.8)


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_probability_that_is_no_number_makes_no_verdict(odd: float) -> None:
    """The finding's case: `no` .9 and `yes` NaN was `relevant` .526."""
    shown = (("no", math.log(0.9)), ("yes", odd))
    assert YES_NO.from_tokens(shown) == Verdict(None, "broken probabilities")
    assert YES_NO.read(Answer("no", tokens=(("no", shown),))).reason == "broken probabilities"
    body = '{"choices": [{"message": {"content": "no"}, "logprobs": {"content": '
    body += '[{"token": "no", "top_logprobs": '
    body += '[{"token": "no", "logprob": -0.1}, {"token": "yes", "logprob": NaN}]}]}}]}'
    assert not YES_NO.read(chat.read(body.encode())).scored


def test_an_impossible_token_and_one_rounded_up_past_certain_are_read() -> None:
    assert YES_NO.from_tokens((("yes", 1e-7), ("no", -math.inf))).probability == 1.0


def test_too_little_mass_is_unscored_with_the_plainest_reason() -> None:
    tokens = (("Well", tops(Well=0.9, yes=0.05, no=0.05)),)
    verdict = YES_NO.read(Answer("Well, yes or no", tokens=tokens))
    assert (verdict.grade, verdict.reason) == (None, "ambiguous")
    assert verdict.mass == pytest.approx(0.1)
    assert (
        YES_NO.read(Answer("yes", tokens=(("yes", tops(yes=0.1, x=0.9)),))).reason
        == "little mass on the scale"
    )
    assert YES_NO.read(Answer("yes", tokens=(("yes", tops(x=1.0)),))).reason == "little mass on the scale"


@pytest.mark.parametrize(
    ("text", "grade", "reason"),
    [
        ("yes", "relevant", None),
        (" No.\n", "irrelevant", None),
        ("**Yes**", "relevant", None),
        ("relevant", "relevant", None),
        ("Irrelevant", "irrelevant", None),
        ('{"grade": "yes"}', "relevant", None),
        ('```json\n{"grade": "no"}\n```', "irrelevant", None),
        ('{"why": "same kind", "grade": "Yes"}', "relevant", None),
        ('{"grade": "yes", "grade": "no"}', None, "ambiguous"),
        ('{"grade": "maybe"}', None, "outside the scale"),
        ('{"grade": 1}', None, "outside the scale"),
        ('{"grade": "yes', None, "broken JSON"),
        ("not relevant", None, "ambiguous"),
        ("yes and no", None, "ambiguous"),
        ("The answer is yes", None, "ambiguous"),
        ("purple", None, "outside the scale"),
        ("", None, "outside the scale"),
        ("0", None, "outside the scale"),
    ],
)
def test_text_is_held_to_the_exact_words(text: str, grade: str | None, reason: str | None) -> None:
    verdict = YES_NO.read(Answer(text))
    assert (verdict.grade, verdict.reason) == (grade, reason)
    assert verdict.probability is None


def test_cut_and_refused_answers() -> None:
    assert YES_NO.read(Answer("I think", "length")).reason == "truncated"
    assert YES_NO.read(Answer('{"grade": "y', "length")).reason == "truncated"
    assert YES_NO.read(Answer("yes", "length")).grade == "relevant"
    assert YES_NO.read(Answer("yes", "refusal")).reason == "refused"
    assert YES_NO.read(Answer("", "content_filter")).reason == "refused"


def test_the_grade_is_found_behind_space_and_inside_json() -> None:
    leading = (("\n", tops(x=1.0)), ("yes", tops(yes=0.9, no=0.1)))
    assert YES_NO.read(Answer("\nyes", tokens=leading)).probability == pytest.approx(0.9)
    inside = (
        ('{"', tops(x=1.0)),
        ("grade", tops(x=1.0)),
        ('": "', tops(x=1.0)),
        ("no", tops(no=0.8, yes=0.2)),
    )
    verdict = YES_NO.read(Answer('{"grade": "no"}', tokens=(*inside, ('"}', tops(x=1.0)))))
    assert verdict.probability == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("token", "step"),
    [
        ("yes", 1),
        (" YES", 1),
        ("▁yes", 1),
        ("Ġno", 0),
        ("no", 0),
        ("nope", None),
        ("y", None),
        ("", None),
        ("not", None),
    ],
)
def test_token_variants(token: str, step: int | None) -> None:
    assert step_of(token, ("no", "yes")) == step


def test_a_piece_counts_only_where_it_is_unmistakable() -> None:
    words = ("bad", "fair", "good", "excellent")
    assert step_of("excell", words) == 3
    assert step_of("ex", words) is None
    assert step_of("rel", ("relevant", "reliable")) is None


def test_a_tie_goes_to_the_worse_grade() -> None:
    assert YES_NO.weighed([0.5, 0.5], 1.0).grade == "irrelevant"


@given(st.lists(st.floats(0.001, 1), min_size=4, max_size=4), st.floats(0, 0.3))
def test_probabilities_stay_in_range_and_agree_with_the_grade(parts: list[float], off: float) -> None:
    whole = sum(parts) / (1 - off)
    shown = [(word, math.log(p / whole)) for word, p in zip(FOUR.grades, parts, strict=True)]
    verdict = VerdictReader(FOUR, FOUR.grades, ReadSettings(0.5)).from_tokens(tuple(shown))
    assert verdict.mass == pytest.approx(1 - off)
    assert verdict.probability == pytest.approx((parts[2] + parts[3]) / sum(parts))
    assert 0 <= verdict.expected <= 3
    assert parts[FOUR.index(verdict.grade)] == pytest.approx(max(parts))


@given(st.text())
def test_any_text_is_a_verdict_or_a_reason(text: str) -> None:
    verdict = YES_NO.read(Answer(text))
    assert (verdict.grade is None) != (verdict.reason is None)
