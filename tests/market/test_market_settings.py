"""Every setting of the market: its range is enforced, its help is given, its default is inside its range."""

from __future__ import annotations

import dataclasses
import re

import pytest

from adjudge.config import options
from adjudge.errors import BadConfig
from adjudge.market.settings import SOURCES, AdvertisingSettings, MarketSettings, SellerSettings

GROUPS = [option.group for option in options(MarketSettings) if option.group is not None]
NUMBERS = [(group, option) for group in GROUPS for option in options(group) if " to " in option.allowed]


def test_every_group_is_looked_at() -> None:
    assert len(GROUPS) == 8
    assert len(NUMBERS) > 50


@pytest.mark.parametrize(
    ("group", "option"), NUMBERS, ids=lambda x: getattr(x, "name", getattr(x, "__name__", ""))
)
def test_a_value_outside_its_range_is_refused(group: type, option) -> None:  # type: ignore[no-untyped-def]
    low, high = (float(bound) for bound in option.allowed.split(" to "))
    assert low <= option.default <= high
    kind = type(option.default)
    for value in (low - 1, high + 1):
        message = f"{group.__name__}.{option.name} is {kind(value)}: allowed is {option.allowed}"
        with pytest.raises(BadConfig, match=re.escape(message)):
            group(**{option.name: kind(value)})


def test_every_setting_says_what_it_is() -> None:
    missing = [
        f"{group.__name__}.{option.name}" for group in GROUPS for option in options(group) if not option.help
    ]
    assert not missing


def test_sources_are_the_weights() -> None:
    assert tuple(field.name for field in dataclasses.fields(AdvertisingSettings)) == SOURCES
    settings = AdvertisingSettings()
    assert settings.weights == tuple(getattr(settings, name) for name in SOURCES)


def test_an_advertising_without_any_source_is_refused() -> None:
    with pytest.raises(BadConfig, match=r"AdvertisingSettings\.sum of weights is 0"):
        AdvertisingSettings(**dict.fromkeys(SOURCES, 0.0))


@pytest.mark.parametrize("adopt", [(0.1, 0.2, 0.3), (0.1, 0.2, 0.3, -0.1), (0.1, 0.2, 0.3, 1.5)])
def test_four_chances_are_needed(adopt: tuple[float, ...]) -> None:
    with pytest.raises(BadConfig, match=r"SellerSettings\."):
        SellerSettings(adopt=adopt)
