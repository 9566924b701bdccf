"""From a trained network to an artifact folder, all or nothing.

The folder is written beside its place, opened the way scoring opens it, compared with a fresh transformers
model on the golden pairs, and only then moved in by a rename.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from adjudge.calibration import Calibration
from adjudge.config import to_dict
from adjudge.errors import BadArtifact, BadConfig
from adjudge.manifest import MANIFEST, Manifest, write
from adjudge.records import Progress
from adjudge.student import artifact, network
from adjudge.student.golden import choose
from adjudge.student.settings import StudentSettings
from adjudge.student.text import text_columns

PARITY = 1e-4
"""Largest difference of scores between the served ONNX and transformers' own forward on the golden pairs."""
OPSET = 17


class Served(Protocol):
    """What `serve` gives: a scorer of to_score tables."""

    def score(self, pairs: pa.Table) -> np.ndarray: ...


Serve = Callable[[Path], Served]


@dataclass(frozen=True)
class Trained:
    """A network ready to be written: `calibration` is still to be folded into its last layer."""

    model: Any
    tokenizer: Any
    settings: StudentSettings
    calibration: Calibration
    metrics: dict[str, Any]
    recipe: str


def export(trained: Trained, rows: pa.Table, out: Path, serve: Serve, progress: Progress) -> str:
    """Write the artifact to `out` and return its model_version. `rows` give the golden pairs.

    Raises BadConfig where `out` is a folder of something else, BadArtifact where the served scores differ
    from the model's own by more than `PARITY`; `out` is then as it was before.
    """
    check_place(out)
    fresh = out.parent / f".{out.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "onnx").mkdir(parents=True)
    try:
        progress("export", 0, 3)
        write_model(trained, fresh)
        write_onnx(trained.model, fresh / "onnx" / "model.onnx")
        manifest = write(fresh, _manifest(trained))
        progress("export", 1, 3)
        served = write_golden(trained, rows, fresh, serve)
        progress("export", 2, 3)
        check_parity(served, fresh)
        _move_in(fresh, out)
        progress("export", 3, 3)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest.model_version


def check_place(out: Path) -> None:
    """Raise BadConfig unless `out` is free, an empty folder, or an artifact (which may be replaced)."""
    if out.exists() and not (out / MANIFEST).exists() and (out.is_file() or any(out.iterdir())):
        raise BadConfig(f"{out} exists and is not an artifact: it is left alone. Choose another --out.")


def write_model(trained: Trained, folder: Path) -> None:
    """Weights, config and tokenizer as transformers and CrossEncoder load them, calibration folded in."""
    from transformers import BertTokenizer

    fold(trained.model, trained.calibration)
    trained.model.config.sentence_transformers = {
        "activation_fn": "torch.nn.modules.activation.Sigmoid",
        "version": "6",
    }
    trained.model.save_pretrained(folder)
    # safetensors writes for the owner alone; an artifact is as readable as the user's other files.
    (folder / "model.safetensors").chmod((folder / "config.json").stat().st_mode)
    tokenizer = framed(trained.tokenizer)
    lower = bool(json.loads(tokenizer.to_str())["normalizer"]["lowercase"])
    length = trained.settings.max_length
    BertTokenizer(tokenizer_object=tokenizer, do_lower_case=lower, model_max_length=length).save_pretrained(
        folder
    )


def fold(model: Any, calibration: Calibration) -> None:
    """Scale and shift the last layer, so that plain sigmoid(logit) is the calibrated score everywhere.

    Weight w and bias c become a w and a c + b: with a = 2, b = 1, logit 3 becomes 7.
    """
    with torch.no_grad():
        model.classifier.weight.mul_(calibration.a)
        model.classifier.bias.mul_(calibration.a).add_(calibration.b)


def framed(tokenizer: Any) -> Any:
    """The tokenizer with BERT's frame: `[CLS] first [SEP] second [SEP]`, types 0 and 1."""
    from tokenizers.processors import TemplateProcessing

    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer


class _Graph(torch.nn.Module):
    """The forward pass with the input names of a transformers export."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        return network.logits(self.model, input_ids, token_type_ids, attention_mask)


def write_onnx(model: Any, path: Path) -> None:
    """The graph to logits: input_ids, attention_mask, token_type_ids (rows, tokens), both sizes free."""
    names = ["input_ids", "attention_mask", "token_type_ids"]
    ids = torch.tensor([[1, 2, 3, 4, 5], [1, 2, 3, 0, 0]])
    mask = (ids > 0).long()
    free = {0: "rows", 1: "tokens"}
    with warnings.catch_warnings():
        # The older exporter is asked for on purpose: the newer one's graph runs 14-45 % slower.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Graph(model.eval()),
            (ids, mask, torch.zeros_like(ids)),
            str(path),
            input_names=names,
            output_names=["logits"],
            dynamic_axes={**dict.fromkeys(names, free), "logits": {0: "rows"}},
            opset_version=OPSET,
            dynamo=False,
        )


def write_golden(trained: Trained, rows: pa.Table, folder: Path, serve: Serve) -> Served:
    """Keep golden pairs across the score range with transformers' own logits and scores of them."""
    served = serve(folder)
    pairs = choose(rows, served.score(rows), trained.settings.golden)
    logits = reference_logits(folder, pairs)
    # An ordinal head has several logits a pair: its golden pairs keep the score alone.
    single = pa.array(logits[:, 0]) if logits.shape[1] == 1 else pa.nulls(len(pairs), pa.float64())
    kept = pa.array(artifact.scores(logits, trained.settings.head, Calibration()))
    golden = pairs.append_column("logit", single).append_column("score", kept)
    pq.write_table(golden, folder / "golden.parquet")
    return served


def reference_logits(folder: Path, pairs: pa.Table) -> np.ndarray:
    """Logits (rows, outputs) from transformers alone: its tokenizer, its forward, padded batches."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    first, second = (texts.to_pylist() for texts in text_columns(pairs))
    parts = []
    with torch.no_grad():
        for at in range(0, len(first), 32):
            inputs = tokenizer(
                first[at : at + 32], second[at : at + 32], padding=True, truncation=True, return_tensors="pt"
            )
            parts.append(model(**inputs).logits.double().numpy())
    return np.concatenate(parts)


def check_parity(served: Served, folder: Path) -> None:
    """Raise BadArtifact where a served score is off its golden one by more than `PARITY`."""
    golden = pq.read_table(folder / "golden.parquet")
    gap = np.abs(served.score(golden) - golden["score"].to_numpy())
    worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
    if not gap[worst] <= PARITY:
        raise BadArtifact(
            f"export refused: ONNX and torch scores differ by {gap[worst]:.2e} on golden pair "
            f"{golden['item_id'][worst].as_py()!r}, {golden['keyphrase'][worst].as_py()!r}; allowed is {PARITY:g}. "
            "Try precision=fp32 and the pinned onnxruntime; nothing was written."
        )


def _manifest(trained: Trained) -> Manifest:
    return Manifest(
        kind=artifact.KIND,
        files=artifact.DECIDING,
        threshold=0.5,
        head=trained.settings.head,
        max_length=trained.settings.max_length,
        recipe=trained.recipe,
        config=to_dict(trained.settings),
        metrics=trained.metrics,
    )


def _move_in(fresh: Path, out: Path) -> None:
    """Swap the finished folder in; a kill between the two renames leaves the old one beside as `.<out>.old`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    old = out.parent / f".{out.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        os.replace(out, old)
    os.replace(fresh, out)
    shutil.rmtree(old, ignore_errors=True)
