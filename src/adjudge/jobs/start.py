"""Starting a job: the one place that saves a job's complete settings beside its result.

A job is a function `(config, progress) -> result`. Decorated with `job`, it leaves `settings.json` in the folder it wrote
(`NAME.settings.json` beside a single file), whoever calls it: the command line, a Python caller or another job. The same
command with `--settings` and that file repeats the run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from adjudge.config import SETTINGS, save
from adjudge.records import Progress, no_progress

C = TypeVar("C")
R = TypeVar("R")


def job(output: Callable[[Any], Path | None]) -> Callable[[Callable[[C, Progress], R]], Callable[..., R]]:
    """Decorate a job. output: its config -> the file or folder whose settings are to be saved, or None for none."""

    def decorate(function: Callable[[C, Progress], R]) -> Callable[..., R]:
        @functools.wraps(function)
        def start(config: C, progress: Progress = no_progress) -> R:
            result = function(config, progress)
            path = output(config)
            if path is not None:
                save(config, settings_path(path))
            return result

        return start

    return decorate


def settings_path(output: Path) -> Path:
    """Where the settings of a finished output are kept: in a folder, or beside a file."""
    if output.is_dir():
        return output / SETTINGS
    return output.with_name(f"{output.name}.{SETTINGS}")
