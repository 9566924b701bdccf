"""Every option that the docs' command lines and the package's own messages name exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from adjudge.cli.commands import app

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
SOURCES = sorted((ROOT / "src" / "adjudge").rglob("*.py"))
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
LINE = re.compile(r"(?:^|[\s`/(])adjudge ([a-z][^`\n|&;]*)")
OTHERS = {
    # spark-submit's and flink's
    *("--archives", "--conf", "--deploy-mode", "--executor-cores", "--executor-memory", "--master"),
    *("--num-executors", "--py-files"),
    # bench/market.py's, tools/browser.sh's, every command's
    *("--learn", "--dark", "--help"),
}
"""Options that are not a command's of ours."""
STYLE = re.compile(r"--(?:ink|muted|soft|series-)")
"""Names of colours in the report's style sheet."""


def commands(command: Any, name: str = "") -> dict[str, set[str]]:
    """Every command's options, by the words that call it."""
    own = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    found = {name: own | {"--help"}}
    for child in getattr(command, "commands", {}).values():
        found |= commands(child, f"{name} {child.name}".strip())
    return found


KNOWN = commands(typer.main.get_command(app))
ALL = set().union(*KNOWN.values())


def called(line: str) -> str | None:
    """The command that a line's first words name; None where it is prose."""
    words = line.split()
    for number in (2, 1):
        if (name := " ".join(words[:number])) in KNOWN:
            return name
    return None


def unknown_in_docs(text: str) -> list[str]:
    """Options of command lines that the command has not, and others that no command has."""
    joined = re.sub(r"\\\n\s*", " ", text)
    wrong = []
    for line in LINE.findall(joined):
        name = called(line)
        if name is not None:
            told = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
            wrong += [f"adjudge {name} {one}" for one in OPTION.findall(told) if one not in KNOWN[name]]
    return wrong + [one for one in OPTION.findall(joined) if one not in ALL | OTHERS]


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)
def test_options_in_the_docs_exist(path: Path) -> None:
    assert unknown_in_docs(path.read_text(encoding="utf-8")) == []


def unknown_in_source(text: str) -> list[str]:
    """Options in a file's strings (messages and docstrings) that no command has."""
    strings = [
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    named = [one for string in strings for one in OPTION.findall(STYLE.sub("", string))]
    return [one for one in named if one not in ALL | OTHERS]


def test_options_in_messages_exist() -> None:
    found = {
        str(path.relative_to(ROOT)): wrong
        for path in SOURCES
        if (wrong := unknown_in_source(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_dead_options_are_caught() -> None:
    """The checks themselves: an option of another command, one of none, one in a message."""
    assert unknown_in_docs("    adjudge agree --judgments a \\\n        --target 0.9\n") == [
        "adjudge agree --target"
    ]
    assert unknown_in_docs("(`--statistics pabak`)") == ["--statistics"]
    assert unknown_in_docs("`adjudge label export --sample N` draws") == []
    assert unknown_in_docs("adjudge turns judgment into models --") == []
    assert unknown_in_source('raise BadConfig(f"{x}: name it with --human-scales")') == ["--human-scales"]
    assert len(KNOWN) > 20
