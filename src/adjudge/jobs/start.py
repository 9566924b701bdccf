"""Starting jobs, whose complete settings are saved beside the result, and services, which a signal stops.

A job is a function `(config, progress) -> result`. Decorated with `job`, it leaves `settings.json` in the
folder it wrote (`NAME.settings.json` beside a single file), whoever calls it: the command line, a Python
caller or another job. The same command with `--settings` and that file repeats the run.

A service is a callable `(config, stop) -> result` that goes on until the event `stop` is set; `serve` runs
it.
"""

from __future__ import annotations

import functools
import queue
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from adjudge.config import SETTINGS, save
from adjudge.records import Progress, no_progress

C = TypeVar("C")
R = TypeVar("R")


def job(output: Callable[[Any], Path | None]) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Decorate a job. output: its config -> the file or folder whose settings are saved, or None for none."""

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(function)
        def start(config: C, progress: Progress = no_progress, **more: Any) -> R:
            result = function(config, progress, **more)
            path = output(config)
            if path is not None:
                save(config, settings_path(path))
            return result

        start.is_job = True  # type: ignore[attr-defined]
        return start

    return decorate


def settings_path(output: Path) -> Path:
    """Where the settings of a finished output are: in a folder, or beside a file."""
    if output.is_dir():
        return output / SETTINGS
    return output.with_name(f"{output.name}.{SETTINGS}")


def serve(service: Callable[[C, threading.Event], R], config: C) -> R:
    """Run a service in the main thread until SIGTERM or SIGINT (Ctrl-C) asks it to stop; gives what it
    returns.

    The first signal sets the event, so that the service can finish what it has begun; a second one ends the
    process as if nobody caught it. The event is set in another thread: wait for it with `stop.wait(seconds)`
    or look at `stop.is_set()`.
    """
    stop = threading.Event()
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()

    def forward() -> None:
        signals.get()
        stop.set()

    def ask_to_stop(number: int, frame: object) -> None:
        # A handler runs between any two instructions of the main thread, perhaps while that holds the event's
        # lock, so that setting the event here could block for ever. A SimpleQueue's put cannot.
        signals.put(number)
        restore()

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    threading.Thread(target=forward, daemon=True).start()
    for number in handlers:
        signal.signal(number, ask_to_stop)
    try:
        return service(config, stop)
    finally:
        restore()
        signals.put(0)
