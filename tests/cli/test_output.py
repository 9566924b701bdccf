"""Lines, tables and numbers as results are printed."""

from __future__ import annotations

import doctest
from types import SimpleNamespace

import pytest

from adjudge.cli import output


def test_worked_examples_in_the_docstrings() -> None:
    results = doctest.testmod(output)
    assert results.attempted > 0
    assert results.failed == 0


def test_empty_lines_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    output.lines("a", "", None, 0, False, "b")
    assert capsys.readouterr().out == "a\nb\n"


def test_numbers_intervals_and_counts() -> None:
    assert (output.number(0.12345), output.number(None)) == ("0.123", output.NONE)
    assert output.interval(0.1, 0.25) == "0.100 to 0.250"
    assert output.interval(None, 0.25) == output.interval(0.1, None) == output.NONE
    assert output.estimate(SimpleNamespace(value=0.5, low=0.4, high=0.6)) == ["0.500", "0.400 to 0.600"]
    assert output.counts({"a": 1200}) == output.counts([("a", 1200)]) == [["a", "1,200"]]


def test_a_table_has_its_title_heads_and_rows(capsys: pytest.CaptureFixture[str]) -> None:
    output.table("Pairs", ["what", "pairs"], [["new", "1,200"], ["gone", "3"]])
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].strip() == "Pairs"
    assert any("what" in line and "pairs" in line for line in shown)
    row = next(line for line in shown if "gone" in line)
    assert row.index("gone") < row.index("3")
    assert row[row.index("3") - 3 : row.index("3")] == "   "
