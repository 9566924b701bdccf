"""Parser of a recipe's spelling: `source` and `+`, `-` or `+-`, separated by spaces, most trusted first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from adjudge.errors import BadRecipe

BUILT_IN = ("click", "search", "human")
SIGNS = ("+", "-", "+-")
MOST_SOURCES = 32
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.:/@-]*[A-Za-z0-9_])?")
_EXAMPLE = "write for example: click+ llm+-"


@dataclass(frozen=True)
class Term:
    """One source and which of its labels are used: `+` the relevant, `-` the irrelevant, `+-` both."""

    source: str
    signs: str

    def __post_init__(self) -> None:
        if self.signs not in SIGNS or not _NAME.fullmatch(self.source):
            raise BadRecipe(
                f"{self.source + self.signs!r} is not a source and a sign: signs are {', '.join(SIGNS)}; "
                f"{_EXAMPLE}"
            )

    def __str__(self) -> str:
        return self.source + self.signs


@dataclass(frozen=True)
class Recipe:
    """The sources of a training set, most trusted first. Its text is its only spelling.

    >>> str(parse("  click+   llm+- "))
    'click+ llm+-'
    """

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise BadRecipe(f"a recipe needs at least one source; {_EXAMPLE}")
        if len(self.terms) > MOST_SOURCES:
            raise BadRecipe(f"a recipe of {len(self.terms)} sources: allowed are at most {MOST_SOURCES}")
        names = self.sources
        for name in names:
            if names.count(name) > 1:
                raise BadRecipe(
                    f"source {name!r} stands twice; write it once, as {name}+- for both its labels"
                )

    def __str__(self) -> str:
        return " ".join(str(term) for term in self.terms)

    __repr__ = __str__

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(term.source for term in self.terms)

    @property
    def slug(self) -> str:
        """The spelling as one folder name: `click+_llm-` (`/` and `:` of a judge's name become `.`)."""
        return re.sub(r"[/:]", ".", str(self)).replace(" ", "_")


def parse(text: str) -> Recipe:
    """Read a recipe's spelling. Raises BadRecipe with the position (1 = first character) and a suggestion."""
    words = [(match.start() + 1, match.group()) for match in re.finditer(r"\S+", text)]
    if not words:
        raise BadRecipe(f"recipe {text!r} is empty: it needs at least one source; {_EXAMPLE}")
    terms: list[Term] = []
    for position, word in words:
        term = _term(text, position, word)
        same = next((other for other in terms if other.source == term.source), None)
        if same is not None:
            both = term.source + (same.signs if same.signs == term.signs else "+-")
            raise BadRecipe(
                _at(text, position, f"source {term.source!r} stands twice; write it once: {both}")
            )
        terms.append(term)
    return Recipe(tuple(terms))


def _term(text: str, position: int, word: str) -> Term:
    name = word.rstrip("+-")
    signs = word[len(name) :]
    if not name:
        raise BadRecipe(_at(text, position, f"sign {signs!r} has no source before it; {_EXAMPLE}"))
    bad = next((i for i, letter in enumerate(name) if not re.match(r"[A-Za-z0-9_.:/@-]", letter)), None)
    if bad is not None:
        raise BadRecipe(
            _at(
                text,
                position + bad,
                f"{name[bad]!r} cannot stand in a source's name; sources are split by spaces",
            )
        )
    if not _NAME.fullmatch(name):
        raise BadRecipe(
            _at(text, position, f"source {name!r} must start and end with a letter or digit; {_EXAMPLE}")
        )
    if signs not in SIGNS:
        problem = f"sign {signs!r} is unknown" if signs else f"source {name!r} has no sign"
        wanted = name + (signs[:1] if len(set(signs)) == 1 else "+-")
        raise BadRecipe(
            _at(
                text,
                position + len(name),
                f"{problem}: allowed are {', '.join(SIGNS)}; did you mean {wanted}?",
            )
        )
    return Term(name, signs)


def _at(text: str, position: int, what: str) -> str:
    return f"recipe {text!r}, position {position}: {what}"
