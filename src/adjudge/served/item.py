"""Recommendations of one item, as a pure function: what a service shows without reading files.

`recommend` states the same rules in SQL for all items of a table; a property test holds the two together. A
form is text by text what DuckDB makes of it: NFC, ASCII white space to one space, lower case by single
characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from adjudge.served.settings import RecommendSettings

_SPACES = re.compile(r"[\t\n\f\r ]+")


@dataclass(frozen=True)
class ScoredKeyphrase:
    """A keyphrase of an item as `adjudge score` writes it: `kept` is None if it has no score."""

    keyphrase: str
    score: float | None
    kept: bool | None


def keyphrases_to_show(
    scored: Iterable[ScoredKeyphrase], settings: RecommendSettings
) -> list[ScoredKeyphrase]:
    """The kept keyphrases of an item, best first (ties by keyphrase), one per form, under the caps.

    For an item whose adgroup and seller have no other item: what other items take away is for `recommend` to
    say.

    >>> rows = [ScoredKeyphrase("Red shoe", 0.8, True), ScoredKeyphrase("red  shoe", 0.9, True)]
    >>> [row.keyphrase for row in keyphrases_to_show(rows, RecommendSettings())]
    ['red  shoe']
    """
    kept = [row for row in scored if row.kept and row.score is not None]
    kept.sort(key=lambda row: (-(row.score or 0.0), row.keyphrase))
    best: dict[str, ScoredKeyphrase] = {}
    for row in kept:
        best.setdefault(form_of(row.keyphrase, settings.form), row)
    return list(best.values())[: min(settings.per_item, settings.per_adgroup, settings.per_seller)]


def form_of(keyphrase: str, form: str) -> str:
    """What two keyphrases have in common if they are the same: the text itself, or without case, spacing,
    word order.

    >>> form_of(" Shoe  RED", "exact"), form_of(" Shoe  RED", "spacing"), form_of(" Shoe  RED", "words")
    (' Shoe  RED', 'shoe red', 'red shoe')
    """
    if form == "exact":
        return keyphrase
    text = _SPACES.sub(" ", unicodedata.normalize("NFC", keyphrase))
    text = "".join(map(_lower, _trim(text)))
    return text if form == "spacing" else " ".join(sorted(text.split(" ")))


def _trim(text: str) -> str:
    """Without separators of spaces (category Zs) at either end."""
    spaces = "".join({character for character in text if unicodedata.category(character) == "Zs"})
    return text.strip(spaces) if spaces else text


def _lower(character: str) -> str:
    """The one lower-case character of a character; Python has two for U+0130, the dotted capital I."""
    return "i" if character == "\u0130" else character.lower()
