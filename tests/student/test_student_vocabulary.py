"""The own vocabulary: what it holds, that it is the same for the same texts, and how it cuts words."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.student.text import SPECIAL_TOKENS
from adjudge.student.vocabulary import wordpiece

TEXTS = ["red shoe", "red shoes", "blue shoe", "Shoe rack", "lamp", "lamp lamp oil"] * 5
WORDS = st.text("abcdef ", min_size=1, max_size=12)


def entries(texts: list[str], size: int) -> list[str]:
    """The entries in the order of their ids."""
    vocabulary = wordpiece(texts, size).get_vocab()
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    return sorted(vocabulary, key=vocabulary.__getitem__)


def test_special_tokens_come_first_then_characters_then_pieces_by_frequency() -> None:
    order = entries(TEXTS, 200)
    assert tuple(order[:5]) == SPECIAL_TOKENS
    lengths = [len(piece.removeprefix("##")) for piece in order[5:]]
    assert lengths == sorted(lengths, key=lambda length: length > 1)
    whole = [piece for piece in order[5:] if len(piece.removeprefix("##")) > 1]
    # shoe and lamp stand 15 times each, which their spelling decides; red stands 10 times, blue 5 times.
    assert whole.index("lamp") < whole.index("shoe") < whole.index("red") < whole.index("blue")


def test_a_character_stands_in_both_places() -> None:
    order = set(entries(["abc"], 100))
    assert {"a", "##a", "b", "##b", "c", "##c"} <= order


def test_the_size_is_a_limit_and_characters_go_before_pieces() -> None:
    order = entries(TEXTS, 25)
    assert len(order) == 25
    assert all(len(piece.removeprefix("##")) == 1 for piece in order[5:])


def test_a_known_word_is_one_token_and_an_unknown_one_is_cut_into_known_pieces() -> None:
    tokenizer = wordpiece(TEXTS, 200)
    assert tokenizer.encode("SHOE").tokens == ["shoe"]
    assert tokenizer.encode("lampred").tokens[0] == "lamp"
    assert "[UNK]" not in tokenizer.encode("dooh").tokens
    assert tokenizer.encode("zebra").tokens == ["[UNK]"]


def test_the_spelling_of_a_special_token_is_not_needed_to_reach_its_id() -> None:
    tokenizer = wordpiece(TEXTS, 200)
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]


def test_texts_in_another_order_give_the_same_vocabulary() -> None:
    assert entries(TEXTS, 60) == entries(TEXTS[::-1], 60)


@settings(max_examples=40, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=8), st.integers(30, 120))
def test_every_text_is_spelled_without_an_unknown_token(texts: list[str], size: int) -> None:
    """Six letters in both places need 17 entries: with 30 and more, no word of theirs is unknown."""
    tokenizer = wordpiece(texts, size)
    for text in texts:
        tokens = tokenizer.encode(text).tokens
        assert "[UNK]" not in tokens
        assert "".join(token.removeprefix("##") for token in tokens) == "".join(text.split())
