"""Settings of the scorecard: saved names of today still load, and wrong values say what is allowed."""

from __future__ import annotations

import pytest

from adjudge.config import from_dict, to_dict
from adjudge.errors import BadConfig
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.stats.click_floors import ClickFloors

SAVED = {
    "retention": 0.95,
    "weighting": "clicks",
    "threshold_per": "all",
    "category_floor": 200,
    "head_share": 0.9,
    "most_categories": 50,
    "cluster": "item",
    "resampling": "poisson",
    "replicates": 500,
    "level": 0.95,
    "min_support": 20,
    "min_clusters": 20,
    "min_impressions": 30,
    "min_clicks": 1,
    "min_ctr": 0.1,
    "labels": "auto",
    "ranking": ["nDCG@10"],
    "ranking_floor": 5,
    "ranking_keyphrases": 2000,
    "gains": [0, 1, 10, 100],
    "bins": 10,
    "histogram_bins": 20,
    "curve_points": 51,
    "examples": 25,
}
"""The defaults as a results folder of an earlier version holds them."""


def test_saved_settings_keep_their_names_and_defaults() -> None:
    assert to_dict(ScorecardSettings()) == SAVED
    assert from_dict(ScorecardSettings, SAVED) == ScorecardSettings()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"retention": 0.0}, "retention is 0.0: allowed is 1e-09 to 1"),
        ({"retention": 1.1}, "retention is 1.1: allowed is"),
        ({"weighting": "click"}, "weighting is 'click': allowed are clicks, pairs; did you mean clicks?"),
        ({"threshold_per": "item"}, "threshold_per is 'item': allowed are all, category"),
        ({"cluster": "pair"}, "cluster is 'pair': allowed are item, keyphrase"),
        ({"labels": "humans"}, "labels is 'humans': allowed are auto, truth, human; did you mean human?"),
        ({"level": 0.4}, "level is 0.4: allowed is 0.5 to 0.999"),
        ({"bins": 1}, "bins is 1: allowed is 2 to 100"),
        ({"replicates": -1}, "replicates is -1: allowed is 0 to 100000"),
        ({"gains": (3, 2, 1, 0)}, "gains is .* rising from bad to excellent"),
        ({"gains": (0, 1, 2)}, "gains is .*: allowed are 4 whole numbers"),
        ({"retentoin": 0.9}, "has no setting 'retentoin'.*did you mean retention?"),
    ],
)
def test_wrong_settings_say_what_is_allowed(values: dict, text: str) -> None:
    with pytest.raises(BadConfig, match=text):
        from_dict(ScorecardSettings, values)


def test_the_floors_of_a_positive_are_paper_ones() -> None:
    assert ScorecardSettings().floors == ClickFloors() == ClickFloors(30, 1, 0.1)
    assert ScorecardSettings(min_clicks=0).floors.clicks == 1, "a pair without clicks is never a positive"
