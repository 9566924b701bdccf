"""How results are shown on stdout: lines, tables, and the spelling of numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer

NONE = "–"


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column is left-aligned, the others right."""
    from rich.console import Console
    from rich.table import Table

    drawn = Table(title=title, title_justify="left")
    for column, head in enumerate(heads):
        drawn.add_column(head, justify="left" if column == 0 else "right", no_wrap=column == 0)
    for row in rows:
        drawn.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 140).print(drawn)


def lines(*texts: object) -> None:
    """Print each text that is not empty, None or 0, as `count and f"{count} lost"` is for a count of 0."""
    for text in texts:
        if text:
            typer.echo(text)


def number(value: float | None) -> str:
    """Three decimals, or a dash for what is not there."""
    return NONE if value is None else f"{value:.3f}"


def interval(low: float | None, high: float | None) -> str:
    """An interval, or a dash."""
    return NONE if low is None or high is None else f"{low:.3f} to {high:.3f}"


def estimate(statistic: Any) -> list[str]:
    """The two cells of a statistic: its value and its 95 % interval."""
    return [number(statistic.value), interval(statistic.low, statistic.high)]


def share(value: float | None, signed: bool = False) -> str:
    """A fraction as percent.

    >>> share(0.3149), share(-0.05, signed=True), share(None)
    ('31.5 %', '-5.0 %', '–')
    """
    if value is None:
        return NONE
    return (f"{value:+.1%}" if signed else f"{value:.1%}").replace("%", " %")


def plain(value: object) -> str:
    """A figure of any kind.

    >>> plain(2669), plain(0.53217), plain(True), plain(None)
    ('2,669', '0.5322', 'yes', '–')
    """
    if value is None or isinstance(value, bool):
        return NONE if value is None else "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def counts(numbers: Mapping[str, int] | Iterable[tuple[str, int]]) -> list[list[str]]:
    """Rows of a table: a name and its count."""
    pairs = numbers.items() if isinstance(numbers, Mapping) else numbers
    return [[name, f"{count:,}"] for name, count in pairs]
