"""Errors meant for the user.

Every message says three things: the value seen, what is allowed, and what to do next. The command line prints
the message alone (no traceback) and exits with the error's `exit_code`.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AdjudgeError(Exception):
    """The base of all errors meant for the user."""

    exit_code = 2


class BadConfig(AdjudgeError):
    """A setting is unknown or outside its range."""


class BadTable(AdjudgeError):
    """A table cannot be used: unreadable, columns missing, or too many bad rows."""


class BadRecipe(AdjudgeError):
    """A recipe's spelling, or the sources it names, cannot be used."""


class BadArtifact(AdjudgeError):
    """A model folder is incomplete, was changed, or fails its own golden pairs."""


class NotEnoughData(AdjudgeError):
    """A statistic or a training run was asked of data that cannot carry it."""


class MissingExtra(AdjudgeError):
    """An optional part is not installed; the message holds the install line."""

    def __init__(self, needs: str, extra: str) -> None:
        super().__init__(f"{needs} is not installed. It is needed here; run: pip install 'adjudge[{extra}]'")
        self.needs, self.extra = needs, extra

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        """Errors are sent between processes by their arguments."""
        return MissingExtra, (self.needs, self.extra)


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """'; did you mean X?' if a close spelling is allowed, else an empty string.

    >>> did_you_mean("clik", ["click", "search"])
    '; did you mean click?'
    """
    close = get_close_matches(word, list(allowed), n=1)
    return f"; did you mean {close[0]}?" if close else ""
