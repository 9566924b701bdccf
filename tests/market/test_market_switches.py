"""Every bias can be switched off, and the switch changes what it should."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score
from small_market import SMALL, changed

from adjudge.market import graders, parties
from adjudge.market.buyers import ClickLog, ItemHistory, MarketState, no_history, play_window
from adjudge.market.settings import (
    AnnotatorSettings,
    DriftSettings,
    JudgeSettings,
    MarketSettings,
    SearchSettings,
    SellerSettings,
)
from adjudge.market.simulate import auction, drifted
from adjudge.market.world import World, stream

CLEAN_JUDGE = JudgeSettings(leniency=0, overlap=0, unknown_lines=0, noise=0, unscored=0)
CLEAN_PEOPLE = AnnotatorSettings(pairs=3_000, substitute_lift=0, ambiguity=0, leniency=0, noise=0)


def bought(world: World, settings: MarketSettings) -> tuple[ClickLog, np.ndarray]:
    """A window's log, and whether Search passed each pair."""
    score, passed = parties.search_scores(world, settings.search, settings.seed)
    state = started(world, settings, score, passed, no_history(len(world.item_id)))
    return play_window(world, state, stream(settings.seed, "window"))[0], passed


def started(
    world: World, settings: MarketSettings, score: np.ndarray, passed: np.ndarray, history: ItemHistory
) -> MarketState:
    """The state before the first window."""
    pairs = auction(world, settings, passed)
    return MarketState(pairs, score[pairs], world.volume, settings.buyers, history)


def annotated(world: World, people: AnnotatorSettings) -> graders.Annotations:
    score, _ = parties.search_scores(world, SMALL.search, SMALL.seed)
    return graders.annotate(world, people, score - SMALL.search.threshold, SMALL.seed)


def test_middleman_off_lets_rejected_pairs_be_clicked(world: World) -> None:
    log, passed = bought(world, SMALL)
    assert passed[log.pair].all()
    free, _ = bought(world, changed("search", middleman=False))
    assert free.clicks[~passed[free.pair]].sum() > 0


def test_position_off_makes_ctr_flat(world: World) -> None:
    def slope(eta: float) -> float:
        calm = {"popularity": 0, "price": 0, "undertone": 0, "noise_clicks": 0}
        log, _ = bought(world, changed("buyers", position=eta, **calm))
        good = (world.grade[log.pair] == 2) & (log.impressions >= 30)
        return spearmanr(log.position[good], log.clicks[good] / log.impressions[good]).statistic

    assert slope(0.6) < -0.8
    assert abs(slope(0.0)) < 0.06


def test_popularity_off_keeps_clicked_items_where_they_were(world: World) -> None:
    """With the feedback, the items most clicked in the first window stand higher in the next."""

    def climb(weight: float) -> float:
        settings = changed("buyers", popularity=weight)
        score, passed = parties.search_scores(world, settings.search, settings.seed)
        rates = np.zeros(len(world.item_id))
        rates[: len(rates) // 2] = 1.0
        past = ItemHistory(impressions=rates * 0 + 1e4, clicks=1e3 * (0.2 + rates))
        state = started(world, settings, score, passed, past)
        log, _ = play_window(world, state, stream(settings.seed, "window"))
        famous = world.pair_item[log.pair] < len(rates) // 2
        shown = log.impressions
        return float(
            np.average(log.position[~famous], weights=shown[~famous])
            - np.average(log.position[famous], weights=shown[famous])
        )

    assert climb(0.25) > climb(0.0) + 0.2
    assert abs(climb(0.0)) < 0.15


def test_noise_clicks_off_and_no_bad_pair_is_clicked(world: World) -> None:
    quiet = {"click": (0.0, 0.1, 0.3, 0.5)}
    log, _ = bought(world, changed("buyers", noise_clicks=0, **quiet))
    assert log.clicks[world.grade[log.pair] == 0].sum() == 0
    noisy, _ = bought(world, changed("buyers", noise_clicks=0.02, **quiet))
    assert noisy.clicks[world.grade[noisy.pair] == 0].sum() > 0


def test_undertone_off_frees_clicks_from_it(world: World) -> None:
    def link(weight: float) -> float:
        log, _ = bought(world, changed("buyers", undertone=weight, popularity=0, price=0, position=0))
        good = (world.grade[log.pair] == 2) & (log.impressions >= 100)
        return spearmanr(world.undertone[log.pair][good], log.clicks[good] / log.impressions[good]).statistic

    assert link(0.5) > 0.7
    assert abs(link(0.0)) < 0.08


def test_price_off_frees_clicks_from_it(world: World) -> None:
    def link(weight: float) -> float:
        log, _ = bought(world, changed("buyers", price=weight, undertone=0, popularity=0, position=0))
        good = (world.grade[log.pair] == 2) & (log.impressions >= 100)
        ratio = world.price_ratio[world.pair_item[log.pair]][good]
        return spearmanr(ratio, log.clicks[good] / log.impressions[good]).statistic

    assert link(0.8) < -0.5
    assert abs(link(0.0)) < 0.08


def test_organic_off_shows_adopted_pairs_only(world: World) -> None:
    paid = changed("sellers", organic=0)
    adopted, organic = parties.adoption(world, paid)
    assert not organic.any()
    assert set(bought(world, paid)[0].pair) <= set(np.flatnonzero(adopted))
    assert (parties.adoption(world, SMALL)[1]).any()


def test_seller_taste_off_leaves_the_grade_alone(world: World) -> None:
    def spread(taste: float) -> float:
        settings = dataclasses.replace(SMALL, sellers=SellerSettings(taste=taste))
        adopted, _ = parties.adoption(world, settings)
        good = world.grade == 2
        seller = world.seller[world.pair_item][good]
        count = np.bincount(seller)
        rate = np.bincount(seller, weights=adopted[good]) / np.maximum(count, 1)
        big = count >= 50
        return float(np.std(rate[big]) / np.sqrt(np.mean(0.55 * 0.45 / count[big])))

    assert spread(0.0) < 1.4
    assert spread(1.0) > 2


def test_searchs_faults_off_leave_the_grade(world: World) -> None:
    clean = SearchSettings(
        meaning=0.9, words=0, category=0, category_confusion=0, accessories=0, noise=0, threshold=0.5
    )
    _, passed = parties.search_scores(world, clean, 1)
    assert (passed == (world.visible >= 2)).all()


def test_each_search_fault_alone(world: World) -> None:
    clean = SearchSettings(words=0, category=0, category_confusion=0, accessories=0, noise=0)
    base = parties.search_scores(world, clean, 1)[0]
    worded = parties.search_scores(world, dataclasses.replace(clean, words=0.6), 1)[0]
    assert np.allclose(worded - base, 0.6 * world.coverage, atol=1e-5)
    kind = parties.search_scores(world, dataclasses.replace(clean, accessories=0.4), 1)[0]
    assert np.allclose(kind - base, 0.4 * world.accessory, atol=1e-5)
    sure = parties.search_scores(world, dataclasses.replace(clean, category=0.3), 1)[0]
    lost = parties.search_scores(world, dataclasses.replace(clean, category=0.3, category_confusion=0.5), 1)[
        0
    ]
    same = world.keyphrase_category[world.pair_keyphrase] == world.item_category[world.pair_item]
    assert np.allclose(sure - base, 0.3 * same, atol=1e-5)
    assert (lost[same] < sure[same] - 0.1).mean() > 0.3


def test_annotators_without_faults_say_the_truth(world: World) -> None:
    made = annotated(world, CLEAN_PEOPLE)
    assert (made.grade == world.grade[made.pair][:, None]).all()
    assert made.unanimous.all()


def test_modality_off_hides_the_picture_from_annotators(world: World) -> None:
    blind = annotated(world, dataclasses.replace(CLEAN_PEOPLE, picture=False))
    assert (blind.grade == world.visible[blind.pair][:, None]).all()
    seen = annotated(world, CLEAN_PEOPLE)
    assert (seen.grade != world.visible[seen.pair][:, None]).any()


def test_each_annotator_fault_alone(world: World) -> None:
    lift = annotated(world, dataclasses.replace(CLEAN_PEOPLE, substitute_lift=0.6))
    off = lift.grade[:, 0] != world.grade[lift.pair]
    assert off.any()
    assert (off == world.substitute[lift.pair]).all()
    shared = annotated(world, dataclasses.replace(CLEAN_PEOPLE, ambiguity=0.5))
    assert shared.unanimous.all()
    assert (shared.grade[:, 0] != world.grade[shared.pair]).mean() > 0.1
    for fault in ("noise", "leniency"):
        own = annotated(world, dataclasses.replace(CLEAN_PEOPLE, **{fault: 0.4}))
        assert own.unanimous.mean() < 0.9


def test_annotators_are_three_different_ones(world: World) -> None:
    made = annotated(world, SMALL.annotators)
    assert made.grade.shape == (3_000, 3)
    assert len(np.unique(made.pair)) == 3_000
    assert all((made.annotator[:, a] != made.annotator[:, b]).all() for a, b in ((0, 1), (0, 2), (1, 2)))


def test_hard_budget_goes_to_the_contested(world: World) -> None:
    score, _ = parties.search_scores(world, SMALL.search, SMALL.seed)
    margin = np.abs(score - SMALL.search.threshold)
    hard = annotated(world, dataclasses.replace(SMALL.annotators, hard=0.9))
    easy = annotated(world, dataclasses.replace(SMALL.annotators, hard=0.0))
    assert margin[hard.pair].mean() < 0.7 * margin[easy.pair].mean()


def test_category_skew_starves_small_categories(world: World) -> None:
    def smallest(skew: float) -> float:
        made = annotated(world, dataclasses.replace(SMALL.annotators, skew=skew, hard=0))
        category = world.item_category[world.pair_item]
        size = np.bincount(category)
        got = np.bincount(category[made.pair], minlength=len(size))
        small = size <= np.median(size)
        return got[small].sum() / got.sum()

    assert smallest(1.0) < 0.6 * smallest(0.0)


def test_the_general_judge_without_faults_reads_the_text(world: World) -> None:
    assert (graders.general_judge(world, CLEAN_JUDGE, 1).relevant == (world.visible >= 2)).all()


def test_each_fault_of_the_general_judge_alone(world: World) -> None:
    text = world.visible >= 2
    kind = graders.general_judge(world, dataclasses.replace(CLEAN_JUDGE, leniency=1.5), 1)
    assert (kind.relevant >= text).all()
    assert kind.relevant.mean() > text.mean() + 0.05
    drawn = graders.general_judge(world, dataclasses.replace(CLEAN_JUDGE, overlap=5.0), 1)
    fooled = drawn.relevant & ~text
    assert world.coverage[fooled].mean() > world.coverage[~text].mean() + 0.2
    assert world.coverage[~drawn.relevant & text].mean() < 0.5
    ignorant = graders.general_judge(world, dataclasses.replace(CLEAN_JUDGE, unknown_lines=1.0), 1)
    assert (ignorant.relevant == (world.visible_blurred >= 2)).all()
    assert (ignorant.relevant != text).any()
    shaky = graders.general_judge(world, dataclasses.replace(CLEAN_JUDGE, noise=3.0), 1)
    assert 0.05 < (shaky.relevant != text).mean() < 0.5


def test_unscored_share(world: World) -> None:
    assert graders.general_judge(world, CLEAN_JUDGE, 1).scored.all()
    some = graders.general_judge(world, dataclasses.replace(CLEAN_JUDGE, unscored=0.1), 1)
    assert abs((~some.scored).mean() - 0.1) < 0.01


def tuned(world: World, people: AnnotatorSettings = CLEAN_PEOPLE, **values: float) -> graders.JudgeAnswers:
    quiet = {"learnt": 1.0, "learnt_modality": 0.0, "coverage": 0.0, "tuned_noise": 0.0, "unscored": 0.0}
    return graders.tuned_judge(world, JudgeSettings(**(quiet | values)), annotated(world, people), 1)


def test_the_tuned_judge_inherits_only_what_it_was_taught(world: World) -> None:
    blind = dataclasses.replace(CLEAN_PEOPLE, picture=False)
    text = world.visible >= 2
    assert (tuned(world, blind).relevant == text).mean() > 0.995
    lenient = tuned(world, dataclasses.replace(blind, substitute_lift=0.9))
    shown = world.substitute & (world.visible == 1)
    assert lenient.relevant[shown].mean() > 0.99
    assert lenient.relevant[(world.visible == 1) & ~world.substitute].mean() < 0.2


def test_the_tuned_judge_reads_what_people_read(world: World) -> None:
    people = dataclasses.replace(CLEAN_PEOPLE, ambiguity=0.6, picture=False)
    made = annotated(world, people)

    def kappa(learnt: float) -> float:
        said = tuned(world, people, learnt=learnt).relevant[made.pair]
        return cohen_kappa_score(said, made.relevant)

    assert kappa(1.0) > kappa(0.5) > kappa(0.0)
    assert kappa(1.0) > 0.95


def test_modality_noise_needs_contradicting_pictures(world: World) -> None:
    """Learnt only where annotators saw what the text lacks, and only on keyphrases naming a colour."""
    calm, muddled = tuned(world), tuned(world, learnt_modality=5.0)
    changed_pairs = calm.relevant != muddled.relevant
    assert changed_pairs[world.colour_named].mean() > 0.02
    assert not changed_pairs[~world.colour_named].any()
    blind = dataclasses.replace(CLEAN_PEOPLE, picture=False)
    assert (tuned(world, blind).relevant == tuned(world, blind, learnt_modality=5.0).relevant).all()


def test_poorly_covered_categories_are_judged_by_words(world: World) -> None:
    people = dataclasses.replace(CLEAN_PEOPLE, pairs=600, skew=1.0, picture=False)
    n = np.bincount(
        world.item_category[world.pair_item[annotated(world, people).pair]],
        minlength=len(world.category_names),
    )[world.item_category[world.pair_item]]
    right = tuned(world, people, coverage=10.0).relevant == (world.visible >= 2)
    assert (n == 0).any()
    assert right[n == 0].mean() < right[n >= 10].mean() - 0.05


def test_drift_off_keeps_the_volumes(world: World) -> None:
    still = dataclasses.replace(SMALL, drift=DriftSettings(volume=0, season=0, noise_clicks=1))
    score, passed = parties.search_scores(world, SMALL.search, SMALL.seed)
    state = started(world, SMALL, score, passed, no_history(len(world.item_id)))
    same = drifted(world, state, still)
    assert np.array_equal(same.volume, world.volume)
    assert same.buyers == still.buyers
    moved = drifted(world, state, SMALL)
    assert np.std(np.log(moved.volume / world.volume)) > 0.3
    assert moved.buyers.noise_clicks == SMALL.buyers.noise_clicks * 1.5
    assert moved.history is state.history


def test_an_advertising_source_off_brings_nothing(world: World) -> None:
    from adjudge.market.generated import generated_world
    from adjudge.market.settings import SOURCES, AdvertisingSettings
    from adjudge.records import no_progress

    only = dict.fromkeys(SOURCES, 0.0) | {"kind": 1.0}
    bare = generated_world(dataclasses.replace(SMALL, advertising=AdvertisingSettings(**only)), no_progress)
    assert (bare.grade == 2).all()
