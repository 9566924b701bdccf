"""Pairs without a label, for a teacher to grade: real and made-up keyphrases against a collection's titles.

A few hundred keyphrases are too few to learn words from, so more are cut out of titles. Pairs are drawn where
they teach: near a keyphrase's best titles, among the plausible ones, and at random.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from adjudge.config import check_range, setting, settings
from adjudge.errors import BadConfig, NotEnoughData

Ints = NDArray[np.int64]
_EDGE = re.compile(r"^\W+|\W+$")
_TRIES_A_PHRASE = 20


@settings
class UnlabelledSettings:
    """How unlabelled pairs are drawn by rank: real and made-up keyphrases against a collection's titles."""

    phrases: Annotated[int, setting("Made-up keyphrases.", ge=0, le=10**6)] = 6000
    words: Annotated[
        tuple[float, ...], setting("Weights of made-up keyphrases of one word, two words, and so on.")
    ] = (0.15, 0.3, 0.3, 0.15, 0.1)
    first_words: Annotated[
        int, setting("They are cut from this many first words of a title.", ge=1, le=1000)
    ] = 12
    scattered: Annotated[
        float, setting("Share of them made of words that need not stand together.", ge=0, le=1)
    ] = 0.3
    near: Annotated[int, setting("Ranks that count as near.", ge=1, le=10**6)] = 30
    plausible: Annotated[int, setting("Ranks that count as plausible; at least `near`.", ge=1, le=10**6)] = (
        500
    )
    mix: Annotated[tuple[float, ...], setting("Weights of titles that are near, plausible, and any.")] = (
        0.4,
        0.3,
        0.3,
    )
    real: Annotated[float, setting("Share of pairs with a real keyphrase.", ge=0, le=1)] = 0.3

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_range(name, "plausible", self.plausible, self.near, 10**6)
        for field, values in (("words", self.words), ("mix", self.mix)):
            if not values or min(values) < 0 or sum(values) <= 0:
                raise BadConfig(f"{name}.{field} is {values}: allowed are weights >= 0, not all 0")
        if len(self.mix) != 3:
            raise BadConfig(f"{name}.mix has {len(self.mix)} parts: allowed are 3 (near, plausible, any)")
        if not self.phrases and self.real < 1:
            raise BadConfig(f"{name}.real is {self.real} without made-up phrases: set real=1 or phrases > 0")


def phrases(titles: Sequence[str], settings: UnlabelledSettings, rng: np.random.Generator) -> list[str]:
    """At most `settings.phrases` distinct lower-case word spans of titles, sorted.

    Fewer come back where the titles do not hold so many.
    """
    weights = np.array(settings.words) / sum(settings.words)
    spans: set[str] = set()
    split = [title.split() for title in titles]
    usable = [words for words in split if words]
    if not usable:
        return []
    for _ in range(settings.phrases * _TRIES_A_PHRASE):
        if len(spans) == settings.phrases:
            break
        words = usable[rng.integers(len(usable))][: settings.first_words]
        size = min(len(words), 1 + int(rng.choice(len(weights), p=weights)))
        if rng.random() < settings.scattered:
            picked = np.sort(rng.choice(len(words), size, replace=False))
        else:
            picked = rng.integers(len(words) - size + 1) + np.arange(size)
        text = " ".join(filter(None, (_EDGE.sub("", words[index].lower()) for index in picked)))
        if text:
            spans.add(text)
    return sorted(spans)


def draw(
    logits: NDArray[np.float32], real: int, pairs: int, settings: UnlabelledSettings, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """About `pairs` distinct (keyphrase, title) places of `logits` [keyphrases, titles], in random order.

    The first `real` keyphrases are real, the rest made up. Repeats are drawn once, so fewer may come back.
    Raises NotEnoughData without a keyphrase or a title.
    """
    number, titles = logits.shape
    if not number or not titles:
        raise NotEnoughData(f"unlabelled pairs need keyphrases and titles; seen: {number} and {titles}")
    use_real = rng.random(pairs) < settings.real if number > real else np.ones(pairs, bool)
    keyphrase = np.sort(
        np.where(
            use_real, rng.integers(0, max(1, real), pairs), rng.integers(min(real, number - 1), number, pairs)
        )
    )
    title = np.empty(pairs, np.int64)
    cuts = np.flatnonzero(np.r_[True, keyphrase[1:] != keyphrase[:-1]])
    for first, last in zip(cuts, [*cuts[1:], pairs], strict=True):
        title[first:last] = _titles(logits[keyphrase[first]], last - first, settings, rng)
    both = np.unique(keyphrase * titles + title)
    both = both[rng.permutation(len(both))]
    return both // titles, both % titles


def _titles(
    logits: NDArray[np.float32], number: int, settings: UnlabelledSettings, rng: np.random.Generator
) -> Ints:
    """Titles for one keyphrase: by rank, by wider rank, and any."""
    plausible = min(settings.plausible, len(logits))
    near = min(settings.near, plausible)
    best = np.argpartition(-logits, plausible - 1)[:plausible]
    best = best[np.argsort(-logits[best], kind="stable")]
    weights = np.array(settings.mix) / sum(settings.mix)
    kind = rng.choice(3, number, p=weights)
    by_rank = best[rng.integers(0, near, number)]
    wider = best[rng.integers(min(near, plausible - 1), plausible, number)]
    anywhere = rng.integers(0, len(logits), number)
    return np.select([kind == 0, kind == 1], [by_rank, wider], anywhere)
