"""From text pairs to token ids: every distinct text is tokenised once, pairs are put together in numpy.

The ids equal those of the tokenizer's own pair encoding with `truncation="longest_first"`, which is what
`transformers` and `CrossEncoder.predict` do. Imports numpy, pyarrow and tokenizers; no torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.errors import BadArtifact

WORDS = 65_536
"""Words handed to the tokenizer at a time: what it gives for each takes a hundred times their bytes."""
SPECIALS_A_PAIR = 3
"""[CLS] and two [SEP]; the [SEP] between category and title is part of the second text."""

Ids = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Specials:
    """Ids of the tokens that frame a pair."""

    cls: int
    sep: int
    pad: int


@dataclass(frozen=True)
class Texts:
    """Distinct texts as ids: text t is `flat[starts[t]:]`, `lengths[t]` tokens long before any truncation.

    No more than `max_length` ids of a text are kept, so the ids may be fewer than `lengths` says.
    """

    flat: Ids
    starts: Ids
    lengths: Ids


@dataclass(frozen=True)
class Encoded:
    """Pairs as references to distinct texts. `lengths` counts a pair's tokens after truncation."""

    first: Texts
    second: Texts
    first_of: Ids
    second_of: Ids
    max_length: int

    @property
    def lengths(self) -> Ids:
        first, second = self.cut(np.arange(len(self.first_of)))
        return first + second + SPECIALS_A_PAIR

    def cut(self, rows: Ids) -> tuple[Ids, Ids]:
        """Tokens kept of the first and the second text of each row."""
        first = self.first.lengths[self.first_of[rows]]
        second = self.second.lengths[self.second_of[rows]]
        return truncated(first, second, self.max_length - SPECIALS_A_PAIR)

    def take(self, rows: Ids) -> Encoded:
        """These rows only, over the same texts."""
        return replace(self, first_of=self.first_of[rows], second_of=self.second_of[rows])


def truncated(first: Ids, second: Ids, room: int) -> tuple[Ids, Ids]:
    """Token counts after truncation to `room` tokens together (longest first).

    The shorter text keeps up to half the room and the longer text gets the rest, so a title loses its end
    before a keyphrase of ordinary length loses anything. With room 10, (4, 9) -> (4, 6), (8, 9) -> (5, 5).
    """
    over = first + second > room
    short = np.minimum(np.minimum(first, second), room // 2)
    first_is_long = first > second
    new_first = np.where(first_is_long, room - short, short)
    new_second = np.where(first_is_long, short, room - short)
    return np.where(over, new_first, first), np.where(over, new_second, second)


def load_tokenizer(folder: Path) -> Any:
    """The folder's `tokenizer.json`, without its own padding and truncation. Raises BadArtifact."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        text = path.read_text(encoding="utf-8")
        version = json.loads(text)["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadArtifact(
            f"{path} cannot be read as a tokenizer: {error!r}. Train or copy the artifact again."
        ) from error
    if version != "1.0":
        raise BadArtifact(
            f"{path} has tokenizer format {version!r}; allowed is 1.0. Update adjudge or tokenizers."
        )
    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def specials(tokenizer: Any) -> Specials:
    """The ids of [CLS], [SEP] and [PAD]. Raises BadArtifact where the tokenizer has none."""
    ids = {name: tokenizer.token_to_id(f"[{name}]") for name in ("CLS", "SEP", "PAD")}
    missing = [f"[{name}]" for name, value in ids.items() if value is None]
    if missing:
        raise BadArtifact(
            f"the tokenizer has no {', '.join(missing)}; a BERT (WordPiece) tokenizer is needed"
        )
    return Specials(ids["CLS"], ids["SEP"], ids["PAD"])


def encode(tokenizer: Any, first: pa.Array, second: pa.Array, max_length: int) -> Encoded:
    """Tokenise two string arrays of equal length, each distinct text once."""
    first_texts, first_of = _distinct(tokenizer, first, max_length)
    second_texts, second_of = _distinct(tokenizer, second, max_length)
    return Encoded(first_texts, second_texts, first_of, second_of, max_length)


def _distinct(tokenizer: Any, texts: pa.Array, max_length: int) -> tuple[Texts, Ids]:
    coded = texts.dictionary_encode()
    tokens = tokenise(tokenizer, coded.dictionary, max_length)
    return tokens, coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def tokenise(tokenizer: Any, texts: pa.Array, most: int) -> Texts:
    """Texts (a string array without nulls) as ids, at most `most` kept of each.

    A BERT tokenizer reads the words between spaces apart from one another, so each distinct word is tokenised
    once and texts are put together in numpy: ten times as fast where words come back. Other tokenizers get
    whole texts.
    """
    words = pc.split_pattern(texts, " ") if _reads_words(tokenizer) else None
    ends = np.arange(1, len(texts) + 1) if words is None else words.offsets.to_numpy()[1:].astype(np.int64)
    coded = (texts if words is None else words.flatten()).dictionary_encode()
    word = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    lists: list[list[int]] = []
    for begin in range(0, len(coded.dictionary), WORDS):
        some = coded.dictionary.slice(begin, WORDS).to_pylist()
        lists += [coding.ids for coding in tokenizer.encode_batch_fast(some, add_special_tokens=False)]
    sizes = np.fromiter(map(len, lists), np.int64, len(lists))
    flat = np.fromiter(chain.from_iterable(lists), np.int64, int(sizes.sum()))
    # Tokens of all words before each word, and before each text's first.
    spent = np.concatenate([[0], np.cumsum(sizes[word])]).astype(np.int64)
    firsts = np.concatenate([[0], ends])[:-1].astype(np.int64)
    lengths = spent[ends] - spent[firsts]
    before = spent[:-1] - np.repeat(spent[firsts], ends - firsts)
    kept = np.clip(most - before, 0, sizes[word])
    at = (np.cumsum(sizes) - sizes)[word] - (np.cumsum(kept) - kept)
    ids = flat[np.repeat(at, kept) + np.arange(int(kept.sum()))]
    short = np.minimum(lengths, most)
    return Texts(ids, np.cumsum(short) - short, lengths)


def _reads_words(tokenizer: Any) -> bool:
    """Whether a space always parts words: so it is with BERT's normaliser and pre-tokenizer."""
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    return isinstance(tokenizer.normalizer, BertNormalizer) and isinstance(
        tokenizer.pre_tokenizer, BertPreTokenizer
    )


def assemble(encoded: Encoded, rows: Ids, special: Specials) -> tuple[Ids, Ids, Ids]:
    """ids, token types and mask of these rows, each int64 of shape (rows, longest of them).

    Token types are 0 up to the first [SEP] and 1 after it; padding is id [PAD], type 0, mask 0.
    """
    first, second = (part[:, None] for part in encoded.cut(rows))
    total = first + second + SPECIALS_A_PAIR
    at = np.arange(int(total.max(initial=0)))[None, :]
    in_first = encoded.first.starts[encoded.first_of[rows]][:, None] + at - 1
    in_second = encoded.second.starts[encoded.second_of[rows]][:, None] + at - first - 2
    is_first = (at >= 1) & (at <= first)
    is_second = (at >= first + 2) & (at < total - 1)
    ids = np.full(is_first.shape, special.pad, np.int64)
    ids[is_first] = encoded.first.flat[in_first[is_first]]
    ids[is_second] = encoded.second.flat[in_second[is_second]]
    ids[:, 0] = special.cls
    ids[(at == first + 1) | (at == total - 1)] = special.sep
    mask = (at < total).astype(np.int64)
    return ids, mask * (at >= first + 2), mask


def batches(lengths: Ids, tokens: int, order: Ids | None = None, exact: bool = False) -> list[Ids]:
    """Rows cut into batches of at most `tokens` tokens (padding counted), shortest rows first.

    Rows of one length stand together, in the order given; at least one row a batch. With `exact` no batch
    mixes lengths. Lengths 3, 3, 5 and 10 tokens: [0, 1], [2]; the fourth row of length 3 would still fit.
    """
    order = np.arange(len(lengths)) if order is None else order
    order = order[np.argsort(lengths[order], kind="stable")]
    ranked = lengths[order]
    cuts: list[Ids] = []
    at = 0
    while at < len(ranked):
        end = len(ranked) if not exact else int(np.searchsorted(ranked, ranked[at], side="right"))
        size = max(1, min(end - at, tokens // int(ranked[at])))
        while size > 1 and size * ranked[at + size - 1] > tokens:
            size = max(1, tokens // int(ranked[at + size - 1]))
        cuts.append(order[at : at + size])
        at += size
    return cuts
