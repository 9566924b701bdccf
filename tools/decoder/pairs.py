"""Pairs to learn from: simulated markets with their truth, one world per seed, as token ids to be joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from adjudge.judge.prompt import Prompt, load
from adjudge.market.generated import generated_world
from adjudge.market.settings import MarketSettings
from adjudge.records import FOUR, Progress, no_progress

HERE = Path(__file__).parent
SCALES = ("binary", "four", "ordinal3")
PROMPTS = {"binary": "prompt.md", "four": "prompt-four.md", "ordinal3": "prompt-ordinal3.md"}
TITLE, PHRASE = "qtitleq", "qphraseq"
TO_ORDINAL3 = (0, 0, 1, 2)
"""From a step of `four` to one of `ordinal3`: bad and fair are irrelevant, good moderate, excellent high."""


@dataclass(frozen=True)
class Pairs:
    """Texts and truths. item, phrase: rows of `titles` and `keyphrases`; grade: steps of `four` (0 to 3)."""

    titles: Sequence[str]
    keyphrases: Sequence[str]
    item: np.ndarray
    phrase: np.ndarray
    grade: np.ndarray

    def __len__(self) -> int:
        return len(self.grade)


def worlds(seeds: Sequence[int], items: int, progress: Progress = no_progress) -> Pairs:
    """The pairs that Advertising recommends in the generated markets of these seeds, one after the other."""
    titles: list[str] = []
    keyphrases: list[str] = []
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for seed in seeds:
        told = MarketSettings(seed=seed)
        world = generated_world(_sized(told, items), progress)
        rows.append((world.pair_item + len(titles), world.pair_keyphrase + len(keyphrases), world.grade))
        titles += world.title.to_pylist()
        keyphrases += world.keyphrase.to_pylist()
    item, phrase, grade = (np.concatenate(part) for part in zip(*rows, strict=True))
    return Pairs(titles, keyphrases, item, phrase, grade.astype(np.int64))


def _sized(settings: MarketSettings, items: int) -> MarketSettings:
    share = items / settings.catalogue.items
    return replace(
        settings,
        catalogue=replace(
            settings.catalogue, items=items, keyphrases=round(settings.catalogue.keyphrases * share)
        ),
    )


def prompts(folder: Path) -> dict[tuple[str, str], Prompt]:
    """The decoder's prompts, by scale and order of the options."""
    return {
        (scale, order): load(scale, folder / PROMPTS[scale], order)
        for scale in SCALES
        for order in ("best_first", "worst_first")
    }


def step(scale: str, grade: int) -> int:
    """From a step of `four` to one of the scale.

    >>> step("binary", 2), step("ordinal3", 2), step("four", 2)
    (1, 1, 2)
    """
    if scale == "four":
        return grade
    return TO_ORDINAL3[grade] if scale == "ordinal3" else int(grade >= FOUR.relevant_from)


@dataclass(frozen=True)
class Form:
    """A prompt cut where the pair's texts go: ids before the title, between, after the keyphrase, and of each
    answer (with what ends it). learned: which places of an answer are learned."""

    scale: str
    before: list[int]
    between: list[int]
    after: list[int]
    answers: list[list[int]]
    learned: list[int]


def forms(folder: Path, tokenizer: Any) -> list[list[Form]]:
    """For each scale: both orders of the options, each answered in a word and as JSON.

    The JSON form teaches what a grammar forces: it is learned from its second token on, so that a free answer
    stays a word.
    """
    made: list[list[Form]] = [[] for _ in SCALES]
    for (scale, _), prompt in prompts(folder).items():
        text = prompt.render(PHRASE, TITLE, None).user
        title, phrase = text.index(TITLE), text.index(PHRASE)
        if title > phrase:
            raise ValueError(
                "the decoder's prompts show the title first: a keyphrase's words look back at it"
            )
        whole = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
        )
        cut = [part for piece in whole.split(TITLE) for part in piece.split(PHRASE)]
        ids = [_ids(tokenizer, part.rstrip(" ")) for part in cut]
        end = [tokenizer.eos_token_id]
        words = [_ids(tokenizer, answer) + end for answer in prompt.answers]
        shaped = [_ids(tokenizer, f'{{"grade": "{answer}"}}') + end for answer in prompt.answers]
        place = SCALES.index(scale)
        made[place].append(Form(scale, *ids, words, [0, 1]))
        made[place].append(Form(scale, *ids, shaped, list(range(1, len(shaped[0])))))
    return made


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@dataclass(frozen=True)
class Pack:
    """One title with several questions about it. segment: 0 for the title's part, 1, 2, ... for each
    question, which sees the title's part and itself; position: where each token would stand if its question
    were alone; learned: (place, id to say there)."""

    ids: list[int]
    segment: list[int]
    position: list[int]
    learned: list[tuple[int, int]]
    pairs: int


class Rows:
    """Makes packs of pairs: each pair in a scale, an order of the options and a form of answer of its own."""

    def __init__(self, pairs: Pairs, folder: Path, tokenizer: Any, json_share: float) -> None:
        self.pairs, self.json_share = pairs, json_share
        self.forms = forms(folder, tokenizer)
        self.before = self.forms[0][0].before
        if any(form.before != self.before for some in self.forms for form in some):
            raise ValueError(
                "all prompts must begin alike up to the title: questions about one title share it"
            )
        spaced = (" " + text.lower() for text in pairs.titles)
        self.titles = tokenizer(list(spaced), add_special_tokens=False)["input_ids"]
        spaced = (" " + text.lower() for text in pairs.keyphrases)
        self.phrases = tokenizer(list(spaced), add_special_tokens=False)["input_ids"]

    def pack(self, asked: Sequence[tuple[int, int, int]]) -> Pack:
        """asked: (pair, scale, form), all of one item."""
        ids = [*self.before, *self.titles[self.pairs.item[asked[0][0]]]]
        segment, position, learned = [0] * len(ids), list(range(len(ids))), []
        shared = len(ids)
        for number, (pair, scale, form) in enumerate(asked, 1):
            shape = self.forms[scale][form]
            answer = shape.answers[step(shape.scale, int(self.pairs.grade[pair]))]
            question = [*shape.between, *self.phrases[self.pairs.phrase[pair]], *shape.after]
            start = len(ids) + len(question)
            learned += [(start - 1 + place, answer[place]) for place in shape.learned]
            question += answer[:-1]
            ids += question
            segment += [number] * len(question)
            position += range(shared, shared + len(question))
        return Pack(ids, segment, position, learned, len(asked))

    def epoch(self, rng: np.random.Generator, settings: Any) -> Iterator[list[Pack]]:
        """All pairs once in random order, in batches of packs with at most `batch_tokens` tokens, padding
        counted."""
        order = np.lexsort((rng.random(len(self.pairs)), self.pairs.item))
        change = np.flatnonzero(np.diff(self.pairs.item[order])) + 1
        groups = [
            group[start : start + settings.together]
            for group in np.split(order, change)
            for start in range(0, len(group), settings.together)
        ]
        places = rng.permutation(len(groups))
        for start in range(0, len(places), 512):
            packs = [self._drawn(groups[place], rng, settings) for place in places[start : start + 512]]
            packs.sort(key=lambda pack: len(pack.ids))
            batches = _cut(packs, settings.batch_tokens)
            for place in rng.permutation(len(batches)):
                yield batches[place]

    def _drawn(self, group: np.ndarray, rng: np.random.Generator, settings: Any) -> Pack:
        scales = rng.choice(len(SCALES), len(group), p=settings.shares)
        turned = rng.random(len(group)) < settings.turned
        shaped = rng.random(len(group)) < self.json_share
        asked = zip(group.tolist(), scales.tolist(), (2 * turned + shaped).tolist(), strict=True)
        return self.pack(list(asked))


def _cut(packs: list[Pack], tokens: int) -> list[list[Pack]]:
    batches: list[list[Pack]] = [[]]
    for pack in packs:
        if batches[-1] and len(pack.ids) * (len(batches[-1]) + 1) > tokens:
            batches.append([])
        batches[-1].append(pack)
    return batches
