"""Store of precomputed states on disk: one folder per side (items or keyphrases), looked up by text.

    states.json    what they are: model_version, side, width, dtype, texts, tokens
    states.arrow   text, tokens, states: float16 (tokens x width), or int8 with a float16 scale per token in
                   front
    hashes.bin     64-bit hashes of the texts, sorted;   rows.bin: the row of each

float16 gives the very scores that fresh states give (scoring rounds those too); int8 halves the size and
moves a score slightly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge import config
from adjudge.config import check_choice
from adjudge.errors import BadArtifact, BadConfig
from adjudge.records import Progress, no_progress
from adjudge.scoring.split.scorer import SplitScorer
from adjudge.storage.files import bring_back, fresh_folder
from adjudge.storage.lookup import ArrowRows, Positions, find, map_numbers
from adjudge.student.encode import Ids

SIDES = ("items", "keyphrases")
DTYPES = ("float16", "int8")
ABOUT, STATES, HASHES, ROWS = "states.json", "states.arrow", "hashes.bin", "rows.bin"
SCHEMA = pa.schema([("text", pa.string()), ("tokens", pa.uint16()), ("states", pa.large_binary())])


@dataclass(frozen=True)
class StatesInfo:
    """What a folder of states says of itself. `bytes` are those of the states alone."""

    model_version: str
    side: str
    width: int
    dtype: str
    texts: int
    tokens: int
    bytes: int


def write_states(
    scorer: SplitScorer,
    side: str,
    texts: Iterable[list[str]],
    out: Path,
    dtype: str = "float16",
    progress: Progress = no_progress,
) -> StatesInfo:
    """Compute and keep the states of texts (as `split_columns` spells them; batches, each text once) in
    `out`.

    `out` appears when it is complete; until then an earlier folder of states stays.
    """
    check_choice("states", "side", side, SIDES)
    check_choice("states", "dtype", dtype, DTYPES)
    if out.exists() and not (out / ABOUT).exists() and (out.is_file() or any(out.iterdir())):
        raise BadConfig(f"{out} exists and holds no states: it is left alone. Choose another --out.")
    bring_back(out)
    hashes: list[np.ndarray] = []
    tokens = size = 0
    with fresh_folder(out) as fresh:
        with pa.OSFile(str(fresh / STATES), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
            for batch in texts:
                lengths, (states,) = scorer.states(batch, side == "items")
                packed = _packed(states, lengths, dtype)
                columns = [pa.array(batch, pa.string()), pa.array(lengths, pa.uint16()), packed]
                writer.write_batch(pa.record_batch(columns, schema=SCHEMA))
                hashes.append(_hashes(batch))
                tokens, size = tokens + int(lengths.sum()), size + pc.sum(pc.binary_length(packed)).as_py()
                progress(f"states of {side}", sum(map(len, hashes)), 0)
        all_hashes = np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)
        order = np.argsort(all_hashes, kind="stable")
        all_hashes[order].tofile(fresh / HASHES)
        order.astype(np.int64).tofile(fresh / ROWS)
        about = StatesInfo(scorer.version, side, scorer.width, dtype, len(order), tokens, size)
        config.save(about, fresh / ABOUT)
    return about


class StateStore:
    """An open folder of states."""

    def __init__(self, folder: Path, version: str) -> None:
        """Raises BadArtifact if it cannot be read, or is of another model than `version`."""
        self.about = read_about(folder)
        if self.about.model_version != version:
            raise BadArtifact(
                f"{folder} holds states of model {self.about.model_version}; the artifact is {version}. "
                "Compute them again with: adjudge states"
            )
        self.hashes = map_numbers(folder / HASHES, np.uint64)
        self.rows = map_numbers(folder / ROWS, np.int64)
        self.table = ArrowRows(folder / STATES)
        if {len(self.table), len(self.hashes), len(self.rows)} != {self.about.texts}:
            raise BadArtifact(f"{folder} is incomplete. Compute it again with: adjudge states")

    def find(self, texts: list[str]) -> list[np.ndarray | None]:
        """States, float16 (tokens, width), of each text; None if the folder holds none."""
        column = pa.array(texts, pa.string())

        def equal(positions: Positions, wanted: Positions) -> np.ndarray:
            same = pc.equal(self.table.take("text", self.rows[positions]), column.take(pa.array(wanted)))
            return same.to_numpy(zero_copy_only=False)

        positions = find(self.hashes, _hashes(texts), equal)
        return [None if position < 0 else self._states(int(self.rows[position])) for position in positions]

    def alike(self, states: np.ndarray) -> np.ndarray:
        """Fresh states, float16 (tokens, width), as this folder would give them back."""
        return _back(*_steps(states)) if self.about.dtype == "int8" else states

    def _states(self, row: int) -> np.ndarray:
        tokens = int(self.table.value("tokens", row).as_py())
        return _unpacked(self.table.value("states", row).as_buffer(), tokens, self.about)


def read_about(folder: Path) -> StatesInfo:
    """What a folder of states says of itself. Raises BadArtifact."""
    try:
        return config.load(StatesInfo, folder / ABOUT)
    except BadConfig as error:
        raise BadArtifact(f"{folder} holds no states: {error}. Compute them with: adjudge states") from error


def _packed(states: np.ndarray, lengths: Ids, dtype: str) -> pa.Array:
    ends = np.cumsum(lengths)
    parts: list[bytes] = []
    for begin, end in zip(ends - lengths, ends, strict=True):
        text = states[begin:end]
        arrays = _steps(text) if dtype == "int8" else (text,)
        parts.append(b"".join(array.tobytes() for array in arrays))
    return pa.array(parts, pa.large_binary())


def _unpacked(buffer: Any, tokens: int, about: StatesInfo) -> np.ndarray:
    if about.dtype == "int8":
        steps = np.frombuffer(buffer, np.int8, tokens * about.width, 2 * tokens)
        return _back(np.frombuffer(buffer, np.float16, tokens)[:, None], steps.reshape(tokens, about.width))
    return np.frombuffer(buffer, np.float16, tokens * about.width).reshape(tokens, about.width)


def _steps(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A scale per token, float16 (tokens, 1), and its steps, int8 (tokens, width)."""
    whole = states.astype(np.float32)
    scale = (np.abs(whole).max(axis=1, keepdims=True) / 127).astype(np.float16)
    steps = np.rint(whole / np.maximum(scale.astype(np.float32), 1e-6)).clip(-127, 127)
    return scale, steps.astype(np.int8)


def _back(scale: np.ndarray, steps: np.ndarray) -> np.ndarray:
    return (steps * scale.astype(np.float32)).astype(np.float16)


def _hashes(texts: list[str]) -> np.ndarray:
    digests = b"".join(blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, np.uint64)
