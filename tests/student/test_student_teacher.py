"""The teacher: MaxSim by hand and by a loop, the blend against scikit-learn, texts as MiniLM reads them."""

from __future__ import annotations

import numpy as np
import pytest

from adjudge.errors import BadConfig, NotEnoughData
from adjudge.student.teacher import Blend, TeacherSettings, Vectors, embed, fit_blend, of_pairs, similarities

SETTINGS = TeacherSettings()
TEXTS = ("red shoe", "a red running shoe for men", "blue lamp", "")


def vectors(*texts: list[list[float]]) -> Vectors:
    """Texts given as their tokens' unit vectors."""
    flat = np.array([token for text in texts for token in text], np.float32)
    lengths = [len(text) for text in texts]
    means = np.array([np.mean(text, axis=0) for text in texts], np.float32)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return Vectors(means, flat.astype(np.float16), np.cumsum([0, *lengths[:-1]]).astype(np.int64))


def test_overlap_by_hand() -> None:
    keyphrase, title = vectors([[1.0, 0.0], [0.0, 1.0]]), vectors([[1.0, 0.0], [0.6, 0.8]])
    _, overlap = similarities(keyphrase, title)
    assert overlap[0, 0] == pytest.approx(0.9, abs=1e-3)
    one = of_pairs(keyphrase, title, np.array([0]), np.array([0]))[1]
    assert one[0] == pytest.approx(0.9, abs=1e-3)


def test_all_pairs_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)

    def some(number: int) -> list[list[list[float]]]:
        found = []
        for _ in range(number):
            tokens = rng.normal(size=(int(rng.integers(1, 90)), 16))
            found.append((tokens / np.linalg.norm(tokens, axis=1, keepdims=True)).tolist())
        return found

    left, right = some(7), some(9)
    cosine, overlap = similarities(vectors(*left), vectors(*right))
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            best = (np.array(a) @ np.array(b).T).max(axis=1).mean()
            assert overlap[i, j] == pytest.approx(best, abs=2e-3)
    places = np.repeat(np.arange(7), 9), np.tile(np.arange(9), 7)
    by_pair = of_pairs(vectors(*left), vectors(*right), *places)
    np.testing.assert_allclose(by_pair[0].reshape(7, 9), cosine, atol=1e-5)
    np.testing.assert_allclose(by_pair[1].reshape(7, 9), overlap, atol=1e-5)


def test_texts_are_read_as_sentence_transformers_reads_them() -> None:
    from sentence_transformers import SentenceTransformer

    from adjudge.student.start import minilm_folder

    found = embed(TEXTS, 62, SETTINGS)
    other = SentenceTransformer(str(minilm_folder())).encode(list(TEXTS[:3]), normalize_embeddings=True)
    np.testing.assert_allclose(found.means[:3], other, atol=2e-5)
    assert [len(found.of(text)) for text in range(4)] == [2, 6, 2, 1], "a blank text has one token, [UNK]"
    np.testing.assert_allclose(np.linalg.norm(found.of(1), axis=1), 1, atol=2e-3)


def test_long_texts_lose_their_end() -> None:
    long, cut = embed(["red shoe " * 40, "red shoe"], 4, SETTINGS), embed(["red shoe"], 62, SETTINGS)
    assert len(long.of(0)) == 2
    np.testing.assert_allclose(long.of(0), cut.of(0), atol=2e-3)


def test_taking_the_first_texts() -> None:
    whole = embed(TEXTS, 62, SETTINGS)
    part = whole.take(2)
    assert len(part) == 2
    np.testing.assert_array_equal(part.of(1), whole.of(1))
    assert len(whole.take(4).tokens) == len(whole.tokens)


def test_the_blend_is_a_logistic_regression() -> None:
    assert Blend((2.0, 3.0), -1.0)(np.array([0.5]), np.array([0.75]))[0] == 2.25
    rng = np.random.default_rng(0)
    cosine, overlap = rng.random(400), rng.random(400)
    labels = (rng.random(400) < 1 / (1 + np.exp(-(4 * cosine + 2 * overlap - 3)))).astype(float)
    blend = fit_blend(cosine, overlap, labels, TeacherSettings(strength=1e4))
    assert blend.slopes == pytest.approx((4.0, 2.0), abs=1.2)
    assert blend.slopes[0] > blend.slopes[1] > 0
    from sklearn.linear_model import LogisticRegression

    plain = LogisticRegression(C=np.inf, class_weight="balanced").fit(
        np.column_stack([cosine, overlap]), labels
    )
    assert blend.slopes == pytest.approx(tuple(plain.coef_[0]), rel=0.02)
    assert blend.intercept == pytest.approx(plain.intercept_[0], rel=0.02)


def test_one_class_teaches_nothing() -> None:
    with pytest.raises(NotEnoughData, match="one class"):
        fit_blend(np.ones(3), np.ones(3), np.ones(3), SETTINGS)


@pytest.mark.parametrize(("field", "value"), [("layers", 7), ("title_tokens", 2), ("strength", 0.0)])
def test_settings_outside_their_range(field: str, value: float) -> None:
    with pytest.raises(BadConfig, match=field):
        TeacherSettings(**{field: value})  # type: ignore[arg-type]
