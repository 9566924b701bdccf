"""Judging: scales, prompts, verdicts, the verdict log, the runner, panels."""

from adjudge.judge.booking import Ask, Booking, Tally, settled
from adjudge.judge.export import Written, write_judgments
from adjudge.judge.exports import write_qrels, write_quepid
from adjudge.judge.log import BadLog, Entry, Record, VerdictLog, configs
from adjudge.judge.pairs import Question, missing
from adjudge.judge.prices import Price, Purse, price_of
from adjudge.judge.prompt import Example, Prompt, load
from adjudge.judge.runner import Runner, RunSettings
from adjudge.judge.verdict import Reader, ReadSettings, Verdict

__all__ = [
    "Ask",
    "BadLog",
    "Booking",
    "Entry",
    "Example",
    "Price",
    "Prompt",
    "Purse",
    "Question",
    "ReadSettings",
    "Reader",
    "Record",
    "RunSettings",
    "Runner",
    "Tally",
    "Verdict",
    "VerdictLog",
    "Written",
    "configs",
    "load",
    "missing",
    "price_of",
    "settled",
    "write_judgments",
    "write_qrels",
    "write_quepid",
]
