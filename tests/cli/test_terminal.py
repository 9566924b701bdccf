"""What the terminal shows when something is wrong: one line, and an exit code."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import typer

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
    shown = capsys.readouterr().err
    assert "onnxruntime is not installed" in shown
    assert "pip install 'adjudge[score]'" in shown


def test_a_library_that_no_extra_brings_is_a_fault_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError), terminal.errors():
        raise ModuleNotFoundError("No module named 'surprise'", name="surprise")


def test_what_the_system_refuses_is_one_line_with_the_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(SystemExit) as left, terminal.errors():
        (file / "folder").mkdir(parents=True)
    assert left.value.code == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"error: {file / 'folder'}: Not a directory. Allowed are ")
    assert shown.count("\n") == 1
    with pytest.raises(SystemExit), terminal.errors():
        (tmp_path / "no").rename(tmp_path / "new")
    assert f"{tmp_path / 'no'} -> {tmp_path / 'new'}: No such file" in capsys.readouterr().err
    with pytest.raises(SystemExit), terminal.errors():
        raise FileNotFoundError(2, "Failed to open local file 'x'\nmore of it")
    assert capsys.readouterr().err.startswith("error: [Errno 2] Failed to open local file 'x'. Allowed are ")


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(KeyError), terminal.errors():
        raise KeyError("surprise")


def test_every_extra_named_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(terminal.EXTRAS.values()) <= set(extras)


def test_an_error_can_be_given_another_exit_code() -> None:
    with pytest.raises(SystemExit) as left, terminal.errors(), terminal.failure_is(3):
        raise BadTable("no verdict can be given")
    assert left.value.code == 3
    with pytest.raises(SystemExit) as left, terminal.errors(), terminal.failure_is(3):
        Path("/dev/null/folder").mkdir()
    assert left.value.code == 3


def test_a_judging_run_tells_its_rate_and_money_without_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from adjudge.cli import judge_results
    from adjudge.jobs.judge import JudgeConfig, judge

    texts = {"item_id": ["a", "b", "c"], "keyphrase": ["mug", "mug", "cup"], "title": ["red mug"] * 3}
    pq.write_table(pa.table(texts), tmp_path / "p.parquet")
    (tmp_path / "prices.json").write_text('{"fake": {"input": 1000.0, "output": 2000.0}}')
    config = JudgeConfig(
        tmp_path / "p.parquet",
        "fake",
        tmp_path / "l.sqlite",
        tmp_path / "o.parquet",
        prices=tmp_path / "prices.json",
    )
    for line in (
        "asked: 2 requests for 2 texts in 0 s, ",
        "asked: nothing; every text was in the verdict log",
    ):
        judge_results.judge(terminal.run(judge, config), config)
        out, err = capsys.readouterr()
        assert line in out
        money = out.rpartition("money ")[2].strip()
        assert ("; money " in out) == ("requests" in line)
        assert not money.startswith("0.00")
        assert (f"texts judged: 2 of 2, unscored 0, money {money}" in err) == ("requests" in line)


def test_an_interrupted_run_leaves_with_130_and_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def job(config: object, progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as left, terminal.failure_is(3):
        terminal.run(job, None)
    assert left.value.exit_code == 130
    assert "What was finished is kept; run the same command again" in capsys.readouterr().err


def test_a_verdict_keeps_its_code_though_errors_get_another() -> None:
    with pytest.raises(typer.Exit) as left, terminal.failure_is(3):
        terminal.leave(lambda: None, 2)
    assert left.value.exit_code == 2


def test_a_fault_is_no_error_for_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.explain(KeyError("x")) is None
    with pytest.raises(SystemExit) as left, terminal.faults(), terminal.failure_is(1):
        raise ZeroDivisionError
    assert left.value.code == 3
    assert "ZeroDivisionError" in capsys.readouterr().err
