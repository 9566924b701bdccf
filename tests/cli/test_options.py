"""Options are generated from a settings class; with `--set` and `--settings` they reach every setting."""

from __future__ import annotations

import json
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any

import pytest

from adjudge.cli.options import CommandOption, command_options, mapping, merged
from adjudge.cli.registry import COMMANDS, JobSpec
from adjudge.config import from_dict, setting, settings
from adjudge.errors import BadConfig


@settings
class Bars:
    rate: Annotated[float, setting("What is reached.", ge=0, le=1)] = 0.1
    name: str = "a"


@settings
class Job:
    out: Annotated[Path, setting("The file to write.")]
    seed: Annotated[int, setting("Seed.", ge=0)] = 0
    texts: Annotated[tuple[str, ...], setting("Texts.")] = ("x", "y")
    names: Annotated[dict[str, str], setting("Names. Repeatable.")] = field(default_factory=dict)
    anything: dict[str, Any] = field(default_factory=dict)
    fast: Annotated[bool, setting("Go fast.")] = False
    whole: Annotated[bool, setting("All of it.")] = True
    limit: Annotated[float | None, setting("The most.", gt=0, unit="tokens")] = None
    kind: Annotated[str, setting("Kind.", choices=("a", "b"))] = "a"
    bars: Bars = field(default_factory=Bars)


SPEC = JobSpec(
    "job",
    "A job.",
    arguments=("kind",),
    options={"names": "--name NAME=FILE", "texts": "--text", "bars.rate": "--bar"},
)


def by_setting() -> dict[str, CommandOption]:
    return {option.setting: option for option in command_options(SPEC, Job)}


def configure(file: Path | None, sets: list[str], **values: Any) -> Job:
    return from_dict(Job, merged(file, sets, values))


def test_every_field_that_can_be_typed_is_an_option_arguments_and_required_ones_first() -> None:
    listed = by_setting()
    assert list(listed) == ["kind", "out", "seed", "texts", "names", "fast", "whole", "limit", "bars.rate"]
    assert [option.spelling for option in listed.values()] == [
        *("", "--out", "--seed", "--text", "--name", "--fast", "--whole", "--limit", "--bar")
    ]
    assert listed["kind"].metavar == "KIND"
    assert listed["names"].metavar == "NAME=FILE"
    assert listed["bars.rate"].parameter == "bars__rate"


def test_shapes_and_types() -> None:
    listed = by_setting()
    assert {name: (o.shape, o.kind) for name, o in listed.items()} == {
        "kind": ("value", str),
        "out": ("value", Path),
        "seed": ("value", int),
        "texts": ("list", str),
        "names": ("mapping", str),
        "fast": ("flag", bool),
        "whole": ("flag", bool),
        "limit": ("value", float),
        "bars.rate": ("value", float),
    }


def test_typed_values_become_values_of_the_setting() -> None:
    @settings
    class Mixed:
        grades: dict[str, int] = field(default_factory=dict)
        files: dict[str, Path] = field(default_factory=dict)
        either: int | str = 1

    grades, files, either = command_options(JobSpec("mixed", "Mixed."), Mixed)
    assert grades.value(["good=1", "bad=0"]) == {"good": 1, "bad": 0}
    assert files.value(["a=1"]) == {"a": "1"}
    assert [either.value("7"), either.value("seven")] == [7, "seven"]
    assert (grades.spelling, grades.metavar, grades.help) == ("--grades", None, "Repeatable.")


def test_help_says_what_is_allowed_the_unit_and_the_default() -> None:
    assert {name: option.help for name, option in by_setting().items()} == {
        "kind": "Kind. [a, b; default: a]",
        "out": "The file to write. [required]",
        "seed": "Seed. [at least 0; default: 0]",
        "texts": "Texts. Repeatable. [default: x, y]",
        "names": "Names. Repeatable.",
        "fast": "Go fast.",
        "whole": "All of it. [default: on]",
        "limit": "The most. [above 0 tokens]",
        "bars.rate": "What is reached. [0 to 1; default: 0.1]",
    }


def test_options_beat_set_and_set_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text(json.dumps({"out": "file", "seed": 1, "bars": {"rate": 0.5, "name": "file"}}))
    config = configure(file, ["seed=2", "bars.name=set"], out="option", seed=None)
    assert config == Job(Path("option"), 2, bars=Bars(0.5, "set"))
    assert configure(file, ["bars.rate=0.2"], **{"bars.rate": 0.3}).bars.rate == 0.3


def test_a_settings_file_may_be_yaml(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("out: here\nlimit: 5e-4  # a float of YAML 1.2\nbars:\n  rate: .25\ntexts: [no, off]\n")
    assert configure(file, []) == Job(Path("here"), limit=0.0005, bars=Bars(0.25), texts=("no", "off"))


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        (["seed"], "--set 'seed' is not name=value"),
        (["sed=1"], "Job has no setting 'sed'.*did you mean seed"),
        (["bars.rat=1"], "Bars has no setting 'rat'.*did you mean rate"),
        (["seed=1", "seed.deep=2"], "seed is a plain setting"),
        (["bars.rate=2"], "Bars.rate is 2: allowed is 0 to 1"),
    ],
)
def test_bad_set_is_refused(pairs: list[str], text: str) -> None:
    with pytest.raises(BadConfig, match=text):
        configure(None, pairs, out="x")


def test_a_bad_settings_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be read"):
        merged(tmp_path / "none.json", None, {})
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(BadConfig, match="holds a list"):
        merged(tmp_path / "list.json", None, {})


@pytest.mark.parametrize("pair", ["name", "=value", "name="])
def test_a_mapping_names_its_option_and_shape(pair: str) -> None:
    assert mapping(["a=b=c", "d=e"], "--scores") == {"a": "b=c", "d": "e"}
    with pytest.raises(
        BadConfig, match=f"--map '{pair}' is not COLUMN=YOURS; write for example: --map 'title=listing'"
    ):
        mapping([pair], "--map", "COLUMN=YOURS")


EXAMPLES = Path(__file__).parents[2] / "examples" / "settings"


@pytest.mark.parametrize(
    "file", [*EXAMPLES.glob("*.yaml"), *EXAMPLES.glob("*.json")], ids=lambda file: file.name
)
def test_the_examples_of_settings_files_are_settings_of_their_command(file: Path) -> None:
    spec = next(spec for spec in COMMANDS if spec.name == file.stem)
    assert from_dict(spec.load_config(), merged(file, None, {})) is not None
    assert (
        f"adjudge {spec.name} --settings examples/settings/{file.name}"
        in (EXAMPLES / "README.md").read_text()
    )
