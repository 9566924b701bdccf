"""Settings: complete, round-tripping, and unknown keys refused with a suggestion."""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, ClassVar

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
            "Outer has no setting 'sead': allowed are out, seed, inner, names, limit, fast, scores; "
            "did you mean seed?",
        ),
        ({}, "Outer needs a value for: out"),
        ({"out": "x", "seed": "seven"}, "Outer.seed is 'seven' (str): allowed is int"),
        ({"out": "x", "seed": True}, "Outer.seed is True (bool): allowed is int"),
        ({"out": "x", "fast": 1}, "Outer.fast is 1 (int): allowed is bool"),
        ({"out": "x", "names": "abc"}, "Outer.names is 'abc' (str): allowed is list of str"),
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


@settings
class Shapes:
    """Every shape a setting can have."""

    RENAMED: ClassVar = {"rows": "counts"}
    path: Path
    counts: Annotated[tuple[int, ...], setting("Counts.", ge=0)] = ()
    pair: tuple[float, float] = (0.0, 1.0)
    words: Annotated[tuple[str, ...], setting("Words.", choices=("click", "pair"))] = ()
    weights: Annotated[dict[str, float], setting("Weights.", gt=0, lt=2)] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    either: int | str = 1
    limit: Annotated[float | None, setting("A limit.", gt=0, le=1, unit="share")] = None
    inner: Inner = field(default_factory=Inner)
    outer: Outer | None = None


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"counts": (1, "2")}, "Shapes.counts[1] is '2' (str): allowed is int"),
        ({"counts": (1, True)}, "Shapes.counts[1] is True (bool): allowed is int"),
        ({"counts": [1, -1]}, "Shapes.counts[1] is -1: allowed is at least 0"),
        ({"counts": 3}, "Shapes.counts is 3 (int): allowed is list of int"),
        ({"pair": (1.0,)}, "Shapes.pair is (1.0,) (tuple): allowed is list of 2 float"),
        ({"pair": (1.0, 2.0, 3.0)}, "Shapes.pair is (1.0, 2.0, 3.0) (tuple): allowed is list of 2 float"),
        ({"words": ("click", "pear")}, "Shapes.words is 'pear': allowed are click, pair; did you mean pair?"),
        ({"weights": {"a": "3"}}, "Shapes.weights['a'] is '3' (str): allowed is float"),
        ({"weights": {"a": 2.0}}, "Shapes.weights['a'] is 2.0: allowed is above 0 and below 2"),
        ({"files": {"a": 3}}, "Shapes.files['a'] is 3 (int): allowed is path"),
        ({"either": 1.5}, "Shapes.either is 1.5 (float): allowed is int or str"),
        ({"limit": 0}, "Shapes.limit is 0: allowed is above 0 and at most 1"),
        ({"limit": float("nan")}, "Shapes.limit is nan: allowed is above 0 and at most 1"),
        ({"limit": "1"}, "Shapes.limit is '1' (str): allowed is float"),
        ({"inner": {"share": "x"}}, "Inner.share is 'x' (str): allowed is float"),
        ({"inner": 3}, "Shapes.inner is 3 (int): allowed is Inner"),
        ({"outer": {"seed": 2}}, "Outer needs a value for: out"),
        ({"outer": {"out": "x", "inner": {"share": 3}}}, "Inner.share is 3: allowed is 0 to 1"),
        ({"outer": {"out": "x", "inner": {"shear": 3}}}, "Inner has no setting 'shear'"),
        ({"rows": 3}, "Shapes has no setting 'rows' any more: it is called counts now"),
        ({"share": 3}, "Shapes has no setting 'share': allowed are path, counts, pair"),
        ({"share": 3}, "did you mean inner.share?"),
        ({"path": None}, "Shapes.path is None (NoneType): allowed is path"),
    ],
)
@pytest.mark.parametrize("call", [lambda **values: config.from_dict(Shapes, values), Shapes])
def test_messages_name_owner_setting_value_and_what_is_allowed(
    call: Callable[..., Shapes], values: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadConfig) as caught:
        call(**{"path": "x", **values})
    assert text in str(caught.value)


def test_values_are_taken_as_they_are_or_made_of_their_type() -> None:
    made = Shapes(
        "x", [1, 2], (1, 2), ["pair"], {"a": 1}, {"b": "c"}, "7", 1, {"share": 1}, {"out": "y", "seed": 3}
    )
    assert made == Shapes(
        Path("x"),
        (1, 2),
        (1.0, 2.0),
        ("pair",),
        {"a": 1.0},
        {"b": Path("c")},
        "7",
        1.0,
        Inner(1.0),
        Outer(Path("y"), 3),
    )
    assert isinstance(made.path, Path)
    assert isinstance(made.limit, float)
    assert made.either == "7"
    assert config.from_dict(Shapes, config.to_dict(made)) == made
    assert json.loads(json.dumps(config.to_dict(made))) == config.to_dict(made)


def test_settings_are_frozen_comparable_and_travel_between_processes() -> None:
    made = Outer(Path("x"), inner=Inner(0.25))
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.seed = 2
    assert pickle.loads(pickle.dumps(made)) == made
    assert dataclasses.replace(made, seed=2) == Outer(Path("x"), 2, Inner(0.25))
    with pytest.raises(BadConfig, match="Outer.seed is 'x'"):
        dataclasses.replace(made, seed="x")


def test_an_option_says_all_of_a_field() -> None:
    by_name = {option.name: option for option in config.options(Shapes)}
    limit = by_name["limit"]
    assert (limit.help, limit.unit, limit.allowed, limit.choices) == (
        "A limit.",
        "share",
        "above 0 and at most 1",
        (),
    )
    assert (limit.required, limit.default, limit.kinds, limit.group) == (False, None, [float], None)
    assert by_name["path"].required
    assert by_name["path"].help == ""
    assert by_name["words"].choices == ("click", "pair")
    assert by_name["counts"].kinds == [tuple[int, ...]]
    assert by_name["either"].kinds == [int, str]
    assert {name: option.type_name for name, option in by_name.items()} == {
        "path": "path",
        "counts": "list of int",
        "pair": "list of 2 float",
        "words": "list of str",
        "weights": "mapping of float",
        "files": "mapping of path",
        "either": "int or str",
        "limit": "float",
        "inner": "Inner",
        "outer": "Outer",
    }
    assert (by_name["inner"].group, by_name["outer"].group) == (Inner, Outer)
    assert by_name["inner"].default == Inner()
    share = config.options(Inner)[0]
    assert (share.allowed, share.default) == ("0 to 1", 0.5)


def test_rules_between_fields_stay_with_the_class() -> None:
    @settings
    class Range:
        low: int = 0
        high: int = 1

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise BadConfig("Range.low is above Range.high")

    with pytest.raises(BadConfig, match="low is above"):
        Range(2)
    with pytest.raises(BadConfig, match="low is above"):
        config.from_dict(Range, {"high": -1})


def test_a_saved_record_is_checked_though_it_is_no_settings_class() -> None:
    @dataclasses.dataclass(frozen=True)
    class Record:
        rows: int
        path: Path
        names: tuple[str, ...] = ()

    assert config.from_dict(Record, {"rows": 1, "path": "x", "names": ["a"]}) == Record(1, Path("x"), ("a",))
    for values, text in (
        ({"rows": "one", "path": "x"}, "Record.rows is 'one' (str): allowed is int"),
        ({"rows": 1}, "Record needs a value for: path"),
        ({"rows": 1, "path": "x", "row": 2}, "Record has no setting 'row'"),
    ):
        with pytest.raises(BadConfig) as caught:
            config.from_dict(Record, values)
        assert text in str(caught.value)


def test_a_yaml_file_is_read_as_yaml_1_2(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(
        "path: x\nlimit: 5e-4\nweights: {a: 1}\nwords:\n  - click\neither: no  # a word, as in YAML 1.2\n"
    )
    assert config.load(Shapes, path) == Shapes(
        Path("x"), words=("click",), weights={"a": 1.0}, either="no", limit=0.0005
    )
    json_path = tmp_path / "settings.json"
    config.save(config.load(Shapes, path), json_path)
    path.write_text(json_path.read_text())
    assert config.load(Shapes, path) == config.load(Shapes, json_path)
    for text in ("a: [", "- 1", "", "a: b: c"):
        path.write_text(text)
        with pytest.raises(BadConfig, match=r"settings.yaml (cannot be read as settings|holds a)"):
            config.load(Shapes, path)


def test_unknown_keys_in_a_file_are_refused_whatever_its_format(tmp_path: Path) -> None:
    for name, text in (("a.yaml", "pathh: x\npath: y\n"), ("a.json", '{"pathh": "x", "path": "y"}')):
        (tmp_path / name).write_text(text)
        with pytest.raises(BadConfig, match="Shapes has no setting 'pathh'.*did you mean path"):
            config.load(Shapes, tmp_path / name)


def test_saving_is_one_step(tmp_path: Path) -> None:
    made = Outer(tmp_path)
    config.save(made, tmp_path / "a" / "settings.json")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["settings.json"]
    assert json.loads((tmp_path / "a" / "settings.json").read_text())["inner"] == {
        "share": 0.5,
        "word": "click",
    }


def test_checks_of_ranges_and_words() -> None:
    config.check_range("A", "b", 1, 0, 1)
    config.check_choice("A", "b", "x", ["x"])
    with pytest.raises(BadConfig, match="A.b is 2: allowed is 0 to 1"):
        config.check_range("A", "b", 2, 0, 1)
    with pytest.raises(BadConfig, match="A.b is nan: allowed is 0 to 1"):
        config.check_range("A", "b", float("nan"), 0, 1)
    with pytest.raises(BadConfig, match="A.b is 'clik': allowed are click, pair; did you mean click"):
        config.check_choice("A", "b", "clik", ("click", "pair"))


def test_importing_settings_imports_no_heavy_library() -> None:
    script = "import sys, adjudge.config; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    names = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not {"'numpy'", "'pyarrow'", "'duckdb'", "'ruamel'", "'torch'"} & set(
        names.strip("[]\n").split(", ")
    )


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
