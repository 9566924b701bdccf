"""The command-line reference as Markdown, generated from the registry and the settings: docs/cli.md is this
text.

Write it anew with: python -m adjudge.cli.reference > docs/cli.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from adjudge.cli.options import CommandOption, command_options, default_text
from adjudge.cli.registry import COMMANDS, JobSpec
from adjudge.config import Option, options

HEAD = """# The command line

Generated from the jobs' settings; write it anew with `python -m adjudge.cli.reference > docs/cli.md`.
Every command is one Python call with the same settings (`adjudge.jobs.NAME`). A setting can be given

- as an option, if it belongs to the command itself; the tables below list them;
- with `--set name=value`, or `--set group.name=value` if it belongs to a [group](#groups-of-settings);
- in a file, in JSON or YAML, with `--settings FILE` ([examples](../examples/settings)).

Options beat `--set`, and `--set` beats the file. Each run saves its complete settings as `settings.json` in
the folder it writes (`NAME.settings.json` beside a single file); `--settings` with that file repeats the run.

Results go to stdout, progress to stderr. Exit codes: 0 done, 2 refused with one line that says why, 3 a
fault of ours with its traceback, 130 stopped. A command that gives a verdict says what 1 (and, of `agree`,
2 and 3) means.
"""
GROUPS_HEAD = """## Groups of settings

The tables give the defaults of a group by itself; a command may set others, which its saved settings show.
"""


def markdown() -> str:
    """The whole page."""
    groups: dict[type, dict[str, list[str]]] = {}
    lines = [HEAD]
    for spec in COMMANDS:
        lines += _command(spec)
        _collect(groups, spec.name, "", spec.load_config())
    lines.append(GROUPS_HEAD)
    for group in sorted(groups, key=lambda group: group.__name__):
        lines += _group(group, groups[group])
    return "\n".join(lines) + "\n"


def _command(spec: JobSpec) -> Iterator[str]:
    config = spec.load_config()
    listed = command_options(spec, config)
    yield from (f"## `adjudge {spec.name}`", "", spec.help, "")
    yield from _table(["option", "meaning"], [[_spelled(option), option.help] for option in listed])
    rest = {option.setting for option in listed}
    others = [option for option in options(config) if option.name not in rest]
    if others:
        yield f"More with `--set`: {', '.join(map(_more, others))}."
        yield ""


def _spelled(option: CommandOption) -> str:
    if not option.spelling:
        return f"`{option.metavar}`"
    return f"`{option.spelling} {option.metavar}`" if option.metavar else f"`{option.spelling}`"


def _more(option: Option) -> str:
    """A setting without an option of its own: a group with a link to its table, or a mapping."""
    if option.group is None:
        return f"`{option.name}`" + (f" ({option.help})" if option.help else "")
    return f"`{option.name}.NAME` ([{option.group.__name__}](#{option.group.__name__.lower()}))"


def _collect(groups: dict[type, dict[str, list[str]]], command: str, prefix: str, config: type) -> None:
    """Note for each group of settings, also of groups within groups, by which names commands reach it."""
    for option in options(config):
        if option.group is not None:
            path = f"{prefix}{option.name}."
            groups.setdefault(option.group, {}).setdefault(path, []).append(f"`{command}`")
            _collect(groups, command, path, option.group)


def _group(group: type, names: Mapping[str, list[str]]) -> Iterator[str]:
    places = [f"`{path}NAME` of {', '.join(commands)}" for path, commands in names.items()]
    yield from (f"### {group.__name__}", "", f"{'; '.join(places)}.", "")
    rows = [
        [
            f"`{option.name}`",
            option.type_name,
            ", ".join(option.choices) or option.allowed,
            option.unit,
            "required" if option.required else default_text(option.default),
            option.help,
        ]
        for option in options(group)
        if option.group is None
    ]
    yield from _table(["setting", "type", "allowed", "unit", "default", "meaning"], rows)
    deeper = [option for option in options(group) if option.group is not None]
    if deeper:
        yield f"Groups of its own: {', '.join(map(_more, deeper))}."
        yield ""


def _table(heads: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
    yield ""


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
