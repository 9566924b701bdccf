"""The log's columns against a dictionary; the hash of a pair against the hash of its rendered text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.judge.log import LogEntry, LogRecord, VerdictLog
from adjudge.judge.log_snapshot import keys_of
from adjudge.judge.prompt import load
from adjudge.judge.verdict import Verdict

TOLD = {"model": "m"}
half = st.sampled_from([b"\0" * 8, b"\xff" * 8, b"\0" * 7 + b"\x01", b"\x80" + b"\0" * 7])
hashes = st.tuples(half, half).map(b"".join)


@settings(max_examples=40, deadline=None)
@given(st.lists(hashes, unique=True, max_size=12), st.lists(hashes, max_size=20))
def test_find_is_a_dictionary_even_where_halves_are_shared(held: list[bytes], asked: list[bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as home, VerdictLog(Path(home) / "log.sqlite", TOLD) as log:
        for place, text in enumerate(held):
            log.put(LogRecord(text, LogEntry(Verdict("good", None, place / 100), place % 3, place, None)))
        log.flush()
        known = log.known()
    places, found = known.find(keys_of(b"".join(asked)))
    assert found.tolist() == [text in held for text in asked]
    tokens = known.table.column("tokens").to_pylist()
    assert [tokens[p] for p, f in zip(places, found, strict=True) if f] == [
        held.index(text) for text in asked if text in held
    ]


def test_settled_is_graded_or_out_of_attempts(tmp_path: Path) -> None:
    with VerdictLog(tmp_path / "log.sqlite", TOLD) as log:
        for place, (grade, answered) in enumerate([("good", 1), (None, 1), (None, 2), (None, 0)]):
            text = place.to_bytes(16, "big")
            log.put(
                LogRecord(
                    text, LogEntry(Verdict(grade, None if grade else "ambiguous"), answered, None, None)
                )
            )
        log.flush()
        assert log.known().settled(2).tolist() == [True, False, True, False]
        assert np.array_equal(log.known().keys[:, 1], [0, 1, 2, 3])


ORDERS = (
    "{title}|{keyphrase}",
    "{keyphrase}|{title}|{keyphrase}",
    "{keyphrase}{title}",
    "a{title}{title}{keyphrase}b",
)


@given(st.sampled_from(ORDERS), st.text(max_size=9), st.text(max_size=9), st.none() | st.text(max_size=5))
def test_a_pairs_hash_is_its_texts_hash(order: str, keyphrase: str, title: str, category: str | None) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as home:
        own = Path(home) / "own.md"
        own.write_text(f"# User\n{order}\n# Grades\n- relevant = yes: y\n- irrelevant = no: n\n")
        prompt = load("binary", own)
    for _ in range(2):  # the second time from what is remembered
        assert prompt.digest(keyphrase, title, category) == prompt.render(keyphrase, title, category).digest()
