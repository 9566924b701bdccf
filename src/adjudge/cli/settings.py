"""`--set name=value` and `--settings FILE.json`: one way to reach every setting of every job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from adjudge.config import from_dict
from adjudge.errors import BadConfig

T = TypeVar("T")


def configure(cls: type[T], file: Path | None, sets: list[str] | None, /, **given: Any) -> T:
    """A job's config: the file's values, then `--set` pairs, then the command's own options (not None).

    A dotted name reaches into nested settings: `--set settings.min_annotators=1`.
    """
    values = _read(file) if file else {}
    for pair in sets or []:
        _put(values, *_split(pair))
    values.update({name: value for name, value in given.items() if value is not None})
    return from_dict(cls, values)


def under(group: str, sets: list[str] | None, /, **given: Any) -> list[str]:
    """`--set` pairs, with a command's own options (not None) for settings of a group behind them.

    >>> under("trust", ["seed=7"], bar=0.7, rule=None)
    ['seed=7', 'trust.bar=0.7']
    """
    return [
        *(sets or []),
        *(f"{group}.{name}={value}" for name, value in given.items() if value is not None),
    ]


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadConfig(f"settings file {file} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise BadConfig(f"settings file {file} holds a JSON {type(values).__name__}; allowed is an object")
    return values


def _split(pair: str) -> tuple[list[str], Any]:
    name, sign, text = pair.partition("=")
    if not sign or not name:
        raise BadConfig(f"--set {pair!r} is not name=value; write for example: --set seed=7")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return name.split("."), value


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    *outer, last = path
    for name in outer:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise BadConfig(f"--set {'.'.join(path)}: {name} is a plain setting, not a group of settings")
    values[last] = value
