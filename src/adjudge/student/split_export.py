"""A split student's files: weights for torch, and the graphs that scoring runs (split_artifact.GRAPHS)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from adjudge.config import from_dict
from adjudge.manifest import read_any
from adjudge.student import split, split_artifact
from adjudge.student.encode import encode, specials
from adjudge.student.export import Form, Trained, fold, write_tokenizer
from adjudge.student.serving import OPSET
from adjudge.student.settings import StudentSettings
from adjudge.student.split import WEIGHTS, SplitNetwork
from adjudge.student.text import text_columns

ROWS_A_FORWARD = 32


def write(trained: Trained, folder: Path) -> None:
    """Weights, the lower layers' config, tokenizer and graphs, calibration folded in."""
    from safetensors.torch import save_file

    fold(trained.model, trained.calibration)
    model: SplitNetwork = trained.model.eval()
    model.config.save_pretrained(folder)
    save_file({name: part.contiguous() for name, part in model.state_dict().items()}, folder / WEIGHTS)
    (folder / WEIGHTS).chmod((folder / "config.json").stat().st_mode)
    write_tokenizer(trained, folder)
    write_graphs(model, folder / "onnx")


def reference_logits(folder: Path, pairs: pa.Table) -> np.ndarray:
    """Logits (rows, outputs) by torch from the weights in the folder, the way training computes them, states
    rounded."""
    settings = from_dict(StudentSettings, read_any(folder)["config"])
    begun = split.load(folder, settings)
    model, special = begun.model.eval(), specials(begun.tokenizer)
    encoded = encode(begun.tokenizer, *text_columns(pairs), settings.max_length)
    most = split_artifact.limits(settings)
    with torch.no_grad():
        parts = [
            split.logits(
                model, encoded, np.arange(at, min(at + ROWS_A_FORWARD, len(pairs))), special, most, kept=True
            )
            for at in range(0, len(pairs), ROWS_A_FORWARD)
        ]
    return torch.cat(parts).double().numpy()


class _LowerLayers(nn.Module):
    def __init__(self, model: SplitNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        return self.model.states(ids, types)


class _KeyphraseSide(nn.Module):
    """States (tokens, width) -> queries by head (tokens, head size), own (tokens, hidden), weights."""

    def __init__(self, model: SplitNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(self, states: Tensor) -> tuple[Tensor, ...]:
        queries, states, weight = self.model.asks(states)
        return (*queries.chunk(self.model.split.heads, -1), states, weight[:, 0])


class _ItemSide(nn.Module):
    """states (items, tokens, width) -> keys (items, tokens + 1, crossing's width), values (.., heads x
    hidden)."""

    def __init__(self, model: SplitNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(self, states: Tensor) -> tuple[Tensor, ...]:
        return self.model.keys_and_values(states)


class _Crossing(nn.Module):
    """See `names_of_cross`: tables of texts and the places of blocks in them -> logits (blocks, pairs,
    outputs)."""

    def __init__(self, model: SplitNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> Tensor:
        heads = self.model.split.heads
        queries, (states, keys, values, rows, items, pool) = inputs[:heads], inputs[heads:]
        by_item = [
            (key.transpose(1, 2)[items], value[items])
            for key, value in zip(keys.chunk(heads, -1), values.chunk(heads, -1), strict=True)
        ]
        return self.model.cross([query[rows] for query in queries], states[rows], by_item, pool)


def names_of_cross(heads: int) -> list[str]:
    """queries_h and own: tables over keyphrase tokens; keys, values: over items of one length; rows (blocks,
    rows):
    places in the first; items (blocks,): in the second; pool (blocks, pairs, rows): the weights."""
    return [*(f"queries_{head}" for head in range(heads)), "own", "keys", "values", "rows", "items", "pool"]


def write_graphs(model: SplitNetwork, folder: Path) -> None:
    """The four graphs, all sizes but the network's own free."""
    split_, width = model.split, model.config.hidden_size
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 4, 3]])
    free = {0: "texts", 1: "tokens"}
    _write(
        _LowerLayers(model),
        (ids, torch.zeros_like(ids)),
        folder / "lower.onnx",
        {"ids": free, "types": free},
        {"states": free},
    )
    asks = [*names_of_cross(split_.heads)[: split_.heads + 1], "weight"]
    tokens_axis = {0: "tokens"}
    _write(
        _KeyphraseSide(model),
        (torch.randn(5, width),),
        folder / "asks.onnx",
        {"states": tokens_axis},
        dict.fromkeys(asks, tokens_axis),
    )
    output_axes = {"keys": free, "values": free}
    _write(_ItemSide(model), (torch.randn(3, 4, width),), folder / "told.onnx", {"states": free}, output_axes)
    names = names_of_cross(split_.heads)
    size, hidden = split_.width // split_.heads, split_.hidden
    tables: list[Any] = [torch.randn(7, size) for _ in range(split_.heads)]
    tables += [
        torch.randn(7, hidden),
        torch.randn(3, 5, split_.width),
        torch.randn(3, 5, split_.heads * hidden),
    ]
    tables += [torch.tensor([[0, 1, 2, 3], [4, 5, 6, 0]]), torch.tensor([2, 1]), torch.rand(2, 2, 4)]
    sizes: list[dict[int, str]] = [{0: "asking"}] * (split_.heads + 1)
    sizes += [{0: "items", 1: "tokens"}] * 2
    sizes += [{0: "blocks", 1: "rows"}, {0: "blocks"}, {0: "blocks", 1: "pairs", 2: "rows"}]
    axes = dict(zip(names, sizes, strict=True))
    _write(
        _Crossing(model), tuple(tables), folder / "cross.onnx", axes, {"logits": {0: "blocks", 1: "pairs"}}
    )


def _write(
    graph: nn.Module,
    inputs: tuple[Any, ...],
    path: Path,
    given: dict[str, dict[int, str]],
    found: dict[str, dict[int, str]],
) -> None:
    with warnings.catch_warnings():
        # The older exporter is asked for on purpose: the newer one's graph runs 14-45 % slower.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.eval(),
            inputs,
            str(path),
            input_names=list(given),
            output_names=list(found),
            dynamic_axes={**given, **found},
            opset_version=OPSET,
            dynamo=False,
        )


SPLIT = Form(split_artifact.KIND, split_artifact.DECIDING, write, reference_logits)
