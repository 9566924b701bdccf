"""The job `cascade` on a market's judges and on files: what is promised, asked, paid, refused and saved."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge import config as settings_of
from adjudge import tables
from adjudge.cascade.curve import CURVE
from adjudge.cascade.saved_region import SavedRegion
from adjudge.cascade.settings import CascadeSettings
from adjudge.errors import BadConfig, BadTable, NotEnoughData
from adjudge.jobs.cascade.cascade import CascadeConfig, cascade
from adjudge.judge.log import VerdictLog, configs
from adjudge.market.generated import generated_world
from adjudge.market.settings import AnnotatorSettings, CatalogueSettings, MarketSettings
from adjudge.market.simulate import play
from adjudge.records import no_progress
from adjudge.stats.sampling import Sampling

QUICK = CascadeSettings(target=0.8, sampling=Sampling(replicates=200))


def market(out: Path, seed: int) -> Path:
    """General and tuned judges, and people on a random sample of pairs."""
    settings = MarketSettings(
        seed=seed,
        catalogue=CatalogueSettings(items=1_000, keyphrases=2_500, pairs_per_item=12),
        annotators=AnnotatorSettings(pairs=4_000, hard=0.0, skew=1.0),
    )
    play(generated_world(settings, no_progress), settings, out)
    return out


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market(tmp_path_factory.mktemp("cascade") / "logs", 5)


def routed(logs: Path, out: Path, **more: Any) -> CascadeConfig:
    both = str(logs / "judgments.parquet")
    given = {"human": logs / "annotations.parquet", "cheap_judge": "llm", "strong_judge": "tuned"}
    return CascadeConfig(both, both, out, **{**given, "cascade": QUICK, **more})


def test_what_is_validated_on_the_market_is_reached_on_fresh_pairs(logs: Path, tmp_path: Path) -> None:
    result = cascade(routed(logs, tmp_path / "first"))
    assert (result.verdict, result.exit_code) == ("validated", 0)
    assert result.second.low >= 0.8
    assert 0.3 < result.strong_share < 0.9
    fresh = market(tmp_path / "fresh", 77)
    region = tmp_path / "first" / "region.json"
    again = cascade(routed(fresh, tmp_path / "second", region=region))
    assert again.verdict == "frozen"
    assert again.second.value >= 0.8
    assert again.second.pairs > 500
    by = {(p.kind, p.against): p.agreement for p in again.points if p.chosen or p.kind.startswith("all")}
    assert by["cascade", "labels"].value > by["all cheap", "labels"].value + 0.05
    assert by["all strong", "labels"].value > by["cascade", "labels"].value
    blind = next(p for p in again.points if p.kind == "random" and p.against == "labels")
    assert by["cascade", "labels"].low > blind.agreement.high


def test_the_table_says_who_answered_and_adds_up(logs: Path, tmp_path: Path) -> None:
    result = cascade(routed(logs, tmp_path))
    table = pq.read_table(tmp_path / "judgments.parquet")
    tables.JUDGMENTS.check_columns(table.column_names, "judgments")
    rows = table.to_pylist()
    judged = pq.read_table(logs / "judgments.parquet").to_pylist()
    by = {(row["judge"], row["item_id"], row["keyphrase"]): row for row in judged}
    least = json.loads((tmp_path / "region.json").read_text())["least"]
    for row in rows:
        cheap, strong = (by[judge, row["item_id"], row["keyphrase"]] for judge in ("llm", "tuned"))
        stands = cheap["status"] == "scored" and (
            cheap["probability"] >= least["relevant"]
            if cheap["grade"] == "relevant"
            else 1 - cheap["probability"] >= least["irrelevant"]
        )
        source = cheap if stands else strong
        assert (row["grade"], row["status"], row["reason"]) == (
            source["grade"],
            source["status"],
            source["reason"],
        )
        expected = "llm" if stands else "tuned" if strong["grade"] else None
        assert row["answered_by"] == expected
        assert row["tokens"] == (cheap["tokens"] or 0) + (0 if stands else strong["tokens"])
    written = result.written
    assert written.pairs == len(rows) == result.counts["pairs"]
    assert written.by_cheap == result.counts["cheap judge answers"]
    assert written.by_cheap + written.by_strong + written.unscored == written.pairs
    assert sum(written.reasons.values()) == written.unscored
    assert {row["judge"] for row in rows} == {"cascade(llm > tuned)"}
    assert pq.read_schema(tmp_path / "curve.parquet").names == CURVE.names
    saved = settings_of.load(CascadeConfig, tmp_path / "settings.json")
    assert dataclasses.replace(cascade(saved), written=None) == dataclasses.replace(result, written=None)


def test_without_people_the_strong_judge_is_the_measure_and_a_note_says_so(
    logs: Path, tmp_path: Path
) -> None:
    result = cascade(routed(logs, tmp_path, human=None, cascade=dataclasses.replace(QUICK, sample=1_500)))
    assert result.against == "strong judge"
    assert result.counts["labelled"] == 1_500
    assert "nothing here says how often" in result.notes[0]
    ends = {(p.kind, p.against): p.agreement.value for p in result.points}
    assert ends["all strong", "labels"] == 1.0


def test_what_cannot_be_shown_is_not_used(logs: Path, tmp_path: Path) -> None:
    hard = dataclasses.replace(QUICK, target=0.99)
    result = cascade(routed(logs, tmp_path, cascade=hard))
    assert (result.verdict, result.exit_code, result.written) == ("not validated", 1, None)
    assert not (tmp_path / "judgments.parquet").exists()
    with pytest.raises(BadConfig, match="was not validated"):
        cascade(routed(logs, tmp_path / "again", region=tmp_path / "region.json"))


def made(folder: Path, pairs: int, right: float, seed: int = 0) -> tuple[Path, Path, Path]:
    """(cheap judgments, people, pairs): the cheap judge is right if sure (half of the pairs), else on a
    share."""
    rng = np.random.default_rng(seed)
    ids, phrases = [f"i{n // 3}" for n in range(pairs)], [f"k{n % 3} {n % 7}" for n in range(pairs)]
    truth, sure = rng.random(pairs) < 0.5, rng.random(pairs) < 0.5
    says = np.where(sure | (rng.random(pairs) < right), truth, ~truth)
    strength = np.where(sure, 0.99, 0.6)
    grades = ["relevant" if one else "irrelevant" for one in says]
    named = {"item_id": ids, "keyphrase": phrases}
    judged = {**named, "judge": ["cheap"] * pairs, "grade": grades, "status": ["scored"] * pairs}
    judged["probability"] = np.where(says, strength, 1 - strength)
    pq.write_table(pa.table(judged), folder / "cheap.parquet")
    people = {**named, "annotator": ["a"] * pairs, "grade": ["good" if one else "bad" for one in truth]}
    pq.write_table(pa.table(people).slice(0, pairs // 2), folder / "people.parquet")
    titles = [f"title {n}" for n in range(pairs)]
    pq.write_table(pa.table({**named, "title": titles}), folder / "pairs.parquet")
    return folder / "cheap.parquet", folder / "people.parquet", folder / "pairs.parquet"


def test_only_what_the_cheap_judge_may_not_answer_is_asked_and_paid_once(tmp_path: Path) -> None:
    cheap, people, pairs = made(tmp_path, 1_200, 0.5)
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"fake": {"input": 1000.0, "output": 2000.0}}))
    asked = CascadeConfig(
        str(cheap),
        "fake",
        tmp_path / "out",
        pairs=pairs,
        human=people,
        strong_settings={"prices": str(prices), "run": {"in_flight": 16}},
        cascade=dataclasses.replace(QUICK, target=0.9),
    )
    dry = cascade(dataclasses.replace(asked, validate_only=True))
    log = tmp_path / "out" / "verdicts.sqlite"
    assert (dry.verdict, dry.written) == ("validated", None)
    assert not (tmp_path / "out" / "judgments.parquet").exists()
    result = cascade(asked)
    assert result.region.least == pytest.approx((0.99, 0.99))
    rows = pq.read_table(tmp_path / "out" / "judgments.parquet").to_pylist()
    outside = {(row["item_id"], row["keyphrase"]) for row in rows if row["answered_by"] != "cheap"}
    held = set(zip(*pq.read_table(people).select([0, 1]).to_pydict().values(), strict=True))
    with VerdictLog(log, configs(log)[0]) as verdicts:
        texts = verdicts.totals().texts
        assert len(outside) < texts < len(outside | held)
        spent = verdicts.totals().cost
    assert len(outside - held) <= dry.estimate.texts < len(outside)
    drawn = pq.read_table(tmp_path / "out" / "held.parquet").num_rows
    assert dry.counts["labelled"] * 0.4 < drawn < dry.counts["labelled"] * 0.6
    assert texts == drawn + dry.estimate.texts
    so_far = "asked of the strong judge so far"
    assert (dry.counts[so_far], result.counts[so_far]) == (drawn, texts)
    assert result.counts["left for the strong judge"] == len(outside)
    assert result.written.by_strong == len(outside)
    assert result.written.cost < spent
    assert result.money.saved == pytest.approx(result.money.all_strong - result.money.cascade)
    assert result.money.cascade == pytest.approx(result.strong_share * result.money.all_strong)
    cascade(asked)
    with VerdictLog(log, configs(log)[0]) as verdicts:
        assert verdicts.totals().cost == spent


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The requests that judges get from here on."""
    from adjudge.llm.fake import FakeClient

    asked: list[int] = []
    answer = FakeClient.ask

    async def ask(self: FakeClient, request: Any) -> Any:
        asked.append(1)
        return await answer(self, request)

    monkeypatch.setattr(FakeClient, "ask", ask)
    return asked


def both_asked(home: Path, pairs: Path, **settings: Any) -> CascadeConfig:
    """A cascade of two fakes, validated on 300 pairs."""
    return CascadeConfig(
        "fake",
        "fake",
        home / "out",
        pairs=pairs,
        cheap_judge="cheap",
        strong_judge="strong",
        cascade=dataclasses.replace(QUICK, sample=300),
        **settings,
    )


def test_a_dry_run_asks_nobody_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both judges spelled: the result says what each would be asked; once the log holds what validation
    takes, it
    validates."""
    asked = counted(monkeypatch)
    _, _, pairs = made(tmp_path, 600, 0.5)
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"fake": {"input": 1000.0, "output": 2000.0}}))
    further = {"prices": str(prices), "decoding": {"temperature": 0.5}}
    config = both_asked(tmp_path, pairs, strong_settings=further)
    dry = dataclasses.replace(config, dry_run=True)
    first = cascade(dry)
    assert (first.verdict, first.exit_code, asked) == ("not asked", 0, [])
    assert [(need.judge, need.estimate.texts) for need in first.needs] == [("cheap", 600), ("strong", 600)]
    assert first.needs[1].estimate.cost > 0
    assert not (tmp_path / "out" / "cascade.json").exists()
    half = cascade(dataclasses.replace(config, validate_only=True))
    paid = len(asked)
    assert paid == 600 + 300
    assert (half.verdict, half.written) == ("validated", None)
    second = cascade(dry)
    assert len(asked) == paid
    assert (second.verdict, second.estimate, second.second) == (half.verdict, half.estimate, half.second)
    more = dataclasses.replace(dry, strong_settings={**further, "order": "worst_first"})
    third = cascade(more)
    assert len(asked) == paid
    assert [need.judge for need in third.needs] == ["strong", "strong"]
    assert [need.estimate.texts for need in third.needs] == [300, 600]


def test_a_dry_run_validates_beside_texts_that_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some requests fail however often they are asked, a tenth and a fifth of each judge's: a real run goes
    on without them, so does a dry one."""
    asked = counted(monkeypatch)
    _, _, pairs = made(tmp_path, 600, 0.5)
    failing = {
        "fake": {"timeout": 0.1, "passing": 1_000_000},
        "run": {"max_requests_per_text": 1, "first_wait": 0.0},
    }
    slower = {**failing, "fake": {**failing["fake"], "timeout": 0.2}}
    config = both_asked(tmp_path, pairs, cheap_settings=failing, strong_settings=slower)
    real = cascade(dataclasses.replace(config, validate_only=True))
    assert real.verdict == "validated"
    assert 0 < real.counts["unscored by the cheap judge"] < 120
    assert not any("without a verdict" in note for note in real.notes)
    paid = len(asked)
    dry = cascade(dataclasses.replace(config, dry_run=True))
    assert len(asked) == paid
    assert (dry.verdict, dry.counts, dry.second) == (real.verdict, real.counts, real.second)
    given_up = [re.match(r"(\d+) texts that (\w+) was asked about before", note) for note in dry.notes]
    by_judge = {match[2]: int(match[1]) for match in given_up if match}
    assert by_judge.keys() == {"cheap", "strong"}
    assert by_judge["cheap"] == real.counts["unscored by the cheap judge"]
    pq.write_table(pq.read_table(pairs).slice(0, 500), tmp_path / "fewer.parquet")
    first = cascade(
        dataclasses.replace(
            config, pairs=tmp_path / "fewer.parquet", log=tmp_path / "l.sqlite", validate_only=True
        )
    )
    assert first.counts["pairs"] == 500
    more = cascade(dataclasses.replace(config, log=tmp_path / "l.sqlite", dry_run=True))
    assert (more.verdict, more.needs[0].judge) == ("not asked", "cheap")
    assert more.needs[0].estimate.texts == 100 + more.needs[0].estimate.again > 100


def test_a_strong_table_that_is_missing_is_seen_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = counted(monkeypatch)
    _, people, pairs = made(tmp_path, 60, 0.5)
    missing = str(tmp_path / "missing.parquet")
    with pytest.raises(BadTable, match=r"missing\.parquet does not exist"):
        cascade(CascadeConfig("fake", missing, tmp_path / "out", pairs=pairs, human=people))
    assert requests == []


def test_what_is_not_validated_claims_no_calls_that_it_did_not_make(tmp_path: Path) -> None:
    """Without probabilities three of four answers are right everywhere, and 0.8 cannot be shown."""
    cheap, people, pairs = made(tmp_path, 1_200, 0.5)
    pq.write_table(pq.read_table(cheap).drop(["probability"]), cheap)
    asked = CascadeConfig(str(cheap), "fake", tmp_path / "out", pairs=pairs, human=people, cascade=QUICK)
    result = cascade(asked)
    assert result.verdict == "not validated"
    drawn = pq.read_table(tmp_path / "out" / "held.parquet").num_rows
    assert 0 < drawn < result.counts["left for the strong judge"] == 1_200
    assert result.counts["asked of the strong judge so far"] == drawn
    table = cascade(dataclasses.replace(asked, strong=str(cheap), out=tmp_path / "table"))
    assert "asked of the strong judge so far" not in table.counts


def test_a_student_and_a_judge_are_asked_where_both_are_spelled(tmp_path: Path) -> None:
    from adjudge.baselines import fitting

    _, _, pairs = made(tmp_path, 300, 0.5)
    fitting.fit("jaccard", tmp_path / "jaccard")
    asked = CascadeConfig(
        f"student:{tmp_path / 'jaccard'}",
        "fake",
        tmp_path / "out",
        pairs=pairs,
        cheap_judge="overlap",
        cascade=dataclasses.replace(QUICK, target=0.55, sample=200),
    )
    result = cascade(asked)
    assert (result.cheap, result.strong, result.counts["labelled"]) == ("overlap", "fake", 200)
    saved = settings_of.load(SavedRegion, tmp_path / "out" / "region.json")
    frozen = dataclasses.replace(
        saved, validated=True, least={"irrelevant": 0.9, "relevant": None}, share=0.2
    )
    settings_of.save(frozen, tmp_path / "region.json")
    again = cascade(dataclasses.replace(asked, region=tmp_path / "region.json", out=tmp_path / "again"))
    assert again.verdict == "frozen"
    assert any("the pairs or the judge have changed" in note for note in again.notes)
    settings_of.save(dataclasses.replace(frozen, identity="0" * 16), tmp_path / "region.json")
    with pytest.raises(BadConfig, match="another model revision, prompt or decoding"):
        cascade(dataclasses.replace(asked, region=tmp_path / "region.json"))
    assert pq.read_table(tmp_path / "out" / "cheap.judgments.parquet").num_rows == 300


def test_too_few_labels_say_how_many_more(tmp_path: Path) -> None:
    """0.9 at 95 % takes 29 labels a half without a mistake: 58 in all; there are 40."""
    cheap, people, _ = made(tmp_path, 80, 1.0)
    asked = CascadeConfig(
        str(cheap), str(cheap), tmp_path / "out", human=people, cascade=dataclasses.replace(QUICK, target=0.9)
    )
    with pytest.raises(NotEnoughData, match=r"40 pairs have a label \(people\).*takes 58.*at least 18 more"):
        cascade(asked)


def test_many_labels_of_few_items_prove_little(tmp_path: Path) -> None:
    """600 labels of 4 items, all right: 0.9 at 95 % takes 58 items in both halves."""
    named = {"item_id": [f"i{n % 4}" for n in range(600)], "keyphrase": [f"k{n}" for n in range(600)]}
    said = {**named, "judge": ["cheap"] * 600, "grade": ["relevant"] * 600, "status": ["scored"] * 600}
    pq.write_table(pa.table(said), tmp_path / "cheap.parquet")
    pq.write_table(pa.table({**named, "grade": ["good"] * 600}), tmp_path / "people.parquet")
    both = str(tmp_path / "cheap.parquet")
    asked = CascadeConfig(both, both, tmp_path / "out", human=tmp_path / "people.parquet")
    with pytest.raises(NotEnoughData, match="600 pairs have a label .* of only 4 items.* takes 58 items"):
        cascade(asked)


def test_refusals(tmp_path: Path) -> None:
    cheap, people, pairs = made(tmp_path, 600, 0.5)
    with pytest.raises(BadConfig, match="name the pairs with --pairs"):
        CascadeConfig(str(cheap), "fake", tmp_path / "out")
    asked = CascadeConfig(str(cheap), "fake", tmp_path / "out", pairs=pairs, human=people)
    with pytest.raises(BadConfig, match="strong_settings.out is set by the cascade"):
        cascade(dataclasses.replace(asked, strong_settings={"out": "x.parquet"}))
    with pytest.raises(BadConfig, match="has no setting 'pricse'.*did you mean prices"):
        cascade(dataclasses.replace(asked, strong_settings={"pricse": "x"}))
    others = pq.read_table(pairs)
    strange = others.set_column(0, "item_id", pa.array([f"x{n}" for n in range(others.num_rows)]))
    pq.write_table(strange, tmp_path / "strange.parquet")
    with pytest.raises(BadTable, match="holds none of the"):
        cascade(dataclasses.replace(asked, pairs=tmp_path / "strange.parquet"))
