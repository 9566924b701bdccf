"""The committed command reference is what the commands say today."""

from __future__ import annotations

from pathlib import Path

from adjudge.cli.reference import markdown

DOCS = Path(__file__).parents[2] / "docs"


def test_docs_cli_is_up_to_date() -> None:
    assert (DOCS / "cli.md").read_text() == markdown(), "run: python -m adjudge.cli.reference > docs/cli.md"
