"""The forward pass of a cross-encoder, over the weights of a transformers `BertForSequenceClassification`.

Its outputs equal the model's own forward (dropout apart). Only what the classifier reads is computed in the
last layer: [CLS] alone asks there, which saves about 40 % of a two-layer model, in training as in scoring.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


def logits(model: Any, ids: Tensor, types: Tensor, mask: Tensor | None = None) -> Tensor:
    """Logits (rows, outputs) of int64 ids and types (rows, tokens); `mask` is 1 at tokens, 0 at padding.

    Without a mask every row is taken to fill its whole length.
    """
    states = model.bert.embeddings(input_ids=ids, token_type_ids=types)
    bias = None if mask is None else (1.0 - mask[:, None, None, :].to(states.dtype)) * -1e9
    layers = list(model.bert.encoder.layer)
    for layer in layers[:-1]:
        states = encoder_layer(layer, states, states, bias)
    top = encoder_layer(layers[-1], states[:, :1], states, bias)
    pooler = model.bert.pooler
    pooled = pooler.activation(pooler.dense(top[:, 0]))
    return model.classifier(model.dropout(pooled))


def encoder_layer(layer: Any, asking: Tensor, told: Tensor, bias: Tensor | None) -> Tensor:
    """One encoder layer in which `asking` (rows, n, width) attends to `told` (rows, tokens, width)."""
    attention = layer.attention.self
    query, key, value = (
        _heads(part, attention.num_attention_heads)
        for part in (attention.query(asking), attention.key(told), attention.value(told))
    )
    dropout = attention.dropout.p if layer.training else 0.0
    context = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropout)
    states = layer.attention.output(context.transpose(1, 2).flatten(2), asking)
    return layer.output(layer.intermediate(states), states)


def _heads(states: Tensor, heads: int) -> Tensor:
    return states.unflatten(2, (heads, -1)).transpose(1, 2)


class CoralHead(nn.Module):
    """CORAL's classifier: one weight vector, a bias a threshold, so that the thresholds cannot cross.

    It can be held by a plain linear layer with equal rows (`as_linear`), which transformers loads.
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, width).normal_(0.0, 0.02))
        self.bias = nn.Parameter(torch.linspace(outputs / 2, -outputs / 2, outputs))

    @classmethod
    def like(cls, linear: nn.Linear, outputs: int) -> CoralHead:
        """A head that goes on from a trained layer of one logit, or of equal rows (a CORAL head as saved);
        thresholds that it has not lie around its one bias. From any other layer only the width is taken.

        Weight (1, 2), bias .5, two outputs: the same weight, biases 1.5 and -.5.
        """
        head = cls(linear.in_features, outputs)
        with torch.no_grad():
            if (linear.weight == linear.weight[:1]).all():
                head.weight.copy_(linear.weight[:1])
                if linear.out_features == outputs:
                    head.bias.copy_(linear.bias)
                else:
                    head.bias.add_(linear.bias.mean())
        return head

    def forward(self, pooled: Tensor) -> Tensor:
        return F.linear(pooled, self.weight) + self.bias

    def as_linear(self) -> nn.Linear:
        """The same function as a linear layer of `outputs` equal rows."""
        outputs, width = len(self.bias), self.weight.shape[1]
        linear = nn.Linear(width, outputs)
        with torch.no_grad():
            linear.weight.copy_(self.weight.expand(outputs, width))
            linear.bias.copy_(self.bias)
        return linear


def narrow_vocabulary(model: Any, used: np.ndarray, padding: int) -> Tensor:
    """Keep only the `used` rows (sorted ids) of the word embeddings while training; returns the full matrix.

    A row whose token never occurs gets no gradient and no decay, so training the rows that occur is
    training them all, and the optimiser is spared up to nine tenths of the parameters. `padding` is the
    place of [PAD] in `used`.
    """
    full = model.bert.embeddings.word_embeddings.weight.detach().clone()
    _embed(model, full[torch.from_numpy(used)].clone(), padding)
    return full


def widen_vocabulary(model: Any, used: np.ndarray, full: Tensor, padding: int) -> None:
    """Undo `narrow_vocabulary`: the trained rows go back to their places; `padding` is the id of [PAD]."""
    full = full.clone()
    full[torch.from_numpy(used)] = model.bert.embeddings.word_embeddings.weight.detach()
    _embed(model, full, padding)


def _embed(model: Any, weights: Tensor, padding: int) -> None:
    frozen = not model.bert.embeddings.word_embeddings.weight.requires_grad
    table = nn.Embedding.from_pretrained(weights, freeze=frozen, padding_idx=padding)
    model.bert.embeddings.word_embeddings = table
