"""Cost accounting of answers: each becomes a verdict, its tokens and money are added up, and it goes to the
log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TypeVar

from adjudge.judge.log import LogEntry, LogRecord, VerdictLog
from adjudge.judge.prices import Budget
from adjudge.judge.verdict import Verdict, VerdictReader
from adjudge.llm.contract import Answer, AskFailed, Request

N = TypeVar("N", int, float)


@dataclass(slots=True)
class PendingText:
    """A text to ask about: its hash, the request, its size in bytes, and what the log holds of it (None:
    nothing).

    owed: whether `before` holds money or tokens of failed requests that the log does not hold yet. again:
    whether the log held the text when it was taken.
    """

    text: bytes
    request: Request
    size: int
    before: LogEntry | None = None
    failures: int = 0
    owed: bool = False
    again: bool = field(init=False)

    def __post_init__(self) -> None:
        self.again = self.before is not None

    @property
    def answered(self) -> int:
        return self.before.answered if self.before else 0

    def attempt(self) -> Request:
        """The request of the next attempt: if a seed is set, each attempt has its own."""
        seed = self.request.decoding.seed
        if seed is None or self.answered == 0:
            return self.request
        again = replace(self.request.decoding, seed=seed + self.answered)
        return self.request._replace(decoding=again)


@dataclass
class Tally:
    """What a run did. `stopped` is "" if it finished, else why it stopped. messages: for each kind of failed
    request,
    the first one that came with it."""

    scored: int = 0
    unscored: int = 0
    requests: int = 0
    answers: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    seconds: float = 0.0

    @property
    def done(self) -> int:
        return self.scored + self.unscored


def is_settled(entry: LogEntry, attempts: int) -> bool:
    """Whether a text needs no further asking: it has a verdict, or its attempts are used up."""
    return entry.verdict.scored or entry.answered >= attempts


class Accounting:
    """Books all answers, live or from a file. `attempts`: answers before an unscored text stays so."""

    def __init__(self, reader: VerdictReader, log: VerdictLog, budget: Budget, attempts: int) -> None:
        self.reader, self.log, self.budget, self.attempts = reader, log, budget, attempts
        self.tally = Tally()

    def book_answer(self, ask: PendingText, answer: Answer, promised: float) -> bool:
        """Write an answer down; True if it settles the text."""
        self.tally.answers += 1
        cost = self.budget.settle(promised, ask.size, answer.tokens_in, answer.tokens_out)
        tokens = None
        if answer.tokens_in is not None and answer.tokens_out is not None:
            tokens = answer.tokens_in + answer.tokens_out
        if ask.before is not None:
            tokens, cost = _plus(ask.before.tokens, tokens), _plus(ask.before.cost, cost)
        ask.before = LogEntry(self.reader.read(answer), ask.answered + 1, tokens, cost)
        self.log.put(LogRecord(ask.text, ask.before, answer))
        ask.owed = False
        final = is_settled(ask.before, self.attempts)
        if final:
            self._count(ask.before.verdict)
        return final

    def book_failure(self, ask: PendingText, failure: AskFailed, promised: float) -> None:
        """Book what a request without an answer took: what the server names, else the promise if it may be
        billed."""
        if failure.kind not in self.tally.messages:
            self.tally.messages[failure.kind] = _one_line(failure.message)
        if not failure.may_cost:
            self.budget.release(promised)
            return
        cost = self.budget.settle(promised, ask.size, *failure.used)
        tokens = None if None in failure.used else sum(filter(None, failure.used))
        if cost is not None or tokens is not None:
            entry = ask.before or LogEntry(Verdict(None, failure.kind), 0, None, None)
            ask.before = entry._replace(tokens=_plus(entry.tokens, tokens), cost=_plus(entry.cost, cost))
            ask.owed = True

    def give_up(self, ask: PendingText, why: str) -> None:
        """No answer came for `why`: the text is unscored, and a later run asks again."""
        verdict = Verdict(None, why)
        ask.before = ask.before._replace(verdict=verdict) if ask.before else LogEntry(verdict, 0, None, None)
        self.write_down(ask)
        self._count(verdict)

    def write_down(self, ask: PendingText) -> None:
        """Write down what is known of a text that is not asked any more in this run."""
        if ask.before is not None:
            self.log.put(LogRecord(ask.text, ask.before))
        ask.owed = False

    def _count(self, verdict: Verdict) -> None:
        if verdict.scored:
            self.tally.scored += 1
        else:
            self.tally.unscored += 1
            self.tally.reasons[verdict.reason or ""] += 1


def _one_line(message: str) -> str:
    """A server's words, harmless to a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in message).split())


def _plus(before: N | None, more: N | None) -> N | None:
    if before is None or more is None:
        return more if before is None else before
    return before + more
