"""Which answer a token spells: the one rule that live answers, files and local models share."""

from __future__ import annotations

from collections.abc import Sequence

SHORTEST_PIECE = 3
"""A token that only begins an answer counts for it from this many letters on: `irre` does, `I` does not."""
AROUND = " \t\r\n\"'`*.,:;!_()"
"""What may stand around an answer without changing it."""


def step_of(token: str, answers: Sequence[str]) -> int | None:
    """Which answer (casefolded) a token spells or begins; None for none or for more than one.

    >>> step_of(" Yes", ("no", "yes")), step_of("irre", ("irrelevant", "high"))
    (1, 0)
    >>> step_of("I", ("irrelevant", "high")) is None
    True
    """
    word = token.replace("▁", " ").replace("Ġ", " ").strip(AROUND).casefold()
    if not word:
        return None
    for step, answer in enumerate(answers):
        if answer == word:
            return step
    if len(word) < SHORTEST_PIECE:
        return None
    steps = [step for step, answer in enumerate(answers) if answer.startswith(word)]
    return steps[0] if len(steps) == 1 else None
