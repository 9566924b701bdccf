"""ONNX sessions for scoring: one thread per call, since several small batches at a time beat one batch on
several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adjudge.errors import BadArtifact, MissingExtra


def open_graph(path: Path) -> Any:
    """An onnxruntime session.

    Raises MissingExtra without onnxruntime, BadArtifact if the graph cannot be run.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "score") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.Fail as error:
        raise BadArtifact(
            f"{path} cannot be run: {str(error).splitlines()[0]}. Train the model again."
        ) from error
