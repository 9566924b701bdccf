from __future__ import annotations

import hashlib

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.errors import BadConfig
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import bounds, split_sql

PAIRS = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), min_size=1, max_size=30)
SHARES = st.sampled_from(
    [(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.9, 0.1, 0.0), (0.34, 0.33, 0.33), (1.0, 0.0, 0.0)]
)


def place(kind: str, text: str, seed: int) -> int:
    return int(hashlib.md5(f"{seed}:{kind}:{text}".encode()).hexdigest()[:8], 16)


def side(number: int, options: RecipeSettings) -> str:
    """Independent of the SQL: the shares laid end to end over 0 .. 1."""
    train, dev, _ = options.shares
    share = number / 2**32
    return "train" if share < train else "dev" if share < train + dev or options.shares[2] == 0 else "test"


def split_in_duckdb(pairs: list[tuple[str, str]], options: RecipeSettings) -> list[str | None]:
    with duckdb.connect() as connection:
        columns = {
            "n": range(len(pairs)),
            "item_id": [i for i, _ in pairs],
            "keyphrase": [k for _, k in pairs],
        }
        connection.register("pairs", pa.table({name: list(values) for name, values in columns.items()}))
        found = connection.sql("SELECT " + split_sql(options) + " FROM pairs ORDER BY n").fetchall()
    return [one for (one,) in found]


@settings(max_examples=15, deadline=None)
@given(
    PAIRS.map(lambda pairs: [(i.replace("\0", ""), k.replace("\0", "")) for i, k in pairs]),
    st.integers(0, 2**63 - 1),
    SHARES,
    st.sampled_from(["item", "keyphrase", "both"]),
)
def test_sql_equals_plain_python(
    pairs: list[tuple[str, str]], seed: int, shares: tuple[float, ...], by: str
) -> None:
    options = RecipeSettings(seed=seed, shares=shares, split_by=by)
    items = [side(place("item", item, seed), options) for item, _ in pairs]
    phrases = [side(place("keyphrase", phrase, seed), options) for _, phrase in pairs]
    both = [i if i == k else None for i, k in zip(items, phrases, strict=True)]
    assert split_in_duckdb(pairs, options) == {"item": items, "keyphrase": phrases, "both": both}[by]


def test_hand_case() -> None:
    # md5("0:item:a") and md5("0:item:b") begin 94b6db93 and 6ed57e0f (printf '0:item:a' | md5sum): .58 and
    # .43.
    assert (place("item", "a", 0), place("item", "b", 0)) == (0x94B6DB93, 0x6ED57E0F)
    options = RecipeSettings(shares=(0.5, 0.25, 0.25))
    assert split_in_duckdb([("a", "x"), ("b", "x")], options) == ["dev", "train"]


@pytest.mark.parametrize("by", ["item", "keyphrase", "both"])
def test_no_leak_and_the_shares_hold(by: str) -> None:
    pairs = [(f"item {i % 2000}", f"phrase {(i * 7919) % 3001}") for i in range(20_000)]
    found = split_in_duckdb(pairs, RecipeSettings(split_by=by, seed=5))
    kept = [(pair, one) for pair, one in zip(pairs, found, strict=True) if one is not None]
    for column, leaks_not in ((0, by in ("item", "both")), (1, by in ("keyphrase", "both"))):
        sides: dict[str, set[str]] = {}
        for pair, one in kept:
            sides.setdefault(pair[column], set()).add(one)
        assert all(len(one) == 1 for one in sides.values()) == leaks_not
    train = sum(one == "train" for _, one in kept) / len(pairs)
    # 2,000 items at .8: standard deviation .009; by both .8 * .8 = .64.
    assert train == pytest.approx(0.64 if by == "both" else 0.8, abs=0.04)


def test_a_test_share_of_zero_gives_no_test_rows() -> None:
    assert bounds(RecipeSettings(shares=(0.9, 0.1, 0.0))) == (3865470566, 2**32)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"shares": (0.8, 0.1)}, "has 2 parts: allowed are 3, of train, dev, test"),
        ({"shares": (0.8, 0.1, 0.2)}, "must sum to 1"),
        ({"shares": (0.0, 0.5, 0.5)}, "train's be above 0"),
        ({"shares": (1.5, -0.5, 0.0)}, "is 1.5: allowed is 0 to 1"),
        ({"split_by": "items"}, "did you mean item?"),
        ({"conflict": "frist"}, "did you mean first?"),
        ({"min_ctr": 10.0}, "min_ctr is 10.0: allowed is 0 to 1"),
        ({"memory_limit": "lots"}, "write for example 4GB"),
        ({"max_rows": 0}, "max_rows is 0"),
    ],
)
def test_bad_settings(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(BadConfig) as caught:
        RecipeSettings(**wrong)  # type: ignore[arg-type]
    assert told in str(caught.value)
