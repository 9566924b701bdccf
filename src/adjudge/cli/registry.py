"""The registry of commands: what each is called, which job it starts, and how its options are spelled.

The commands stand in commands.toml, which is read before any job is imported. A command's options, their
help, ranges and defaults come from the fields of the job's settings class (`adjudge.cli.options`). Its result
is shown by the function of `adjudge.cli.results` or `adjudge.cli.judge_results` that has the command's name.
"""

from __future__ import annotations

import importlib
import inspect
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JOBS = "adjudge.jobs."


@dataclass(frozen=True)
class JobSpec:
    """A command and its job.

    name: the words after `adjudge`. job: `module:function` under `adjudge.jobs`; a function called as its
    module needs no `:function`, and a job called as its command needs nothing. arguments: the settings given
    by position. options: spellings, by setting, of options that are not called as the setting (`--map
    COLUMN=YOURS`); a dotted setting is one of a group. failure: the exit code of errors, which is 3 if 2 is a
    verdict. package, show: of a command outside `adjudge` (`commands.run_one`), where its job is and what
    shows its result.
    """

    name: str
    help: str
    job: str = ""
    arguments: Sequence[str] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    failure: int = 2
    package: str = JOBS
    show: Callable[[Any, Any], None] | None = None

    @property
    def function_name(self) -> str:
        """The command's name as a Python name."""
        return self.name.replace(" ", "_").replace("-", "_")

    def load_job(self) -> Callable[..., Any]:
        """The job's function. Imports its module."""
        module, _, function = (self.job or self.name).partition(":")
        return getattr(importlib.import_module(self.package + module), function or module.rpartition(".")[2])

    def load_config(self) -> type:
        """The job's settings class: the annotation of its first parameter. Imports its module."""
        job = self.load_job()
        annotation = next(iter(inspect.signature(job).parameters.values())).annotation
        return getattr(inspect.getmodule(inspect.unwrap(job)), annotation)


GROUPS = {
    "import": "Bring your own files into a logs folder; bad rows go to quarantine.",
    "label": "Human labels through Label Studio: tasks out, annotations in.",
}
"""Help of the words that only hold other commands."""

MOVED = {
    "real": "make real (or: python -m examples.esci.real --data DATA --out runs/esci)",
    "real-judge": "make real-judge (or: python -m examples.esci.real_judge --out runs/esci-judge)",
}
"""What to run instead of words that are no command any more."""

COMMANDS = tuple(
    JobSpec(name, **values)
    for name, values in tomllib.loads(Path(__file__).with_name("commands.toml").read_text("utf-8")).items()
)
