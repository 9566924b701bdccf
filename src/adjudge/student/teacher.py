"""A teacher that reads keyphrase and title apart: MiniLM's six layers, compared token by token.

Two similarities of a pair, both of frozen vectors, so that every text is read once and every (keyphrase,
title) pair of a collection costs a few products:

    cosine   of the two texts' mean vectors (what `all-MiniLM-L6-v2` was trained for)
    overlap  the mean over the keyphrase's tokens of the highest cosine with any of the title's tokens: the
             MaxSim of ColBERT (Khattab and Zaharia 2020, section 3.3), here without any training

`Blend` weighs the two by a logistic regression on labelled pairs; that is all a teacher learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from adjudge.config import setting, settings
from adjudge.errors import NotEnoughData
from adjudge.records import Progress, no_progress
from adjudge.student.encode import batches

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

TOKENS_A_BATCH = 2048
TOKENS_A_BLOCK = 192
"""Keyphrase tokens compared with all titles' tokens at once: 40 MB for 55,000 title tokens."""


@settings
class TeacherSettings:
    """The teacher: MiniLM's layers, read apart, and a logistic regression over its similarities."""

    layers: Annotated[int, setting("Layers of MiniLM, counted from the input.", ge=1, le=6)] = 6
    keyphrase_tokens: Annotated[int, setting("Tokens kept of a keyphrase.", ge=3, le=510)] = 32
    title_tokens: Annotated[int, setting("Tokens kept of a title.", ge=3, le=510)] = 62
    strength: Annotated[
        float,
        setting("Inverse L2 strength of the regression, on standardised similarities.", ge=1e-6, le=1e6),
    ] = 1.0


@dataclass(frozen=True)
class Vectors:
    """Texts as unit vectors. `means` float32 [texts, width]; `tokens` float16 [all tokens, width], those of
    text t
    from `starts[t]` on. Every text has at least one token ([UNK] stands for a blank one)."""

    means: Floats
    tokens: NDArray[np.float16]
    starts: Ints

    def __len__(self) -> int:
        return len(self.means)

    def take(self, number: int) -> Vectors:
        """The first `number` texts."""
        end = self.starts[number] if number < len(self.starts) else len(self.tokens)
        return Vectors(self.means[:number], self.tokens[:end], self.starts[:number])

    def of(self, text: int) -> Floats:
        """The token vectors of one text, float32 [its tokens, width]."""
        end = self.starts[text + 1] if text + 1 < len(self.starts) else len(self.tokens)
        return np.asarray(self.tokens[self.starts[text] : end], np.float32)


@dataclass(frozen=True)
class Blend:
    """logit = intercept + slopes . (cosine, overlap).

    Slopes (2, 3), intercept -1: cosine 0.5 and overlap 0.75 give the logit 2.25.
    """

    slopes: tuple[float, float]
    intercept: float

    def __call__(self, cosine: np.ndarray, overlap: np.ndarray) -> np.ndarray:
        return self.intercept + self.slopes[0] * cosine + self.slopes[1] * overlap


def embed(
    texts: Sequence[str], most_tokens: int, settings: TeacherSettings, progress: Progress = no_progress
) -> Vectors:
    """Run MiniLM's first `settings.layers` layers over distinct texts, each cut to `most_tokens` tokens.

    Raises MissingExtra where the package with the weights is not installed.
    """
    import torch
    from transformers import BertModel

    from adjudge.quiet import quiet_transformers
    from adjudge.student.start import minilm_folder

    folder = minilm_folder()
    ids = _token_ids(folder, texts, most_tokens)
    with quiet_transformers():
        model = BertModel.from_pretrained(folder, num_hidden_layers=settings.layers, local_files_only=True)
    model.eval()
    lengths = np.array([len(tokens) for tokens in ids], np.int64)
    inner = lengths - 2
    starts = np.concatenate([[0], np.cumsum(inner)[:-1]]).astype(np.int64)
    means = np.zeros((len(ids), model.config.hidden_size), np.float32)
    tokens = np.zeros((int(inner.sum()), model.config.hidden_size), np.float16)
    done = 0
    with torch.inference_mode():
        for rows in batches(lengths, TOKENS_A_BATCH, exact=True):
            states = model(input_ids=torch.tensor([ids[row] for row in rows])).last_hidden_state
            means[rows] = torch.nn.functional.normalize(states.mean(1), dim=-1).numpy()
            unit = torch.nn.functional.normalize(states[:, 1:-1], dim=-1).numpy()
            for index, row in enumerate(rows):
                tokens[starts[row] : starts[row] + inner[row]] = unit[index]
            done += len(rows)
            progress("teacher reads texts", done, len(ids))
    return Vectors(means, tokens, starts)


def similarities(
    keyphrases: Vectors, titles: Vectors, progress: Progress = no_progress
) -> tuple[Floats, Floats]:
    """Cosine and overlap of every keyphrase with every title, each float32 [keyphrases, titles].

    Tokens (1, 0) and (0, 1) against a title with tokens (1, 0) and (.6, .8): overlap (1 + .8) / 2 = 0.9.
    """
    cosine = keyphrases.means @ titles.means.T
    overlap = np.empty_like(cosine)
    everything = np.asarray(titles.tokens, np.float32).T
    ends = np.append(keyphrases.starts[1:], len(keyphrases.tokens))
    first = 0
    while first < len(keyphrases):
        last = max(
            first + 1, int(np.searchsorted(ends, keyphrases.starts[first] + TOKENS_A_BLOCK, side="right"))
        )
        block = np.asarray(keyphrases.tokens[keyphrases.starts[first] : ends[last - 1]], np.float32)
        highest = np.maximum.reduceat(block @ everything, titles.starts, axis=1)
        sums = np.add.reduceat(highest, keyphrases.starts[first:last] - keyphrases.starts[first], axis=0)
        overlap[first:last] = sums / (ends[first:last] - keyphrases.starts[first:last])[:, None]
        first = last
        progress("teacher compares texts", first, len(keyphrases))
    return cosine, overlap


def of_pairs(keyphrases: Vectors, titles: Vectors, left: Ints, right: Ints) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and overlap of pairs given by number (keyphrase left[i], title right[i]): float64 [pairs]."""
    cosine = np.einsum("pw,pw->p", keyphrases.means[left], titles.means[right]).astype(np.float64)
    overlap = np.array(
        [(keyphrases.of(k) @ titles.of(t).T).max(axis=1).mean() for k, t in zip(left, right, strict=True)],
        np.float64,
    )
    return cosine, overlap


def fit_blend(
    cosine: np.ndarray, overlap: np.ndarray, labels: np.ndarray, settings: TeacherSettings
) -> Blend:
    """Weigh the two similarities on labelled pairs (labels 0 or 1), both classes weighing the same.

    Raises NotEnoughData where only one class is there.
    """
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) < 2:
        raise NotEnoughData(
            f"the teacher's blend has {len(labels)} labelled pairs of one class; both relevant and "
            "irrelevant pairs are needed. Widen the recipe."
        )
    features = np.column_stack([cosine, overlap]).astype(np.float64)
    centre, spread = features.mean(0), features.std(0) + 1e-9
    model = LogisticRegression(C=settings.strength, class_weight="balanced", max_iter=1000)
    model.fit((features - centre) / spread, labels)
    slopes = model.coef_[0] / spread
    return Blend((float(slopes[0]), float(slopes[1])), float(model.intercept_[0] - slopes @ centre))


def _token_ids(folder: Path, texts: Sequence[str], most: int) -> list[list[int]]:
    """Ids with [CLS] and [SEP], at most `most` of them; a text without tokens gets [UNK]."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    cls, sep, unknown = (tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]", "[UNK]"))
    encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [[cls, *(encoding.ids[: most - 2] or [unknown]), sep] for encoding in encodings]
