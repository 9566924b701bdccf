"""Settings of the simulated market, each with its cause.

No setting names an outcome: the kappas, concordances and differences between recipes that come out are
measured, never set.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

from adjudge.config import check_range, setting, settings

SOURCES = (
    *("line", "brand", "kind", "attribute", "attributes", "broad"),
    *("model", "rival", "relative", "same_brand", "word"),
)
"""Where Advertising's recommendations come from: the fields of AdvertisingSettings."""


@settings
class CatalogueSettings:
    """The generated catalogue."""

    items: Annotated[int, setting("Items.", ge=50, le=50_000_000)] = 12_000
    keyphrases: Annotated[
        int, setting("Keyphrases at most: equal texts are merged.", ge=50, le=50_000_000)
    ] = 30_000
    pairs_per_item: Annotated[int, setting("Recommended keyphrases per item.", ge=1, le=500)] = 20
    hidden_colours: Annotated[
        float,
        setting(
            "Share of titles that leave the colour to the picture (paper 1, section 4.2: modality bias).",
            ge=0,
            le=1,
        ),
    ] = 0.2
    stuffing: Annotated[
        float,
        setting('Share of titles that name another brand\'s line ("compatible with ...").', ge=0, le=1),
    ] = 0.12
    filler_words: Annotated[float, setting("Mean number of filler words per title.", ge=0.0, le=3.0)] = 1.6
    zipf: Annotated[float, setting("Exponent of the search volume over keyphrase ranks.", ge=0.0, le=3.0)] = (
        1.0
    )


@settings
class AdvertisingSettings:
    """What Advertising's retrieval brings, as weights: they are normalised, and 0 switches a source off."""

    line: Annotated[float, setting("Keyphrases that name the item's own model.", ge=0.0, le=1e6)] = 0.3
    brand: Annotated[float, setting("Its brand and kind.", ge=0.0, le=1e6)] = 0.06
    kind: Annotated[float, setting("The bare kind, under any synonym.", ge=0.0, le=1e6)] = 0.03
    attribute: Annotated[float, setting("Its kind with one of its own attributes.", ge=0.0, le=1e6)] = 0.08
    attributes: Annotated[float, setting("Its kind with two of its own attributes.", ge=0.0, le=1e6)] = 0.3
    broad: Annotated[float, setting('A family word such as "footwear".', ge=0.0, le=1e6)] = 0.025
    model: Annotated[float, setting("Its series, any model.", ge=0.0, le=1e6)] = 0.015
    rival: Annotated[float, setting("Its kind under any brand.", ge=0.0, le=1e6)] = 0.05
    relative: Annotated[
        float, setting("The keyphrases of its accessory or of the product it fits.", ge=0.0, le=1e6)
    ] = 0.04
    same_brand: Annotated[float, setting("Its brand, any kind.", ge=0.0, le=1e6)] = 0.04
    word: Annotated[
        float,
        setting(
            "Any keyphrase that shares a word with the title: the plain retrieval mistake.", ge=0.0, le=1e6
        ),
    ] = 0.16

    def __post_init__(self) -> None:
        check_range("AdvertisingSettings", "sum of weights", sum(self.weights), 1e-9, 1e7)

    @property
    def weights(self) -> tuple[float, ...]:
        return tuple(getattr(self, name) for name in SOURCES)


@settings
class SearchSettings:
    """Search's relevance filter and its stated faults.

    score = meaning * (grade the text shows / 3) + words * (share of the keyphrase's words in the title)
    + category * (its guess of the keyphrase's leaf category is the item's) + accessories * (one is an
    accessory of the other) + noise. A pair passes at `threshold`.
    """

    middleman: Annotated[
        bool,
        setting(
            "Search decides which pairs enter the auction; false lets every pair in (paper 1, section 1: "
            "middleman bias)."
        ),
    ] = True
    meaning: Annotated[
        float, setting("Weight of the grade that the text shows, over 3.", ge=0.0, le=10.0)
    ] = 0.6
    words: Annotated[
        float,
        setting("Weight of shared words: this is what misses synonyms.", ge=0.0, le=10.0),
    ] = 0.8
    category: Annotated[
        float, setting("Weight of its guess that the categories are the same.", ge=0.0, le=10.0)
    ] = 0.3
    category_confusion: Annotated[
        float,
        setting(
            "Share of keyphrases whose category Search has wrong, once and for all their pairs.", ge=0, le=1
        ),
    ] = 0.12
    accessories: Annotated[
        float, setting("Weight of one being an accessory of the other.", ge=0.0, le=10.0)
    ] = 0.3
    noise: Annotated[float, setting("Standard deviation of its noise.", ge=0.0, le=10.0)] = 0.28
    threshold: Annotated[float, setting("Score from which a pair passes.", ge=-100.0, le=100.0)] = 1.1


@settings
class SellerSettings:
    """Sellers know their item: they adopt by true grade, shifted by a seller's own taste."""

    adopt: Annotated[
        tuple[float, ...], setting("Chance to adopt a pair that is bad, fair, good, excellent.")
    ] = (0.03, 0.15, 0.55, 0.75)
    taste: Annotated[
        float, setting("Spread of the sellers' taste (sd).", ge=0.0, le=10.0, unit="log-odds")
    ] = 0.6
    organic: Annotated[
        float,
        setting(
            "Share of the pairs not adopted that are shown all the same, as an unpaid result.", ge=0, le=1
        ),
    ] = 0.15

    def __post_init__(self) -> None:
        _check_four("SellerSettings", "adopt", self.adopt)


@settings
class BuyerSettings:
    """Buyers search, look down the page, click and buy: the position-based model (Richardson et al. 2007;
    Joachims et al. 2017): P(click) = P(examined | position) * attractiveness.
    """

    searches: Annotated[float, setting("Mean searches per keyphrase and window.", ge=0.0, le=1e9)] = 220.0
    slots: Annotated[
        int, setting("Places on a page; more participants than places take turns.", ge=1, le=1000)
    ] = 20
    position: Annotated[
        float,
        setting("eta in P(examined) = 1 / position ** eta; 0 switches position bias off.", ge=0.0, le=5.0),
    ] = 0.6
    popularity: Annotated[
        float,
        setting("Weight of an item's past clicks in its rank; 0 switches the feedback off.", ge=0.0, le=5.0),
    ] = 0.25
    click: Annotated[
        tuple[float, ...], setting("Chance of a click once examined, by grade from bad to excellent.")
    ] = (0.015, 0.09, 0.34, 0.48)
    buy: Annotated[
        tuple[float, ...], setting("Chance of a sale once clicked, by grade from bad to excellent.")
    ] = (0.004, 0.02, 0.08, 0.13)
    noise_clicks: Annotated[
        float, setting("Chance of a click on an examined result whatever it is.", ge=0, le=1)
    ] = 0.01
    undertone: Annotated[
        float,
        setting(
            "How much what people read into a pair beyond its grade sways their clicks.",
            ge=0.0,
            le=5.0,
            unit="log-odds per standard deviation",
        ),
    ] = 0.5
    price: Annotated[
        float,
        setting(
            "How much a price above the kind's usual one deters.",
            ge=0.0,
            le=5.0,
            unit="log-odds per log price",
        ),
    ] = 0.35
    picture: Annotated[
        float,
        setting("Factor on buying if the picture shows the colour asked for.", ge=1.0, le=10.0),
    ] = 1.5
    rounds: Annotated[int, setting("How often per window the ranks are renewed.", ge=1, le=100)] = 4

    def __post_init__(self) -> None:
        _check_four("BuyerSettings", "click", self.click)
        _check_four("BuyerSettings", "buy", self.buy)


@settings
class DriftSettings:
    """What changes before the later window."""

    volume: Annotated[
        float, setting("Spread (sd) of the log factor on each keyphrase's volume.", ge=0.0, le=5.0)
    ] = 0.4
    season: Annotated[
        float, setting("Spread (sd) of the log factor on each category's volume.", ge=0.0, le=5.0)
    ] = 0.4
    noise_clicks: Annotated[float, setting("Factor on the noise clicks.", ge=0.0, le=100.0)] = 1.5


@settings
class AnnotatorSettings:
    """Human graders: three per pair, four grades, and they see the picture."""

    pairs: Annotated[int, setting("The budget: pairs annotated (at most all).", ge=0, le=10**9)] = 12_000
    pool: Annotated[int, setting("Annotators to draw three from.", ge=3, le=10**6)] = 40
    hard: Annotated[
        float,
        setting("Share of the budget spent on contested pairs, those near Search's threshold.", ge=0, le=1),
    ] = 0.95
    skew: Annotated[
        float,
        setting(
            "Exponent of the budget over categories by size; 0 spreads it as the pairs lie.", ge=0.0, le=5.0
        ),
    ] = 1.5
    picture: Annotated[bool, setting("They see the colour that no text shows (modality bias).")] = True
    substitute_lift: Annotated[
        float,
        setting(
            "How far the open wording of the four-grade scale lifts a substitute (fair) towards good (paper "
            "1, "
            'section 4.2: "good" meant somewhat relevant).',
            ge=-2.0,
            le=2.0,
            unit="grades",
        ),
    ] = 0.7
    ambiguity: Annotated[
        float,
        setting(
            "How far the undertone, what all people alike read into a pair, moves their grades.",
            ge=0.0,
            le=5.0,
            unit="grades per standard deviation",
        ),
    ] = 0.45
    leniency: Annotated[float, setting("Spread between annotators (sd).", ge=0.0, le=5.0, unit="grades")] = (
        0.15
    )
    noise: Annotated[
        float, setting("Spread of one annotator's one grade (sd).", ge=0.0, le=5.0, unit="grades")
    ] = 0.2


@settings
class JudgeSettings:
    """The two judges. Log-odds of "relevant" = sharpness * (grade as the text shows it - 1.5) + faults.

    The general judge (`llm`) has never heard of some product series, so that a wrong model looks right to it.
    The fine-tuned one (`tuned`) learns from the annotators' unanimous pairs what they call relevant, and with
    it their leniency.
    """

    sharpness: Annotated[float, setting("Log-odds per grade that the text shows.", ge=0.0, le=100.0)] = 1.6
    leniency: Annotated[float, setting("General judge: leniency.", ge=-10.0, le=10.0, unit="log-odds")] = 1.0
    overlap: Annotated[
        float,
        setting("General judge: log-odds per share of shared words above one half.", ge=-20.0, le=20.0),
    ] = 2.5
    unknown_lines: Annotated[
        float, setting("General judge: share of product series that it has never heard of.", ge=0, le=1)
    ] = 0.4
    noise: Annotated[float, setting("General judge: noise (sd).", ge=0.0, le=100.0, unit="log-odds")] = 2.4
    learnt: Annotated[
        float,
        setting("Tuned judge: how much of what annotators read into a pair it learns.", ge=0, le=1),
    ] = 0.82
    learnt_modality: Annotated[
        float,
        setting(
            "Tuned judge: noise (sd) it learnt on keyphrases naming a colour, if a tenth of their labels "
            "were turned by a colour that only the picture showed; in proportion otherwise.",
            ge=0.0,
            le=100.0,
            unit="log-odds",
        ),
    ] = 1.5
    coverage: Annotated[
        float,
        setting(
            "Tuned judge: annotated pairs at which a category is half learnt; 0 means all are learnt.",
            ge=0.0,
            le=1e9,
        ),
    ] = 25.0
    tuned_noise: Annotated[float, setting("Tuned judge: noise (sd).", ge=0.0, le=100.0, unit="log-odds")] = (
        1.2
    )
    unscored: Annotated[float, setting("Share of answers off the scale.", ge=0, le=1)] = 0.01
    tokens: Annotated[int, setting("Mean tokens of the prompt around a pair.", ge=0, le=10**6)] = 190


@settings
class MarketSettings:
    """A whole market."""

    seed: Annotated[int, setting("Seed of all randomness.", ge=0, le=2**63 - 1)] = 7
    labelled: Annotated[
        Path | None,
        setting(
            "A Parquet file with item_id, keyphrase, title, grade (scale four) and optionally category, or "
            "a logs folder that an importer wrote. Its labels are then the truth in place of the generated "
            "catalogue's, and of `catalogue` only `zipf` counts."
        ),
    ] = None
    catalogue: CatalogueSettings = field(default_factory=CatalogueSettings)
    advertising: AdvertisingSettings = field(default_factory=AdvertisingSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    sellers: SellerSettings = field(default_factory=SellerSettings)
    buyers: BuyerSettings = field(default_factory=BuyerSettings)
    drift: DriftSettings = field(default_factory=DriftSettings)
    annotators: AnnotatorSettings = field(default_factory=AnnotatorSettings)
    judges: JudgeSettings = field(default_factory=JudgeSettings)


def _check_four(owner: str, name: str, chances: tuple[float, ...]) -> None:
    check_range(owner, f"number of values in {name}", len(chances), 4, 4)
    for chance in chances:
        check_range(owner, name, chance, 0.0, 1.0)
