"""One text input: the same ids from transformers, CrossEncoder.predict, tokenizers and adjudge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.student.encode import Encoded, assemble, batches, encode, load_tokenizer, specials, truncated
from adjudge.student.start import minilm_folder
from adjudge.student.text import text_columns, text_pair
from adjudge.text.pairs import NO_ITEM, NO_KEYPHRASE, NO_TITLE, unscorable

PAIRS = [
    ("red shoe", "Shoes", "Acme runner, size 42"),
    ("red shoe", None, "Acme runner"),
    ("red shoe", "   ", "Acme runner"),
    ("buy [SEP] now", "[CLS]", "title with [MASK] and [PAD] [UNK] [[SEP]] [sep] [SEP"),
    ("café ñandú 東京", "Électronique", "Ünïcode 🔥👨‍👩‍👧 ﬁancé\u200b\u0000 x"),
    ("one", "c", "word " * 200),
    ("very " * 100, "c", "word"),
    ("very " * 100, "c", "word " * 100),
    ("a" * 300, "b", "c" * 10_000),
    ("🔥", "", "🔥"),
]
LENGTH = 32


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer(minilm_folder())


def table(pairs: list[tuple[str, str | None, str]]) -> pa.Table:
    names = ("keyphrase", "category", "title")
    return pa.table({name: pa.array([p[i] for p in pairs], pa.string()) for i, name in enumerate(names)})


def encoded(tokenizer: Any, pairs: list[tuple[str, str | None, str]]) -> Encoded:
    return encode(tokenizer, *text_columns(table(pairs)), LENGTH)


def test_the_pair_reads_as_the_paper_writes_it(tokenizer: Any) -> None:
    pairs = encoded(tokenizer, [("red shoe", "Shoes", "Acme runner")])
    ids, types, mask = assemble(pairs, np.array([0]), specials(tokenizer))
    words = [tokenizer.id_to_token(one) for one in ids[0]]
    assert words == ["[CLS]", "red", "shoe", "[SEP]", "shoes", "[SEP]", "ac", "##me", "runner", "[SEP]"]
    assert types[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert mask.all()


def test_a_missing_category_leaves_its_place_empty(tokenizer: Any) -> None:
    for category in (None, "", "  "):
        ids, _, _ = assemble(
            encoded(tokenizer, [("red", category, "shoe")]), np.array([0]), specials(tokenizer)
        )
        words = [tokenizer.id_to_token(one) for one in ids[0]]
        assert words == ["[CLS]", "red", "[SEP]", "[SEP]", "shoe", "[SEP]"]


def test_special_tokens_in_user_text_are_only_text(tokenizer: Any) -> None:
    ids, _, _ = assemble(
        encoded(tokenizer, [("a [SEP] b", "[CLS]", "[MASK] c")]), np.array([0]), specials(tokenizer)
    )
    words = [tokenizer.id_to_token(one) for one in ids[0]]
    assert [words.count(name) for name in ("[CLS]", "[SEP]", "[MASK]", "[UNK]")] == [1, 3, 0, 0]
    assert words[1:6] == ["a", "[", "sep", "]", "b"]


def test_ids_equal_transformers_and_tokenizers(tokenizer: Any) -> None:
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(minilm_folder())
    texts = [text_pair(*pair) for pair in PAIRS]
    expected = theirs(
        [a for a, _ in texts],
        [b for _, b in texts],
        truncation=True,
        max_length=LENGTH,
        padding=True,
        return_tensors="np",
    )
    pairs = encoded(tokenizer, PAIRS)
    ids, types, mask = assemble(pairs, np.arange(len(PAIRS)), specials(tokenizer))
    assert (ids == expected["input_ids"]).all()
    assert (types == expected["token_type_ids"]).all()
    assert (mask == expected["attention_mask"]).all()
    assert (pairs.lengths == mask.sum(axis=1)).all()
    bare = load_tokenizer(minilm_folder())
    bare.enable_truncation(LENGTH)
    for row, (first, second) in enumerate(texts):
        assert bare.encode(first, second).ids == ids[row][: pairs.lengths[row]].tolist()


word = st.text(
    alphabet=st.characters(codec="utf-8", categories=("L", "M", "N", "P", "S", "Z", "Cc", "Cf")), max_size=12
)
words = st.lists(st.one_of(word, st.sampled_from(["[SEP]", "[CLS]", "red", "shoe"])), max_size=30).map(
    " ".join
)


TOKENIZER, WHOLE = load_tokenizer(minilm_folder()), load_tokenizer(minilm_folder())
WHOLE.enable_truncation(LENGTH)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(words, st.one_of(st.none(), words), words), min_size=1, max_size=5))
def test_any_texts_give_the_tokenizers_own_ids(pairs: list[tuple[str, str | None, str]]) -> None:
    tokenizer, whole = TOKENIZER, WHOLE
    got = encoded(tokenizer, pairs)
    ids, types, _ = assemble(got, np.arange(len(pairs)), specials(tokenizer))
    for row, pair in enumerate(pairs):
        expected = whole.encode(*text_pair(*pair))
        assert ids[row][: got.lengths[row]].tolist() == expected.ids
        assert types[row][: got.lengths[row]].tolist() == expected.type_ids
        assert expected.ids.count(specials(tokenizer).cls) == 1


def test_the_longer_text_is_cut_first() -> None:
    first, second = truncated(np.array([4, 8, 9, 2]), np.array([9, 9, 4, 3]), 10)
    assert first.tolist() == [4, 5, 6, 2]
    assert second.tolist() == [6, 5, 4, 3]


def test_unscorable_rows_have_reasons() -> None:
    rows = {
        "item_id": ["1", None, "3", "4", "5"],
        "keyphrase": ["k", "k", " ", "k", "k"],
        "title": ["t", "t", "t", "\t\n", "\u200b"],
        "category": pa.array([None] * 5, pa.string()),
    }
    assert unscorable(pa.table(rows)).to_pylist() == [None, NO_ITEM, NO_KEYPHRASE, NO_TITLE, NO_TITLE]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(3, 40), min_size=1, max_size=200),
    st.integers(1, 300),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_batches_hold_every_row_once_under_the_budget(
    lengths: list[int], tokens: int, exact: bool, random: Any
) -> None:
    order = list(range(len(lengths)))
    random.shuffle(order)
    sizes = np.array(lengths)
    cuts = batches(sizes, tokens, np.array(order), exact)
    assert sorted(np.concatenate(cuts).tolist()) == list(range(len(lengths)))
    for cut in cuts:
        assert len(cut) == 1 or len(cut) * sizes[cut].max() <= tokens
        assert not exact or len(set(sizes[cut].tolist())) == 1
