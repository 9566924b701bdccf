"""The engines, what each can do, and the one place that picks one by name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec

from adjudge.config import check_choice
from adjudge.engines.stamp import SUCCESS
from adjudge.engines.task import ScoreResult, Task
from adjudge.errors import BadConfig, BadTable, MissingExtra
from adjudge.records import Progress, no_progress


@dataclass(frozen=True)
class Engine:
    """An engine's folder is `adjudge.engines.NAME`; its `engine.py` has `score_pairs(task, progress) ->
    ScoreResult`.

    library    what must be installed, which `extra` brings
    ordered    rows of a folder of parts come out in the order of the input (those of one file always do)
    one_file   `out` may be one Parquet file; otherwise it is a folder of parts
    resumes    a killed run goes on from its finished parts
    """

    name: str
    library: str
    extra: str
    ordered: bool
    one_file: bool
    resumes: bool


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("local", "pyarrow", "score", ordered=True, one_file=True, resumes=True),
        Engine("spark", "pyspark", "spark", ordered=False, one_file=True, resumes=True),
    )
}


def score_pairs(name: str, task: Task, progress: Progress = no_progress) -> ScoreResult:
    """Run a task on the engine of that name.

    Raises BadConfig on what the engine cannot do, BadTable if an input is missing, MissingExtra if its
    library is not installed, and what the engine raises.
    """
    check_choice("score", "engine", name, ENGINES)
    engine = ENGINES[name]
    _check_able(engine, task)
    _check_inputs(task)
    _check_out(task)
    if find_spec(engine.library) is None:
        raise MissingExtra(engine.library, engine.extra)
    module = importlib.import_module(f"adjudge.engines.{name}.engine")
    return module.score_pairs(task, progress)


def _check_able(engine: Engine, task: Task) -> None:
    if task.resume and not engine.resumes:
        raise BadConfig(f"--resume is not for engine {engine.name}: {_able('resumes')} can. Leave it out.")
    if task.out.suffix == ".parquet" and not engine.one_file:
        raise BadConfig(
            f"--out {task.out}: engine {engine.name} writes a folder of parts, not one file "
            f"({_able('one_file')} can). Give a folder."
        )


def _able(capability: str) -> str:
    return ", ".join(e.name for e in ENGINES.values() if getattr(e, capability))


def _check_inputs(task: Task) -> None:
    for name, path in task.inputs.items():
        if not path.exists():
            raise BadTable(
                f"{path} cannot be read as Parquet: it does not exist; allowed is a file or a folder of "
                f"them. Check --{name}."
            )


def _check_out(task: Task) -> None:
    """The output takes the place of what is there: only of another run's, and never of what holds an
    input."""
    out, whole = task.out, task.out.resolve()
    for path in (*task.inputs.values(), task.artifact):
        if path is not None and whole in (path.resolve(), *path.resolve().parents):
            raise BadConfig(f"--out {out} is or holds an input, {path}: choose another place")
    aside = whole.with_name(f"{whole.stem}.unscored.parquet")
    for name, path in task.inputs.items() if out.suffix == ".parquet" else ():
        if path.is_dir() and whole.parent == path.resolve():
            raise BadConfig(
                f"--out {out} lies in the folder --{name} {path}: the next run would read it as input. "
                "Choose another folder."
            )
        if aside == path.resolve():
            raise BadConfig(
                f"--out {out} puts its unscored rows in {aside.name}, which is --{name}: choose another name"
            )
    if out.suffix == ".parquet":
        ours = out.is_file()
    else:
        ours = out.is_dir() and ((out / SUCCESS).is_file() or not any(out.iterdir()))
    if out.exists() and not ours:
        raise BadConfig(
            f"--out {out} exists and is no result of `adjudge score`; allowed is a new name, an empty folder "
            "or an older result, which is replaced. A name that ends in .parquet gives one file, any other a "
            "folder."
        )
