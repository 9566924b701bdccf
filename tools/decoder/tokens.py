"""The decoder's tokenizer: byte-level BPE as in GPT-2, which transformers and llama.cpp read alike.

Text is made lower case by the chat template (both run it in Jinja), so one word is one token whatever its
case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

TURNS = ("<|system|>", "<|user|>", "<|assistant|>")
PAD, END = "<pad>", "<|end|>"
ANSWERS = ("no", "yes", "bad", "fair", "good", "excellent", "irrelevant", "moderate", "high")
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] | lower }}<|end|>{% endfor "
    "%}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
OFTEN = 2000


def build(texts: Iterable[str], folder: Path, size: int = 8192) -> Any:
    """Learn the merges from market texts, MiniLM's word list and the answers; return a transformers
    tokenizer.

    Raises ValueError where a grade word is not one token.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, END, *TURNS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    raw.train_from_iterator(_corpus(texts, folder), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens=list(TURNS),
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=TEMPLATE,
    )
    check(tokenizer)
    return tokenizer


def check(tokenizer: Any) -> None:
    """Raise ValueError where a grade word, alone or after a space, is not one token."""
    for word in ANSWERS:
        for text in (word, " " + word):
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            if len(ids) != 1:
                raise ValueError(f"{text!r} is {len(ids)} tokens: every grade word must be one")


def _corpus(texts: Iterable[str], folder: Path) -> Iterator[str]:
    """Market texts, then MiniLM's whole words, the frequent ones more often (its list is in order of
    frequency)."""
    for text in texts:
        yield " " + text.lower()
    for word in (*ANSWERS, "item", "search", "answer", "grade", '{"', '":', ' "', '"}'):
        for _ in range(OFTEN):
            yield word
            yield " " + word
    words = [word for word in (folder / "vocab.txt").read_text("utf-8").split("\n") if word.isascii()]
    words = [word for word in words if word.isalpha() and len(word) > 1]
    for rank, word in enumerate(words):
        for _ in range(1 + 20_000 // (rank + 20)):
            yield " " + word
