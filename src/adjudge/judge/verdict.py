"""Verdicts from answers: by token probabilities if there are any, else by strictly parsed text.

An answer that is not on the scale is unscored with a reason. It is never a grade, and never a zero.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from adjudge.config import setting, settings
from adjudge.llm.answer_tokens import AROUND, step_of
from adjudge.llm.contract import Answer, Tops
from adjudge.records import Scale

UNSCORED_REASONS = (
    "little mass on the scale",
    "broken probabilities",
    "outside the scale",
    "ambiguous",
    "broken JSON",
    "truncated",
    "refused",
)
MOST_REMEMBERED = 100_000
_GRADE_AT = re.compile(r'"grade"\s*:\s*"')
_WORD = re.compile(r"[^\W_]+")


@settings
class ReadSettings:
    """How verdicts are read from answers."""

    min_mass: Annotated[
        float, setting("Least share of probability that must lie on the scale's words.", ge=0, le=1)
    ] = 0.5


class Verdict(NamedTuple):
    """One judge's verdict on one text.

    grade: the likeliest; probability: that the pair is relevant (0 to 1); expected: the expected step on the
    scale (0 to its last index); mass: the share of probability on the scale's words. The last three are None
    if the client gave no token probabilities.
    """

    grade: str | None
    reason: str | None = None
    probability: float | None = None
    expected: float | None = None
    mass: float | None = None

    @property
    def scored(self) -> bool:
        return self.grade is not None


class VerdictReader:
    """Reads verdicts for one scale and its answer words (`answers` in the order of the scale's grades)."""

    def __init__(self, scale: Scale, answers: Sequence[str], settings: ReadSettings | None = None) -> None:
        self.scale = scale
        self.settings = settings or ReadSettings()
        self.words = {answer.casefold(): step for step, answer in enumerate(answers)}
        for step, grade in enumerate(scale.grades):
            self.words.setdefault(grade, step)
        self.answers = tuple(answer.casefold() for answer in answers)
        self._steps: dict[str, int | None] = {}

    def read(self, answer: Answer) -> Verdict:
        """The verdict that an answer holds."""
        if answer.finish_reason in ("refusal", "content_filter"):
            return Verdict(None, "refused")
        if answer.tokens:
            tops = grade_position(answer)
            if tops is not None:
                return self._of_tokens(tops, answer)
        return self.from_text(answer.text, cut=answer.finish_reason == "length")

    def _of_tokens(self, tops: Tops, answer: Answer) -> Verdict:
        """The tokens decide; if too little of them is on the scale, the text may say more plainly why."""
        verdict = self.from_tokens(tops)
        if verdict.scored:
            return verdict
        worded = self.from_text(answer.text, cut=answer.finish_reason == "length")
        return verdict._replace(reason=worded.reason or verdict.reason)

    def from_tokens(self, tops: Tops) -> Verdict:
        """Sum over each grade's token variants (case, leading space, a first piece), then normalise over the
        grades.

        Yes 0.70, ` yes` 0.10, `no` 0.15, `the` 0.05 on the binary scale: mass 0.95, probability 0.80 / 0.95 =
        0.8421.
        """
        sums = [0.0] * len(self.scale.grades)
        steps = self._steps
        for token, logprob in tops:
            step = steps[token] if token in steps else self._step(token)
            if step is not None:
                # A server may round up past 0; NaN compares as False.
                sums[step] += math.exp(logprob) if logprob < 0 else 1.0 if logprob < math.inf else math.nan
        total = sum(sums)
        if not total < math.inf:
            return Verdict(None, "broken probabilities")
        mass = min(total, 1.0)
        if mass <= 0 or mass < self.settings.min_mass:
            return Verdict(None, "little mass on the scale", mass=mass)
        return self.weighed([part / total for part in sums], mass)

    def _step(self, token: str) -> int | None:
        """`step_of`, remembered: the same few tokens come with every answer."""
        if len(self._steps) >= MOST_REMEMBERED:
            self._steps.clear()
        step = self._steps[token] = step_of(token, self.answers)
        return step

    def weighed(self, shares: Sequence[float], mass: float) -> Verdict:
        """The verdict of shares of the grades (worst first, summing to 1); a tie goes to the worse."""
        best = shares.index(max(shares))
        probability = min(1.0, math.fsum(shares[self.scale.relevant_from :]))
        expected = math.fsum([step * share for step, share in enumerate(shares)])
        return Verdict(self.scale.grades[best], None, probability, expected, mass)

    def from_text(self, text: str, cut: bool = False) -> Verdict:
        """An answer's text, held to the exact words: one word, or a JSON object with one known `grade`."""
        bare = _unfenced(text)
        if bare.startswith("{"):
            return self._from_json(bare, cut)
        word = bare.strip(AROUND).casefold()
        if word in self.words:
            return Verdict(self.scale.grades[self.words[word]])
        if cut:
            return Verdict(None, "truncated")
        named = {self.words[w] for w in _WORD.findall(bare.casefold()) if w in self.words}
        return Verdict(None, "ambiguous" if named else "outside the scale")

    def _from_json(self, text: str, cut: bool) -> Verdict:
        try:
            pairs = json.loads(text, object_pairs_hook=lambda found: found)
        except ValueError:
            return Verdict(None, "truncated" if cut else "broken JSON")
        grades = [value for name, value in pairs if name == "grade"]
        if len(grades) > 1:
            return Verdict(None, "ambiguous")
        if not grades or not isinstance(grades[0], str):
            return Verdict(None, "outside the scale")
        step = self.words.get(grades[0].strip().casefold())
        return Verdict(None, "outside the scale") if step is None else Verdict(self.scale.grades[step])


def grade_position(answer: Answer) -> Tops | None:
    """The alternatives at the token where the grade begins: after `"grade": "` in JSON, else the first word.

    None if no token of the answer holds it.
    """
    first = answer.tokens[0][0].lstrip() if answer.tokens else ""
    if first and first[0] not in "{`":
        return answer.tokens[0][1]
    text = "".join(token for token, _ in answer.tokens)
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] in ("{", "`"):
        match = _GRADE_AT.search(text)
        if match is None:
            return None
        start = match.end()
    at = 0
    for token, tops in answer.tokens:
        if at <= start < at + len(token):
            return tops
        at += len(token)
    return None


def _unfenced(text: str) -> str:
    """Without surrounding space and a Markdown code fence."""
    bare = text.strip()
    if bare.startswith("```") and bare.endswith("```") and len(bare) > 6:
        bare = bare[3:-3].removeprefix("json").strip()
    return bare


def counts(verdicts: Mapping[str, int]) -> str:
    """`3 ambiguous, 1 truncated`, most frequent first."""
    return ", ".join(
        f"{n:,} {reason}" for reason, n in sorted(verdicts.items(), key=lambda kv: (-kv[1], kv[0]))
    )
