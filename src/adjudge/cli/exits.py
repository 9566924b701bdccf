"""Exit codes that do not lie: where a code is a verdict, nothing else may leave with it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperCommand

FAULT, USAGE = 3, 2


@contextmanager
def faults() -> Iterator[None]:
    """Within it, a fault of ours shows its traceback and leaves with 3: Python's own 1 is a verdict of several commands."""
    try:
        yield
    except Exception:  # noqa: BLE001  (the outermost door: whatever it is, it must not leave as a verdict)
        traceback.print_exc()
        raise SystemExit(FAULT) from None


class Verdict(TyperCommand):
    """A command whose exit code 2 is a verdict: options that it does not know leave with 3."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            # Which class it is depends on the typer installed; its exit code does not.
            if getattr(error, "exit_code", None) == USAGE:
                error.exit_code = FAULT  # type: ignore[attr-defined]
            raise
