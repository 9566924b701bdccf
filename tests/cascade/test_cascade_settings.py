"""CascadeSettings: defaults that are documented, ranges that are kept, and files of earlier versions."""

from __future__ import annotations

import pytest

from adjudge.cascade.settings import CascadeSettings
from adjudge.config import from_dict, options, to_dict
from adjudge.errors import BadConfig

EARLIER = {
    "target": 0.8,
    "level": 0.95,
    "power": 0.9,
    "block": 20,
    "points": 7,
    "sample": 2000,
    "rule": "majority",
    "min_annotators": 2,
    "sampling": {"replicates": 200},
}


def test_settings_of_an_earlier_version_open() -> None:
    settings = from_dict(CascadeSettings, EARLIER)
    assert {**to_dict(settings), "sampling": None} == {**EARLIER, "sampling": None}
    assert settings.sampling.replicates == 200
    assert from_dict(CascadeSettings, to_dict(settings)) == settings


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("target", 1.5, "0.5 to 0.9999"),
        ("target", 0.49, "0.5 to 0.9999"),
        ("level", 1.0, "0.5 to 0.9999"),
        ("power", 0.9999, "0.5 to 0.999"),
        ("block", 0, "1 to 100000"),
        ("points", 2, "3 to 1000"),
        ("sample", 0, "1 to 1000000000"),
        ("min_annotators", 0, "1 to 1000"),
        ("rule", "'any'", "unanimous, majority"),
    ],
)
def test_values_out_of_range_say_what_is_allowed(name: str, value: object, allowed: str) -> None:
    given = "any" if name == "rule" else value
    with pytest.raises(BadConfig) as refused:
        CascadeSettings(**{name: given})
    assert str(refused.value).startswith(f"CascadeSettings.{name} is {value}: allowed")
    assert allowed in str(refused.value)


def test_every_setting_explains_itself() -> None:
    for option in options(CascadeSettings):
        assert option.group is not None or option.help.endswith("."), option.name
