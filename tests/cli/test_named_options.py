"""Every option, and every table to import, that docs and messages name exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from adjudge import tables
from adjudge.cli.commands import JobCommand, app
from adjudge.cli.registry import JobSpec

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
SOURCES = sorted((ROOT / "src" / "adjudge").rglob("*.py"))
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
LINE = re.compile(r"(?:^|[\s`/(])adjudge ([a-z][^`\n|&;]*)")
IMPORT = re.compile(r"adjudge import table ([a-z_]+)")
SHAPE = re.compile(r"\{(?:tables\.)?([A-Z_]+)\.name\}")
OTHERS = {
    # spark-submit's and flink's
    *("--archives", "--conf", "--deploy-mode", "--executor-cores", "--executor-memory", "--master"),
    *("--num-executors", "--py-files"),
    # bench/market.py's, tools/browser.sh's, every command's, the start of a flag that is turned off
    *("--learn", "--dark", "--help", "--no"),
}
"""Options that are not a command's of ours."""
STYLE = re.compile(r"--(?:ink|muted|soft|series-)")
"""Names of colours in the report's style sheet."""


def commands(command: Any, name: str = "") -> dict[str, set[str]]:
    """Every command's options, by the words that call it."""
    spellings = {opt for parameter in command.params for opt in parameter.opts if opt.startswith("--")}
    by_name = {name: spellings | {"--help"}}
    for child in getattr(command, "commands", {}).values():
        by_name |= commands(child, f"{name} {child.name}".strip())
    return by_name


KNOWN = commands(typer.main.get_command(app))
STUDIES = [JobCommand(JobSpec(name, "", package="examples.esci.")) for name in ("real", "real_judge")]
ALL = set().union(*KNOWN.values(), *(options for study in STUDIES for options in commands(study).values()))


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
            unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
            wrong += [f"adjudge {name} {opt}" for opt in OPTION.findall(unquoted) if opt not in KNOWN[name]]
    return wrong + [opt for opt in OPTION.findall(joined) if opt not in ALL | OTHERS]


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
    named = [opt for string in strings for opt in OPTION.findall(STYLE.sub("", string))]
    return [opt for opt in named if opt not in ALL | OTHERS]


def test_options_in_messages_exist() -> None:
    problems = {
        str(path.relative_to(ROOT)): wrong
        for path in SOURCES
        if (wrong := unknown_in_source(path.read_text(encoding="utf-8")))
    }
    assert problems == {}


def not_imported(text: str) -> list[str]:
    """Tables that `adjudge import table` is said to take and refuses."""
    return [name for name in IMPORT.findall(text) if name not in tables.LOGS]


def shape_name(match: re.Match[str]) -> str:
    return str(getattr(getattr(tables, match[1], None), "name", match[0]))


def not_imported_in_source(text: str) -> list[str]:
    """The same in a file's strings; {tables.PAIRS.name} in a message counts as the table's name."""
    wrong = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):
            parts = [
                p.value if isinstance(p, ast.Constant) else f"{{{ast.unparse(p.value)}}}" for p in node.values
            ]
            wrong += not_imported(SHAPE.sub(shape_name, "".join(map(str, parts))))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            wrong += not_imported(node.value)
    return wrong


def test_tables_to_import_are_those_that_can_be() -> None:
    problems = {str(path.relative_to(ROOT)): not_imported(path.read_text(encoding="utf-8")) for path in DOCS}
    for path in SOURCES:
        problems[str(path.relative_to(ROOT))] = not_imported_in_source(path.read_text(encoding="utf-8"))
    assert {where: wrong for where, wrong in problems.items() if wrong} == {}
    assert not_imported("adjudge import table clicks FILE; adjudge import table to_score FILE") == [
        "to_score"
    ]
    assert not_imported_in_source('f"{a}: with: " f"adjudge import table {tables.TO_SCORE.name} FILE"') == [
        "to_score"
    ]
    assert not_imported_in_source('f"adjudge import table {name} {tables.ITEMS.name}"') == []


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
