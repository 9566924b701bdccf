"""Exit codes that are verdicts are left with for nothing else: not for unknown options, not for faults of ours."""

from __future__ import annotations

import sys

import pytest

from adjudge.cli import main
from adjudge.jobs import agree, cascade

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
    def broken(*_: object) -> None:
        raise TypeError("no such column")

    monkeypatch.setattr(agree, "agree", broken)
    monkeypatch.setattr(cascade, "cascade", broken)
    routed = ("cascade", "--cheap", "a.parquet", "--strong", "b.parquet", "--out", "c")
    for words in (AGREE, routed):
        assert left(monkeypatch, *words) == 3
        told = capsys.readouterr().err
        assert "Traceback" in told
        assert "TypeError: no such column" in told


def test_a_library_that_is_missing_is_not_inconclusive(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")

    monkeypatch.setattr(agree, "agree", lacking)
    assert left(monkeypatch, *AGREE) == 3
    assert "pip install 'adjudge[train]'" in capsys.readouterr().err
