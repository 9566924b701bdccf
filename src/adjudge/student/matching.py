"""A start point that already compares: word vectors of MiniLM, and a first layer set to match tokens across texts.

A small cross-encoder with random layers needs hundreds of thousands of pairs to find out that relevance is about
equal words. Here its first attention layer is set, not learned, to do that comparison (design/0008):

- the word vectors are MiniLM's on their first principal axes (`words` of them), and one further axis, the flag,
  holds +flag in the keyphrase and -flag in the title (the token type embedding);
- queries and keys of every head are the vectors' leading axes, so that similar tokens attend to each other; on the
  flag axis their product is negative within a text and positive across, so that a token looks for its like in the
  *other* text and not at itself;
- value and output subtract what was found: a matched token's word axes nearly vanish, and the layer norm that
  follows then lifts its flag. A token's flag after the first layer says how well it is matched.

The mean flag of a keyphrase's tokens ranks ESCI pairs about as well as word overlap before any training. Idea of
setting attention by hand: mimetic initialisation (Trockman and Kolter 2023), there for attention within one text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adjudge.config import check_range
from adjudge.errors import BadConfig

FLAG_AXES = 2
"""Axes of each head that are not word axes: the flag, and one left free."""
POSITIONS = 512


@dataclass(frozen=True)
class MatchingSettings:
    """layers, width, heads: size of the network. flag: of a token's type; look: scale of queries and keys on the word
    axes; across: the same on the flag; subtract: share of the found token that is taken away; positions: scale of
    MiniLM's position vectors (0 = none at the start)."""

    layers: int = 2
    width: int = 128
    heads: int = 2
    flag: float = 3.0
    look: float = 1.0
    across: float = 2.7
    subtract: float = 0.9
    positions: float = 0.3
    seed: int = 7

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_range(name, "layers", self.layers, 1, 48)
        check_range(name, "width", self.width, 8, 384)
        check_range(name, "heads", self.heads, 1, 64)
        for field in ("flag", "look", "across", "positions"):
            check_range(name, field, getattr(self, field), 0, 100)
        check_range(name, "subtract", self.subtract, 0, 2)
        check_range(name, "seed", self.seed, 0, 2**31 - 1)
        if self.width % self.heads or self.width // self.heads <= FLAG_AXES:
            raise BadConfig(
                f"{name}.heads is {self.heads}: it must divide width {self.width} and leave each head more than "
                f"{FLAG_AXES} axes"
            )

    @property
    def words(self) -> int:
        """Word axes in all; the flag is the axis after them."""
        return self.width - FLAG_AXES * self.heads


def write_start(folder: Path, settings: MatchingSettings) -> Path:
    """Save the start point as a folder that `StudentSettings.start` (and transformers) loads.

    Raises MissingExtra where the package with MiniLM's weights is not installed.
    """
    import torch
    from transformers import AutoTokenizer, BertModel

    from adjudge.student.quiet import quiet
    from adjudge.student.start import minilm_folder

    where = minilm_folder()
    with quiet(), torch.random.fork_rng(devices=[]), torch.no_grad():
        source = BertModel.from_pretrained(where, num_hidden_layers=1, local_files_only=True).embeddings
        torch.manual_seed(settings.seed)
        model = _network(settings, source.word_embeddings.num_embeddings)
        _fill_embeddings(model.bert.embeddings, source, settings)
        _set_to_match(model.bert.encoder.layer[0].attention, settings)
        folder.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(where, local_files_only=True).save_pretrained(folder)
    return folder


def axes(vectors: Any, number: int) -> Any:
    """The first `number` principal axes, float64 [width, number], each with its largest entry positive."""
    import torch

    centred = (vectors - vectors.mean(dim=0)).double()
    found = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :number]
    largest = found.gather(0, found.abs().argmax(dim=0, keepdim=True))
    return found * torch.sign(largest)


def _network(settings: MatchingSettings, vocabulary: int) -> Any:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.width,
        max_position_embeddings=POSITIONS,
    )
    config.num_labels = 1
    return BertForSequenceClassification(config)


def _fill_embeddings(target: Any, source: Any, settings: MatchingSettings) -> None:
    """Word and position vectors on the principal axes (standard deviation 1 in all), types on the flag axis."""
    words = source.word_embeddings.weight.double()
    onto = axes(words, settings.words)
    projected = (words - words.mean(dim=0)) @ onto
    scale = 1.0 / projected.std()
    places = source.position_embeddings.weight[:POSITIONS].double() @ onto
    places = (places - places.mean(dim=0)) * scale * settings.positions
    for table in (target.word_embeddings, target.position_embeddings, target.token_type_embeddings):
        table.weight.zero_()
    target.word_embeddings.weight[:, : settings.words] = (projected * scale).float()
    target.position_embeddings.weight[:, : settings.words] = places.float()
    target.token_type_embeddings.weight[:, settings.words] = settings.flag * _signs()


def _signs() -> Any:
    import torch

    return torch.tensor([1.0, -1.0])


def _set_to_match(attention: Any, settings: MatchingSettings) -> None:
    """Queries, keys, values and output of one attention layer, as the head of this file says."""
    size = settings.width // settings.heads
    inner, flag = size - FLAG_AXES, settings.words
    one = attention.self
    for linear in (one.query, one.key, one.value, attention.output.dense):
        linear.weight.zero_()
    inside = np.arange(inner)
    for head in range(settings.heads):
        rows, own = head * size + inside, head * inner + inside
        one.query.weight[rows, inside] = settings.look
        one.key.weight[rows, inside] = settings.look
        one.query.weight[head * size + inner, flag] = -settings.across
        one.key.weight[head * size + inner, flag] = settings.across
        one.value.weight[rows, own] = 1.0
        attention.output.dense.weight[own, rows] = -settings.subtract
