"""The project's own rules, read off the source: import directions, cycles, heavy imports, sizes, names, and
what is kept out."""

from __future__ import annotations

import ast
import collections
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "adjudge"
FILES = sorted(SRC.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
MODULES = {
    ".".join(("adjudge", *p.relative_to(SRC).with_suffix("").parts)).removesuffix(".__init__"): p
    for p in FILES
}
NOUNS = {"records", "tables", "errors", "config", "manifest", "quiet", "__init__"}
FOUNDATIONS = {"stats", "text", "storage"}
MODELS = {"llm", "learn"}
ENTRIES = {"cli", "http", "__main__"}
EXCEPTIONS = {
    ("recipes", "judge"),
    ("scoring", "student"),
    ("scoring", "baselines"),
    ("engines", "scoring"),
    ("engines", "student"),
    ("served", "engines"),
    ("served", "scoring"),
    ("live", "retrieve"),
    ("live", "scoring"),
    ("live", "served"),
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
    "peft": {"llm"},
    "trl": {"llm"},
    "datasets": {"llm", "quiet"},
    "openvino": {"scoring"},
}
VAGUE = {"told", "own", "one", "there", "found", "place", "seen", "held"}
SAVED_NAMES = {"learn/loop.py": {"seen"}, "recipes/tally.py": {"seen"}}
"""Fields that checkpoints and recipe.json hold: another name would leave files of earlier versions unread."""
MOST_LINES, MOST_FUNCTION_LINES, MOST_PARAMETERS = 400, 60, 8


def package_of(path: Path) -> str:
    return path.relative_to(SRC).with_suffix("").parts[0]


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every module a tree imports, deferred ones too, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield (name if name in MODULES else node.module), node.lineno


def layer(package: str) -> int:
    if package in NOUNS:
        return 0
    if package in FOUNDATIONS:
        return 0
    if package in MODELS:
        return 1
    return {"jobs": 3, **dict.fromkeys(ENTRIES, 4)}.get(package, 2)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_file_keeps_the_rules(path: Path) -> None:
    tree = TREES[path]
    problems = [
        *direction_problems(package_of(path), tree),
        *size_problems(path, tree),
        *banned_code(path, tree),
        *vague_names(tree, SAVED_NAMES.get(path.relative_to(SRC).as_posix(), set())),
    ]
    assert not problems, "\n".join(problems)


def direction_problems(package: str, tree: ast.AST) -> Iterator[str]:
    for name, line in imports(tree):
        top = name.split(".")[0]
        if top in HEAVY and package not in HEAVY[top]:
            yield f"line {line}: {top} may be imported only in {sorted(HEAVY[top])}"
        if top != "adjudge" or name == "adjudge":
            continue
        other = name.split(".")[1]
        if other == package or (package, other) in EXCEPTIONS:
            continue
        if package in ENTRIES and layer(other) == 2:
            yield f"line {line}: {package} calls jobs, not the package {other}"
        if layer(other) >= layer(package) and not (
            layer(package) == layer(other) == 0 or package == "__main__"
        ):
            yield f"line {line}: {package} may not import {other}"


def size_problems(path: Path, tree: ast.AST) -> Iterator[str]:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > MOST_LINES:
        yield f"{lines} lines; at most {MOST_LINES}"
    if path.name == "__init__.py" and path.parent != SRC and tree.body:  # type: ignore[attr-defined]
        yield "a package's __init__.py is empty: import from the module"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MOST_FUNCTION_LINES:
                yield f"{node.name}: {length} lines; at most {MOST_FUNCTION_LINES}"
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            if len([a for a in arguments if a.arg not in ("self", "cls")]) > MOST_PARAMETERS:
                yield f"{node.name}: more than {MOST_PARAMETERS} parameters"


def banned_code(path: Path, tree: ast.AST) -> Iterator[str]:
    storage = package_of(path) == "storage"
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield f"line {node.lineno}: assert in the package"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("eval", "exec"):
                yield f"line {node.lineno}: {node.func.id}"
            if node.func.id == "zip" and "strict" not in {k.arg for k in node.keywords}:
                yield f"line {node.lineno}: zip without strict"
        if isinstance(node, ast.Attribute):
            yield from banned_attribute(node, storage)


def banned_attribute(node: ast.Attribute, storage: bool) -> Iterator[str]:
    owner = ast.unparse(node.value)
    if owner == "np.random" and node.attr not in (
        "default_rng",
        "Generator",
        "SeedSequence",
        "PCG64",
        "BitGenerator",
    ):
        yield f"line {node.lineno}: global randomness {ast.unparse(node)}"
    if storage:
        return
    if (owner, node.attr) == ("duckdb", "connect"):
        yield f"line {node.lineno}: duckdb.connect; use storage.duck"
    if (owner, node.attr) in (("os", "replace"), ("os", "rename")) or (
        owner == "shutil" and node.attr == "move"
    ):
        yield f"line {node.lineno}: {owner}.{node.attr}; use storage.files"
    if node.attr in ("write_text", "write_bytes") and owner != "files":
        yield f"line {node.lineno}: {node.attr}; use storage.files"


def vague_names(tree: ast.AST, allowed: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in VAGUE - allowed:
            yield f"line {node.lineno}: {node.id} says nothing about what it holds"


def test_public_class_names_are_unique() -> None:
    homes = collections.defaultdict(list)
    for path, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(SRC)))
    assert not {name: paths for name, paths in homes.items() if len(paths) > 1}


def test_modules_have_no_cycle() -> None:
    """Cycles through deferred imports and through a package's `__init__` count too."""
    graph = {}
    for name, path in MODULES.items():
        targets = {target for target, _ in imports(TREES[path]) if target in MODULES}
        parents = {
            target.rsplit(".", depth)[0] for target in targets for depth in range(1, target.count("."))
        }
        graph[name] = (
            (targets | parents) - {name} - {name.rsplit(".", d)[0] for d in range(1, name.count("."))}
        )
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in finished:
            for target in sorted(graph[name]):
                visit(target, (*path, name))
            finished.add(name)

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
