"""Exit codes that are verdicts stand for nothing else: not for unknown options, not for faults of ours."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adjudge.cli.commands import main
from adjudge.jobs import agree
from adjudge.jobs.cascade import cascade

UNREAD = """
import sys
from functools import wraps
from types import SimpleNamespace
from adjudge.cli import judge_results
from adjudge.cli.commands import main
from adjudge.cli.output import lines, table
from adjudge.jobs import agree

@wraps(agree.agree)
def job(config, progress):
    progress("agree", 1, 1)
    return SimpleNamespace(exit_code=code)

def show(result, config):
    for shown in order:
        table("t", ["a"], [["1"]]) if shown == "table" else lines("a line")

code, order = int(sys.argv.pop(1)), sys.argv.pop(1).split(",")
agree.agree, judge_results.agree = job, show
main()
"""
AGREE = ("agree", "--judgments", "j.parquet", "--human", "h.parquet")


def left(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["adjudge", *words])
    with pytest.raises(SystemExit) as done:
        main()
    return done.value.code


def test_unknown_options_of_agree_are_not_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("agree", "--bogus"), ("agree",), (*AGREE, "--clicks"), (*AGREE, "more")):
        assert left(monkeypatch, *words) == 3
    assert left(monkeypatch, "agree", "--help") == 0
    assert left(monkeypatch, "judge", "--bogus") == 2


def test_a_fault_of_ours_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, name in ((agree, "agree"), (cascade, "cascade")):

        @functools.wraps(getattr(module, name))
        def broken(*_: object) -> None:
            raise TypeError("no such column")

        monkeypatch.setattr(module, name, broken)
    routed = ("cascade", "--cheap", "a.parquet", "--strong", "b.parquet", "--out", "c")
    for words in (AGREE, routed):
        assert left(monkeypatch, *words) == 3
        shown = capsys.readouterr().err
        assert "Traceback" in shown
        assert "TypeError: no such column" in shown


def test_a_library_that_is_missing_is_not_inconclusive(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @functools.wraps(agree.agree)
    def lacking(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")

    monkeypatch.setattr(agree, "agree", lacking)
    assert left(monkeypatch, *AGREE) == 3
    assert "pip install 'adjudge[train]'" in capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 1, 2])
@pytest.mark.parametrize("order", ["table,line", "line,table"])
@pytest.mark.parametrize("both", [False, True])
def test_a_verdict_that_nobody_reads_is_the_same(code: int, order: str, both: bool) -> None:
    """As in `adjudge agree ... | true`, with and without `2>&1`: nobody reads the pipe from the start."""
    read, unread = os.pipe()
    os.close(read)
    words = [sys.executable, "-c", UNREAD, str(code), order, *AGREE]
    done = subprocess.run(words, stdout=unread, stderr=unread if both else subprocess.PIPE, text=True)
    os.close(unread)
    assert done.returncode == code
    assert both or "Error" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_verdict_that_cannot_be_written_is_broken() -> None:
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-c", UNREAD, "1", "line", *AGREE]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3
    assert done.stderr.count("error: ") == 1


def test_a_result_that_nobody_reads_is_no_failure(tmp_path: Path) -> None:
    """Also of a command without a verdict, as in `adjudge served ... | true`."""
    read, unread = os.pipe()
    os.close(read)
    script = (
        "import adjudge.jobs.merge as m, functools, types; from adjudge.cli.commands import main\n"
        "m.served = functools.wraps(m.served)(lambda *_: types.SimpleNamespace(folder='f'))\n"
        "main()"
    )
    words = [sys.executable, "-c", script, "served", "--table", str(tmp_path)]
    done = subprocess.run(words, stdout=unread, stderr=subprocess.PIPE, text=True)
    os.close(unread)
    assert done.returncode == 0, done.stderr
