"""The house's own rules, read off the source: arrows, heavy imports, sizes, and what is kept out."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "adjudge"
FILES = sorted(SRC.rglob("*.py"))
MODULES = {
    ".".join(("adjudge", *p.relative_to(SRC).with_suffix("").parts)).removesuffix(".__init__"): p
    for p in FILES
}
GROUND = {
    "records",
    "tables",
    "errors",
    "config",
    "manifest",
    "quiet",
    "stats",
    "text",
    "storage",
    "__init__",
}
DOORS = {"cli", "http", "__main__"}
EXCEPTIONS = {
    ("recipes", "judge"),
    ("scoring", "student"),
    ("scoring", "baselines"),
    ("engines", "scoring"),
    ("engines", "student"),
    ("served", "engines"),
    ("served", "scoring"),
    ("cascade", "judge"),
    ("cascade", "trust"),
}
HEAVY = {
    "torch": {"student", "learn", "ranker", "advertisers", "llm", "baselines"},
    "transformers": {"student", "ranker", "advertisers", "llm", "baselines", "quiet"},
    "sentence_transformers": {"student", "baselines"},
    "onnxruntime": {"scoring"},
    "xgboost": {"baselines"},
    "matplotlib": {"report"},
    "pyspark": {"engines"},
    "pyflink": {"live"},
    "openai": {"llm"},
    "aiohttp": {"llm"},
    "datasets": {"llm", "quiet"},
    "peft": {"llm"},
    "trl": {"llm"},
    "openvino": {"scoring"},
}
MOST_LINES, MOST_FUNCTION_LINES, MOST_PARAMETERS = 400, 60, 8


def room_of(path: Path) -> str:
    return path.relative_to(SRC).with_suffix("").parts[0]


def imports(tree: ast.AST) -> list[tuple[str, ast.AST]]:
    found: list[tuple[str, ast.AST]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(name if name in MODULES else node.module, node) for name in inside]
    return found


def layer(room: str) -> int:
    if room in GROUND:
        return 0
    if room in ("llm", "learn"):
        return 1
    return {"jobs": 3, **dict.fromkeys(DOORS, 4)}.get(room, 2)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_file_keeps_the_house_rules(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    room = room_of(path)
    problems = [*arrow_problems(room, tree), *size_problems(path, tree), *banned(tree)]
    assert not problems, "\n".join(problems)


def arrow_problems(room: str, tree: ast.AST) -> list[str]:
    problems = []
    for name, node in imports(tree):
        top = name.split(".")[0]
        if top in HEAVY and room not in HEAVY[top]:
            problems.append(f"line {node.lineno}: {top} may be imported only in {sorted(HEAVY[top])}")
        if top != "adjudge" or name == "adjudge.__version__":
            continue
        other = name.split(".")[1] if "." in name else "__init__"
        if other == room or (room, other) in EXCEPTIONS:
            continue
        if room in DOORS and layer(other) == 2:
            problems.append(f"line {node.lineno}: a door calls jobs, not the room {other}")
        if layer(other) >= layer(room) and not (layer(room) == layer(other) == 0 or room == "__main__"):
            problems.append(f"line {node.lineno}: {room} may not import {other}")
    return problems


def size_problems(path: Path, tree: ast.AST) -> list[str]:
    problems = []
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > MOST_LINES:
        problems.append(f"{lines} lines; at most {MOST_LINES}")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MOST_FUNCTION_LINES:
                problems.append(f"{node.name}: {length} lines; at most {MOST_FUNCTION_LINES}")
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            door = any("command" in ast.unparse(mark) for mark in node.decorator_list)
            if len([a for a in arguments if a.arg not in ("self", "cls")]) > MOST_PARAMETERS and not door:
                problems.append(f"{node.name}: more than {MOST_PARAMETERS} parameters")
    return problems


def banned(tree: ast.AST) -> list[str]:
    problems = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            problems.append(f"line {node.lineno}: assert in the package")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("eval", "exec"):
                problems.append(f"line {node.lineno}: {node.func.id}")
            if node.func.id == "zip" and "strict" not in {k.arg for k in node.keywords}:
                problems.append(f"line {node.lineno}: zip without strict")
        if (
            isinstance(node, ast.Attribute)
            and ast.unparse(node.value) == "np.random"
            and node.attr not in ("default_rng", "Generator", "SeedSequence", "PCG64", "BitGenerator")
        ):
            problems.append(f"line {node.lineno}: global randomness {ast.unparse(node)}")
    return problems


def test_modules_have_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        deferred = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
        graph[name] = {
            target
            for found, node in imports(tree)
            if id(node) not in deferred
            for target in [found if found in MODULES else found.rsplit(".", 1)[0]]
            if target in MODULES and target != name
        }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for target in graph[name]:
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("command", [["-c", "import adjudge"], ["-m", "adjudge", "--help"]])
def test_import_and_help_stay_light(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {
        line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line
    }
    assert not loaded & ({*HEAVY} | {"duckdb", "pyarrow", "sklearn", "scipy", "numpy"})
