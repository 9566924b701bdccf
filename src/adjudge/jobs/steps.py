"""A run made of steps that is resumed where it stopped: a finished step with the same settings is not run again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from adjudge import __version__
from adjudge.config import to_dict


class Steps:
    """The steps of one run, noted in `folder/.steps`.

    A step's key is a hash of its name, its config, the keys of the steps it builds on and adjudge's version.
    It counts as done when a run with that key finished and its outputs are still there; a step with another
    key has its outputs removed and is run again, and so are the steps that build on it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: dict[str, str] = {}

    def run(
        self,
        name: str,
        config: Any,
        outputs: Sequence[Path],
        work: Callable[[], object],
        after: Sequence[str] = (),
    ) -> bool:
        """Do `work` unless it was done already; True when it ran. `after` names the steps it builds on."""
        told = {
            "step": name,
            "config": to_dict(config),
            "after": [self.keys[n] for n in after],
            "adjudge": __version__,
        }
        key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        self.keys[name] = key
        note = self.folder / ".steps" / f"{name.replace('/', '_')}.json"
        seen = json.loads(note.read_text()) if note.exists() else {}
        if seen.get("key") == key and seen.get("done") and all(path.exists() for path in outputs):
            return False
        if seen.get("key") != key:
            _remove(outputs)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps({"key": key, "done": False, **told}, indent=1))
        work()
        note.write_text(json.dumps({"key": key, "done": True, **told}, indent=1))
        return True


def _remove(outputs: Sequence[Path]) -> None:
    for path in outputs:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
