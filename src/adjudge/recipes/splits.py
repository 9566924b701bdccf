"""Train, dev and test splits by hash: a function of a pair's ids, the seed and the shares, the same in any
engine.

An id's place is the first 8 hex digits of md5("SEED:item:ID") (or "SEED:keyphrase:TEXT", UTF-8) as a number
in 0 .. 2^32 - 1; the lowest `train` share of that range is train, the next `dev` share dev, the rest test.
"""

from __future__ import annotations

from importlib.resources import files

from adjudge.recipes.settings import RecipeSettings

_RANGE = 2**32


def sql_text(name: str) -> str:
    """The text of `sql/NAME.sql`."""
    return files("adjudge.recipes").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def bounds(settings: RecipeSettings) -> tuple[int, int]:
    """The first place that is dev and the first that is test.

    >>> bounds(RecipeSettings(shares=(0.5, 0.25, 0.25)))
    (2147483648, 3221225472)
    """
    train, dev, test = settings.shares
    return round(train * _RANGE), _RANGE if test == 0 else round((train + dev) * _RANGE)


def split_sql(settings: RecipeSettings) -> str:
    """A DuckDB expression over columns `item_id` and `keyphrase`: 'train', 'dev', 'test'.

    By `both` it is NULL if the item and the keyphrase fall into different splits: such a pair belongs to
    none. Only whole numbers are put into the fixed text (`sql/split_*.sql`).
    """
    dev_from, test_from = bounds(settings)
    text = sql_text(f"split_{settings.split_by}").strip()
    for name, number in (("$seed", settings.seed), ("$dev_from", dev_from), ("$test_from", test_from)):
        text = text.replace(name, str(int(number)))
    return text
