"""kill -9 at random moments of runs and merges: the rerun gives the same bytes, and a reader sees whole versions only."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from killing import ENVIRONMENT, adjudge, children_of, finish, kill_when

from adjudge.scoring.local import state
from adjudge.scoring.served import table as tables
from planted import planted
from served_days import Day

READER = Path(__file__).parent / "reader.py"
AT = "scored_at=2026-11-22T06:00:00Z"
SMALL = ("--set", "settings.buckets=16", "--set", "settings.threads=1")


def scoring(artifact: Path, home: Path, out: str, processes: int) -> list[str]:
    """25 parts of four chunks each; with `processes` 2 in spawned ones."""
    cut = ["--set", "part_rows=400", "--set", "chunk=100", "--set", "local.alone=0", "--workers", processes]
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
    rng = random.Random(kills)
    finish(scoring(overlap, home, f"whole-{out}", 1))
    command = [*scoring(overlap, home, out, processes), "--resume"]
    target, killed, most_done = home / out, 0, 0
    for _ in range(kills):
        before = parts_done(target)
        killed += kill_when(command, lambda: parts_done(target) > before, rng, 0.2)  # noqa: B023
        assert not target.exists() or parts_done(target) == 0, "nothing is there before all is"
        assert parts_done(target) >= before or target.exists(), "finished parts are kept"
        most_done = max(most_done, parts_done(target))
        if target.exists():
            break
    assert killed >= 2
    assert 0 < most_done <= 25
    finish(command)
    whole = home / f"whole-{out}"
    if target.is_dir():
        names = sorted(str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file())
        assert names == sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
        assert all((whole / name).read_bytes() == (target / name).read_bytes() for name in names)
    else:
        assert whole.read_bytes() == target.read_bytes()
        aside = [home / f"{name}.unscored.parquet" for name in ("whole-one", "one")]
        assert aside[0].read_bytes() == aside[1].read_bytes()
    left = [
        path.name for path in home.iterdir() if path.name.startswith(".") and not path.name.endswith(".lock")
    ]
    assert left == []


def test_workers_die_with_the_run(overlap: Path, home: Path) -> None:
    command = scoring(overlap, home, "out", 2)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    ) as run:
        limit = time.monotonic() + 120
        while parts_done(home / "out") < 1 and time.monotonic() < limit:
            time.sleep(0.005)
        crew = children_of(run.pid)
        assert len(crew) >= 2
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    while any(Path(f"/proc/{child}").exists() for child in crew) and time.monotonic() < limit:
        time.sleep(0.01)
    assert not [child for child in crew if Path(f"/proc/{child}").exists()]


def test_a_killed_worker_is_told_and_the_run_resumes(overlap: Path, home: Path) -> None:
    command = scoring(overlap, home, "out", 2)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as run:
        limit = time.monotonic() + 120
        while parts_done(home / "out") < 1 and time.monotonic() < limit:
            time.sleep(0.005)
        workers = [
            child
            for child in children_of(run.pid)
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        os.kill(workers[0], signal.SIGKILL)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 2
    assert "ended with code -9" in said
    assert "--resume" in said
    finish([*command, "--resume"])
    assert (home / "out" / "_SUCCESS").exists()


def test_another_run_is_not_resumed(overlap: Path, home: Path) -> None:
    command = scoring(overlap, home, "one.parquet", 1)
    assert kill_when(command, lambda: parts_done(home / "one.parquet") > 0, random.Random(3), 0.0)
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


@pytest.mark.parametrize(("merges", "kills"), [(2, 3), pytest.param(4, 5, marks=pytest.mark.slow)])
def test_killed_merges_under_a_reader(tmp_path: Path, merges: int, kills: int) -> None:
    """A table and its twin: the same runs, the one killed at random moments and run again, the other left in peace."""
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
        killed = 0
        for number, command in enumerate(commands[table][1:], start=1):
            for _ in range(kills):
                served = tables.pointer(table).served
                building = table / tables.VERSIONS / tables.BUILDING
                killed += kill_when(command, lambda: building.exists(), rng, min(1.0, took))  # noqa: B023
                assert tables.pointer(table).served in (served, served + 1, *tables.numbers(table))
                assert tables.version(table, tables.pointer(table).served).runs[-1].run_id in (
                    f"d{number}",
                    days[number - 1].name,
                )
            finish(command)
    finally:
        stop.touch()
        reader.wait(timeout=120)
    assert reader.returncode == 0
    assert killed >= merges * kills / 2
    check_seen([json.loads(line) for line in log.read_text().splitlines()], {day.name for day in days})
    assert contents(table) == contents(twin)
    assert not (table / tables.VERSIONS / tables.BUILDING).exists()


def merging(table: Path, day: Day, runs: Path) -> list[str]:
    scores, gone = day.write(runs)
    more = ["--full"] if day.full else ["--deleted", gone]
    return adjudge("merge", "--table", table, "--scores", scores, "--publish", *more, *SMALL)


def check_seen(seen: list[dict[str, object]], days: set[str]) -> None:
    """Every look found a whole version: its stated rows, the same bytes at every look, versions in order."""
    assert len(seen) > 10
    digests: dict[object, object] = {}
    for look in seen:
        assert look["rows"] == look["stated"]
        assert look["models"] == ["aaaaaaaaaaaa"]
        assert digests.setdefault(look["version"], look["digest"]) == look["digest"]
    versions = [look["version"] for look in seen]
    assert versions == sorted(versions), "no step back"  # type: ignore[type-var]
    assert 1 <= len(set(digests.values())) <= len(days)


def contents(table: Path) -> list[bytes]:
    about = tables.version(table, tables.pointer(table).served)
    folder = tables.folder(table, about.number)
    return [(folder / tables.bucket_name(bucket)).read_bytes() for bucket in range(about.buckets)]


def test_an_interrupt_keeps_the_finished_parts(overlap: Path, home: Path) -> None:
    command = scoring(overlap, home, "out", 2)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
    ) as run:
        limit = time.monotonic() + 120
        while parts_done(home / "out") < 2 and time.monotonic() < limit:
            time.sleep(0.005)
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "Traceback" not in said
    assert parts_done(home / "out") >= 2
    assert not (home / "out").exists()
