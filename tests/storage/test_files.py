"""Files and folders appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.storage import files
from adjudge.storage.files import bring_back, discard, exchange, fresh_parquet, move_in

SCHEMA = pa.schema([("row", pa.int64())])
ROWS = pa.table([[1, 2]], schema=SCHEMA)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_name_at_the_end(tmp_path: Path) -> None:
    with fresh_parquet(tmp_path / "a.parquet", SCHEMA, "7") as writer:
        writer.write_table(ROWS)
        assert names(tmp_path) == [".a.parquet.7"]
    assert names(tmp_path) == ["a.parquet"]
    assert pq.read_table(tmp_path / "a.parquet") == ROWS


def test_a_failed_block_leaves_the_old_file(tmp_path: Path) -> None:
    pq.write_table(ROWS, tmp_path / "a.parquet")
    with pytest.raises(KeyError), fresh_parquet(tmp_path / "a.parquet", SCHEMA):
        raise KeyError
    assert names(tmp_path) == ["a.parquet"]
    assert pq.read_table(tmp_path / "a.parquet") == ROWS


@pytest.mark.parametrize("empty", [True, False])
def test_a_file_without_rows(tmp_path: Path, empty: bool) -> None:
    with fresh_parquet(tmp_path / "a.parquet", SCHEMA, empty=empty):
        pass
    assert names(tmp_path) == (["a.parquet"] if empty else [])


class Killed(BaseException):
    """What ends a swap here as a kill would; nothing catches it."""


def folder(path: Path, holds: str) -> Path:
    path.mkdir(parents=True)
    (path / holds).touch()
    return path


def not_here(*_: Path) -> bool:
    return False


@pytest.fixture(params=[exchange, not_here], ids=["exchange", "renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """A swap in one step where the file system can, and in two renames."""
    monkeypatch.setattr(files, "exchange", request.param)
    return request.param


@pytest.mark.parametrize("before", [False, True])
def test_a_folder_is_swapped_in(tmp_path: Path, way: object, before: bool) -> None:
    out, fresh = tmp_path / "deep" / "out", folder(tmp_path / "fresh", "new")
    if before:
        folder(out, "old")
    move_in(fresh, out)
    assert names(out) == ["new"]
    assert names(out.parent) == ["out"]
    assert names(tmp_path) == ["deep"]


def test_a_swap_takes_the_place_of_a_link(tmp_path: Path, way: object) -> None:
    """What the link led to stays as it is, and nothing of the link is left in the next swap's way."""
    old, out = folder(tmp_path / "elsewhere", "old"), tmp_path / "out"
    out.symlink_to(old)
    for holds in ("first", "second"):
        move_in(folder(tmp_path / "fresh", holds), out)
        assert names(out) == [holds]
    assert names(tmp_path) == ["elsewhere", "out"]
    assert names(old) == ["old"]


def test_a_kill_at_any_step_of_a_swap_leaves_one_whole_folder(
    tmp_path: Path, way: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step is killed before and after it; then `bring_back` finds old or new whole, and a rerun tidies
    up."""
    steps = 0
    while True:
        home = tmp_path / str(steps)
        out, fresh = folder(home / "out", "old"), folder(home / ".out.run", "new")
        done = killed_at(steps, monkeypatch, way, lambda out=out, fresh=fresh: move_in(fresh, out))
        there = names(out) if out.exists() else []
        if done:
            assert there == ["new"]
            break
        assert there in (["old"], ["new"]) or (way is not_here and not there)
        bring_back(out)
        assert names(out) in (["old"], ["new"])
        discard(fresh)
        move_in(folder(home / "again", "newer"), out)
        assert names(out) == ["newer"]
        assert names(home) == ["out"]
        steps += 1
    assert steps >= 4


def killed_at(
    step: int, monkeypatch: pytest.MonkeyPatch, way: Callable[..., bool], call: Callable[[], None]
) -> bool:
    """Call with a kill in place of its renaming, exchanging or removing step of that number; False =
    killed."""
    left = [step]

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def one(*given: object, **more: object) -> object:
            if not left[0]:
                raise Killed
            left[0] -= 1
            return real(*given, **more)

        return one

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted(os.replace))
        patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
        patch.setattr(files, "exchange", counted(way))
        try:
            call()
        except Killed:
            return False
    return True


def test_a_swap_that_fails_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "exchange", not_here)
    out = folder(tmp_path / "out", "old")
    with pytest.raises(FileNotFoundError):
        move_in(tmp_path / "fresh", out)
    assert names(tmp_path) == ["out"]
    assert names(out) == ["old"]


def test_two_names_change_places_where_the_system_can(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one", "1"), folder(tmp_path / "other", "2")
    held = (names(one), names(other))
    done = exchange(one, other)
    assert (names(one), names(other)) == (held[::-1] if done else held)
    assert not exchange(one, tmp_path / "nothing")
    assert names(tmp_path) == ["one", "other"]


def test_a_folder_loses_its_name_before_it_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = folder(tmp_path / "made", "file")
    assert not killed_at(2, monkeypatch, exchange, lambda: discard(made))
    assert names(tmp_path) == ["made.gone"]
    discard(made)
    assert names(tmp_path) == []


WRITERS = {
    "text": lambda out: files.write_text(out, "new"),
    "json": lambda out: files.write_json(out, "new"),
    "parquet": lambda out: write_parquet(out),
}


def write_parquet(out: Path) -> None:
    with fresh_parquet(out, SCHEMA) as writer:
        writer.write_table(ROWS)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_kill_while_a_file_is_written_leaves_the_old_one_and_a_rerun_tidies_up(
    tmp_path: Path, writer: str
) -> None:
    """A real kill -9, between the last byte and the name: no `finally` runs, so the temporary file stays."""
    out = tmp_path / "out"
    out.write_text("old")
    child = os.fork()
    if not child:
        files.os = type("Killing", (), {"replace": staticmethod(lambda *_: os.kill(os.getpid(), 9))})  # type: ignore[assignment]
        WRITERS[writer](out)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert out.read_text() == "old"
    assert names(tmp_path) == [".out.part", "out"]
    WRITERS[writer](out)
    assert names(tmp_path) == ["out"]
    assert out.read_bytes() != b"old"


def test_text_and_json_are_utf8_and_end_as_they_should(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "caf\u00e9")
    files.write_json(tmp_path / "a.json", {"name": "caf\u00e9", "n": [1]})
    assert (tmp_path / "a.txt").read_bytes() == b"caf\xc3\xa9"
    assert (tmp_path / "a.json").read_text(
        encoding="utf-8"
    ) == '{\n  "name": "caf\u00e9",\n  "n": [\n    1\n  ]\n}\n'


def test_a_failed_text_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        files.write_text(tmp_path / "a", "\ud800")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_fresh_folder_takes_its_name_at_the_end(tmp_path: Path, way: object) -> None:
    out = folder(tmp_path / "out", "old")
    folder(tmp_path / ".out.part", "of a killed run")
    with files.fresh_folder(out) as fresh:
        assert names(fresh) == []
        (fresh / "new").touch()
        assert names(out) == ["old"]
    assert names(out) == ["new"]
    assert names(tmp_path) == ["out"]
    with pytest.raises(KeyError), files.fresh_folder(out):
        raise KeyError
    assert names(out) == ["new"]
    assert names(tmp_path) == ["out"]


def test_two_writers_of_one_file_have_a_mark_each(tmp_path: Path) -> None:
    with files.fresh_file(tmp_path / "a", "1") as first, files.fresh_file(tmp_path / "a", "2") as second:
        first.write_text("first")
        second.write_text("second")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "first", "the one that ends last has the name"


def test_a_scratch_folder_begins_empty_and_goes(tmp_path: Path) -> None:
    folder(tmp_path / ".out.scratch", "of a killed run")
    with files.scratch_folder(tmp_path / "out") as scratch:
        assert names(scratch) == []
        (scratch / "spill").touch()
    assert names(tmp_path) == []
    with pytest.raises(KeyError), files.scratch_folder(tmp_path / "out"):
        raise KeyError
    assert names(tmp_path) == []
