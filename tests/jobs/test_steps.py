"""A resumed run repeats only what is missing or changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from adjudge.jobs.steps import Steps


@dataclass(frozen=True)
class Setting:
    value: int


def run(folder: Path, first: int, second: int, fail: bool = False) -> list[str]:
    ran: list[str] = []

    def write(name: str, value: int) -> None:
        if fail and name == "b":
            raise KeyboardInterrupt
        (folder / name).write_text(str(value))
        ran.append(name)

    steps = Steps(folder)
    steps.run("a", Setting(first), [folder / "a"], lambda: write("a", first))
    steps.run("b", Setting(second), [folder / "b"], lambda: write("b", second), after=["a"])
    return ran


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
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 1, 1, fail=True)
    (tmp_path / "b").write_text("half")
    assert run(tmp_path, 1, 1) == ["b"]
    assert (tmp_path / "b").read_text() == "1"


def test_a_changed_setting_removes_the_old_output_first(tmp_path: Path) -> None:
    run(tmp_path, 1, 1)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 1, 2, fail=True)
    assert not (tmp_path / "b").exists()
