"""Commands are generated from the registry: lazily, with help, from every job's settings."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from adjudge.cli import judge_results, results
from adjudge.cli.commands import app, main
from adjudge.cli.options import command_options
from adjudge.cli.registry import COMMANDS, JobSpec
from adjudge.config import Option, options
from adjudge.jobs.start import settings_path
from planted import write_planted


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def all_options(config: type) -> list[tuple[str, Option]]:
    """Every setting of a job and of its groups, with the class it belongs to."""
    listed = []
    for option in options(config):
        listed.append((config.__name__, option))
        if option.group is not None:
            listed += all_options(option.group)
    return listed


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name)
def test_every_command_has_a_job_settings_a_printer_and_help(spec: JobSpec) -> None:
    config = spec.load_config()
    assert config.__name__.endswith("Config")
    printer = (vars(results) | vars(judge_results))[spec.function_name]
    assert len(inspect.signature(printer).parameters) == 2
    listed = command_options(spec, config)
    names = {option.setting for option in listed}
    assert set(spec.arguments) | set(spec.options) <= names
    spellings = [option.spelling for option in listed if option.spelling]
    assert len(set(spellings)) == len(spellings)
    done = run(*spec.name.split(), "--help")
    assert done.exit_code == 0, done.output
    for spelling in (*spellings, "--settings", "--set"):
        assert spelling in done.output


def test_help_shows_defaults_ranges_and_flags_without_a_value() -> None:
    text = " ".join(run("score", "--help").output.replace("│", " ").split())
    assert "default: local" in text
    assert "[required]" in text
    assert "--resume --no-resume" in text
    assert "<bool> Go" not in text


def test_the_list_of_commands_imports_no_job() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from adjudge.cli.commands import app, main\n"
        "for words in (['--help'], ['label'], ['--version'], ['nonsense']): CliRunner().invoke(app, words)\n"
        "print([name for name in sys.modules if name.startswith(('adjudge.jobs', 'adjudge.config'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_command_imports_its_own_job_alone() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from adjudge.cli.commands import app, main\n"
        "assert CliRunner().invoke(app, ['export', '--help']).exit_code == 0\n"
        "import json; print(json.dumps([name for name in sys.modules if name.startswith('adjudge.jobs.')]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) <= {"adjudge.jobs.export", "adjudge.jobs.start"}


def test_groups_hold_their_commands() -> None:
    root = typer.main.get_command(app)
    below = {
        name: set(command.commands) for name, command in root.commands.items() if hasattr(command, "commands")
    }
    assert below == {
        "import": {"table", "esci", "wands", "ubi"},
        "label": {"export", "import"},
        "retrieve": {"build"},
    }
    assert "build" in run("retrieve", "--help").output
    assert "Did you mean 'export'" in run("exprot").output


def test_what_is_missing_is_named_by_its_option(tmp_path: Path) -> None:
    done = run("pairs", "--logs", tmp_path)
    assert done.exit_code == 2
    assert "Missing option '--out'" in done.output
    assert "Missing argument 'RECIPE'" in run("recipe", "--logs", tmp_path, "--out", tmp_path).output
    assert "Missing option '--graph'" in run("retrieve").output
    assert run("agree").exit_code == 3


@pytest.mark.parametrize("name", ["real", "real-judge"])
def test_a_study_that_has_moved_says_where_to(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["adjudge", name, "--data", "x", "--out", "y"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert f"error: adjudge {name} is no command any more: run make {name} " in capsys.readouterr().err


def judgments(path: Path) -> Path:
    keys = {"item_id": [f"i{n}" for n in range(8)], "keyphrase": ["sofa", "bed"] * 4}
    grades = {"grade": ["relevant", "irrelevant"] * 4, "judge": ["j"] * 8, "status": ["scored"] * 8}
    pq.write_table(pa.table({**keys, **grades}), path)
    return path


def saved_settings(folder: Path) -> Path:
    """The settings file of a run (jobs that are not started by `job` yet have names of their own)."""
    return next(
        path for path in sorted(folder.rglob("*.json")) if "settings" in path.name or "config" in path.name
    )


def test_a_run_is_repeated_from_its_saved_settings(tmp_path: Path) -> None:
    """Nothing but the file is given the second time: required options and mappings come from it too."""
    table = judgments(tmp_path / "j.parquet")
    (tmp_path / "a").mkdir()
    first = run(
        "export",
        "--judgments",
        table,
        "--out",
        tmp_path / "a" / "q.txt",
        "--judge",
        "j",
        "--set",
        'grades={"irrelevant": 1, "relevant": 3}',
    )
    assert first.exit_code == 0, first.output
    text = (tmp_path / "a" / "q.txt").read_text()
    (tmp_path / "a" / "q.txt").unlink()
    again = run("export", "--settings", saved_settings(tmp_path / "a"))
    assert again.exit_code == 0, again.output
    assert (tmp_path / "a" / "q.txt").read_text() == text
    assert " 3\n" in text
    other = run("export", "--settings", saved_settings(tmp_path / "a"), "--out", tmp_path / "b.txt")
    assert other.exit_code == 0, other.output
    assert (tmp_path / "b.txt").read_text() == text


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A logs folder, two judges' tables, and a baseline's artifact."""
    folder = tmp_path_factory.mktemp("shop")
    judgments(folder / "a.parquet")
    keys = pq.read_table(folder / "a.parquet").drop(["judge"])
    pq.write_table(keys.append_column("judge", pa.array(["k"] * 8)), folder / "b.parquet")
    (folder / "logs").mkdir()
    pq.write_table(keys.select(["item_id", "keyphrase"]), folder / "logs" / "pairs.parquet")
    items = {
        "item_id": [f"i{n}" for n in range(8)],
        "title": ["red sofa", "bed"] * 4,
        "category": ["home"] * 8,
    }
    pq.write_table(pa.table(items), folder / "logs" / "items.parquet")
    write_planted(folder / "training.parquet", 200)
    return folder


COMMAND_LINES = {
    "panel": "--judgments a.parquet --judgments b.parquet --rule unanimous --out OUT.parquet",
    "pairs": "--logs logs --out OUT.parquet",
    "train": "--training training.parquet --kind jaccard --out OUT",
    "simulate": "--out OUT --no-measure --set market.catalogue.items=50",
}


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_a_run_from_saved_settings_gives_the_same_files(
    name: str, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    words = COMMAND_LINES[name].replace("OUT", f"{name}-run").split()
    done = run(name, *words)
    assert done.exit_code == 0, done.output
    out = shop / words[words.index("--out") + 1]
    (shop / "again.json").write_bytes(settings_path(out).read_bytes())
    out.rename(shop / f"{name}-first")
    again = run(name, "--settings", "again.json")
    assert again.exit_code == 0, again.output
    assert contents(out) == contents(shop / f"{name}-first")


def contents(path: Path) -> dict[str, object]:
    """The tables of a file or folder, and the names of other files."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {
        str(file.relative_to(path)): pq.read_table(file).to_pylist()
        if file.suffix == ".parquet" or file == path
        else None
        for file in files
    }


def test_an_import_is_repeated_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id,title\na,red mug\nb,blue cup\n")
    words = ("import", "table", "items", tmp_path / "items.csv", "--map", "item_id=id", "--logs")
    first = run(*words, tmp_path / "one")
    assert first.exit_code == 0, first.output
    values = {
        "table": "items",
        "file": str(tmp_path / "items.csv"),
        "columns": {"item_id": "id"},
        "logs": str(tmp_path / "two"),
    }
    (tmp_path / "s.yaml").write_text(
        "\n".join(f"{name}: {json.dumps(value)}" for name, value in values.items())
    )
    again = run("import", "table", "--settings", tmp_path / "s.yaml")
    assert again.exit_code == 0, again.output
    first_items, second_items = (pq.read_table(tmp_path / name / "items.parquet") for name in ("one", "two"))
    assert first_items.equals(second_items)


def test_every_setting_of_every_job_has_help() -> None:
    missing = {
        f"{owner}.{option.name}"
        for spec in COMMANDS
        for owner, option in all_options(spec.load_config())
        if option.group is None and not option.help
    }
    assert missing == set()


def test_every_job_saves_its_settings() -> None:
    assert [spec.name for spec in COMMANDS if not getattr(spec.load_job(), "is_job", False)] == []
