"""Grade scales, progress callbacks and amounts of money: the few types that every package shares."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from adjudge.errors import BadConfig, did_you_mean

Progress = Callable[[str, int, int], None]
"""Jobs report `(what, done, total)` to a callable; the command line draws it. `total` 0 means unknown."""


def no_progress(what: str, done: int, total: int) -> None:
    """A `Progress` that shows nothing."""


def money(amount: float) -> str:
    """An amount as it is printed: two decimals; below 1 three significant digits, so that small amounts are
    not 0.00.

    >>> money(0.001142), money(0.25), money(0.09996), money(0.0), money(1234.5)
    ('0.00114', '0.250', '0.100', '0.00', '1,234.50')
    """
    size = abs(float(f"{amount:.3g}"))
    digits = 2 - math.floor(math.log10(size)) if 0 < size < 1 else 2
    return f"{amount:,.{digits}f}"


@dataclass(frozen=True)
class Scale:
    """An ordered set of grades, worst first.

    `relevant_from` is the index of the first grade that counts as relevant if the scale is made binary (paper
    1, section 3.1.1: excellent and good are relevant).
    """

    name: str
    grades: tuple[str, ...]
    relevant_from: int

    def index(self, grade: str) -> int:
        """0-based step of a grade. Raises BadConfig on a grade that is not on the scale."""
        if grade not in self.grades:
            raise BadConfig(
                f"grade {grade!r} is not on scale {self.name}: allowed are {', '.join(self.grades)}"
                f"{did_you_mean(grade, self.grades)}"
            )
        return self.grades.index(grade)

    def relevant(self, grade: str) -> bool:
        """Whether a grade counts as relevant.

        >>> FOUR.relevant("good"), FOUR.relevant("fair")
        (True, False)
        """
        return self.index(grade) >= self.relevant_from

    @property
    def relevant_grades(self) -> tuple[str, ...]:
        return self.grades[self.relevant_from :]


BINARY = Scale("binary", ("irrelevant", "relevant"), 1)
FOUR = Scale("four", ("bad", "fair", "good", "excellent"), 2)
ORDINAL3 = Scale("ordinal3", ("irrelevant", "moderate", "high"), 1)
SCALES = {scale.name: scale for scale in (BINARY, FOUR, ORDINAL3)}


def scale(name: str) -> Scale:
    """The scale of that name. Raises BadConfig on an unknown one."""
    if name not in SCALES:
        raise BadConfig(
            f"scale {name!r} is unknown: allowed are {', '.join(SCALES)}{did_you_mean(name, SCALES)}"
        )
    return SCALES[name]


JUDGMENT_STATUSES = ("scored", "unscored")
SPLITS = ("train", "dev", "test")
