"""Every table's columns, types, units, ranges and keys: the one place that states them.

`intake` brings a user's files into this shape (and quarantines what does not fit); all other packages read
and write tables of exactly this shape, as Parquet. Nothing here imports pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from adjudge.errors import BadTable, did_you_mean

TYPES = ("string", "int64", "float64", "bool", "timestamp")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `low` and `high` are inclusive bounds. A column that is not `required` may hold nulls or be absent
    altogether. `words` limits a string column to a set; `filled` forbids blank strings.
    """

    name: str
    type: str
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    required: bool = True
    words: tuple[str, ...] = ()
    filled: bool = False


@dataclass(frozen=True)
class Check:
    """A rule across columns: a row is bad, for `reason`, if the SQL condition `bad_when` is true of it."""

    bad_when: str
    reason: str


@dataclass(frozen=True)
class Table:
    """A table's contract: no two rows share the `key` (a null in an optional key column is a value)."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    checks: tuple[Check, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    def only(self, *names: str) -> Table:
        """The same table with some of its columns: what a reader needs that does not look at the others."""
        columns = tuple(column for column in self.columns if column.name in names)
        return replace(self, columns=columns)

    def check_columns(self, present: Iterable[str], path: Path | str) -> None:
        """Raise BadTable unless every required column is among those present."""
        names = list(present)
        missing = [column for column in self.columns if column.required and column.name not in names]
        if not missing:
            return
        first = missing[0]
        step = f"Rename yours, or add it: {first.name} is {first.meaning}"
        if self.name == "to_score":
            step += ". A logs folder's pairs get their items' texts by: adjudge pairs --logs LOGS --out FILE"
        if self.name in LOGS:
            step = f"Map other names with: adjudge import table {self.name} FILE --map {first.name}=YOUR_NAME"
        absent = ", ".join(column.name for column in missing)
        raise BadTable(
            f"{path}: table {self.name} needs column {absent}; seen: {', '.join(names)}."
            f"{did_you_mean(first.name, names)} {step}"
        )


ITEM_ID = Column("item_id", "string", "the item's id", filled=True)
KEYPHRASE = Column("keyphrase", "string", "what a seller bids on; a buyer's query", filled=True)
PAIR = (ITEM_ID, KEYPHRASE)
PAIR_KEY = ("item_id", "keyphrase")

ITEMS = Table(
    "items",
    "what sellers list",
    (
        ITEM_ID,
        Column("title", "string", "the listing's title, as buyers read it"),
        Column("category", "string", "the leaf category's name", required=False),
        Column("brand", "string", "the brand, where the listing states one", required=False),
        Column("price", "float64", "asking price", unit="currency", low=0, required=False),
        Column("seller_id", "string", "who lists it", required=False),
        Column("adgroup_id", "string", "the group of items advertised together", required=False),
        Column(
            "image", "string", "what the picture shows or where it lies; models never see it", required=False
        ),
    ),
    ("item_id",),
)
KEYPHRASES = Table(
    "keyphrases",
    "what buyers search for",
    (
        KEYPHRASE,
        Column("searches", "int64", "searches in the window", unit="searches", low=0, required=False),
        Column("category", "string", "the leaf category most buyers mean", required=False),
    ),
    ("keyphrase",),
)
PAIRS = Table(
    "pairs",
    "what Advertising recommends: the keyphrases offered to an item's seller",
    (
        *PAIR,
        Column("adopted", "bool", "the seller bid on it", required=False),
    ),
    PAIR_KEY,
)
CLICKS = Table(
    "clicks",
    "what buyers did over one window, per pair and (where logged) position",
    (
        *PAIR,
        Column(
            "position", "int64", "rank on the results page, 1 = top; null = not logged", low=1, required=False
        ),
        Column("impressions", "int64", "times shown", unit="impressions", low=0),
        Column("clicks", "int64", "times clicked", unit="clicks", low=0),
        Column("sales", "int64", "units sold after a click", unit="units", low=0, required=False),
        Column("revenue", "float64", "money from those sales", unit="currency", low=0, required=False),
    ),
    ("item_id", "keyphrase", "position"),
    (
        Check("clicks > impressions", "clicks exceed impressions"),
        Check("sales > 0 AND clicks = 0", "sales without a click"),
        Check("revenue > 0 AND sales = 0", "revenue without a sale"),
    ),
)
SEARCH = Table(
    "search",
    "Search's own relevance verdict on a pair",
    (
        *PAIR,
        Column("score", "float64", "Search's relevance score, higher is more relevant", required=False),
        Column("passed", "bool", "Search admits the item to the keyphrase's auction"),
    ),
    PAIR_KEY,
)
FOUR_GRADES = ("bad", "fair", "good", "excellent")
ANNOTATIONS = Table(
    "annotations",
    "human grades, one row per pair and annotator",
    (
        *PAIR,
        Column("annotator", "string", "who graded", filled=True),
        Column("grade", "string", "a grade of the scale used (default: four)", words=FOUR_GRADES),
    ),
    ("item_id", "keyphrase", "annotator"),
)
JUDGMENTS = Table(
    "judgments",
    "a judge's verdict on a pair; an unscored one keeps its reason and has no grade",
    (
        *PAIR,
        Column("judge", "string", "the judge's name: what a recipe calls it", filled=True),
        Column("grade", "string", "a grade of the judge's scale (default: binary)", required=False),
        Column(
            "probability", "float64", "probability that the pair is relevant", low=0, high=1, required=False
        ),
        Column("status", "string", "scored or unscored", words=("scored", "unscored")),
        Column("reason", "string", "why it is unscored", required=False),
        Column("tokens", "int64", "tokens spent on it", unit="tokens", low=0, required=False),
        Column("cost", "float64", "money spent on it", unit="currency", low=0, required=False),
    ),
    ("item_id", "keyphrase", "judge"),
    (
        Check("status = 'scored' AND grade IS NULL", "scored without a grade"),
        Check("status = 'unscored' AND grade IS NOT NULL", "unscored with a grade"),
    ),
)
TRUTH = Table(
    "truth",
    "what is really so; only a simulated market or a labelled set has it",
    (
        *PAIR,
        Column("grade", "string", "true grade on scale four", words=FOUR_GRADES),
        Column("relevant", "bool", "whether that grade counts as relevant"),
    ),
    PAIR_KEY,
)
LABELLED = Table(
    "labelled",
    "where a labelled set's labels come from: its own label, split and query",
    (
        *PAIR,
        Column("label", "string", "the label as the set states it", filled=True),
        Column("grade", "string", "what that label is on scale four", words=FOUR_GRADES),
        Column("split", "string", "the set's own split", required=False, words=("train", "dev", "test")),
        Column("group", "string", "the set's query id: intervals are clustered by it", filled=True),
        Column("source", "string", "the set, or the part of it, that the row is from", required=False),
    ),
    PAIR_KEY,
)
TO_SCORE = Table(
    "to_score",
    "the input of `adjudge score`",
    (
        *PAIR,
        Column("title", "string", "the item's title"),
        Column("category", "string", "the item's leaf category", required=False),
    ),
    PAIR_KEY,
)
SCORES = Table(
    "scores",
    "the output of `adjudge score`, in the order of its input",
    (
        *PAIR,
        Column(
            "score",
            "float64",
            "the model's calibrated probability of relevance; null = could not be scored",
            required=False,
        ),
        Column(
            "kept",
            "bool",
            "score reaches the artifact's threshold; null where there is no score",
            required=False,
        ),
        Column("model_version", "string", "hash of the artifact that scored it"),
        Column("scored_at", "timestamp", "when the run that scored it began", unit="UTC", required=False),
    ),
    PAIR_KEY,
)
TRAINING = Table(
    "training",
    "a recipe's training set",
    (
        *PAIR,
        Column("title", "string", "the item's title"),
        Column("category", "string", "the item's leaf category", required=False),
        Column("label", "float64", "target: 0 or 1, or the step on an ordinal scale", low=0),
        Column(
            "probability",
            "float64",
            "the judge's probability, where it gave one",
            low=0,
            high=1,
            required=False,
        ),
        Column("weight", "float64", "the row's weight in the loss", low=0),
        Column("source", "string", "the source the label came from"),
        Column("split", "string", "train, dev or test", words=("train", "dev", "test")),
    ),
    PAIR_KEY,
)
TABLES = {
    table.name: table
    for table in (
        ITEMS,
        KEYPHRASES,
        PAIRS,
        CLICKS,
        SEARCH,
        ANNOTATIONS,
        JUDGMENTS,
        TRUTH,
        LABELLED,
        TO_SCORE,
        SCORES,
        TRAINING,
    )
}
LOGS = (
    "items",
    "keyphrases",
    "pairs",
    "clicks",
    "clicks_later",
    "search",
    "annotations",
    "judgments",
    "truth",
    "labelled",
)
"""File stems of a logs folder. `clicks_later` has the shape of `clicks`, over a later window."""


def table(name: str) -> Table:
    """The table of that name (`clicks_later` has the shape of `clicks`). Raises BadTable on an unknown
    one."""
    shapes = {**TABLES, "clicks_later": CLICKS}
    if name not in shapes:
        raise BadTable(
            f"table {name!r} is unknown: allowed are {', '.join(shapes)}{did_you_mean(name, shapes)}"
        )
    return shapes[name]


def log_path(logs: Path, name: str) -> Path:
    """The path of a table in a logs folder. Raises BadTable, naming the next step, if it does not exist."""
    table(name)
    path = logs / f"{name}.parquet"
    if not path.exists():
        present = ", ".join(sorted(file.stem for file in logs.glob("*.parquet"))) or "nothing"
        raise BadTable(
            f"{logs} holds no {name}.parquet (it holds: {present}). "
            f"Bring it in with: adjudge import table {name} FILE --logs {logs}"
        )
    return path
