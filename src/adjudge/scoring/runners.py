"""ONNX runners of a cross-encoder: batches of pairs to logits, in three ways.

A runner cuts batches into groups (`plan`); a group is one thread's work (`run`). Groups do not depend on how
many threads there are, so neither do scores.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from adjudge.errors import BadArtifact, MissingExtra
from adjudge.manifest import Manifest
from adjudge.scoring.graphs import open_graph
from adjudge.scoring.precision.choose import FILES
from adjudge.scoring.precision.cpu import WITH_OPENVINO
from adjudge.student.encode import Encoded, Ids, Specials, assemble

GROUP_TOKENS = 65_536
"""Tokens that share one table, at most: more find more in common, fewer share out better (design/0016)."""
LEAST_TOKENS, LEAST_GROUPS = 8_192, 8
TABLE_BYTES = 2**26
"""A group whose tables would be larger is halved: memory stays bounded where texts have nothing in common."""


class OnnxRunner(Protocol):
    """`plan` shares out batches; `run` gives the logits (rows, outputs) of each batch of a group, in
    order."""

    def plan(self, lengths: Ids, batches: Sequence[Ids]) -> list[list[Ids]]: ...

    def run(self, encoded: Encoded, special: Specials, group: Sequence[Ids]) -> list[np.ndarray]: ...


@dataclass(frozen=True)
class WholeGraphRunner:
    """The whole graph on each batch, in onnxruntime: for an artifact without tables."""

    session: Any

    def plan(self, lengths: Ids, batches: Sequence[Ids]) -> list[list[Ids]]:
        return [[rows] for rows in batches]

    def run(self, encoded: Encoded, special: Specials, group: Sequence[Ids]) -> list[np.ndarray]:
        return [self.session.run(["logits"], _inputs(*assemble(encoded, rows, special)))[0] for rows in group]


@dataclass(frozen=True)
class TableRunner:
    """`first` once on each distinct (id, position, type) of a group, then `rest` on each batch, in
    onnxruntime."""

    first: Any
    rest: Any
    width: int

    def plan(self, lengths: Ids, batches: Sequence[Ids]) -> list[list[Ids]]:
        groups: list[list[Ids]] = []
        # A small table is cut finer, so that every worker has something to do.
        most = min(GROUP_TOKENS, max(LEAST_TOKENS, -(-int(lengths.sum()) // LEAST_GROUPS)))
        tokens = most
        for rows in batches:
            if tokens >= most:
                groups.append([])
                tokens = 0
            groups[-1].append(rows)
            tokens += len(rows) * int(lengths[rows[0]])
        return groups

    def run(self, encoded: Encoded, special: Specials, group: Sequence[Ids]) -> list[np.ndarray]:
        return [self.rest.run(["logits"], feed)[0] for feed in self.feeds(encoded, special, group)]

    def feeds(
        self, encoded: Encoded, special: Specials, group: Sequence[Ids]
    ) -> Iterator[dict[str, np.ndarray]]:
        """The inputs of `rest` for each batch of a group, in order."""
        parts = [assemble(encoded, rows, special)[:2] for rows in group]
        vocabulary = 1 + max(int(ids.max()) for ids, _ in parts)
        longest = max(ids.shape[1] for ids, _ in parts)
        keys = [(types * longest + np.arange(ids.shape[1])) * vocabulary + ids for ids, types in parts]
        triples, places = _distinct(keys)
        if len(group) > 1 and len(triples) * self.width * 4 * len(self.tables) > TABLE_BYTES:
            half = len(group) // 2
            yield from self.feeds(encoded, special, group[:half])
            yield from self.feeds(encoded, special, group[half:])
            return
        inputs = {
            "ids": triples % vocabulary,
            "positions": triples // vocabulary % longest,
            "types": triples // (vocabulary * longest),
        }
        tables = dict(zip(self.tables, self.first.run(self.tables, inputs), strict=True))
        for index in places:
            yield {"index": index, **tables}

    @property
    def tables(self) -> list[str]:
        """The names of the tables: states, and of more than one layer queries, keys and values."""
        return [output.name for output in self.first.get_outputs()]


@dataclass(frozen=True)
class OpenvinoRunner:
    """`TableRunner`, with `rest` in OpenVINO: one stream of one thread per worker.

    OpenVINO builds its kernels anew for every shape (some 10 ms), so batches are filled up to a power of two
    rows, or to the largest batch of their length: a few shapes per length, whatever the table. And it
    converts all tables it is given, so a batch gets its own rows of them alone.
    """

    tables: TableRunner
    requests: queue.SimpleQueue[Any]
    batch_tokens: int

    def plan(self, lengths: Ids, batches: Sequence[Ids]) -> list[list[Ids]]:
        return self.tables.plan(lengths, batches)

    def run(self, encoded: Encoded, special: Specials, group: Sequence[Ids]) -> list[np.ndarray]:
        request = self.requests.get()
        try:
            return [self._batch(request, **feed) for feed in self.tables.feeds(encoded, special, group)]
        finally:
            self.requests.put(request)

    def _batch(self, request: Any, index: Ids, states: np.ndarray, **heads: np.ndarray) -> np.ndarray:
        rows, tokens = index.shape
        most = max(rows, self.batch_tokens // tokens)
        filled = min(most, 1 << (rows - 1).bit_length())
        used = np.zeros(len(states), bool)
        used[index] = True
        entries = np.flatnonzero(used)
        renumbered = np.cumsum(used) - 1
        wide = renumbered[np.concatenate([index, np.repeat(index[-1:], filled - rows, axis=0)])]
        tables = {"states": states[entries]} | {name: table[:, entries] for name, table in heads.items()}
        outputs = request.infer({"index": wide, **tables}, share_inputs=True, share_outputs=True)
        return np.array(outputs[0][:rows])


def _distinct(keys: Sequence[Ids]) -> tuple[Ids, list[Ids]]:
    """The distinct values, and where each stands among them, in the shapes given.

    [[5, 3]] and [[3], [9]]: 3, 5, 9, and [[1, 0]] and [[0], [2]].
    """
    distinct, places = np.unique(np.concatenate([part.ravel() for part in keys]), return_inverse=True)
    cuts = np.cumsum([part.size for part in keys])[:-1]
    shaped = [flat.reshape(part.shape) for flat, part in zip(np.split(places, cuts), keys, strict=True)]
    return distinct, shaped


def _inputs(ids: Ids, types: Ids, mask: Ids) -> dict[str, Ids]:
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def open_runner(
    folder: Path, manifest: Manifest, precision: str, workers: int, batch_tokens: int
) -> OnnxRunner:
    """The runner of an artifact in a precision. An artifact from before there were tables runs
    whole, in float32."""
    if "onnx/first.onnx" not in manifest.files:
        return WholeGraphRunner(open_graph(folder / "onnx" / "model.onnx"))
    first = open_graph(folder / "onnx" / "first.onnx")
    width = int(first.get_outputs()[0].shape[1])
    path = folder / (FILES.get(precision) or "onnx/rest.onnx")
    if precision in WITH_OPENVINO:
        return OpenvinoRunner(TableRunner(first, None, width), _streams(path, workers), batch_tokens)
    return TableRunner(first, open_graph(path), width)


def _streams(path: Path, workers: int) -> queue.SimpleQueue[Any]:
    """`workers` infer requests of one thread each, in bfloat16."""
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("openvino", "openvino") from error
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "INFERENCE_NUM_THREADS": workers,
        "NUM_STREAMS": workers,
        "ENABLE_CPU_PINNING": False,
    }
    try:
        model = openvino.Core().compile_model(str(path), "CPU", settings)
    except RuntimeError as error:
        raise BadArtifact(
            f"{path} cannot be opened by OpenVINO: {str(error).splitlines()[0]}. Train the model again, or "
            "use --precision fp32."
        ) from error
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for _ in range(workers):
        requests.put(model.create_infer_request())
    return requests
