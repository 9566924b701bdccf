"""`--set` and `--settings` reach every setting, and refuse what is not one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adjudge.cli.settings import configure
from adjudge.errors import BadConfig


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    name: str = "a"


@dataclass(frozen=True)
class Job:
    out: Path
    seed: int = 0
    inner: Inner = field(default_factory=Inner)


def test_options_beat_set_and_set_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text(json.dumps({"out": "file", "seed": 1, "inner": {"rate": 0.5, "name": "file"}}))
    made = configure(Job, file, ["seed=2", "inner.name=set"], out="option", seed=None)
    assert made == Job(Path("option"), 2, Inner(0.5, "set"))


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        (["seed"], "--set 'seed' is not name=value"),
        (["sed=1"], "Job has no setting 'sed'.*did you mean seed"),
        (["inner.rat=1"], "Inner has no setting 'rat'.*did you mean rate"),
        (["seed=1", "seed.deep=2"], "seed is a plain setting"),
    ],
)
def test_bad_set_is_refused(pairs: list[str], text: str) -> None:
    with pytest.raises(BadConfig, match=text):
        configure(Job, None, pairs, out="x")


def test_a_bad_settings_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be read"):
        configure(Job, tmp_path / "none.json", None)
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(BadConfig, match="holds a JSON list"):
        configure(Job, tmp_path / "list.json", None)
