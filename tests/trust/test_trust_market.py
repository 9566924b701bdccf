"""What `agree` finds of the simulated judges is what the market was told to do; a bias switched off goes
quiet."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from adjudge.jobs.agree import AgreeConfig, AgreeResult, agree
from adjudge.market import graders, output
from adjudge.market.generated import generated_world
from adjudge.market.measure import measure
from adjudge.market.parties import search_scores
from adjudge.market.settings import AnnotatorSettings, CatalogueSettings, JudgeSettings, MarketSettings
from adjudge.market.simulate import play
from adjudge.market.world import World
from adjudge.records import no_progress
from adjudge.stats.sampling import Sampling
from adjudge.trust.settings import TrustSettings

SETTINGS = MarketSettings(
    seed=5,
    catalogue=CatalogueSettings(items=1_000, keyphrases=2_500, pairs_per_item=12),
    annotators=AnnotatorSettings(pairs=4_000, hard=0.0, skew=1.0),
)
TRUST = TrustSettings(sampling=Sampling(replicates=300))
PLAIN = AnnotatorSettings(
    pairs=6_000, hard=0.0, skew=1.0, picture=False, substitute_lift=0, ambiguity=0, leniency=0, noise=0
)
FAIR = JudgeSettings(leniency=0, overlap=0, unknown_lines=0, noise=1.5, unscored=0)


@pytest.fixture(scope="module")
def world() -> World:
    return generated_world(SETTINGS, no_progress)


@pytest.fixture(scope="module")
def logs(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trust-market")
    play(world, SETTINGS, folder)
    return folder


def found(logs: Path, judge: str, out: Path, **more: Any) -> AgreeResult:
    config = AgreeConfig(
        logs / "judgments.parquet",
        logs / "annotations.parquet",
        out,
        judge=judge,
        clicks=logs / "clicks.parquet",
        items=logs / "items.parquet",
        trust=TRUST,
    )
    return agree(dataclasses.replace(config, **more))


@pytest.mark.parametrize("judge", ["llm", "tuned"])
def test_kappa_and_concordance_are_the_markets_facts(logs: Path, judge: str, tmp_path: Path) -> None:
    facts = {one.judge: one for one in measure(logs).judges}[judge]
    got = found(logs, judge, tmp_path)
    assert got.values["kappa"].value == pytest.approx(facts.kappa, abs=1e-12)
    assert got.clicks.concordance.value == pytest.approx(facts.clicked_yes, abs=1e-12)
    assert got.counts["unscored"] / got.counts["judged"] == pytest.approx(facts.unscored, abs=1e-12)
    assert got.clicks.coec["relevant / irrelevant"].value > 1


def test_the_tuned_judge_is_trusted_further_than_the_general_one(logs: Path, tmp_path: Path) -> None:
    general, tuned = (found(logs, judge, tmp_path / judge) for judge in ("llm", "tuned"))
    assert tuned.values["kappa"].low > general.values["kappa"].high
    assert general.exit_code == 1
    assert tuned.clicks.concordance.value > general.clicks.concordance.value
    odds = {p.name: p for p in general.probes}
    assert odds["coverage"].verdict == "fault"


def rejudged(
    world: World, out: Path, judges: JudgeSettings, people: AnnotatorSettings = PLAIN, seed: int = 5
) -> Path:
    """The logs with other people and another general judge."""
    out.mkdir()
    score, _ = search_scores(world, SETTINGS.search, SETTINGS.seed)
    grades = graders.annotate(world, people, score - SETTINGS.search.threshold, SETTINGS.seed)
    output.write(output.annotations_table(world, grades), out, "annotations")
    verdicts = graders.general_judge(world, judges, seed)
    output.write(output.judgments_table(world, "llm", verdicts), out, "judgments")
    output.write(output.items_table(world), out, "items")
    output.write(output.truth_table(world), out, "truth")
    return out


def probed(world: World, tmp_path: Path, name: str, judges: JudgeSettings) -> dict[str, Any]:
    made = found(rejudged(world, tmp_path / name, judges), "llm", tmp_path / f"{name}-out", clicks=None)
    return {one.name: one for one in made.probes}


def test_a_fair_judge_is_quiet_and_each_bias_wakes_its_probe(world: World, tmp_path: Path) -> None:
    calm = probed(world, tmp_path, "fair", FAIR)
    assert {name: one.verdict for name, one in calm.items()} == dict.fromkeys(calm, "quiet"), calm
    lenient = probed(world, tmp_path, "lenient", dataclasses.replace(FAIR, leniency=1.5))
    assert lenient["leniency"].verdict == "fault"
    assert lenient["leniency"].effect.low > 0.05
    assert lenient["coverage"].verdict != "fault"
    drawn = probed(world, tmp_path, "drawn", dataclasses.replace(FAIR, overlap=4.0))
    assert drawn["coverage"].verdict == "fault"
    assert drawn["coverage"].effect.low > 1.5
    assert drawn["overlap"].verdict == "fault"


def test_self_agreement_falls_with_the_judges_noise(world: World, tmp_path: Path) -> None:
    def flips(noise: float, name: str) -> dict[str, Any]:
        judges = dataclasses.replace(FAIR, noise=noise)
        first = rejudged(world, tmp_path / f"{name}-1", judges)
        second = rejudged(world, tmp_path / f"{name}-2", judges, seed=6)
        again = {"rewording": str(second / "judgments.parquet")}
        made = found(first, "llm", tmp_path / f"{name}-out", clicks=None, paired=again)
        return {one.name: one for one in made.probes}

    steady, shaky = flips(0.0, "steady"), flips(3.0, "shaky")
    assert steady["rewording: flips"].effect.value == 0
    assert steady["rewording: self-kappa"].verdict == "quiet"
    assert shaky["rewording: flips"].verdict == "fault"
    assert shaky["rewording: self-kappa"].verdict == "fault"
    assert shaky["rewording: shift"].verdict == "quiet"


def test_a_corrected_rate_finds_the_truth_where_the_judge_alone_does_not(
    world: World, tmp_path: Path
) -> None:
    """People's labels, drawn at random and free of faults, correct a lenient judge of all pairs."""
    lenient = dataclasses.replace(FAIR, leniency=1.5)
    random = dataclasses.replace(PLAIN, pairs=800, skew=1.0, picture=True)
    logs = rejudged(world, tmp_path / "rates", lenient, random)
    true = pq.read_table(logs / "truth.parquet")["relevant"].to_numpy().mean()
    rates = {one.method: one for one in found(logs, "llm", tmp_path / "out", clicks=None).rates}
    assert rates["ppi++"].low <= true <= rates["ppi++"].high
    assert rates["judge only"].value > true + 0.05
    assert rates["ppi++"].se < rates["people only"].se
