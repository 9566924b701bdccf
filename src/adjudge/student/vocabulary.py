"""A WordPiece vocabulary of the user's own words, the same for the same texts.

`tokenizers` trains WordPiece with ties broken by chance. Its BPE trainer breaks them by rule, so the pieces
are learned by BPE and then split by where they stand: `shoe` at the start of a word, `##shoe` inside one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from adjudge.student.text import SPECIAL_TOKENS


def wordpiece(texts: Iterable[str], size: int) -> Any:
    """A lower-casing BERT tokenizer with at most `size` entries (characters come first, then by frequency).

    Every character of the texts is an entry in both places while there is room, so that no word of known
    characters is unknown.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    normaliser, cutter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words = Counter(
        word for text in texts for word, _ in cutter.pre_tokenize_str(normaliser.normalize_str(text))
    )
    entries = [*SPECIAL_TOKENS, *_ranked(_pieces(words, size))][:size]
    vocabulary = {entry: number for number, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normaliser, cutter
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _pieces(words: Counter[str], size: int) -> Counter[str]:
    """How often each piece starts a word, or (with ##) stands inside one; characters in both places."""
    from tokenizers import Tokenizer, models, trainers

    learner = Tokenizer(models.BPE())
    ranked = sorted(words.items())
    repeated = (word for word, count in ranked for _ in range(count))
    learner.train_from_iterator(repeated, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    cut = learner.encode_batch([word for word, _ in ranked])
    pieces: Counter[str] = Counter()
    for (word, count), coding in zip(ranked, cut, strict=True):
        for index, piece in enumerate(coding.tokens):
            pieces[f"##{piece}" if index else piece] += count
        for letter in word:
            pieces[letter] += 0
            pieces[f"##{letter}"] += 0
    return pieces


def _ranked(pieces: Counter[str]) -> list[str]:
    single = {piece for piece in pieces if len(piece.removeprefix("##")) == 1}
    return sorted(pieces, key=lambda piece: (piece not in single, -pieces[piece], piece))
