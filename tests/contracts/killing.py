"""Real processes, really killed: where they are stopped at a gate (`gated.py`), or at a random moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
GATED = Path(__file__).parent / "gated.py"
LIMIT = 300
"""Seconds after which a test gives up; none waits for a time to pass."""


def adjudge(*words: object) -> list[str]:
    return [sys.executable, "-m", "adjudge", *map(str, words)]


def finish(command: list[str]) -> float:
    """Run to the end; the seconds it took."""
    began = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, env=ENVIRONMENT, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def wait_for(seen: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + LIMIT
    while not seen():
        assert time.monotonic() < limit, what
        time.sleep(0.01)


@contextmanager
def held(
    command: list[str], folder: Path, at: str, calls: int, processes: int = 1
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A run of `adjudge` of which so many processes wait at the gate, and these; killed at the end of the
    block.

    Its stderr is a pipe, and it leads a process group of its own.
    """
    gate = {"GATE_FOLDER": str(folder), "GATE_CALLS": str(calls), "GATE_AT": at}
    folder.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, str(GATED), *command[3:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, **gate},
        start_new_session=True,
    ) as run:
        try:
            wait_for(lambda: len(waiting(folder)) >= processes or run.poll() is not None, f"nobody at {at}")
            assert run.poll() is None, f"it ended before {at}: {run.communicate()[1]}"
            yield run, waiting(folder)
        finally:
            run.send_signal(signal.SIGKILL)
            run.wait()


def waiting(folder: Path) -> list[int]:
    """The processes that wait at the gate."""
    return [int(path.name.partition("-")[2]) for path in folder.glob("waiting-*")]


def kill_after(command: list[str], rng: random.Random, most: float) -> None:
    """Start, and kill -9 after a random time of at most `most` seconds; it may have ended by then."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    ) as process:
        try:
            process.wait(rng.uniform(0, most))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()


def children_of(process: int) -> list[int]:
    """The processes whose parent is `process`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == process:
            found.append(int(status.parent.name))
    return found
