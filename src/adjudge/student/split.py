"""The split student: both texts pass the lower layers apart, only the crossing is per pair.

Family: PreTTR (MacAvaney et al. 2020), MORES (Gao et al. 2020), DeFormer (Cao et al. 2020); that every token
of the keyphrase asks, and not [CLS] alone, is ColBERT's late interaction (Khattab and Zaharia 2020) with
attention in place of a maximum. Of a pair with keyphrase tokens i and item tokens j (the null key stands
among them):

    look   a_ij  = softmax_j(q_i . k_j / sqrt(head size))     per head
    unit   h_i   = relu(sum_heads sum_j a_ij v_j + b_i)  `hidden` units, value map and feed-forward in one
    pair   g     = sum_i w_i h_i;   logits = C relu(D g)

q, b and w are the keyphrase's, k and v the item's: all are linear in the states of the lower layers, computed
once per text. The attention's value map and the feed-forward's first matrix are one matrix, since nothing
stands between. At the start q and k are the same map (a token finds its like) and b is minus v (what was
found cancels the token).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adjudge.student import network
from adjudge.student.encode import Encoded, Ids, Specials, Texts, load_tokenizer
from adjudge.student.settings import SplitSettings, StudentSettings
from adjudge.student.split_text import framed, lengths
from adjudge.student.start import Start

WEIGHTS = "weights.safetensors"
FIRST_WEIGHT = 0.25
"""What a keyphrase token weighs in the pooled sum before anything is learned."""


class SplitNetwork(nn.Module):
    """Lower layers (`bert`, a transformers BertModel without pooler) and the crossing."""

    def __init__(self, bert: Any, split: SplitSettings, outputs: int) -> None:
        super().__init__()
        self.bert, self.config, self.split = bert, bert.config, split
        bert.requires_grad_(not split.frozen)
        self.held: dict[bytes, Tensor] = {}
        width, value_width = bert.config.hidden_size, split.heads * split.hidden
        self.query = nn.Linear(width, split.width)
        self.key = nn.Linear(width, split.width)
        self.value = nn.Linear(width, value_width)
        self.own = nn.Linear(width, split.hidden)
        self.weight = nn.Linear(width, 1)
        self.null_key = nn.Parameter(torch.zeros(split.width))
        self.null_value = nn.Parameter(torch.zeros(value_width))
        self.dense = nn.Linear(split.hidden, split.top)
        self.classifier = nn.Linear(split.top, outputs)

    def states(self, ids: Tensor, types: Tensor, mask: Tensor | None = None) -> Tensor:
        """States (texts, tokens, width) of framed texts; types are 0 for a keyphrase, 1 for an item."""
        states = self.bert.embeddings(input_ids=ids, token_type_ids=types)
        bias = None if mask is None else (1.0 - mask[:, None, None, :].to(states.dtype)) * -1e9
        for layer in self.bert.encoder.layer:
            states = network.encoder_layer(layer, states, states, bias)
        # Of unit variance whatever the lower layers are: queries and keys start on one scale, float16 fits.
        return F.layer_norm(states, (self.config.hidden_size,))

    def asks(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of a keyphrase's states (..., width): queries (..., width of the crossing), own share, weight (...,
        1)."""
        scale = math.sqrt(self.split.width // self.split.heads)
        return self.query(states) / scale, self.own(states), F.softplus(self.weight(states))

    def keys_and_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Of an item's states (items, tokens, width): keys and values, the null key in front."""
        keys, values = self.key(states), self.value(states)
        null_key, null_value = self.null_key.expand_as(keys[:, :1]), self.null_value.expand_as(values[:, :1])
        return torch.cat([null_key, keys], 1), torch.cat([null_value, values], 1)

    def cross(
        self,
        queries: list[Tensor],
        own: Tensor,
        told: list[tuple[Tensor, Tensor]],
        pool: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Logits (blocks, pairs, outputs).

        A block is some pairs of one item: queries, by head, (blocks, rows, head size), rows the tokens that
        ask; own (blocks, rows, hidden); told, by head, keys transposed (blocks, head size, tokens) and values
        (blocks, tokens, hidden); pool (blocks, pairs, rows) holds the weight of each row in its pair, else 0;
        bias (blocks, 1, tokens) is added to what is looked for.
        """
        units = own
        for asking, (keys, values) in zip(queries, told, strict=True):
            look = asking @ keys
            units = units + torch.softmax(look if bias is None else look + bias, -1) @ values
        return self.classifier(torch.relu(self.dense(pool @ torch.relu(units))))


def begin(begun: Start, settings: StudentSettings) -> Start:
    """A split network over the lower layers of `begun`; the crossing begins by looking for like tokens."""
    model = SplitNetwork(begun.model.bert, settings.split, settings.outputs)
    model.bert.pooler = None
    if settings.layers < len(model.bert.encoder.layer):
        model.bert.encoder.layer = model.bert.encoder.layer[: settings.layers]
        model.config.num_hidden_layers = settings.layers
    with torch.no_grad():
        types = model.bert.embeddings.token_type_embeddings.weight
        types[1] = types[0]
        _look_alike(model, settings.alike)
        for linear in (model.query, model.key, model.value, model.own, model.weight):
            linear.bias.zero_()
        model.weight.weight.zero_()
        model.weight.bias.fill_(math.log(math.expm1(FIRST_WEIGHT)))
        model.value.weight.normal_(0.0, 1.0 / math.sqrt(model.config.hidden_size))
        model.own.weight.copy_(-model.value.weight.unflatten(0, (settings.split.heads, -1)).mean(0))
        model.value.weight.div_(settings.split.heads)
    return Start(model, begun.tokenizer)


def _look_alike(model: SplitNetwork, gain: float) -> None:
    """Queries and keys of a head are one set of orthonormal rows, `gain` times (see `start.attend_alike`)."""
    size = model.split.width // model.split.heads
    for head in range(model.split.heads):
        rows = slice(head * size, (head + 1) * size)
        shared = torch.linalg.qr(torch.randn(model.config.hidden_size, size))[0].T
        model.query.weight[rows] = (gain or 1.0) * shared
        model.key.weight[rows] = (gain or 1.0) * shared


def load(folder: Path, settings: StudentSettings) -> Start:
    """An earlier split artifact as a start point: lower layers, crossing (of its shape) and tokenizer."""
    from safetensors.torch import load_file
    from transformers import BertConfig, BertModel

    config = BertConfig.from_pretrained(folder, local_files_only=True)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = settings.dropout
    model = SplitNetwork(BertModel(config, add_pooling_layer=False), settings.split, settings.outputs)
    model.load_state_dict(load_file(folder / WEIGHTS))
    return Start(model, load_tokenizer(folder))


def logits(
    model: SplitNetwork,
    pairs: Encoded,
    rows: Ids,
    special: Specials,
    most: tuple[int, int],
    kept: bool = False,
) -> Tensor:
    """Logits (rows, outputs); each distinct text of these rows passes the lower layers once.

    `most` is how many tokens of its own a keyphrase and an item keep. `kept`: states are rounded to float16,
    as scoring keeps them.
    """
    firsts, first_at = np.unique(pairs.first_of[rows], return_inverse=True)
    seconds, second_at = np.unique(pairs.second_of[rows], return_inverse=True)
    asking, asking_mask = _states(model, pairs.first, firsts, most[0], special, False, kept)
    queries, states, weight = model.asks(asking[:, :-1])
    # The last token of each keyphrase is its [SEP], which does not ask; shorter rows end in padding.
    weight = weight[..., 0] * asking_mask[:, 1:]
    telling, told_mask = _states(model, pairs.second, seconds, most[1], special, True, kept)
    keys, values = model.keys_and_values(telling)
    bias = F.pad((1.0 - told_mask[:, None, :]) * -1e9, (1, 0))
    at_k, at_i = torch.from_numpy(first_at), torch.from_numpy(second_at)
    by_head = [part[at_k] for part in queries.chunk(model.split.heads, -1)]
    by_item = [
        (key.transpose(1, 2)[at_i], value[at_i])
        for key, value in zip(
            keys.chunk(model.split.heads, -1), values.chunk(model.split.heads, -1), strict=True
        )
    ]
    return model.cross(by_head, states[at_k], by_item, weight[at_k][:, None, :], bias[at_i])[:, 0]


def _states(
    model: SplitNetwork, texts: Texts, rows: Ids, most: int, special: Specials, item: bool, kept: bool
) -> tuple[Tensor, Tensor]:
    ids, mask = framed(texts, rows, most, special)
    states = (_held if model.split.frozen else _lower)(model, ids, mask, int(item))
    return states.half().float() if kept else states, torch.from_numpy(mask).float()


def _lower(model: SplitNetwork, ids: Ids, mask: Ids, side: int) -> Tensor:
    whole = torch.from_numpy(ids)
    return model.states(
        whole, torch.full_like(whole, side), None if bool(mask.all()) else torch.from_numpy(mask)
    )


def _held(model: SplitNetwork, ids: Ids, mask: Ids, side: int) -> Tensor:
    """The states of frozen lower layers, in float16 as scoring keeps them; each text is computed once."""
    sizes = mask.sum(axis=1)
    keys = [bytes([side]) + row[:size].tobytes() for row, size in zip(ids, sizes, strict=True)]
    missing = np.array([index for index, key in enumerate(keys) if key not in model.held], np.int64)
    if len(missing):
        with torch.no_grad():
            states = _lower(model, ids[missing], mask[missing], side).half()
        for index, state in zip(missing, states, strict=True):
            model.held[keys[index]] = state[: sizes[index]].clone()
    return nn.utils.rnn.pad_sequence([model.held[key] for key in keys], batch_first=True).float()


def plan(pairs: Encoded, tokens: int, run: int, most: tuple[int, int], rng: np.random.Generator) -> list[Ids]:
    """An epoch's batches: runs of at most `run` pairs of one item, in random order, up to `tokens` tokens.

    A run's item counts once, so that a batch holds more pairs than one that reads every pair whole.
    """
    order = rng.permutation(len(pairs.first_of))
    order = order[np.argsort(pairs.second_of[order], kind="stable")]
    item = pairs.second_of[order]
    first = np.flatnonzero(np.r_[True, item[1:] != item[:-1]])
    offset = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    begins = np.flatnonzero(offset % run == 0)
    ends = np.r_[begins[1:], len(order)]
    asked = np.r_[0, np.cumsum(lengths(pairs.first, most[0])[pairs.first_of[order]])]
    cost = asked[ends] - asked[begins] + lengths(pairs.second, most[1])[item[begins]]
    runs = rng.permutation(len(begins))
    batch = np.cumsum(cost[runs]) // tokens
    cuts = np.flatnonzero(np.r_[True, batch[1:] != batch[:-1]])
    return [
        np.concatenate([order[begins[number] : ends[number]] for number in runs[start:end]])
        for start, end in zip(cuts, np.r_[cuts[1:], len(runs)], strict=True)
    ]
