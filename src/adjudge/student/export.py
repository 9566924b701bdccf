"""From a trained network to an artifact folder, all or nothing.

The folder is written beside its place, opened the way scoring opens it, compared with a fresh transformers
model on the golden pairs, and only then moved in by a rename.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from adjudge.config import to_dict
from adjudge.errors import BadArtifact, BadConfig
from adjudge.manifest import KINDS, MANIFEST, Manifest, write
from adjudge.records import Progress
from adjudge.stats.calibration import Calibration
from adjudge.storage.files import move_in
from adjudge.student import artifact
from adjudge.student.golden import choose
from adjudge.student.serving import write_graphs
from adjudge.student.settings import StudentSettings
from adjudge.student.text import text_columns

PARITY = 1e-4
"""Largest difference of scores between the served ONNX and transformers' own forward on the golden pairs."""


class Served(Protocol):
    """What `serve` gives: a scorer of to_score tables."""

    def score(self, pairs: pa.Table) -> np.ndarray: ...


Serve = Callable[[Path], Served]


@dataclass(frozen=True)
class Form:
    """How a kind of network lies in an artifact.

    `write` puts its files (all but manifest and golden pairs) in a folder, its calibration folded in;
    `reference` reads them back and gives logits (rows, outputs) of a table without any of the scoring room's
    code.
    """

    kind: str
    deciding: tuple[str, ...]
    write: Callable[[Trained, Path], None]
    reference: Callable[[Path, pa.Table], np.ndarray]


@dataclass(frozen=True)
class Trained:
    """A network ready to be written: `calibration` is still to be folded into its last layer."""

    model: Any
    tokenizer: Any
    settings: StudentSettings
    calibration: Calibration
    metrics: dict[str, Any]
    recipe: str
    form: Form


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
        trained.form.write(trained, fresh)
        manifest = write(fresh, _manifest(trained))
        progress("export", 1, 3)
        served = write_golden(trained, rows, fresh, serve)
        progress("export", 2, 3)
        check_parity(served, fresh)
        move_in(fresh, out)
        progress("export", 3, 3)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest.model_version


def check_place(out: Path) -> None:
    """Raise BadConfig unless `out` is free, an empty folder, or an artifact (which may be replaced)."""
    if out.exists() and not (out / MANIFEST).exists() and (out.is_file() or any(out.iterdir())):
        raise BadConfig(f"{out} exists and is not an artifact: it is left alone. Choose another --out.")


def write_cross(trained: Trained, folder: Path) -> None:
    """What transformers loads, and the graphs that are served."""
    write_model(trained, folder)
    write_graphs(trained.model, folder / "onnx")


def write_model(trained: Trained, folder: Path) -> None:
    """Weights, config and tokenizer as transformers and CrossEncoder load them, calibration folded in."""
    fold(trained.model, trained.calibration)
    trained.model.config.sentence_transformers = {
        "activation_fn": "torch.nn.modules.activation.Sigmoid",
        "version": "6",
    }
    trained.model.save_pretrained(folder)
    # safetensors writes for the owner alone; an artifact is as readable as the user's other files.
    (folder / "model.safetensors").chmod((folder / "config.json").stat().st_mode)
    write_tokenizer(trained, folder)


def write_tokenizer(trained: Trained, folder: Path) -> None:
    """The tokenizer's files as transformers loads them, with BERT's frame."""
    from transformers import BertTokenizer

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


def write_golden(trained: Trained, rows: pa.Table, folder: Path, serve: Serve) -> Served:
    """Keep golden pairs across the score range with transformers' own logits and scores of them."""
    served = serve(folder)
    pairs = choose(rows, served.score(rows), trained.settings.golden)
    logits = trained.form.reference(folder, pairs)
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
            f"{golden['item_id'][worst].as_py()!r}, {golden['keyphrase'][worst].as_py()!r}; allowed is "
            f"{PARITY:g}. Try precision=fp32 and the pinned onnxruntime; nothing was written."
        )


def _manifest(trained: Trained) -> Manifest:
    section = KINDS[trained.form.kind](trained.settings.head, trained.settings.max_length)
    return Manifest(
        kind=trained.form.kind,
        files=trained.form.deciding,
        threshold=0.5,
        section=section,
        recipe=trained.recipe,
        config=to_dict(trained.settings),
        metrics=trained.metrics,
    )


CROSS = Form(artifact.KIND, artifact.DECIDING, write_cross, reference_logits)
