"""The committed command reference is what the registry and the settings say today, and is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adjudge.cli.reference import markdown
from adjudge.cli.registry import COMMANDS
from adjudge.config import options

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


@pytest.fixture(scope="module")
def page() -> str:
    return markdown()


def test_docs_cli_is_up_to_date(page: str) -> None:
    assert PAGE.read_text() == page, "run: python -m adjudge.cli.reference > docs/cli.md"


def test_every_command_has_one_section_and_every_group_a_linked_one(page: str) -> None:
    heads = re.findall(r"^##+ (.*)$", page, re.MULTILINE)
    assert [head for head in heads if head.startswith("`")] == [f"`adjudge {spec.name}`" for spec in COMMANDS]
    linked = set(re.findall(r"\]\(#([a-z0-9_]+)\)", page))
    assert linked <= {head.lower() for head in heads}


def test_every_setting_of_a_group_is_listed_with_its_help(page: str) -> None:
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", page, re.MULTILINE | re.DOTALL))
    for spec in COMMANDS:
        for group in (option.group for option in options(spec.load_config()) if option.group is not None):
            for option in options(group):
                assert (
                    f"`{option.name}`" in sections[group.__name__]
                    or f"`{option.name}.NAME`" in sections[group.__name__]
                )


def test_tables_have_as_many_cells_as_heads(page: str) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1, table
