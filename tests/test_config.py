"""Settings: complete, round-tripping, and unknown keys refused with a suggestion."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge import config
from adjudge.config import setting, settings
from adjudge.errors import BadConfig


@settings
class Inner:
    share: Annotated[float, setting("A share.", ge=0, le=1)] = 0.5
    word: Annotated[str, setting("What counts.", choices=("click", "pair"))] = "click"


@settings
class Outer:
    out: Path
    seed: Annotated[int, setting("Seed of all randomness.")] = 1
    inner: Inner = field(default_factory=Inner)
    names: tuple[str, ...] = ()
    limit: float | None = None
    fast: bool = False
    scores: dict[str, Path] = field(default_factory=dict)


@given(
    seed=st.integers(),
    share=st.floats(0, 1),
    names=st.lists(st.text()),
    limit=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_settings_survive_json(seed: int, share: float, names: list[str], limit: float | None) -> None:
    made = Outer(Path("runs/x"), seed, Inner(share), tuple(names), limit)
    assert config.from_dict(Outer, config.to_dict(made)) == made


def test_settings_survive_a_file(tmp_path: Path) -> None:
    made = Outer(tmp_path, 7, Inner(0.25, "pair"), ("ä", "b"), fast=True)
    config.save(made, tmp_path / "deep" / "config.json")
    assert config.load(Outer, tmp_path / "deep" / "config.json") == made


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"out": "x", "sead": 1},
            "Outer has no setting 'sead': allowed are out, seed, inner, names, limit, fast, scores; did you mean seed?",
        ),
        ({}, "Outer needs a value for: out"),
        ({"out": "x", "seed": "seven"}, "Outer.seed is 'seven' (str): allowed is int"),
        ({"out": "x", "seed": True}, "Outer.seed is True (bool): allowed is int"),
        ({"out": "x", "fast": 1}, "Outer.fast is 1 (int): allowed is bool"),
        ({"out": "x", "names": "abc"}, "Outer.names is 'abc' (str): allowed is tuple"),
        ({"out": "x", "inner": {"shore": 1}}, "Inner has no setting 'shore'"),
        ({"out": "x", "inner": {"share": 2}}, "Inner.share is 2: allowed is 0 to 1"),
        (
            {"out": "x", "inner": {"word": "clik"}},
            "Inner.word is 'clik': allowed are click, pair; did you mean click?",
        ),
    ],
)
def test_bad_settings_are_refused(values: dict[str, object], text: str) -> None:
    with pytest.raises(BadConfig) as caught:
        config.from_dict(Outer, values)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [("{", "cannot be read as settings"), ("[1]", "holds a list"), (None, "cannot be read")],
)
def test_bad_settings_files_are_refused(tmp_path: Path, content: str | None, text: str) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadConfig, match=text):
        config.load(Outer, path)


def test_a_group_given_in_part_keeps_what_its_place_has_set() -> None:
    @settings
    class Job:
        inner: Inner = field(default_factory=lambda: Inner(0.25, "pair"))
        deep: Outer = field(default_factory=lambda: Outer(Path("x"), seed=9, inner=Inner(0.75, "pair")))

    made = config.from_dict(Job, {"inner": {"share": 0.1}, "deep": {"inner": {"word": "click"}}})
    assert made.inner == Inner(0.1, "pair")
    assert made.deep == Outer(Path("x"), seed=9, inner=Inner(0.75, "click"))
    assert config.from_dict(Outer, {"out": "x", "inner": {"share": 0.1}}).inner == Inner(0.1, "click")
    with pytest.raises(BadConfig, match="Inner has no setting 'shear'"):
        config.from_dict(Job, {"inner": {"shear": 0.1}})


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"out": "in.parquet"}, "Job.out is .*in.parquet, which is Job.pairs too: .* give out another file"),
        ({"out": "deep/../in.parquet"}, "which is Job.pairs too"),
        ({"out": "link"}, "which is Job.pairs too"),
        ({"out": "b.parquet"}, "which is Job.tables too"),
        ({"log": "y.sqlite", "out": "y.sqlite"}, "Job.out is .*y.sqlite, which is Job.log too"),
    ],
)
def test_a_file_that_is_read_is_never_written(tmp_path: Path, written: dict[str, str], says: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "in.parquet").touch()
    (tmp_path / "link").symlink_to(tmp_path / "in.parquet")
    read = {
        "pairs": tmp_path / "in.parquet",
        "tables": (tmp_path / "a.parquet", tmp_path / "b.parquet"),
        "no": None,
    }
    with pytest.raises(BadConfig, match=says):
        config.check_apart("Job", read, {name: tmp_path / path for name, path in written.items()})


def test_other_files_may_be_written(tmp_path: Path) -> None:
    (tmp_path / "in").touch()
    (tmp_path / "out").touch()
    config.check_apart(
        "Job", {"pairs": tmp_path / "in", "no": None}, {"out": tmp_path / "out", "batch": None}
    )
