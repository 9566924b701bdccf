"""The page in a real browser: nothing leaves, nothing fails, everything has a size, it fits, and both themes
hold."""

from __future__ import annotations

import re
from pathlib import Path

import browser
import pytest

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here; Debian: apt-get install chromium"),
]


@pytest.fixture(params=["market_file", "labelled_file"])
def file(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_no_request_leaves_the_page(file: Path, tmp_path: Path) -> None:
    assert browser.requests(file, tmp_path / "net.json") == []


def test_a_request_that_leaves_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<!doctype html><img src='http://outside.invalid/a.png'>")
    assert set(browser.requests(tmp_path / "a.html", tmp_path / "net.json")) == {
        "http://outside.invalid/a.png"
    }


def test_nothing_is_logged_as_an_error(file: Path) -> None:
    seen = browser.run(file, "--enable-logging=stderr", "--v=0", "--dump-dom")
    assert "CONSOLE" not in seen.stderr
    assert "</html>" in seen.stdout


def test_an_error_would_be_logged(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<!doctype html><script>nothing.at.all()</script>")
    assert (
        "CONSOLE" in browser.run(tmp_path / "a.html", "--enable-logging=stderr", "--v=0", "--dump-dom").stderr
    )


@pytest.mark.parametrize("width", [1400, 420])
def test_everything_has_a_size_and_the_page_fits(file: Path, tmp_path: Path, width: int) -> None:
    seen = browser.measured(file, tmp_path, f"--window-size={width},1000")
    assert seen["errors"] == []
    assert len(seen["charts"]) >= 6
    assert len(seen["tables"]) >= 3
    assert all(wide > 100 and high > 100 for wide, high in seen["charts"])
    assert all(wide > 100 and high > 40 for wide, high in seen["tables"] if wide)
    assert seen["whiskers"]
    assert all(wide > 40 and high > 4 for wide, high in seen["whiskers"])
    assert "How to get these figures again" in seen["headings"]
    assert seen["width"] <= seen["window"]


@pytest.mark.parametrize("width", [1280, 1200, 420])
def test_captions_wrap_and_what_is_wider_than_the_page_says_that_it_scrolls(
    market_file: Path, tmp_path: Path, width: int
) -> None:
    seen = browser.measured(market_file, tmp_path, f"--window-size={width},1000")
    assert len(seen["captions"]) > 5
    assert max(seen["captions"]) <= 1
    assert set(seen["hints"]) == {"local, local, scroll, scroll"}
    assert width == 420 or seen["scorecard"] == [0]


def test_light_and_dark_both_keep_their_contrast(market_file: Path, tmp_path: Path) -> None:
    light = browser.measured(market_file, tmp_path, "--blink-settings=preferredColorScheme=1")
    dark = browser.measured(market_file, tmp_path, "--blink-settings=preferredColorScheme=0")
    assert contrast(light["paper"], light["ink"]) > 12
    assert contrast(dark["paper"], dark["ink"]) > 12
    assert luminance(light["paper"]) > 0.8
    assert luminance(dark["paper"]) < 0.1
    assert set(light["strokes"]) != set(dark["strokes"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_chart_colours_can_be_read_as_text(scheme: str) -> None:
    css = (Path(__file__).parents[2] / "src/adjudge/report/templates/style.css").read_text(encoding="utf-8")
    light, _, dark = css.partition("prefers-color-scheme: dark")
    block = light if scheme == "light" else dark
    paper = hex_rgb(re.search(r"--paper: (#[0-9a-f]{6})", block)[1])
    colours = re.findall(r"--(?:series-\d|muted|ink|good|bad|accent): (#[0-9a-f]{6})", block.split("}")[0])
    assert len(colours) == 12
    assert min(contrast(paper, hex_rgb(colour)) for colour in colours) >= 4.5


def test_contrast_is_the_one_of_wcag() -> None:
    """Black on white is 21; #767676 on white is the known limit of 4.54."""
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(118, 118, 118)", "rgb(255, 255, 255)") == pytest.approx(4.54, abs=0.005)


def hex_rgb(colour: str) -> str:
    return f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:7], 16)})"


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
