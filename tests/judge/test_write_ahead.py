"""What a kill leaves beside the log is read in: once, whole lines only, whosever it is."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.judge import write_ahead
from adjudge.judge.log import BadLog, LogEntry, LogRecord, VerdictLog, _row
from adjudge.judge.verdict import Verdict
from adjudge.judge.write_ahead import WriteAheadFile
from adjudge.llm.contract import Answer

TOLD = {"model": "m", "prompt": "p"}
OTHER = {"model": "n", "prompt": "p"}


def record(n: int, answered: int = 1) -> LogRecord:
    said = Answer("yes", "stop", (("yes", (("yes", -0.1), ("no", -math.inf))),), 7, 1, "r")
    return LogRecord(
        n.to_bytes(16, "big"), LogEntry(Verdict("good", None, 0.25, 1.5, 0.9), answered, 8, 0.125), said
    )


def killed(path: Path, told: dict[str, str], records: list[LogRecord]) -> Path:
    """A file as a killed run leaves it."""
    segment = WriteAheadFile(path, told)
    for one in records:
        segment.add(_row(one))
    segment.close()
    return segment.path


def held(path: Path, told: dict[str, str], n: int) -> dict[int, LogEntry]:
    with VerdictLog(path, told) as log:
        assert len(list(log.answers())) == log.totals().texts
        return log.find([k.to_bytes(16, "big") for k in range(n)])


def test_what_a_kill_left_is_read_in(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with VerdictLog(path, TOLD) as log:
        log.put(record(0))
    killed(path, TOLD, [record(k) for k in range(1, 300)])
    killed(path, OTHER, [record(3)])
    assert held(path, TOLD, 400) == {k: record(k).entry for k in range(300)}
    assert held(path, OTHER, 400) == {3: record(3).entry}
    assert write_ahead.leftover_files(path) == []
    with VerdictLog(path, TOLD) as log:
        assert next(log.answers())[2] == record(0).answer


def test_a_line_cut_short_is_left_out_wherever_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    whole = killed(path, TOLD, [record(0), record(1)]).read_bytes()
    ends = [place for place, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(0, len(whole) + 1, 7):
        write_ahead.leftover_files(path)[0].write_bytes(whole[:cut])
        _, rows = write_ahead.read(write_ahead.leftover_files(path)[0])
        assert len(rows) == max(0, sum(end < cut for end in ends) - 1)
    write_ahead.leftover_files(path)[0].write_bytes(whole[: ends[1] + 20])
    assert held(path, TOLD, 2) == {0: record(0).entry}


def test_a_file_that_was_committed_is_not_read_in_again(tmp_path: Path) -> None:
    """Killed between the commit and the removal of the file."""
    path = tmp_path / "log.sqlite"
    with VerdictLog(path, TOLD) as log:
        log.put(record(0))
        (left,) = write_ahead.leftover_files(path)
        kept = left.read_bytes()
        log.flush()
        with sqlite3.connect(path) as other:
            assert other.execute("SELECT segment FROM taken").fetchall() == [(left.name,)]
    left.write_bytes(kept)
    assert held(path, TOLD, 9) == {0: record(0).entry}
    assert write_ahead.leftover_files(path) == []


def test_answers_outlive_a_log_that_was_deleted(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    killed(path, TOLD, [record(5)])
    assert held(path, TOLD, 9) == {5: record(5).entry}


def test_an_answer_is_in_the_file_before_put_returns(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with VerdictLog(path, TOLD) as log:
        log.put(record(1))
        found = [row for file in write_ahead.leftover_files(path) for row in write_ahead.read(file)[1]]
        with sqlite3.connect(path) as other:
            committed = other.execute("SELECT count(*) FROM answers").fetchone()[0]
        assert committed or found[0][:9] == _row(record(1))[:9]


def test_a_disk_that_takes_no_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with VerdictLog(tmp_path / "log.sqlite", TOLD) as log:
        with monkeypatch.context() as patched:
            patched.setattr("os.write", lambda file, data: len(data) // 2)
            with pytest.raises(BadLog, match="No space left"):
                log.put(record(1))
        log._segment = None


@given(st.text(), st.text(), st.none() | st.floats(0, 1))
def test_any_text_comes_back(said: str, reason: str, probability: float | None) -> None:
    answer = Answer(said, "stop", ((said, ((said, -1.5),)),), None, None, said)
    assert Answer.load(answer.dump()) == answer
    assert answer.dump().encode()
    row = _row(LogRecord(b"\0" * 16, LogEntry(Verdict(None, reason, probability), 1, None, None), answer))
    line = write_ahead._ENCODER.encode((row[0].hex(), *row[1:])).encode()
    assert b"\n" not in line
    assert write_ahead._row(line) == row


def test_half_a_surrogate_pair_can_be_kept(tmp_path: Path) -> None:
    """JSON may hold \\ud800, which has no UTF-8."""
    said = Answer("\ud800é", "stop")
    with VerdictLog(tmp_path / "log.sqlite", TOLD) as log:
        log.put(LogRecord(b"x", LogEntry(Verdict(None, "outside the scale"), 1, None, None), said))
        log.flush()
        assert [answer for _, _, answer in log.answers()] == [said]
