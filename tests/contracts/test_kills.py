"""kill -9 at chosen steps and random moments of runs and merges: the rerun gives the same bytes, and a
reader sees whole versions only."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from killing import ENVIRONMENT, LIMIT, adjudge, children_of, finish, held, kill_after, wait_for

from adjudge.engines import state
from adjudge.served import table as tables
from planted import planted
from served_days import Day

READER = Path(__file__).parent / "reader.py"
AT = "scored_at=2026-11-22T06:00:00Z"
SMALL = ("--set", "settings.buckets=16", "--set", "settings.threads=1")


def scoring(artifact: Path, home: Path, out: str, processes: int) -> list[str]:
    """25 parts of four chunks each; with `processes` 2 in spawned ones."""
    cut = [
        "--set",
        "part_rows=400",
        "--set",
        "chunk=100",
        "--set",
        "local.inline_up_to_rows=0",
        "--workers",
        processes,
    ]
    where = ["--artifact", artifact, "--pairs", home / "in.parquet", "--items", home / "items.parquet"]
    return adjudge("score", *where, "--out", home / out, "--set", AT, *cut)


def parts_done(out: Path) -> int:
    return len(list((state.folder_of(out) / state.INNER).glob("[0-9]*.json")))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    rows = planted(10_000, seed=11)
    pq.write_table(rows.select(["item_id", "keyphrase"]), tmp_path / "in.parquet")
    items = rows.group_by("item_id", use_threads=False).aggregate([("title", "first"), ("category", "first")])
    items = items.rename_columns(["item_id", "title", "category"])
    pq.write_table(items.slice(0, len(items) - 3), tmp_path / "items.parquet")
    return tmp_path


def same(whole: Path, target: Path) -> None:
    """The bytes of a run that nobody disturbed, and of its unscored rows."""
    if whole.is_dir():
        names = [path.relative_to(whole) for path in whole.rglob("*") if path.is_file()]
        names.remove(Path("settings.json"))  # it names --out and --resume
        assert all((whole / name).read_bytes() == (target / name).read_bytes() for name in names)
        more = [path.relative_to(target) for path in target.rglob("*") if path.is_file()]
        assert {path.parts[0] for path in set(more) - set(names)} <= {state.INNER, "settings.json"}
    else:
        assert whole.read_bytes() == target.read_bytes()
        aside = [path.with_name(f"{path.stem}.unscored.parquet") for path in (whole, target)]
        assert aside[0].read_bytes() == aside[1].read_bytes()


@pytest.mark.parametrize(
    ("out", "processes", "kills"),
    [
        ("one.parquet", 1, 3),
        ("folder", 2, 3),
        pytest.param("one.parquet", 2, 12, marks=pytest.mark.slow),
        pytest.param("folder", 2, 12, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on(overlap: Path, home: Path, out: str, processes: int, kills: int) -> None:
    """Killed while it scores, while it notes a finished part, and at a random moment, its last steps
    included."""
    rng = random.Random(kills)
    whole, target = home / f"whole-{out}", home / out
    took = finish(scoring(overlap, home, whole.name, 1))
    command = [*scoring(overlap, home, out, processes), "--resume"]
    # Of 100 chunks at most 70 are scored in all; 10 are a part at least, however two processes share them.
    for number, chunks in enumerate([10, *(rng.randrange(1, 60 // kills) for _ in range(kills - 1))]):
        before = parts_done(target)
        with held(command, home / "gates" / str(number), "score", chunks, processes):
            assert not target.exists(), "nothing is there before all is"
        assert parts_done(target) >= max(before, 1), "finished parts are kept"
    before = parts_done(target)
    with held(command, home / "gates" / "mark", "adjudge.engines.state:write_json", 1):
        assert parts_done(target) == before + 1, "a part is there, and its mark is not"
    kill_after(command, rng, took)
    if target.exists():
        same(whole, target)
    else:
        assert parts_done(target) > before
    finish(command)
    same(whole, target)
    left = [path.name for path in home.iterdir() if path.name.startswith(".")]
    assert [name for name in left if not name.endswith(".lock")] == []
    assert not (target / state.INNER).exists()


def test_workers_die_with_the_run(overlap: Path, home: Path) -> None:
    with held(scoring(overlap, home, "out", 2), home / "gate", "score", 10, 2) as (run, workers):
        crew = children_of(run.pid)
        assert set(workers) <= set(crew)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in crew), "a worker lives on")


def test_a_killed_worker_is_told_and_the_run_resumes(overlap: Path, home: Path) -> None:
    command = scoring(overlap, home, "out", 2)
    with held(command, home / "gate", "score", 10, 2) as (run, workers):
        os.kill(workers[0], signal.SIGKILL)
        _, said = run.communicate(timeout=LIMIT)
    assert run.returncode == 2
    assert "ended with code -9" in said
    assert "--resume" in said
    assert parts_done(home / "out") >= 1
    finish([*command, "--resume"])
    assert (home / "out" / "_SUCCESS").exists()


def test_another_run_is_not_resumed(overlap: Path, home: Path) -> None:
    command = scoring(overlap, home, "one.parquet", 1)
    with held(command, home / "gate", "score", 6):
        assert parts_done(home / "one.parquet") == 1
    for change, name in ((["--set", "chunk=50"], "chunk"), (["--set", "run_id=other"], "run_id")):
        done = subprocess.run(
            [*command, *change, "--resume"], capture_output=True, text=True, env=ENVIRONMENT
        )
        assert done.returncode == 2
        assert f"had another {name}" in done.stderr
    os.utime(home / "in.parquet", (1, 1))
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, env=ENVIRONMENT)
    assert "had another pairs" in done.stderr
    finish(command)
    assert parts_done(home / "one.parquet") == 0


SERVED = "adjudge.served"
STEPS = {
    "before anything": (f"{SERVED}.table:fresh_folder", 0),
    "before the first bucket": (f"{SERVED}.build:_write", 0),
    "among the buckets": (f"{SERVED}.build:_write", 7),
    "before the version has its name": (f"{SERVED}.table:finish", 0),
    "before the version is the head": (f"{SERVED}.table:point", 0),
    "before the head is served": (f"{SERVED}.merge:publish_held", 0),
}
"""Where a merge is killed, in the order in which it comes there: what it guards, and the calls that pass."""


@pytest.mark.parametrize(("merges", "every"), [(2, 2), pytest.param(4, 1, marks=pytest.mark.slow)])
def test_killed_merges_under_a_reader(tmp_path: Path, merges: int, every: int) -> None:
    """A table and its twin: the same runs, the one killed at its steps and at a random moment, the other left
    in peace.

    Of the steps each merge is killed at every `every`-th; the next one at the others.
    """
    rng = random.Random(14)
    base = {(f"i{item}", f"k{phrase}"): rng.random() for item in range(1500) for phrase in range(20)}
    full = Day("full", 0, base, full=True)
    days = [full]
    for number in range(1, merges + 1):
        chosen = rng.sample(sorted(base), 2000)
        gone = [(f"i{rng.randrange(1500)}", None) for _ in range(20)] + [(None, f"k{number}")]
        days.append(Day(f"d{number}", number, {pair: rng.random() for pair in chosen}, gone))
    table, twin = tmp_path / "table", tmp_path / "twin"
    commands = {home: [merging(home, day, tmp_path / "runs") for day in days] for home in (table, twin)}
    for command in commands[twin]:
        took = finish(command)
    finish(commands[table][0])
    log, stop = tmp_path / "seen.jsonl", tmp_path / "stop"
    reader = subprocess.Popen([sys.executable, str(READER), str(table), str(log), str(stop)], env=ENVIRONMENT)
    try:
        until_seen(table, log)
        for number, command in enumerate(commands[table][1:], start=1):
            for step, (at, calls) in list(STEPS.items())[number % every :: every]:
                with held(command, tmp_path / "gates" / f"{number} {step}", at, calls):
                    assert served_run(table) == days[number - 1].name, step
            kill_after(command, rng, took)
            assert served_run(table) in (days[number - 1].name, f"d{number}")
            finish(command)
            until_seen(table, log)
    finally:
        stop.touch()
        reader.wait(timeout=LIMIT)
    assert reader.returncode == 0
    check_seen([json.loads(line) for line in log.read_text().splitlines()], {day.name for day in days})
    assert contents(table) == contents(twin)
    assert not (table / tables.VERSIONS / tables.BUILDING).exists()


def served_run(table: Path) -> str:
    """The newest run of what is served."""
    return tables.version(table, tables.pointer(table).served).runs[-1].run_id


def until_seen(table: Path, log: Path) -> None:
    """Wait for the reader to have read what is served now."""
    now = f'{{"version": {tables.pointer(table).served},'
    wait_for(lambda: log.exists() and now in log.read_text(), f"the reader has not seen {now}")


def merging(table: Path, day: Day, runs: Path) -> list[str]:
    scores, gone = day.write(runs)
    more = ["--full"] if day.full else ["--deleted", gone]
    return adjudge("merge", "--table", table, "--scores", scores, "--publish", *more, *SMALL)


def check_seen(seen: list[dict[str, object]], days: set[str]) -> None:
    """Every look found a whole version: its stated rows, the same bytes at every look, versions in order."""
    digests: dict[object, object] = {}
    for look in seen:
        assert look["rows"] == look["stated"]
        assert look["models"] == ["aaaaaaaaaaaa"]
        assert digests.setdefault(look["version"], look["digest"]) == look["digest"]
    versions = [look["version"] for look in seen]
    assert versions == sorted(versions), "no step back"  # type: ignore[type-var]
    assert len(set(digests.values())) == len(days), "each was read"


def contents(table: Path) -> list[bytes]:
    about = tables.version(table, tables.pointer(table).served)
    folder = tables.folder(table, about.number)
    return [(folder / tables.bucket_name(bucket)).read_bytes() for bucket in range(about.buckets)]


def test_an_interrupt_keeps_the_finished_parts(overlap: Path, home: Path) -> None:
    with held(scoring(overlap, home, "out", 2), home / "gate", "score", 14, 2) as (run, _):
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=LIMIT)
    assert run.returncode == 130
    assert "Traceback" not in said
    assert parts_done(home / "out") >= 2
    assert not (home / "out").exists()
