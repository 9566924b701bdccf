"""Real processes, really killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def adjudge(*words: object) -> list[str]:
    return [sys.executable, "-m", "adjudge", *map(str, words)]


def finish(command: list[str]) -> float:
    """Run to the end; the seconds it took."""
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def kill_when(command: list[str], ready: Callable[[], bool], rng: random.Random, most: float) -> bool:
    """Start, wait until it is at work, kill -9 after a random time of at most `most` seconds. Whether it was killed."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    ) as process:
        limit = time.monotonic() + 120
        while not ready() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, most))
        killed = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    return killed


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
