"""The graphs that serve a cross-encoder, over the weights of a transformers `BertForSequenceClassification`.

Two exact savings against the model's own forward (outputs equal to some 1e-6):

- What the first layer makes of a token (its embedding, query, key and value) depends on (id, position, type)
  alone. `First` computes it once for each distinct such triple; `Rest` looks it up.
- In the last layer [CLS] alone asks. Its scores q' W_k x are (W_k' q)' x and its answer sum a (W_v x) is
  W_v (sum a x): the key and value matrices meet one vector a pair and no longer every token. The key's bias
  adds the same to every score, which softmax does not see; the value's adds once, since the shares sum to 1.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from adjudge.student import network

OPSET = 17
TABLES = ("states", "queries", "keys", "values")
WHOLE = ("input_ids", "attention_mask", "token_type_ids")


def write_graphs(model: Any, folder: Path) -> None:
    """Write model.onnx (the whole graph), first.onnx and rest.onnx to `folder`.

    model  input_ids, attention_mask, token_type_ids (rows, tokens) -> logits (rows, outputs) first  ids,
    positions, types (triples) -> states (triples, width) and, of more than one layer, queries (scaled),
           keys, values (heads, triples, width / heads)
    rest   these tables and index (rows, tokens) into them -> logits. All rows are taken to fill their length.
    """
    model = model.eval()
    pair = {0: "rows", 1: "tokens"}
    ids = torch.tensor([[1, 2, 3, 4, 5], [1, 2, 3, 0, 0]])
    mask = (ids > 0).long()
    free = {**dict.fromkeys(WHOLE, pair), "logits": {0: "rows"}}
    _write(
        Whole(model), (ids, mask, torch.zeros_like(ids)), folder / "model.onnx", (WHOLE, ("logits",)), free
    )
    triples = (ids.flatten(), torch.arange(10) % 5, torch.zeros(10, dtype=torch.int64))
    first = First(model)
    with torch.no_grad():
        made = first(*triples)
    tables = TABLES[: len(made)]
    names = ("ids", "positions", "types")
    sizes = {name: {0 if name == "states" else 1: "triples"} for name in tables}
    free = {**{name: {0: "triples"} for name in names}, **sizes}
    _write(first, triples, folder / "first.onnx", (names, tables), free)
    free = {**sizes, "index": pair, "logits": {0: "rows"}}
    index = torch.arange(10).view(2, 5)
    _write(Rest(model), (index, *made), folder / "rest.onnx", (("index", *tables), ("logits",)), free)


def _write(
    graph: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    free: dict[str, dict[int, str]],
) -> None:
    with warnings.catch_warnings():
        # The older exporter is asked for on purpose: the newer one's graph runs 14-45 % slower.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.eval(),
            example,
            str(path),
            input_names=list(names[0]),
            output_names=list(names[1]),
            dynamic_axes=free,
            opset_version=OPSET,
            dynamo=False,
        )


class Whole(nn.Module):
    """The forward pass with the input names of a transformers export; padding is masked."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        states = self.model.bert.embeddings(input_ids=ids, token_type_ids=types)
        bias = (1.0 - mask[:, None, None, :].to(states.dtype)) * -1e9
        for layer in list(self.model.bert.encoder.layer)[:-1]:
            states = network.encoder_layer(layer, states, states, bias)
        return top(self.model, states, bias[:, 0])


class First(nn.Module):
    """The first layer's share of each (id, position, type)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, positions: Tensor, types: Tensor) -> tuple[Tensor, ...]:
        bert = self.model.bert
        states = bert.embeddings(
            input_ids=ids[None], token_type_ids=types[None], position_ids=positions[None]
        )[0]
        if len(bert.encoder.layer) == 1:
            return (states,)
        part = bert.encoder.layer[0].attention.self
        heads = part.num_attention_heads
        scale = (part.query.weight.shape[0] // heads) ** -0.5
        made = (part.query(states) * scale, part.key(states), part.value(states))
        return (states, *(column.unflatten(1, (heads, -1)).transpose(0, 1) for column in made))


class Rest(nn.Module):
    """All after `First`, by rows of indices into its tables."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, index: Tensor, *tables: Tensor) -> Tensor:
        states, layers = tables[0][index], list(self.model.bert.encoder.layer)
        if len(layers) > 1:
            # (heads, rows, tokens, width / heads): gathered so, nothing has to be transposed.
            queries, keys, values = (table[:, index] for table in tables[1:])
            context = torch.softmax(queries @ keys.transpose(2, 3), -1) @ values
            states = layers[0].attention.output(context.permute(1, 2, 0, 3).flatten(2), states)
            states = layers[0].output(layers[0].intermediate(states), states)
        for layer in layers[1:-1]:
            states = network.encoder_layer(layer, states, states, None)
        return top(self.model, states, None)


def top(model: Any, states: Tensor, bias: Tensor | None) -> Tensor:
    """Logits from the states below the last layer (rows, tokens, width); `bias` is (rows, 1, tokens) or
    absent."""
    layer, pooler = model.bert.encoder.layer[-1], model.bert.pooler
    part = layer.attention.self
    heads, width = part.num_attention_heads, part.query.weight.shape[0]
    size = width // heads
    first = states[:, 0]
    key = part.key.weight.view(heads, size, -1) * size**-0.5
    value = part.value.weight.view(heads, size, -1).transpose(1, 2)
    asked = (part.query(first).unflatten(1, (heads, size)).transpose(0, 1) @ key).transpose(0, 1)
    scores = asked @ states.transpose(1, 2)
    if bias is not None:
        scores = scores + bias
    context = torch.softmax(scores, -1) @ states
    attended = (context.transpose(0, 1) @ value).transpose(0, 1).flatten(1) + part.value.bias
    after = layer.attention.output(attended, first)
    last = layer.output(layer.intermediate(after), after)
    return model.classifier(pooler.activation(pooler.dense(last)))
