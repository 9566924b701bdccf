"""The command line: parse, call one job, print. Nothing is decided here."""

from adjudge.cli.commands import app, main

__all__ = ["app", "main"]
