"""The command line: one command per entry of the registry, with options made when it is called.

Jobs and their settings are imported only then, so that `adjudge --help` is instant.
"""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from adjudge.cli import terminal
from adjudge.cli.registry import COMMANDS, GROUPS, MOVED, JobSpec
from adjudge.errors import AdjudgeError

SETTINGS_FILE, SETS = "settings_file", "set_values"
"""Parameters of every command beside its settings."""
SHARED = {
    SETTINGS_FILE: Annotated[
        Path | None,
        typer.Option(
            "--settings", metavar="FILE", help="Settings as an earlier run saved them (JSON), or in YAML."
        ),
    ],
    SETS: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any setting of the job; dotted for nested ones. Repeatable."
        ),
    ],
}


class _Generated:
    """A command whose parameters and callback are made from its job's settings class when first needed."""

    spec: JobSpec

    def generate_later(self, spec: JobSpec) -> None:
        self.spec = spec
        # The base class has set both on the object, where they would hide the properties below.
        del self.__dict__["params"], self.__dict__["callback"]

    @functools.cached_property
    def params(self) -> Any:
        return self._command.params

    @functools.cached_property
    def callback(self) -> Any:
        return self._command.callback

    @functools.cached_property
    def _command(self) -> Any:
        app = typer.Typer(add_completion=False)
        app.command()(_function(self.spec))
        return typer.main.get_command(app)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with terminal.failure_is(self.spec.failure):
            return super().parse_args(ctx, args)  # type: ignore[misc]


class JobCommand(_Generated, TyperCommand):  # type: ignore[override]
    """A command that starts a job."""

    def __init__(self, spec: JobSpec) -> None:
        super().__init__(spec.name.split()[-1], help=spec.help)
        self.generate_later(spec)


class JobGroup(_Generated, TyperGroup):  # type: ignore[override]
    """A command that starts a job and has commands below it."""

    def __init__(self, spec: JobSpec) -> None:
        super().__init__(name=spec.name, help=spec.help, invoke_without_command=True)
        self.generate_later(spec)


class Root(TyperGroup):
    """`adjudge` itself, with a command for each entry of the registry."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        parents = {spec.name.rpartition(" ")[0] for spec in COMMANDS}
        for spec in COMMANDS:
            group, _, word = spec.name.rpartition(" ")
            if group and group not in self.commands:
                self.commands[group] = TyperGroup(name=group, help=GROUPS[group], no_args_is_help=True)
            commands = self.commands[group].commands if group else self.commands  # type: ignore[attr-defined]
            commands[word] = JobGroup(spec) if spec.name in parents else JobCommand(spec)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in MOVED and cmd_name not in self.commands:
            raise AdjudgeError(f"adjudge {cmd_name} is no command any more: run {MOVED[cmd_name]}")
        return super().get_command(ctx, cmd_name)


def _function(spec: JobSpec) -> Any:
    """A function with the parameters that typer makes options of, which starts the command's job."""
    from adjudge.cli.options import command_options

    listed = command_options(spec, spec.load_config())
    keyword = inspect.Parameter.KEYWORD_ONLY
    hints = {option.parameter: _hint(option) for option in listed} | SHARED
    parameters = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    parameters += [
        inspect.Parameter(name, keyword, default=None, annotation=hint) for name, hint in hints.items()
    ]

    def start(context: typer.Context, **values: Any) -> None:
        if context.invoked_subcommand is None:
            _start(spec, context, listed, values)

    start.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    start.__annotations__ = {}
    return start


def _hint(option: Any) -> Any:
    # Square brackets would be read as rich's markup.
    text = option.help.replace("[", "\\[")
    if not option.spelling:
        return Annotated[
            option.kind | None, typer.Argument(metavar=option.metavar, help=text, show_default=False)
        ]
    spelling, metavar = option.spelling, option.metavar
    kind: Any = option.kind
    if option.shape == "flag":
        spelling, metavar = f"{spelling}/--no{spelling[1:]}", ""
    elif option.shape != "value":
        default = "NAME=VALUE" if option.shape == "mapping" else f"<{kind.__name__.lower()}>"
        kind, metavar = list[kind], metavar or default
    return Annotated[kind | None, typer.Option(spelling, metavar=metavar, help=text)]


def _start(spec: JobSpec, context: typer.Context, listed: list[Any], values: dict[str, Any]) -> None:
    """Make the settings, run the job, show its result and leave with the result's exit code."""
    from adjudge.cli import judge_results, results
    from adjudge.cli.options import merged
    from adjudge.config import from_dict

    with terminal.failure_is(spec.failure):
        typed = {
            option.setting: option.value(values[option.parameter])
            for option in listed
            if values[option.parameter] is not None
        }
        settings = merged(values[SETTINGS_FILE], values[SETS], typed)
        for option in listed:
            if option.option.required and option.setting not in settings:
                kind = "option" if option.spelling else "argument"
                context.fail(f"Missing {kind} '{option.spelling or option.metavar}'.")
        config: Any = from_dict(spec.load_config(), settings)
        result = terminal.run(spec.load_job(), config)
        show = spec.show or (vars(results) | vars(judge_results))[spec.function_name]
        terminal.leave(lambda: show(result, config), getattr(result, "exit_code", 0))


app = typer.Typer(
    name="adjudge",
    cls=Root,
    help="Language-model judgment turned into cheap, fast relevance models for ads and e-commerce search.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from adjudge import __version__

        typer.echo(f"adjudge {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options of `adjudge` itself."""


def run_one(spec: JobSpec) -> None:
    """Run a job outside `adjudge` as a command of its own, with the same options, progress and errors."""
    with terminal.faults(), terminal.errors():
        JobCommand(spec)()


def main() -> None:
    """The console script's entry: errors meant for the user become one line and an exit code."""
    with terminal.faults(), terminal.errors():
        app()
