"""Settings as frozen dataclasses: complete, saved beside the result, unknown keys refused.

Every job and every room's settings class goes through `from_dict` and `save`, so that a JSON file, a
Python call and a CLI command line are the same thing.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from adjudge.errors import BadConfig, did_you_mean

T = TypeVar("T")
Files = Mapping[str, Path | typing.Iterable[Path] | None]
"""Files by the setting that names them."""


def to_dict(config: Any) -> dict[str, Any]:
    """Every field of a settings object as plain JSON values (paths as strings, tuples as lists)."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build settings from a mapping. Raises BadConfig on unknown keys, missing keys and wrong types."""
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            raise BadConfig(
                f"{cls.__name__} has no setting {key!r}: allowed are {', '.join(fields)}{did_you_mean(key, fields)}"
            )
    hints = typing.get_type_hints(cls)
    given = {
        key: _typed(cls.__name__, key, hints[key], _over(fields[key], value)) for key, value in values.items()
    }
    missing = [
        name
        for name, field in fields.items()
        if name not in given
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise BadConfig(f"{cls.__name__} needs a value for: {', '.join(missing)}")
    return cls(**given)


def save(config: Any, path: Path) -> None:
    """Write settings as JSON, readable and complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(to_dict(config), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load(cls: type[T], path: Path) -> T:
    """Read settings written by `save`."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadConfig(f"{path} cannot be read as settings of {cls.__name__}: {error}") from error
    if not isinstance(values, dict):
        raise BadConfig(f"{path} holds a JSON {type(values).__name__}; {cls.__name__} needs an object")
    return from_dict(cls, values)


def check_range(owner: str, name: str, value: float, low: float, high: float) -> None:
    """Raise BadConfig unless low <= value <= high."""
    if not low <= value <= high:
        raise BadConfig(f"{owner}.{name} is {value}: allowed is {low} to {high}")


def check_choice(owner: str, name: str, value: str, allowed: typing.Iterable[str]) -> None:
    """Raise BadConfig unless value is one of the allowed words."""
    words = list(allowed)
    if value not in words:
        raise BadConfig(
            f"{owner}.{name} is {value!r}: allowed are {', '.join(words)}{did_you_mean(value, words)}"
        )


def check_apart(owner: str, read: Files, written: Files) -> None:
    """Raise BadConfig where a file that is written is also read, or is written twice. Settings without a file are None.

    Spellings of one file are seen through: `./a`, links, and another case where the disk does not tell case.
    """
    theirs = [(name, path) for name, given in read.items() for path in _paths(given)]
    for name, given in written.items():
        for path in _paths(given):
            for other, taken in theirs:
                if _same(path, taken):
                    raise BadConfig(
                        f"{owner}.{name} is {path}, which is {owner}.{other} too: it would be overwritten; "
                        f"give {name} another file"
                    )
            theirs.append((name, path))


def _paths(given: Path | typing.Iterable[Path] | None) -> list[Path]:
    if given is None:
        return []
    return [given] if isinstance(given, Path) else list(given)


def _same(one: Path, other: Path) -> bool:
    if one.resolve() == other.resolve():
        return True
    try:
        return one.samefile(other)
    except OSError:  # One of them is not there yet.
        return False


def _over(field: Any, value: Any) -> Any:
    """A group of settings given in part, over the group that would stand there if none were given."""
    if not isinstance(value, Mapping):
        return value
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return _merged(to_dict(default), value) if dataclasses.is_dataclass(default) else value


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**under, **over}
    for name, value in over.items():
        if isinstance(value, Mapping) and isinstance(under.get(name), Mapping):
            merged[name] = _merged(under[name], value)
    return merged


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    return value


def _typed(owner: str, key: str, hint: Any, value: Any) -> Any:
    """`value` as `hint` asks for it; only JSON-shaped hints are known."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _typed(owner, key, next(arg for arg in args if arg is not type(None)), value)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return from_dict(hint, value)  # type: ignore[arg-type]
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_typed(owner, key, args[0], part) for part in value)
    if origin in (dict, Mapping) or hint is dict:
        return dict(value) if isinstance(value, Mapping) else _refuse(owner, key, hint, value)
    if hint is Path and isinstance(value, str | Path):
        return Path(value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    return _refuse(owner, key, hint, value)


def _refuse(owner: str, key: str, hint: Any, value: Any) -> Any:
    wanted = getattr(hint, "__name__", str(hint))
    raise BadConfig(f"{owner}.{key} is {value!r} ({type(value).__name__}): allowed is {wanted}")
