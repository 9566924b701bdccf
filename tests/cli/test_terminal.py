"""What the terminal shows when something is wrong: one line, and an exit code."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from adjudge.cli import terminal
from adjudge.errors import BadTable

ROOT = Path(__file__).parents[2]


def test_an_error_is_one_line_and_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left, terminal.errors():
        raise BadTable("seen 1; allowed 2; do 3")
    assert left.value.code == 2
    assert capsys.readouterr().err == "error: seen 1; allowed 2; do 3\n"


def test_a_missing_library_names_the_extra_that_brings_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), terminal.errors():
        raise ModuleNotFoundError("No module named 'onnxruntime.capi'", name="onnxruntime.capi")
    assert "onnxruntime is not installed" in (told := capsys.readouterr().err)
    assert "pip install 'adjudge[score]'" in told


def test_a_library_that_no_extra_brings_is_a_fault_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError), terminal.errors():
        raise ModuleNotFoundError("No module named 'surprise'", name="surprise")


def test_every_extra_named_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(terminal.EXTRAS.values()) <= set(extras)


def test_an_error_can_be_given_another_exit_code() -> None:
    with pytest.raises(SystemExit) as left, terminal.errors(), terminal.broken_is(3):
        raise BadTable("no verdict can be given")
    assert left.value.code == 3
