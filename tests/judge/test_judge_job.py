"""The whole job against the fake client and against real local servers."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from adjudge import tables
from adjudge.cli.commands import app
from adjudge.config import load as load_config
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.judge.log import BadLog, VerdictLog, configs
from adjudge.judge.runner import RunSettings
from adjudge.judge.verdict import ReadSettings
from adjudge.llm.contract import Decoding, NoAccess, Unservable
from adjudge.llm.endpoint import EndpointSettings
from adjudge.llm.fake import FakeClient, FakeSettings
from adjudge.llm.transformers_client import TransformersSettings

Pairs = Callable[[int], Path]
QUICK = RunSettings(in_flight=16, first_wait=0.001)
DECODER = Path(__file__).parents[1] / "decoder"
WHAT_IS_SAID = ("item_id", "keyphrase", "grade", "probability", "status", "reason", "expected", "mass")


def config(pairs: Path, **given: Any) -> JudgeConfig:
    home = pairs.parent
    return JudgeConfig(
        **{
            "pairs": pairs,
            "judge": "fake",
            "log": home / "log.sqlite",
            "out": home / "out.parquet",
            "run": QUICK,
            **given,
        }
    )


def rows(pairs: Path) -> list[dict[str, Any]]:
    return pq.read_table(pairs.parent / "out.parquet").to_pylist()


def test_out_keeps_the_contract(pairs: Pairs) -> None:
    where = pairs(100)
    result = judge(config(where, name="llm"))
    table = pq.read_table(where.parent / "out.parquet")
    first = ["item_id", "keyphrase", "grade", "probability", "status", "reason", "judge", "tokens", "cost"]
    assert table.column_names[:9] == first
    assert table.column_names[9:] == ["expected", "mass"]
    tables.JUDGMENTS.check_columns(table.column_names, "out")
    given = pq.read_table(where)
    assert (
        table.select(["item_id", "keyphrase"]).to_pylist()
        == given.select(["item_id", "keyphrase"]).to_pylist()
    )
    assert (result.written.pairs, result.written.scored, result.tally.requests) == (100, 100, 100)
    assert set(table.column("judge").to_pylist()) == {"llm"}
    assert load_config(JudgeConfig, where.parent / "out.parquet.settings.json") == config(where, name="llm")


def test_a_rerun_asks_nothing_and_says_the_same(pairs: Pairs) -> None:
    where = pairs(200)
    judge(config(where))
    before = rows(where)
    again = judge(config(where))
    assert again.tally.requests == 0
    assert rows(where) == before


def test_what_matters_makes_a_new_question(pairs: Pairs) -> None:
    where = pairs(20)
    changes: list[dict[str, Any]] = [
        {},
        {"order": "worst_first"},
        {"scale": "four"},
        {"decoding": Decoding(temperature=0.7)},
        {"fake": FakeSettings(seed=1)},
        {"probabilities": False},
    ]
    assert [judge(config(where, **change)).tally.requests for change in changes] == [20] * 6
    assert [judge(config(where, **change)).tally.requests for change in changes] == [0] * 6
    assert len(configs(where.parent / "log.sqlite")) == 6


def test_what_matters_to_a_model_loaded_here_makes_a_new_question(pairs: Pairs) -> None:
    where = pairs(20)
    changes = [{}, {"chat": False}, {"dtype": "bfloat16"}, {"longest": 512, "threads": 1}]
    configured = [
        config(where, judge=f"hf:{DECODER}", local=TransformersSettings(**{"threads": 1, **change}))
        for change in changes
    ]
    assert [judge(one).tally.requests for one in configured] == [20, 20, 20, 0]
    assert [judge(one).tally.requests for one in configured] == [0] * 4


class Vague(FakeClient):
    """In each text another share of what it could say lies beside the scale."""

    async def ask(self, request: Any) -> Any:
        answer = await super().ask(request)
        on = math.log(self.draw(request.key, "mass"))
        tops = tuple((word, logprob + on) for word, logprob in answer.tokens[0][1])
        return answer._replace(tokens=((answer.text, tops),))


def test_another_least_mass_reads_the_answers_again_as_if_asked_anew(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjudge.llm.providers.FakeClient", Vague)
    where = pairs(200)
    runs = [
        (low, judge(config(where, read=ReadSettings(low))), rows(where)) for low in (0.5, 0.8, 0.2, 0.5, 0.8)
    ]
    said = {}
    for low in (0.5, 0.8, 0.2):
        fresh = judge(config(where, read=ReadSettings(low), log=where.parent / f"{low}.sqlite"))
        said[low] = [[row[name] for name in WHAT_IS_SAID] for row in rows(where)]
        assert 20 < fresh.written.scored < 195
    for low, _, seen in runs:
        assert [[row[name] for name in WHAT_IS_SAID] for row in seen] == said[low]
    # Raised, what no longer scores at its first attempt gets its second; then all is read and nothing asked.
    assert [run.tally.requests > 0 for _, run, _ in runs] == [True, True, False, False, False]


def test_equal_texts_are_asked_once_and_fanned_out(tmp_path: Path) -> None:
    where = tmp_path / "pairs.parquet"
    table = {
        "item_id": [f"i{k}" for k in range(60)],
        "keyphrase": ["k"] * 60,
        "title": ["t", "u", "t<b"] * 20,
    }
    pq.write_table(pa.table(table), where)
    result = judge(config(where))
    assert result.tally.requests == 3
    seen = rows(where)
    assert len({(row["grade"], row["probability"]) for row in seen[0::3]}) == 1
    assert [row["tokens"] for row in seen].count(0) == 57
    with VerdictLog(tmp_path / "log.sqlite", configs(tmp_path / "log.sqlite")[0]) as log:
        assert log.totals().tokens == sum(row["tokens"] for row in seen) == result.written.tokens


FAULTS = ("timeout", "rate_limit", "lost", "truncate", "ramble", "off_scale", "broken_json", "refuse")
REASONS = {
    "timeout": "timeout",
    "rate_limit": "rate limited",
    "lost": "connection lost",
    "truncate": "truncated",
    "ramble": "ambiguous",
    "off_scale": "outside the scale",
    "broken_json": "broken JSON",
    "refuse": "refused",
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("probabilities", [True, False])
def test_each_fault_that_lasts_is_unscored_with_its_reason_and_counted(
    pairs: Pairs, fault: str, probabilities: bool
) -> None:
    where = pairs(100)
    fake = FakeSettings(**{fault: 0.3}, passing=1000, retry_after=0.001)
    run = RunSettings(in_flight=16, first_wait=0.0001, max_requests_per_text=3, attempts=2)
    result = judge(config(where, fake=fake, run=run, probabilities=probabilities))
    with VerdictLog(where.parent / "log.sqlite", configs(where.parent / "log.sqlite")[0]) as log:
        answers = Counter(text.hex() for text, _, _ in log.answers())
    met = [key for key in answers if FakeClient(fake).fault_of(key) == fault]
    unanswered = fault in ("timeout", "rate_limit", "lost")
    hit = 100 - len(answers) if unanswered else len(met)
    assert 10 < hit < 60
    assert result.written.reasons == Counter({REASONS[fault]: hit})
    assert result.written.scored == 100 - hit
    assert result.tally.requests == 100 - hit + hit * (3 if unanswered else 2)
    assert all(row["grade"] is None and row["probability"] is None for row in rows(where) if row["reason"])
    again = judge(config(where, fake=fake, run=run, probabilities=probabilities))
    assert again.tally.requests == (hit * 3 if unanswered else 0)


def test_passing_faults_of_every_kind_leave_no_trace_but_their_cost(pairs: Pairs) -> None:
    where = pairs(300)
    fake = FakeSettings(**dict.fromkeys(FAULTS, 0.08), passing=1, retry_after=0.001)
    result = judge(config(where, fake=fake))
    assert result.written.scored == 300
    with VerdictLog(where.parent / "log.sqlite", configs(where.parent / "log.sqlite")[0]) as log:
        answers = Counter(text.hex() for text, _, _ in log.answers())
    clean = FakeClient(fake)
    bad = [key for key in answers if clean.fault_of(key) in FAULTS[3:]]
    assert len(bad) > 50
    assert all(answers[key] == 2 for key in bad)
    assert sum(answers.values()) == 300 + len(bad)


@pytest.mark.parametrize("transport", ["http", "sdk"])
@pytest.mark.parametrize("structured", ["", "json_schema", "choice"])
def test_a_real_endpoint_through_both_transports(
    pairs: Pairs, stub: Callable[..., Any], transport: str, structured: str
) -> None:
    server, where = stub(), pairs(40)
    endpoint = EndpointSettings(transport=transport)
    given = {"judge": "openai:m", "base_url": server.url, "endpoint": endpoint, "structured": structured}
    result = judge(config(where, **given))
    assert result.written.scored == 40
    assert len(server.lines("seen")) == len(set(server.lines("seen"))) == 40
    for row in rows(where):
        assert 0.6 <= max(row["probability"], 1 - row["probability"]) <= 1
        assert (row["probability"] > 0.5) == (row["grade"] == "relevant")


@pytest.mark.parametrize("transport", ["http", "sdk"])
def test_a_faulty_endpoint_is_survived(pairs: Pairs, stub: Callable[..., Any], transport: str) -> None:
    faults = [
        {"every": 13, "kind": "cut"},
        {"every": 11, "kind": "html"},
        {"every": 7, "kind": "500"},
        {"every": 5, "kind": "429", "retry_after": 0.02},
        {"every": 41, "kind": "hang"},
    ]
    server, where = stub(faults=faults), pairs(100)
    endpoint = EndpointSettings(transport=transport, timeout=2.5)
    run = RunSettings(in_flight=8, first_wait=0.001, max_requests_per_text=20)
    result = judge(config(where, judge="openai:m", base_url=server.url, endpoint=endpoint, run=run))
    assert result.written.scored == 100
    assert len(set(server.lines("sent"))) == 100
    # Whole answers are never asked for again: what was sent twice was answered with something unreadable.
    assert len(server.lines("sent")) == 100


def test_an_endpoint_that_lets_nobody_in_stops_at_once(pairs: Pairs, stub: Callable[..., Any]) -> None:
    where = pairs(50)
    server = stub(faults=[{"every": 1, "kind": "401"}])
    with pytest.raises(NoAccess, match="API key"):
        judge(config(where, judge="openai:m", base_url=server.url))
    assert len(server.lines("seen")) <= QUICK.in_flight
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(NoAccess, match="set OPENAI_API_KEY"):
            judge(config(where, judge="openai:m"))


def test_budget_stops_before_it_is_passed_and_a_rerun_goes_on(pairs: Pairs, tmp_path: Path) -> None:
    where = pairs(200)
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"fake": {"input": 1000.0, "output": 2000.0}}))
    whole = judge(config(where, prices=prices, log=tmp_path / "other.sqlite")).written.cost
    first = judge(config(where, prices=prices, budget=whole / 2))
    assert first.tally.stopped == "budget"
    assert 0.8 * whole / 2 < first.written.cost <= whole / 2
    assert first.written.reasons == Counter({"not asked: the budget is spent": first.written.unscored})
    second = judge(config(where, prices=prices, budget=whole * 2))
    assert second.written.scored == 200
    assert second.tally.requests == 200 - first.written.scored
    assert second.written.cost == pytest.approx(whole)
    with pytest.raises(BadConfig, match="--prices"):
        judge(config(where, budget=1.0))
    prices.write_text("{}")
    with pytest.raises(BadConfig, match="has no price for 'fake'"):
        judge(config(where, prices=prices))


def test_dry_run_estimates_and_asks_nothing(pairs: Pairs, stub: Callable[..., Any], tmp_path: Path) -> None:
    server, where = stub(), pairs(100)
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"m": {"input": 1.0, "output": 1.0}}))
    given: dict[str, Any] = {"judge": "openai:m", "base_url": server.url, "prices": prices}
    blind = judge(config(where, dry_run=True, **given)).estimate
    assert (blind.texts, blind.measured) == (100, False)
    assert server.lines("seen") == []
    judge(config(where, **given))
    more = pairs(150)
    seen = judge(config(more, dry_run=True, **given)).estimate
    assert (seen.texts, seen.measured) == (50, True)
    real = judge(config(more, **given)).written.cost / 3
    assert seen.cost == pytest.approx(real, rel=0.05)
    assert blind.cost / 2 == pytest.approx(real, rel=0.5)


def test_no_client_is_asked_for_what_it_cannot_do(pairs: Pairs) -> None:
    where = pairs(5)
    with pytest.raises(Unservable, match=r"token probabilities: allowed with openai:MODEL \(pip install"):
        judge(config(where, fake=FakeSettings(token_probabilities=False)))
    with pytest.raises(Unservable, match="json_object: allowed with openai:MODEL"):
        judge(config(where, structured="json_object"))


def test_bad_settings_and_tables_are_refused(pairs: Pairs, tmp_path: Path) -> None:
    where = pairs(5)
    for bad in ("opnai:m", "openai:", "fake:x", "gpt"):
        with pytest.raises(BadConfig, match="allowed are openai:MODEL"):
            config(where, judge=bad)
    with pytest.raises(BadTable, match="cannot be read"):
        judge(config(tmp_path / "none.parquet"))
    pq.write_table(pa.table({"item_id": ["a"], "query": ["b"]}), where)
    with pytest.raises(BadTable, match="needs column keyphrase, title"):
        judge(config(where))
    (tmp_path / "no.sqlite").write_text("this is no database, but long enough to be read as one" * 30)
    with pytest.raises(BadLog, match="no verdict log"):
        judge(config(pairs(5), log=tmp_path / "no.sqlite"))


NOTHING = (None, "", "   ", "\u200b\u200b", "\u00a0\n\ufeff")


def test_where_there_is_nothing_to_judge_nobody_is_asked(tmp_path: Path) -> None:
    from adjudge.judge.pairs import count_texts

    where = tmp_path / "pairs.parquet"
    n = len(NOTHING)
    table = {
        "item_id": [str(k) for k in range(2 * n + 2)],
        "keyphrase": [*NOTHING, *["red mug"] * n, "red mug", "-"],
        "title": [*["Mug, red"] * n, *NOTHING, "Mug, red", " \u200b7"],
    }
    pq.write_table(pa.table(table), where)
    assert count_texts(where) == 2
    for requests in (2, 0):
        result = judge(config(where))
        assert (result.tally.requests, result.written.scored) == (requests, 2)
        assert [row["reason"] for row in rows(where)] == ["no keyphrase or no title"] * (2 * n) + [None] * 2


@pytest.mark.parametrize("titles", [[], ["", None, "\u200b"]])
def test_pairs_without_a_text_are_no_failure_and_no_answered_ones(tmp_path: Path, titles: list[str]) -> None:
    where = tmp_path / "pairs.parquet"
    texts = {"item_id": [str(k) for k in range(len(titles))], "keyphrase": ["mug"] * len(titles)}
    told = {**texts, "title": titles}
    pq.write_table(pa.table({name: pa.array(held, pa.string()) for name, held in told.items()}), where)
    words = ["judge", "--pairs", str(where), "--judge", "fake", "--log", str(tmp_path / "log.sqlite")]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out.parquet")])
    assert done.exit_code == 0, done.output
    assert "asked: nothing; there is nothing to judge" in done.output
    assert "verdict log" not in done.output


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("keyphrase", [1, 2], "int64: allowed is string"),
        ("title", [1, 2], "int64: allowed is string"),
        ("category", [1.5, 2.0], "double: allowed is string or whole numbers"),
    ],
)
def test_a_column_that_holds_no_texts_is_named(
    tmp_path: Path, column: str, values: list[float], told: str
) -> None:
    table: dict[str, Any] = {name: ["a", "b"] for name in ("item_id", "keyphrase", "title", "category")}
    pq.write_table(pa.table({**table, column: values}), tmp_path / "pairs.parquet")
    told = rf'column {column} is {told}. Cast it to string, in pandas for example: table\["{column}"\] = '
    with pytest.raises(BadTable, match=told):
        judge(config(tmp_path / "pairs.parquet"))


def test_categories_that_are_numbers_are_judged_as_their_digits(tmp_path: Path) -> None:
    """What is judged by the digits as text is in the log for the numbers too, nulls included."""
    where = tmp_path / "pairs.parquet"
    texts = {"item_id": list("abcd"), "keyphrase": ["k"] * 4, "title": ["t", "u", "t", "t"]}
    numbers = pa.array([7, None, 7, -30])
    asked = []
    for kind in (pa.int64(), pa.string(), pa.int16()):
        pq.write_table(pa.table({**texts, "category": numbers.cast(kind)}), where)
        done = judge(config(where))
        assert done.written.scored == 4
        asked.append(done.tally.requests)
    assert asked == [3, 0, 0]


def test_texts_of_any_kind_and_ids_that_are_numbers_are_taken(tmp_path: Path) -> None:
    where = tmp_path / "pairs.parquet"
    words = pa.array(["a", "b", "a"])
    kinds = {
        "item_id": pa.array([1, 2, 3]),
        "keyphrase": words.cast(pa.large_string()),
        "title": words.dictionary_encode(),
        "category": pa.nulls(3),
    }
    pq.write_table(pa.table(kinds), where)
    assert judge(config(where)).written.scored == 3
    assert [row["item_id"] for row in rows(where)] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"out": "log.sqlite"}, "JudgeConfig.out is .*, which is JudgeConfig.log too"),
        ({"out": "pairs.parquet"}, "which is JudgeConfig.pairs too"),
        ({"log": "pairs.parquet"}, "JudgeConfig.log is .*, which is JudgeConfig.pairs too"),
        ({"out": "p.md", "prompt": "p.md"}, "which is JudgeConfig.prompt too"),
        ({"out": "p.json", "prices": "p.json"}, "which is JudgeConfig.prices too"),
    ],
)
def test_no_output_replaces_what_is_read(pairs: Pairs, given: dict[str, str], says: str) -> None:
    where = pairs(5)
    with pytest.raises(BadConfig, match=says):
        config(where, **{name: where.parent / file for name, file in given.items()})


def test_progress_tells_done_and_unscored(pairs: Pairs) -> None:
    told: dict[str, tuple[int, int]] = {}
    judge(config(pairs(50)), lambda what, done, total: told.update({what: (done, total)}))
    assert told["texts judged"] == (50, 50)
    assert told["unscored"] == (0, 0)


def test_probabilities_of_the_stub_are_read_back(pairs: Pairs, stub: Callable[..., Any]) -> None:
    server, where = stub(), pairs(10)
    judge(config(where, judge="openai:m", base_url=server.url))
    with VerdictLog(where.parent / "log.sqlite", configs(where.parent / "log.sqlite")[0]) as log:
        for _, _, answer in log.answers():
            shares = {token: math.exp(p) for token, p in answer.tokens[0][1]}
            assert sum(shares.values()) == pytest.approx(1.0)


def test_a_model_of_ones_own_is_a_judge(pairs: Pairs, tmp_path: Path) -> None:
    from adjudge.baselines import fitting
    from adjudge.scoring.open_model import open_model

    where = pairs(40)
    fitting.fit("jaccard", tmp_path / "jaccard")
    given = {"judge": f"student:{tmp_path / 'jaccard'}", "name": "overlap"}
    result = judge(config(where, **given))
    assert result.written.scored == 40
    scores = open_model(tmp_path / "jaccard").score(pq.read_table(where))
    assert [row["probability"] for row in rows(where)] == pytest.approx(scores.tolist(), abs=1e-9)
    assert judge(config(where, **given)).tally.requests == 0
    with pytest.raises(BadConfig, match="judges on binary; asked is four"):
        judge(config(where, **{**given, "scale": "four"}))
