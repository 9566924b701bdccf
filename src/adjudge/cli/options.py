"""Command-line options generated from the fields of a settings class, and settings made from what was typed.

Every field of a job's settings that is no group of settings is an option; `--set group.name=value` reaches
the others, and `--settings FILE` reads what an earlier run saved. Options beat `--set`, and `--set` beats the
file.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge.cli.registry import JobSpec
from adjudge.config import Option, options, read_values
from adjudge.errors import BadConfig

PLAIN = (bool, int, float, str, Path)
"""The types that one typed word can be."""
EXAMPLES = {"--map": "title=listing", "--paired": "position=position.judgments.parquet"}


@dataclass(frozen=True)
class CommandOption:
    """One option, or one argument, of a command: the setting behind it, and how it is typed and shown.

    setting: its name, dotted if it belongs to a group. spelling: `--bar`; empty for an argument. metavar:
    what stands for its value.
    """

    setting: str
    option: Option
    spelling: str
    metavar: str | None = None

    @property
    def parameter(self) -> str:
        """Its name as a Python parameter."""
        return self.setting.replace(".", "__")

    @property
    def shape(self) -> str:
        """flag, value, list (may be repeated) or mapping (NAME=VALUE, may be repeated)."""
        kind = self.option.kinds[0]
        if kind is bool:
            return "flag"
        return {tuple: "list", dict: "mapping"}.get(typing.get_origin(kind), "value")

    @property
    def kind(self) -> type:
        """The Python type of a value."""
        kind = self.option.kinds[0]
        if self.shape == "mapping":
            return str
        if self.shape == "list":
            kind = typing.get_args(kind)[0]
        return kind if kind in PLAIN and len(self.option.kinds) == 1 else str

    @property
    def help(self) -> str:
        """Help, and in brackets what is allowed, in which unit, and the default."""
        option = self.option
        notes = [", ".join(option.choices) or f"{option.allowed} {option.unit}".strip()]
        if option.required:
            notes.append("required")
        elif default := default_text(option.default):
            notes.append(f"default: {default}")
        repeat = "Repeatable." if self.shape in ("list", "mapping") and "epeatable" not in option.help else ""
        brackets = "; ".join(note for note in notes if note)
        return " ".join(text for text in (option.help, repeat, brackets and f"[{brackets}]") if text)

    def value(self, typed: Any) -> Any:
        """What was typed, as a settings value: NAME=VALUE pairs become a mapping, also of numbers."""
        if self.shape == "mapping":
            words = mapping(typed, self.spelling, self.metavar or "NAME=VALUE")
            text = typing.get_args(self.option.kinds[0])[1] in (str, Path)
            return words if text else {name: _parsed(word) for name, word in words.items()}
        return _parsed(typed) if len(self.option.kinds) > 1 else typed


def command_options(spec: JobSpec, config: type) -> list[CommandOption]:
    """The arguments and options of a command: arguments first, then required options, then the others."""
    promoted = [name for name in spec.options if "." in name]
    listed = []
    for name in [option.name for option in options(config)] + promoted:
        option = _option(config, name)
        if option.group is not None or not _can_be_typed(option):
            continue
        if name in spec.arguments:
            listed.append(CommandOption(name, option, "", name.upper()))
            continue
        default = "--" + name.replace("_", "-")
        spelling, _, metavar = spec.options.get(name, default).partition(" ")
        listed.append(CommandOption(name, option, spelling, metavar or None))
    listed.sort(key=lambda shown: (shown.setting not in spec.arguments, not shown.option.required))
    return listed


def merged(file: Path | None, sets: list[str] | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Unchecked settings: a file's values, then `--set` pairs, then a command's own options unless None."""
    settings = read_values(file) if file else {}
    for pair in sets or []:
        name, sign, text = pair.partition("=")
        if not sign or not name:
            raise BadConfig(f"--set {pair!r} is not name=value; write for example: --set seed=7")
        _put(settings, name, _parsed(text))
    for name, value in values.items():
        if value is not None:
            _put(settings, name, value)
    return settings


def mapping(pairs: list[str], spelling: str, metavar: str = "NAME=VALUE") -> dict[str, str]:
    """NAME=VALUE options as a mapping, split at the first `=`. Raises BadConfig on anything else."""
    values = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name or not value:
            example = EXAMPLES.get(spelling, "llm+-=scores.parquet")
            raise BadConfig(
                f"{spelling} {pair!r} is not {metavar}; write for example: {spelling} '{example}'"
            )
        values[name] = value
    return values


def _option(config: type, dotted: str) -> Option:
    """The field that a dotted name leads to."""
    group, _, rest = dotted.partition(".")
    option = next(option for option in options(config) if option.name == group)
    return _option(typing.cast(type, option.group), rest) if rest else option


def _can_be_typed(option: Option) -> bool:
    """Whether a value can be typed as one word, or one word for each element."""
    kind = option.kinds[0]
    words = typing.get_args(kind) if typing.get_origin(kind) in (tuple, dict) else (kind,)
    return bool(words) and all(word in PLAIN for word in words if word is not Ellipsis)


def default_text(default: Any) -> str:
    """A default in words; empty where there is none to speak of."""
    if default is None or default is False:
        return ""
    if isinstance(default, tuple | list):
        return ", ".join(map(str, default))
    if isinstance(default, dict):
        return ", ".join(f"{name}={value}" for name, value in default.items())
    return "on" if default is True else str(default)


def _parsed(text: str) -> Any:
    """A value after `--set name=`: JSON if it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _put(settings: dict[str, Any], dotted: str, value: Any) -> None:
    *groups, last = dotted.split(".")
    for name in groups:
        settings = settings.setdefault(name, {})
        if not isinstance(settings, dict):
            raise BadConfig(f"--set {dotted}: {name} is a plain setting, not a group of settings")
    settings[last] = value
