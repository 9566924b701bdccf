"""A resumed run repeats only what is missing or changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from adjudge.errors import BadConfig
from adjudge.jobs.steps import Step, Steps
from adjudge.records import Progress, no_progress


@dataclass(frozen=True)
class Setting:
    path: Path
    value: int
    fail: bool = False


def write(config: Setting, progress: Progress) -> None:
    """A job of a module, so that a process of its own can run it."""
    progress("write", 0, 1)
    if config.fail:
        raise BadConfig(f"{config.path.name} fails")
    config.path.write_text(f"{config.value} {os.getpid()}")
    progress("write", 1, 1)


def run(folder: Path, first: int, second: int, fail: bool = False) -> list[str]:
    steps = Steps(folder)
    a = Step("a", write, Setting(folder / "a", first), (folder / "a",))
    b = Step("b", write, Setting(folder / "b", second, fail), (folder / "b",), ("a",))
    return [step.name for step in (a, b) if steps.run(step, no_progress)]


def test_finished_steps_are_not_run_again(tmp_path: Path) -> None:
    assert run(tmp_path, 1, 1) == ["a", "b"]
    assert run(tmp_path, 1, 1) == []


def test_a_change_runs_the_step_and_what_builds_on_it(tmp_path: Path) -> None:
    run(tmp_path, 1, 1)
    assert run(tmp_path, 1, 2) == ["b"]
    assert run(tmp_path, 3, 2) == ["a", "b"]


def test_a_lost_output_is_made_again(tmp_path: Path) -> None:
    run(tmp_path, 1, 1)
    (tmp_path / "b").unlink()
    assert run(tmp_path, 1, 1) == ["b"]


def test_an_interrupted_step_is_run_again_and_keeps_its_partial_output(tmp_path: Path) -> None:
    with pytest.raises(BadConfig):
        run(tmp_path, 1, 1, fail=True)
    (tmp_path / "b").write_text("half")
    with pytest.raises(BadConfig):
        run(tmp_path, 1, 1, fail=True)
    assert (tmp_path / "b").read_text() == "half"


def test_a_changed_setting_removes_the_old_output_first(tmp_path: Path) -> None:
    run(tmp_path, 1, 1)
    with pytest.raises(BadConfig):
        run(tmp_path, 1, 2, fail=True)
    assert not (tmp_path / "b").exists()


def beside(folder: Path, bad: tuple[int, ...] = ()) -> tuple[set[str], list[tuple[str, int, int]]]:
    reports: list[tuple[str, int, int]] = []
    names = [f"s{n}" for n in range(4)]
    todo = [
        Step(name, write, Setting(folder / name, n, n in bad), (folder / name,))
        for n, name in enumerate(names)
    ]
    before = {name: (folder / name).stat().st_mtime_ns for name in names if (folder / name).exists()}
    Steps(folder).run_all(todo, 2, lambda *what: reports.append(what), "all")
    return {n for n in names if before.get(n) != (folder / n).stat().st_mtime_ns}, reports


def test_steps_beside_one_another_run_in_processes_of_their_own_and_tell_their_progress(
    tmp_path: Path,
) -> None:
    ran, reports = beside(tmp_path)
    assert ran == {"s0", "s1", "s2", "s3"}
    pids = {(tmp_path / name).read_text().split()[1] for name in ran}
    assert str(os.getpid()) not in pids
    assert {what for what, _, _ in reports} == {"all", *(f"{name}: write" for name in ran)}
    assert reports[-1] == ("all", 4, 4)
    assert beside(tmp_path)[0] == set()


def test_one_step_s_error_is_raised_and_the_others_work_is_kept(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="s3 fails"):
        beside(tmp_path, bad=(3,))
    assert beside(tmp_path)[0] == {"s3"}


@pytest.mark.parametrize("note", ["", '{"key": "1', "[1]", "\x00", b"\xff\xfe"])
def test_a_note_that_a_kill_has_torn_counts_as_not_done(tmp_path: Path, note: str | bytes) -> None:
    run(tmp_path, 1, 1)
    path = tmp_path / ".steps" / "b.json"
    path.write_bytes(note if isinstance(note, bytes) else note.encode())
    assert run(tmp_path, 1, 1) == ["b"]
    assert json.loads(path.read_text())["done"] is True
    assert run(tmp_path, 1, 1) == []


def test_a_run_that_is_killed_goes_on(tmp_path: Path) -> None:
    """SIGKILL at any moment leaves notes that can be read and no temporary files that count as outputs."""
    script = (
        "import sys; from pathlib import Path; from adjudge.jobs.steps import Step, Steps\n"
        "from adjudge.records import no_progress; sys.path.insert(0, sys.argv[2])\n"
        "from test_steps import Setting, write\n"
        "folder = Path(sys.argv[1]); steps = Steps(folder)\n"
        "for n in range(10_000):\n"
        "    steps.run(Step('a', write, Setting(folder / 'a', n), (folder / 'a',)), no_progress)\n"
        "    print(n, flush=True)\n"
    )
    words = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        for _ in range(5):
            process.stdout.readline()
        process.kill()
    note = json.loads((tmp_path / ".steps" / "a.json").read_text())
    assert note["step"] == "a"
    assert run(tmp_path, 1, 1) == ["a", "b"]


def test_notes_name_what_a_step_depends_on(tmp_path: Path) -> None:
    run(tmp_path, 1, 2)
    first, second = (json.loads((tmp_path / ".steps" / f"{name}.json").read_text()) for name in "ab")
    assert second["after"] == [first["key"]]
    assert second["config"]["value"] == 2
    assert first["key"] != second["key"]
