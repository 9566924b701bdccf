"""Settings as frozen dataclasses that pydantic checks: each option is defined once, at its field.

A settings class is decorated with `settings`; each field states its help text, unit and constraint with
`setting`:

    @settings
    class RunSettings:
        workers: Annotated[int, setting("Processes; 0 means one per core.", ge=0, le=1024)] = 0

The loader, the command-line options, docs/cli.md and the saved file are all generated from these fields, so
that a settings file, a Python call and a command line are the same thing.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import io
import json
import operator
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, Field, Strict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic.fields import FieldInfo

from adjudge.errors import BadConfig, did_you_mean
from adjudge.storage.files import write_json

T = TypeVar("T")
Files = Mapping[str, Path | Iterable[Path] | None]
"""Files by the setting that names them."""
SETTINGS = "settings.json"
"""The file in a run's folder that holds the complete settings of the job that wrote the folder."""
_SCALARS = (int, float, bool, str)


@dataclasses.dataclass(frozen=True)
class Option:
    """What a field says of itself: help, unit, constraint in words, and the allowed words (empty: any)."""

    name: str
    hint: Any
    default: Any
    help: str
    unit: str = ""
    allowed: str = ""
    choices: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        return self.default is dataclasses.MISSING

    @property
    def kinds(self) -> list[Any]:
        """The types that are allowed beside None."""
        return _kinds(self.hint)

    @property
    def type_name(self) -> str:
        """The same in words, as `list of str` or `int or str`."""
        return _type_names(self.hint)

    @property
    def group(self) -> type | None:
        """The settings class of a nested group, else None."""
        kinds = [kind for kind in self.kinds if isinstance(kind, type)]
        return next((kind for kind in kinds if dataclasses.is_dataclass(kind)), None)


def setting(
    help: str,
    *,
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    lt: float | None = None,
    choices: Iterable[str] = (),
    unit: str = "",
) -> FieldInfo:
    """Metadata of a field, to stand in `Annotated[type, setting(...)]`.

    help: one or more sentences, shown by `--help` and in docs/cli.md. ge, le, gt, lt: bounds of a number, or
    of each number of a tuple or mapping. choices: allowed words, of the value or of each element of a tuple.
    """
    extra = {"choices": tuple(choices), "unit": unit}
    return Field(description=help, ge=ge, le=le, gt=gt, lt=lt, json_schema_extra=typing.cast(Any, extra))


@typing.dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def settings(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass whose fields are checked when it is made; BadConfig says what is wrong.

    Numbers, words and truth values are taken as they are ("7" is no int, True is no 1, an int is a float);
    strings become paths, lists become tuples, mappings become groups. A class attribute `RENAMED` (old name
    -> new name) makes the loader tell a renamed setting by its new name.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    hints = {name: hints[name] for name in inspect.get_annotations(cls)}
    cls.__annotations__ = {name: _strict(hint) for name, hint in hints.items()}
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    checked = pydantic_dataclass(cls, frozen=True, config=config)
    checked.__annotations__ = hints
    build = checked.__init__

    @functools.wraps(build)
    def build_or_explain(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            build(self, *args, **kwargs)
        except ValidationError as error:
            raise BadConfig(_message(checked, error)) from None
        for option in options(checked):
            value = getattr(self, option.name)
            if option.choices and value is not None:
                for word in [value] if isinstance(value, str) else value:
                    check_choice(checked.__name__, option.name, word, option.choices)

    checked.__init__ = build_or_explain  # type: ignore[method-assign]
    return typing.cast(type[T], checked)


@functools.cache
def options(cls: type) -> tuple[Option, ...]:
    """Every field of a settings class, in order, with what `setting` says of it."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple(_option(field, hints[field.name]) for field in dataclasses.fields(cls))


def to_dict(config: Any) -> dict[str, Any]:
    """Every field of a settings object as plain JSON values (paths as strings, tuples as lists)."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def from_dict(cls: type[T], values: Mapping[str, Any], base: T | None = None) -> T:
    """Build settings (or any dataclass of plain values) from a mapping.

    Raises BadConfig on unknown, missing or wrong values. base: where values that are not given come from,
    instead of the class's own defaults. A group given in part keeps its owner's defaults for the rest.
    """
    fields = {option.name: option for option in options(typing.cast(type, cls))}
    for key in values:
        if key not in fields:
            raise BadConfig(_unknown(cls, key))
    merged = {} if base is None else {name: getattr(base, name) for name in fields}
    for key, value in values.items():
        group, default = fields[key].group, merged.get(key, fields[key].default)
        if group is not None and isinstance(value, Mapping):
            value = from_dict(group, value, default if isinstance(default, group) else None)
        merged[key] = value
    missing = [name for name, option in fields.items() if option.required and name not in merged]
    if missing:
        raise BadConfig(f"{cls.__name__} needs a value for: {', '.join(missing)}")
    if "__pydantic_fields__" in vars(cls):
        return cls(**merged)
    try:
        return typing.cast(T, _adapter(typing.cast(type, cls)).validate_python(merged))
    except ValidationError as error:
        raise BadConfig(_message(cls, error)) from None


def save(config: Any, path: Path) -> None:
    """Write settings as JSON, readable and complete, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, to_dict(config))


def load(cls: type[T], path: Path) -> T:
    """Read settings written by `save`, or a YAML file of the same names."""
    return from_dict(cls, read_values(path))


def read_values(path: Path) -> dict[str, Any]:
    """A settings file as a mapping: YAML 1.2 if it is called .yaml or .yml, else JSON. Raises BadConfig."""
    try:
        text = path.read_text(encoding="utf-8")
        values = _yaml(text) if path.suffix in (".yaml", ".yml") else json.loads(text)
    except (OSError, ValueError) as error:
        raise BadConfig(f"{path} cannot be read as settings: {error}") from error
    if not isinstance(values, dict):
        raise BadConfig(f"{path} holds a {type(values).__name__}; settings need a mapping of names to values")
    return values


def check_range(owner: str, name: str, value: float, low: float, high: float) -> None:
    """Raise BadConfig unless low <= value <= high."""
    if not low <= value <= high:
        raise BadConfig(f"{owner}.{name} is {value}: allowed is {low} to {high}")


def check_choice(owner: str, name: str, value: str, allowed: Iterable[str]) -> None:
    """Raise BadConfig unless value is one of the allowed words."""
    words = list(allowed)
    if value not in words:
        raise BadConfig(
            f"{owner}.{name} is {value!r}: allowed are {', '.join(words)}{did_you_mean(value, words)}"
        )


def check_apart(owner: str, read: Files, written: Files) -> None:
    """Raise BadConfig if a file that is written is also read, or is written twice.

    Settings without a file are None.     Spellings of one file are seen through: `./a`, links, and another
    case if the disk does not tell case.
    """
    taken = [(name, path) for name, files in read.items() for path in _paths(files)]
    for name, files in written.items():
        for path in _paths(files):
            for other, used in taken:
                if _same(path, used):
                    raise BadConfig(
                        f"{owner}.{name} is {path}, which is {owner}.{other} too: it would be overwritten; "
                        f"give {name} another file"
                    )
            taken.append((name, path))


def _paths(files: Path | Iterable[Path] | None) -> list[Path]:
    if files is None:
        return []
    return [files] if isinstance(files, Path) else list(files)


def _same(left: Path, right: Path) -> bool:
    if left.resolve() == right.resolve():
        return True
    try:
        return left.samefile(right)
    except OSError:  # One of them does not exist yet.
        return False


def _yaml(text: str) -> Any:
    from ruamel.yaml import YAML, YAMLError

    try:
        return YAML(typ="safe", pure=True).load(io.StringIO(text))
    except YAMLError as error:
        raise ValueError(str(error)) from error


def _strict(hint: Any, rules: Sequence[Any] = ()) -> Any:
    """The hint as pydantic shall read it: it takes no "7" for a 7 and no 1 for True, and `setting`'s bounds
    hold for each number, alone or in a tuple or mapping."""
    if hint in _SCALARS:
        return typing.Annotated[(hint, Strict(), *(rules if hint in (int, float) else ()))]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        info = _info(hint)
        others = [note for note in parts[1:] if note is not info]
        inner = _strict(parts[0], [*rules, *(info.metadata if info else ())])
        return typing.Annotated[(inner, *others)] if others else inner
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, (_strict(kind, rules) for kind in parts))
    return origin[tuple(_strict(kind, rules) for kind in parts)] if origin in (tuple, dict) else hint


def _info(hint: Any) -> FieldInfo | None:
    """What `setting` says in a hint."""
    notes = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    return next((note for note in notes if isinstance(note, FieldInfo)), None)


def _kinds(hint: Any) -> list[Any]:
    """The types a hint allows besides None: `Annotated[int | None, ...]` allows int."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _kinds(typing.get_args(hint)[0])
    if origin in (typing.Union, types.UnionType):
        return [kind for element in typing.get_args(hint) for kind in _kinds(element)]
    return [] if hint is type(None) else [hint]


def _option(field: Any, hint: Any) -> Option:
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    info = _info(hint)
    if info is None:
        return Option(field.name, hint, default, "")
    extra = typing.cast(dict[str, Any], info.json_schema_extra)
    bounds = {
        key: getattr(rule, key)
        for rule in info.metadata
        for key in ("ge", "gt", "le", "lt")
        if hasattr(rule, key)
    }
    return Option(
        field.name, hint, default, info.description or "", extra["unit"], _range(bounds), extra["choices"]
    )


def _range(bounds: Mapping[str, float]) -> str:
    """Bounds in words: "0 to 1", "at least 1", "above 0 and at most 1"; empty without bounds."""
    if set(bounds) == {"ge", "le"}:
        return f"{bounds['ge']} to {bounds['le']}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return " and ".join(f"{word} {bounds[key]}" for key, word in words.items() if key in bounds)


def _message(cls: type, error: ValidationError) -> str:
    """The first of pydantic's errors in our words: value seen, what is allowed."""
    first = error.errors(include_url=False)[0]
    owner, path = cls, list(first["loc"])
    option = _field(owner, path[0])
    while option is not None and option.group is not None and len(path) > 1:
        owner, path = option.group, path[1:]
        option = _field(owner, path[0])
    missing = first["type"].startswith("missing")
    if missing and len(path) == 1:
        return f"{owner.__name__} needs a value for: {path[0]}"
    if option is None:
        return _unknown(owner, str(path[0]))
    value, name, allowed = first["input"], f"{owner.__name__}.{option.name}", option.type_name
    origin = typing.get_origin(option.kinds[0])
    if len(path) > 1 and origin in (tuple, dict) and not missing:
        element = typing.get_args(option.kinds[0])[0 if origin is tuple else 1]
        name, allowed = f"{name}[{path[1]!r}]", _type_names(element)
    if option.allowed and first["type"].startswith(("greater", "less", "finite")):
        return f"{name} is {value}: allowed is {option.allowed}"
    return f"{name} is {value!r} ({type(value).__name__}): allowed is {allowed}"


def _field(cls: type, key: str | int) -> Option | None:
    """The field that pydantic names, by its name or by its position among the arguments."""
    return next((option for n, option in enumerate(options(cls)) if key in (n, option.name)), None)


def _type_name(kind: Any) -> str:
    """A type in words: int, path, list of str, list of 2 float, mapping of float."""
    origin, elements = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        count = "" if Ellipsis in elements else f"{len(elements)} "
        return f"list of {count}{_type_names(elements[0])}"
    if origin is dict:
        return f"mapping of {_type_names(elements[1])}"
    return "path" if kind is Path else kind.__name__


def _type_names(hint: Any) -> str:
    return " or ".join(map(_type_name, _kinds(hint)))


def _unknown(cls: type, key: str) -> str:
    """What is wrong with a name that is no setting: renamed, one of a group, or misspelt."""
    renamed: Mapping[str, str] = getattr(cls, "RENAMED", {})
    if key in renamed:
        return f"{cls.__name__} has no setting {key!r} any more: it is called {renamed[key]} now"
    listed = options(cls)
    deeper = [option.name for option in listed if option.group is not None and _field(option.group, key)]
    names = [option.name for option in listed]
    hint = f"; did you mean {deeper[0]}.{key}?" if deeper else did_you_mean(key, names)
    return f"{cls.__name__} has no setting {key!r}: allowed are {', '.join(names)}{hint}"


@functools.cache
def _adapter(cls: type) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(element) for element in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(element) for key, element in value.items()}
    return value
