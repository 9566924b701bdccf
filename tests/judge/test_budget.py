"""The budget is a hard stop: for batch files, for unreadable answers, and for judges that cost nothing."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from adjudge.cli import judge_results
from adjudge.cli.commands import app
from adjudge.errors import BadConfig
from adjudge.jobs.judge import Interrupted, JudgeConfig, judge
from adjudge.judge.log import VerdictLog, configs
from adjudge.judge.prices import Budget, Price, price_of
from adjudge.judge.runner import RunSettings
from adjudge.llm import chat
from adjudge.llm.contract import Answer, AskFailed, NoAccess, Request
from adjudge.llm.fake import FakeClient, FakeSettings

Pairs = Callable[[int], Path]
EMPTY = {"choices": [], "usage": {"prompt_tokens": 300, "completion_tokens": 8}}


def config(pairs: Path, price: dict[str, float], **given: Any) -> JudgeConfig:
    home = pairs.parent
    model = str(given.get("judge", "fake")).partition(":")[2] or "fake"
    (home / "prices.json").write_text(json.dumps({model: price}))
    files = {"pairs": pairs, "log": home / "log.sqlite", "out": home / "out.parquet"}
    run = RunSettings(in_flight=8, first_wait=0.0)
    return JudgeConfig(**{"judge": "fake", "prices": home / "prices.json", "run": run, **files, **given})


def spent(config: JudgeConfig) -> float:
    with VerdictLog(config.log, configs(config.log)[0]) as log:
        return log.totals().cost or 0.0


def replies(home: Path, usage: dict[str, int] | None) -> None:
    """Results for every request of the batch folder."""
    lines = []
    for file in sorted((home / "batch" / "requests").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
            body = {"choices": [choice]} | ({"usage": usage} if usage else {})
            key = json.loads(line)["custom_id"]
            lines.append(json.dumps({"custom_id": key, "response": {"status_code": 200, "body": body}}))
    (home / "batch" / "results" / "all.jsonl").write_text("\n".join(lines) + "\n")


def test_batch_files_hold_no_more_than_the_budget_pays(pairs: Pairs) -> None:
    where = pairs(200)
    made = config(
        where, {"input": 1.0, "output": 1.0, "batch": 0.5}, judge="openai:m", batch=where.parent / "batch"
    )
    poor = judge(replace(made, budget=0.000001))
    assert (poor.batch.requests, poor.batch.shards, poor.tally.stopped) == (0, [], "budget")
    assert poor.written.reasons == {"not asked: the budget is spent": 200}
    assert poor.exit_code == 1
    whole = _most(where)
    half = judge(replace(made, budget=whole / 2))
    assert 90 <= half.batch.requests <= 100
    assert half.tally.stopped == "budget"
    assert half.exit_code == 0
    assert list(half.written.reasons) == ["waiting for batch results, or not asked: the budget is spent"]
    # What is out already counts in every later step.
    assert judge(replace(made, budget=whole / 2)).batch.requests == 0
    replies(where.parent, {"prompt_tokens": 30, "completion_tokens": 1})
    told = judge(replace(made, budget=whole / 2))
    assert told.batch.requests == 200 - half.batch.requests
    assert told.spent == pytest.approx(half.batch.requests * 31 * 0.5 / 1e6)
    assert told.spent == pytest.approx(told.written.cost)


def _most(where: Path) -> float:
    """What all texts may cost at most, at half a unit a million tokens."""
    from adjudge.judge.prompt import load

    budget, prompt = Budget(Price(0.5, 0.5), None, 0.0, 8), load("binary")
    rows = pq.read_table(where).to_pylist()
    texts = [prompt.render(row["keyphrase"], row["title"], row["category"]) for row in rows]
    return sum(budget.bound(text.size()) for text in texts)


def test_batch_answers_that_name_no_tokens_are_booked_at_their_most(pairs: Pairs) -> None:
    where = pairs(20)
    made = config(where, {"input": 0.5, "output": 0.5}, judge="openai:m", batch=where.parent / "batch")
    made = replace(made, probabilities=False)
    judge(made)
    replies(where.parent, None)
    done = judge(made)
    assert (done.written.scored, done.batch.waiting) == (20, 0)
    assert done.written.cost == pytest.approx(_most(where))


def test_a_budget_that_pays_nothing_is_not_said_to_be_answered_by_the_log(
    pairs: Pairs, capsys: pytest.CaptureFixture[str]
) -> None:
    made = config(pairs(4), {"input": 1.0, "output": 1.0}, budget=1e-9)
    judge_results.judge(done := judge(made), made)
    assert (done.tally.requests, done.exit_code) == (0, 1)
    said = capsys.readouterr().out.splitlines()
    assert "asked: nothing" in said
    assert "stopped: budget; run the same command again to go on" in said


def test_batch_files_name_the_answers_length_as_the_endpoint_wants_it(pairs: Pairs) -> None:
    where = pairs(3)
    words = ["judge", "--pairs", str(where), "--judge", "openai:m", "--batch", str(where.parent / "batch")]
    words += ["--log", str(where.parent / "log.sqlite"), "--out", str(where.parent / "out.parquet")]
    done = CliRunner().invoke(app, [*words, "--set", "endpoint.tokens_setting=max_completion_tokens"])
    assert done.exit_code == 0, done.output
    for line in (where.parent / "batch" / "requests" / "00001.jsonl").read_text().splitlines():
        body = json.loads(line)["body"]
        assert body["max_completion_tokens"] == 8
        assert "max_tokens" not in body


def answering(patch: pytest.MonkeyPatch, how: Callable[[Request], Any]) -> list[Request]:
    """The fake client answers as `how` says; the requests it was asked."""
    import adjudge.llm.providers as providers

    asked: list[Request] = []

    class Made(FakeClient):
        async def ask(self, request: Request) -> Answer:
            asked.append(request)
            await asyncio.sleep(0)
            answer: Answer = how(request)
            return answer

    patch.setattr(providers, "FakeClient", lambda settings: Made(settings))
    return asked


def test_billed_answers_that_cannot_be_read_are_spent_money(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, lambda request: chat.answer_of(EMPTY))
    where = pairs(200)
    free = RunSettings(in_flight=8, first_wait=0.0, fruitless=0)
    made = config(where, {"input": 1000.0, "output": 1000.0}, run=free)
    first = judge(replace(made, budget=10.0))
    assert first.tally.stopped == "budget"
    assert 20 <= len(asked) <= 32
    assert first.spent == pytest.approx(len(asked) * 0.308)
    assert first.spent <= 10
    assert spent(made) == pytest.approx(first.spent)
    # The next run knows what was spent.
    again = judge(replace(made, budget=10.0))
    assert spent(made) <= 10
    assert again.spent < 0.9


@pytest.mark.parametrize("kind", ["timeout", "connection lost", "unreadable answer"])
def test_what_may_be_billed_is_booked_at_its_most_and_what_is_not_is_not(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    where = pairs(4)
    sent = {"at": True}

    def fail(request: Request) -> Answer:
        raise AskFailed(kind, "", sent=sent["at"])

    asked = answering(monkeypatch, fail)
    made = config(where, {"input": 1.0, "output": 1.0})
    done = judge(made)
    assert len(asked) == 24
    most = sum(
        Budget(Price(1.0, 1.0), None, 0.0, 8).bound(
            sum(len(message.text.encode()) for message in request.messages)
        )
        for request in asked
    )
    assert done.spent == pytest.approx(most, rel=0.01)
    assert spent(made) == pytest.approx(done.spent)
    sent["at"] = False
    assert judge(made).spent == 0.0
    monkeypatch.undo()
    last = judge(made)
    assert last.written.scored == 4
    assert last.written.cost == pytest.approx(done.spent + last.spent)


class Stops(FakeClient):
    """Leaves its requests unanswered; the `last` one of them does what `stop` says."""

    def __init__(self, settings: FakeSettings, stop: Callable[[], None], last: int = 8) -> None:
        super().__init__(settings)
        self.stop, self.last, self.seen = stop, last, list[Request]()
        self.leave = asyncio.Event()

    async def ask(self, request: Request) -> Answer:
        self.seen.append(request)
        if len(self.seen) == self.last:
            self.stop()
        await self.leave.wait()
        raise NoAccess("the key is wrong")

    def most(self) -> float:
        """What all that was asked may cost."""
        sizes = [sum(len(message.text.encode()) for message in request.messages) for request in self.seen]
        return sum(Budget(Price(1.0, 1.0), None, 0.0, 8).bound(size) for size in sizes)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def denied() -> None:
    raise NoAccess("the key is wrong")


@pytest.mark.parametrize(("stop", "told", "billed"), [(interrupt, Interrupted, 8), (denied, NoAccess, 7)])
def test_what_is_sent_and_cut_short_is_booked_at_its_most(
    pairs: Pairs,
    monkeypatch: pytest.MonkeyPatch,
    stop: Callable[[], None],
    told: type[Exception],
    billed: int,
) -> None:
    """Seven requests hang; the eighth ends the run, which waits for none of them."""
    client = Stops(FakeSettings(), stop)
    monkeypatch.setattr("adjudge.llm.providers.FakeClient", lambda settings: client)
    run = RunSettings(in_flight=8, grace=0.0)
    made = config(pairs(40), {"input": 1.0, "output": 1.0}, run=run)
    with pytest.raises(told):
        judge(made)
    assert len(client.seen) == 8
    client.seen = client.seen[:billed]
    assert spent(made) == pytest.approx(client.most())
    # It counts in the next run's budget.
    poor = judge(replace(made, budget=client.most()))
    assert (poor.tally.requests, poor.tally.stopped) == (0, "budget")


def test_where_the_key_is_wrong_what_is_in_flight_comes_back_and_costs_nothing(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(turns: int = 1000) -> None:
        """Well after the run has heard of the first refusal."""
        if turns:
            asyncio.get_running_loop().call_soon(answer, turns - 1)
        else:
            client.leave.set()

    def deny() -> None:
        answer()
        denied()

    client = Stops(FakeSettings(), deny)
    monkeypatch.setattr("adjudge.llm.providers.FakeClient", lambda settings: client)
    made = config(pairs(40), {"input": 1.0, "output": 1.0})
    with pytest.raises(NoAccess, match="the key is wrong"):
        judge(made)
    assert (len(client.seen), spent(made)) == (8, 0.0)


def test_refused_and_limited_requests_cost_nothing(pairs: Pairs) -> None:
    made = config(pairs(8), {"input": 1.0, "output": 1.0})
    fake = FakeSettings(rate_limit=1.0, passing=1000, retry_after=0.0)
    done = judge(replace(made, fake=fake))
    assert (done.spent, done.written.cost) == (0.0, None)


def test_a_student_with_nothing_left_to_spend_stops(pairs: Pairs) -> None:
    from adjudge.baselines import fitting
    from adjudge.jobs.student_as_judge import table_of

    where = pairs(40)
    artifact = where.parent / "jaccard"
    fitting.fit("jaccard", artifact)
    made = config(where, {"input": 1.0, "output": 1.0}, judge=f"student:{artifact}", budget=1e-9)
    done = judge(made)
    assert (done.tally.requests, done.tally.stopped, done.written.scored) == (0, "budget", 0)
    assert table_of([]).num_rows == 0
    assert table_of([]).schema == table_of([("k", "t", "c")]).schema


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-1"])
def test_a_price_is_a_finite_number(tmp_path: Path, bad: str) -> None:
    (tmp_path / "prices.json").write_text(f'{{"m": {{"input": {bad}, "output": 1}}}}')
    with pytest.raises(BadConfig, match="allowed are finite numbers from 0 on"):
        price_of(tmp_path / "prices.json", "m")
