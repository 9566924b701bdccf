"""Checkpoints of a training run that survive a kill: each is written whole before it replaces the last."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from adjudge.storage.files import fresh_file


@dataclass(frozen=True)
class Checkpoints:
    """The work folder of one run.

    A checkpoint of other settings, rows or versions is not this run's: ignored.
    """

    folder: Path
    run: str

    def save(self, state: dict[str, Any]) -> None:
        """Keep `state` (tensors and plain values) as the run's latest checkpoint."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with fresh_file(self.folder / "checkpoint.pt") as fresh:
            torch.save({"run": self.run, "state": state}, fresh)

    def load(self) -> dict[str, Any] | None:
        """The run's latest checkpoint, or None if there is none of this very run."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return None
        saved = torch.load(path, weights_only=True)
        return saved["state"] if saved["run"] == self.run else None

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def fingerprint(settings: dict[str, Any], *tables: pa.Table) -> str:
    """A hash over what decides a run: settings, torch's version and the rows themselves."""
    digest = hashlib.sha256(json.dumps([settings, torch.__version__], sort_keys=True).encode())
    for table in tables:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        digest.update(sink.getvalue())
    return digest.hexdigest()
