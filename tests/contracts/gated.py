"""`adjudge`, stopped at a gate: a stated number of calls pass, the next one waits until it is killed.

python gated.py WORDS, with GATE_FOLDER (where `calls` grows by a byte a call, and `waiting-PID` says who
waits), GATE_CALLS (how many pass) and GATE_AT (MODULE:FUNCTION, or `score` for a model's). A run's worker
processes import this file, too, and stop at the same gate; of two that come at once one more may pass.
"""

from __future__ import annotations

import dataclasses
import importlib
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER, CALLS, AT = (os.environ[name] for name in ("GATE_FOLDER", "GATE_CALLS", "GATE_AT"))
PARENT = os.getppid()


def gate() -> None:
    """Pass, or wait."""
    calls = Path(FOLDER) / "calls"
    with calls.open("ab", buffering=0) as file:
        if file.tell() < int(CALLS):
            file.write(b".")
            return
    (Path(FOLDER) / f"waiting-{os.getpid()}").touch()
    while True:
        time.sleep(0.01)
        # A worker's end is the package's business; the run itself goes when the test has gone.
        if multiprocessing.parent_process() is None and os.getppid() != PARENT:
            os._exit(1)


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        gate()
        return function(*given, **named)

    return call


class Model:
    """A model that passes the gate before it scores."""

    def __init__(self, inner: Any) -> None:
        self.version, self.threshold, self.score = inner.version, inner.threshold, guarded(inner.score)


def opening(function: Callable[..., Any]) -> Callable[..., Model]:
    return lambda *given: Model(function(*given))


def put_up() -> None:
    if AT == "score":
        models = importlib.import_module("adjudge.scoring.open_model")
        for kind, opener in models.OPENERS.items():
            models.OPENERS[kind] = dataclasses.replace(opener, open=opening(opener.open))
    else:
        module, _, name = AT.partition(":")
        place = importlib.import_module(module)
        setattr(place, name, guarded(getattr(place, name)))


put_up()
if __name__ == "__main__":
    from adjudge.cli.commands import main

    main()
