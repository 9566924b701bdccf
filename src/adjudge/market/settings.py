"""Every setting of the simulated market, each with its cause. No setting names an outcome: the kappas,
concordances and recipe differences that come out are measured, never set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adjudge.config import check_range

SOURCES = (
    *("line", "brand", "kind", "attribute", "attributes", "broad"),
    *("model", "rival", "relative", "same_brand", "word"),
)
"""Where Advertising's recommendations come from; see AdvertisingSettings."""


def _shares(owner: object, *names: str) -> None:
    for name in names:
        check_range(type(owner).__name__, name, getattr(owner, name), 0.0, 1.0)


def _sizes(owner: object, high: float, *names: str) -> None:
    for name in names:
        check_range(type(owner).__name__, name, getattr(owner, name), 0.0, high)


@dataclass(frozen=True)
class CatalogueSettings:
    """The generated catalogue. `items`, `keyphrases` (upper bound: equal texts are merged) and
    `pairs_per_item` are counts; shares are of the items.

    `hidden_colours`: titles that leave the colour to the picture (paper 1, section 4.2, modality bias).
    `stuffing`: titles that name another brand's line ("compatible with ..."). `filler_words`: the mean
    number of fillers a title carries. `zipf`: exponent of the search volume over keyphrase ranks.
    """

    items: int = 12_000
    keyphrases: int = 30_000
    pairs_per_item: int = 20
    hidden_colours: float = 0.2
    stuffing: float = 0.12
    filler_words: float = 1.6
    zipf: float = 1.0

    def __post_init__(self) -> None:
        check_range("CatalogueSettings", "items", self.items, 50, 50_000_000)
        check_range("CatalogueSettings", "keyphrases", self.keyphrases, 50, 50_000_000)
        check_range("CatalogueSettings", "pairs_per_item", self.pairs_per_item, 1, 500)
        _shares(self, "hidden_colours", "stuffing")
        check_range("CatalogueSettings", "filler_words", self.filler_words, 0.0, 3.0)
        check_range("CatalogueSettings", "zipf", self.zipf, 0.0, 3.0)


@dataclass(frozen=True)
class AdvertisingSettings:
    """What Advertising's retrieval brings, as weights (they are normalised; 0 switches a source off).

    `line`: keyphrases naming the item's own model; `brand`: its brand and kind; `kind`: the bare kind,
    under any synonym; `attribute`, `attributes`: its kind with one or two of its own attributes; `broad`: a
    family word such as "footwear"; `model`: its series, any model; `rival`: its kind under any brand;
    `relative`: the accessory's or the main product's keyphrases; `same_brand`: its brand, any kind; `word`: any
    keyphrase sharing a word with the title, the plain retrieval mistake.
    """

    line: float = 0.3
    brand: float = 0.06
    kind: float = 0.03
    attribute: float = 0.08
    attributes: float = 0.3
    broad: float = 0.025
    model: float = 0.015
    rival: float = 0.05
    relative: float = 0.04
    same_brand: float = 0.04
    word: float = 0.16

    def __post_init__(self) -> None:
        _sizes(self, 1e6, *SOURCES)
        check_range("AdvertisingSettings", "sum of weights", sum(self.weights), 1e-9, 1e7)

    @property
    def weights(self) -> tuple[float, ...]:
        return tuple(getattr(self, name) for name in SOURCES)


@dataclass(frozen=True)
class SearchSettings:
    """Search's relevance filter and its stated faults.

    score = meaning * (grade the text shows / 3) + words * (share of the keyphrase's words in the title)
    + category * (its guess of the keyphrase's leaf category is the item's) + accessories * (one is an
    accessory of the other) + noise. A pair passes at `threshold`. `middleman` False lets every pair into
    the auction whatever Search says (paper 1, section 1: middleman bias). `category_confusion`: share of
    keyphrases whose category Search has wrong, once and for all pairs. `words` is what misses synonyms.
    """

    middleman: bool = True
    meaning: float = 0.6
    words: float = 0.8
    category: float = 0.3
    category_confusion: float = 0.12
    accessories: float = 0.3
    noise: float = 0.28
    threshold: float = 1.1

    def __post_init__(self) -> None:
        _sizes(self, 10.0, "meaning", "words", "category", "accessories", "noise")
        _shares(self, "category_confusion")
        check_range("SearchSettings", "threshold", self.threshold, -100.0, 100.0)


@dataclass(frozen=True)
class SellerSettings:
    """Sellers know their item: they adopt by true grade (chances for bad, fair, good, excellent), shifted
    by a seller's own taste (`taste`, standard deviation in log-odds). `organic`: share of the pairs not
    adopted that are shown all the same, as an unpaid result.
    """

    adopt: tuple[float, ...] = (0.03, 0.15, 0.55, 0.75)
    taste: float = 0.6
    organic: float = 0.15

    def __post_init__(self) -> None:
        _four("SellerSettings", "adopt", self.adopt)
        _sizes(self, 10.0, "taste")
        _shares(self, "organic")


@dataclass(frozen=True)
class BuyerSettings:
    """Buyers search, look down the page, click and buy: the position-based model (Richardson et al. 2007;
    Joachims et al. 2017): P(click) = P(examined | position) * attractiveness.

    `searches`: mean searches a keyphrase and window. `slots`: places on a page; more participants than
    places take turns. `position`: eta in examined = 1 / position ** eta; 0 switches position bias off.
    `popularity`: weight of an item's past clicks in its rank; 0 switches the feedback off.
    `click` and `buy`: chance by grade once examined, and once clicked. `noise_clicks`: chance of a click
    on an examined result whatever it is. `undertone`: how much what people read into a pair beyond its
    grade sways their clicks (log-odds per standard deviation). `price`: how much a price above the kind's
    usual one deters (log-odds per log price). `picture`: factor on buying where the picture shows the colour
    asked for.
    `rounds`: how often in a window the ranks are renewed.
    """

    searches: float = 220.0
    slots: int = 20
    position: float = 0.6
    popularity: float = 0.25
    click: tuple[float, ...] = (0.015, 0.09, 0.34, 0.48)
    buy: tuple[float, ...] = (0.004, 0.02, 0.08, 0.13)
    noise_clicks: float = 0.01
    undertone: float = 0.5
    price: float = 0.35
    picture: float = 1.5
    rounds: int = 4

    def __post_init__(self) -> None:
        _sizes(self, 1e9, "searches")
        check_range("BuyerSettings", "slots", self.slots, 1, 1000)
        check_range("BuyerSettings", "rounds", self.rounds, 1, 100)
        _sizes(self, 5.0, "position", "popularity", "undertone", "price")
        check_range("BuyerSettings", "picture", self.picture, 1.0, 10.0)
        _four("BuyerSettings", "click", self.click)
        _four("BuyerSettings", "buy", self.buy)
        _shares(self, "noise_clicks")


@dataclass(frozen=True)
class DriftSettings:
    """What changes before the later window: search volumes (`volume`, sd of the log factor a keyphrase),
    whole categories' seasons (`season`, sd of the log factor a category), and the noise clicks' factor.
    """

    volume: float = 0.4
    season: float = 0.4
    noise_clicks: float = 1.5

    def __post_init__(self) -> None:
        _sizes(self, 5.0, "volume", "season")
        check_range("DriftSettings", "noise_clicks", self.noise_clicks, 0.0, 100.0)


@dataclass(frozen=True)
class AnnotatorSettings:
    """Human graders: three a pair, four grades, and they see the picture.

    `pairs`: the budget, in pairs (at most all). `hard`: share of it spent on contested pairs, those near
    Search's threshold. `skew`: exponent of the budget over categories by size; 0 spreads it as the pairs
    lie. `picture`: they see the colour that no text shows (modality bias). `substitute_lift`: how far the
    open wording of the four-grade scale lifts a substitute (fair) towards good, in grades (paper 1, section
    4.2: "good" meant somewhat relevant). `ambiguity`: how far the undertone, what all people alike read into
    a pair, moves their grades (in grades per standard deviation). `leniency`: sd between annotators.
    `noise`: sd of one annotator's one grade.
    """

    pairs: int = 12_000
    pool: int = 40
    hard: float = 0.95
    skew: float = 1.5
    picture: bool = True
    substitute_lift: float = 0.7
    ambiguity: float = 0.45
    leniency: float = 0.15
    noise: float = 0.2

    def __post_init__(self) -> None:
        check_range("AnnotatorSettings", "pairs", self.pairs, 0, 10**9)
        check_range("AnnotatorSettings", "pool", self.pool, 3, 10**6)
        _shares(self, "hard")
        _sizes(self, 5.0, "skew", "ambiguity", "leniency", "noise")
        check_range("AnnotatorSettings", "substitute_lift", self.substitute_lift, -2.0, 2.0)


@dataclass(frozen=True)
class JudgeSettings:
    """The two judges. Log-odds of "relevant" = sharpness * (grade as the text shows it - 1.5) + faults.

    General (`llm`): `leniency` in log-odds; `overlap` log-odds per share of shared words above one half;
    `unknown_lines`: share of product series it has never heard of, so that a wrong model looks right;
    `noise` in log-odds. Fine-tuned (`tuned`): learns from the annotators' unanimous pairs what they call
    relevant, and with it their leniency; `learnt`: how much of what annotators read into a pair it
    learns, 0 to 1; `learnt_modality`: sd of the noise it learnt on keyphrases naming a colour, where a tenth
    of their labels were turned by a colour that only the picture showed (and in proportion); `coverage`:
    annotated pairs at which a category is half learnt, 0 for all learnt; `tuned_noise` in log-odds.
    `unscored`: share of answers off the scale. `tokens`: mean tokens of the prompt around a pair.
    """

    sharpness: float = 1.6
    leniency: float = 1.0
    overlap: float = 2.5
    unknown_lines: float = 0.4
    noise: float = 2.4
    learnt: float = 0.82
    learnt_modality: float = 1.5
    coverage: float = 25.0
    tuned_noise: float = 1.2
    unscored: float = 0.01
    tokens: int = 190

    def __post_init__(self) -> None:
        _sizes(self, 100.0, "sharpness", "noise", "tuned_noise", "learnt_modality")
        check_range("JudgeSettings", "leniency", self.leniency, -10.0, 10.0)
        check_range("JudgeSettings", "overlap", self.overlap, -20.0, 20.0)
        check_range("JudgeSettings", "coverage", self.coverage, 0.0, 1e9)
        check_range("JudgeSettings", "tokens", self.tokens, 0, 10**6)
        _shares(self, "unknown_lines", "learnt", "unscored")


@dataclass(frozen=True)
class MarketSettings:
    """A whole market. `labelled`: a Parquet file with item_id, keyphrase, title, grade (four) and
    optionally category, or a logs folder an importer wrote; its labels are then the truth in place of the
    generated catalogue's, and of `catalogue` only `zipf` counts."""

    seed: int = 7
    labelled: Path | None = None
    catalogue: CatalogueSettings = field(default_factory=CatalogueSettings)
    advertising: AdvertisingSettings = field(default_factory=AdvertisingSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    sellers: SellerSettings = field(default_factory=SellerSettings)
    buyers: BuyerSettings = field(default_factory=BuyerSettings)
    drift: DriftSettings = field(default_factory=DriftSettings)
    annotators: AnnotatorSettings = field(default_factory=AnnotatorSettings)
    judges: JudgeSettings = field(default_factory=JudgeSettings)

    def __post_init__(self) -> None:
        check_range("MarketSettings", "seed", self.seed, 0, 2**63 - 1)


def _four(owner: str, name: str, chances: tuple[float, ...]) -> None:
    check_range(owner, f"number of values in {name}", len(chances), 4, 4)
    for chance in chances:
        check_range(owner, name, chance, 0.0, 1.0)
