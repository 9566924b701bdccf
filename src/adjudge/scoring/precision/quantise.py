"""Reduced precisions of an artifact: made, judged by the parity gate, and written down with their figures.

int8 is static: the ranges of activations are found once, on pairs the model was trained on, so that a pair's
score does not depend on its batch (a dynamic range would be the batch's). Only products over all tokens are
quantised; the last layer, where [CLS] alone asks, and everything between products stay in float32.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from adjudge.config import to_dict
from adjudge.errors import BadArtifact, MissingExtra
from adjudge.manifest import Manifest, hash_of, set_precisions
from adjudge.records import Progress, no_progress
from adjudge.scoring.core import CrossEncoderScorer, open_ungated
from adjudge.scoring.open_model import BATCH_TOKENS
from adjudge.scoring.precision.choose import EXACT, FILES, INT8_FILE, GateVerdict, verdict_of
from adjudge.scoring.precision.cpu import units
from adjudge.scoring.precision.parity_gate import GateLimits, Parity, parity
from adjudge.scoring.runners import TableRunner
from adjudge.storage.files import fresh_file
from adjudge.student.artifact import guard, read
from adjudge.student.encode import batches, encode
from adjudge.student.text import text_columns
from adjudge.text.pairs import unscorable

BACKENDS = {"int8": "onnxruntime", "bf16": "openvino", "mixed": "openvino"}


@dataclasses.dataclass(frozen=True)
class PrecisionResult:
    """What became of one precision: `verdict` is None if it was not tried, for the reason in `skipped`."""

    precision: str
    verdict: GateVerdict | None
    skipped: str = ""


def quantise(
    artifact: Path,
    training: pa.Table,
    held_out: pa.Table,
    limits: GateLimits,
    progress: Progress = no_progress,
) -> list[PrecisionResult]:
    """Make int8, bf16 and mixed of an artifact, judge each on `held_out`, and write the verdicts to its
    manifest.

    `training` are pairs the model was trained on (ranges of activations); `held_out` are others, with `label`
    (at least one half is relevant). A precision that this machine has no units for is skipped; an older
    verdict on it is kept while its file is.
    Raises BadArtifact, NotEnoughData, MissingExtra.
    """
    manifest = guard(artifact)
    threshold = manifest.threshold
    if threshold is None:
        raise BadArtifact(f"{artifact} has no threshold to take decisions at. Set it with: adjudge evaluate")
    able = held_out.filter(unscorable(held_out).is_null())
    relevant = able["label"].to_numpy() >= 0.5
    machine, workers = units(), len(os.sched_getaffinity(0))
    progress("fp32", 0, 0)
    exact = open_ungated(artifact, manifest, EXACT, workers, BATCH_TOKENS)
    expected = exact.score(able)
    skipped = {name: machine.lacks(name) or _unmade(exact) for name in FILES}
    tried = [name for name in FILES if not skipped[name]]
    remade = any(FILES[name] for name in tried)
    # First the old verdicts go, then their file: a kill in between leaves an artifact that is scored in fp32.
    gone = {name for name in FILES if name in tried or (FILES[name] and remade)}
    verdicts = {name: old for name, old in manifest.section.precisions.items() if name not in gone}
    set_precisions(artifact, verdicts)
    if remade:
        write_int8(artifact, exact, training)
    for name in tried:
        progress(name, 0, 0)
        scored = open_ungated(artifact, manifest, name, workers, BATCH_TOKENS).score(able)
        measured = parity(expected, scored, relevant, threshold)
        verdicts[name] = to_dict(_verdict(artifact, manifest, name, measured, limits))
    if remade and all(verdicts[name]["refused"] for name in tried if FILES[name]):
        (artifact / INT8_FILE).unlink()
    set_precisions(artifact, verdicts)
    judged = read(artifact)
    return [
        PrecisionResult(name, None, skipped[name])
        if skipped[name]
        else PrecisionResult(name, verdict_of(artifact, judged, name))
        for name in FILES
    ]


def _unmade(exact: CrossEncoderScorer) -> str:
    if not isinstance(exact.runner, TableRunner):
        return "the artifact is from before there were tables (onnx/first.onnx): train it again"
    return ""


def _verdict(
    artifact: Path, manifest: Manifest, name: str, measured: Parity, limits: GateLimits
) -> GateVerdict:
    return GateVerdict(
        model_version=manifest.model_version,
        parity=measured,
        limits=limits,
        backend=f"{BACKENDS[name]} {version(BACKENDS[name])}",
        processor=units().processor,
        sha256=hash_of(artifact, [FILES[name]]) if FILES[name] else "",
        refused=tuple(measured.failures(limits)),
    )


def write_int8(artifact: Path, exact: CrossEncoderScorer, training: pa.Table) -> None:
    """Write onnx/rest.int8.onnx: weights int8 by output channel, activations uint8 by the range they take on
    `training`."""
    try:
        import onnx
        from onnxruntime import quantization
    except ImportError as error:
        raise MissingExtra("onnx", "train") from error

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.feeds = _feeds(exact, training)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.feeds, None)

    target = artifact / INT8_FILE
    graph = onnx.load(str(artifact / "onnx" / "rest.onnx"))
    del graph.graph.value_info[:]
    with fresh_file(target) as fresh, tempfile.TemporaryDirectory(dir=artifact) as scratch, _silent():
        source = Path(scratch) / "rest.onnx"
        onnx.save(graph, str(source))
        quantization.quantize_static(
            str(source),
            str(fresh),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            nodes_to_quantize=_products(graph.graph),
            calibrate_method=quantization.CalibrationMethod.MinMax,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]},
        )


def _products(graph: Any) -> list[str]:
    """The names of the products of all tokens with a weight matrix; those of one vector a pair are
    `Gemm`s."""
    matrices = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 2}
    return [node.name for node in graph.node if node.op_type == "MatMul" and node.input[1] in matrices]


def _feeds(exact: CrossEncoderScorer, training: pa.Table) -> Iterator[dict[str, np.ndarray]]:
    able = training.filter(unscorable(training).is_null())
    length = cast(int, exact.manifest.section.max_length)
    encoded = encode(exact.tokenizer, *text_columns(able), length)
    runner = cast(TableRunner, exact.runner)
    for group in runner.plan(encoded.lengths, batches(encoded.lengths, BATCH_TOKENS, exact=True)):
        yield from runner.feeds(encoded, exact.special, group)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """onnxruntime's advice to optimise first does not fit here: such a graph was slower (design/0016)."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
