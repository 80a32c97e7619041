"""The report in a real browser: drawn, quiet, offline, adaptable, inert."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import analysis
from analysis.report import write_report
from analysis.report.settings import settings_yaml
from analysis.tables.sweep import best
from tests.analysis.report import chromium
from tests.analysis.report.chromium import Watched, opened

pytestmark = pytest.mark.skipif(chromium.PATH is None, reason="there is no chromium")

DRAWN = """[...document.querySelectorAll(".plot")].map(
  (plot) => plot.querySelectorAll(".main-svg").length > 0
    && plot.querySelectorAll(".trace, .contourlayer path, .boxlayer path").length > 0)"""
TEXT_COLOR = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
PAPER = "getComputedStyle(document.body).backgroundColor"
HEADINGS = "[...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))"

OVERLAPS = """[...document.querySelectorAll(".plot")].filter((plot) => {
  const titles = [...plot.querySelectorAll(".g-xtitle text, .g-x2title text, .g-x3title text")]
    .map((text) => text.getBoundingClientRect());
  return titles.some((a, i) => titles.some((b, j) => i < j && a.left < b.right
    && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
}).map((plot) => plot.id)"""


@pytest.fixture(scope="module")
def seen(running: Browser, page: Path) -> Iterator[Watched]:
    """The report as it is when it opens, for tests that only look."""
    with opened(running, page) as watched:
        yield watched


def test_the_page_is_quiet_asks_for_nothing_and_draws_every_figure(
    seen: Watched, page: Path
) -> None:
    drawn = seen.ask(DRAWN)
    assert len(drawn) > 12
    assert all(drawn)
    assert seen.messages == []
    assert [url for url in seen.requests if not url.startswith("data:")] == [page.as_uri()]
    assert seen.ask(OVERLAPS) == []


@pytest.mark.nightly
def test_no_width_scrolls_the_page_sideways(running: Browser, page: Path) -> None:
    with opened(running, page, viewport={"width": 360, "height": 800}) as watched:
        watched.ask("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        for width in (360, 600, 1200):
            watched.page.set_viewport_size({"width": width, "height": 800})
            assert watched.ask("document.documentElement.scrollWidth") == width


def test_figures_follow_the_color_scheme_while_the_page_is_open(
    running: Browser, page: Path
) -> None:
    with opened(running, page, color_scheme="light") as watched:
        light = watched.ask(TEXT_COLOR), watched.ask(PAPER)
        watched.page.emulate_media(color_scheme="dark")
        watched.page.wait_for_function(f"{TEXT_COLOR} !== '{light[0]}'")
        dark = watched.ask(TEXT_COLOR), watched.ask(PAPER)
    assert _contrast(*light) >= 4.5
    assert _contrast(*dark) >= 4.5
    assert _lightness(light[1]) > 0.9 > 0.1 > _lightness(dark[1])


@pytest.mark.nightly
def test_print_is_light_narrow_and_without_buttons(running: Browser, page: Path) -> None:
    with opened(running, page, color_scheme="dark") as watched:
        watched.page.emulate_media(media="print")
        watched.page.wait_for_function("document.querySelector('.main-svg').clientWidth === 640")
        assert _lightness(watched.ask(PAPER)) > 0.9
        assert not watched.page.locator("#copy").is_visible()
        assert not watched.page.locator("summary").first.is_visible()
        watched.page.emulate_media(media="screen")
        watched.page.wait_for_function("document.querySelector('.main-svg').clientWidth !== 640")


@pytest.mark.nightly
def test_tab_goes_to_the_verdict_first_and_reaches_the_button_that_copies(
    running: Browser, small: analysis.Sweep, page: Path
) -> None:
    winner = best(small.search_trials())
    assert winner is not None
    permissions = ["clipboard-read", "clipboard-write"]
    with opened(running, page, permissions=permissions) as watched:
        reached = []
        for _ in range(4):
            watched.page.keyboard.press("Tab")
            reached.append(watched.ask("document.activeElement.id || 'skip'"))
        assert reached[0] == "skip"
        assert "copy" in reached
        watched.page.locator("#copy").focus()
        watched.page.keyboard.press("Enter")
        watched.page.wait_for_function("document.getElementById('copied').textContent === 'Copied'")
        copied = watched.ask("navigator.clipboard.readText()")
    assert copied == settings_yaml(small, int(winner["trial"]))


@pytest.mark.nightly
def test_focus_is_visible(running: Browser, page: Path) -> None:
    with opened(running, page) as watched:
        watched.page.keyboard.press("Tab")
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert watched.ask(outline) == "solid"
        assert watched.ask("document.activeElement.getBoundingClientRect().left") >= 0


def test_headings_are_in_order_and_landmarks_are_there(seen: Watched) -> None:
    levels = seen.ask(HEADINGS)
    landmarks = "['header', 'main', 'nav', 'footer'].map((n) => document.querySelector(n))"
    assert seen.ask(f"{landmarks}.every((each) => each !== null)")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_without_javascript_settings_and_numbers_are_there(running: Browser, page: Path) -> None:
    window = running.new_context(java_script_enabled=False)
    text = window.new_page()
    text.goto(page.as_uri())
    assert text.locator("#yaml").is_visible()
    assert not text.locator("#copy").is_visible()
    assert text.locator("table").count() > 12
    window.close()


def test_html_in_names_settings_and_errors_stays_text(
    running: Browser, hostile: analysis.Sweep, tmp_path: Path
) -> None:
    path = tmp_path / "hostile.html"
    write_report(hostile, path)
    with opened(running, path) as watched:
        assert all(watched.ask(DRAWN))
        assert watched.messages == []
        assert watched.ask("document.title").endswith((".", "confirmed."))
        assert watched.ask("document.querySelectorAll('img, a[href^=javascript]').length") == 0
        links = "[...document.querySelectorAll('svg a')].map((a) => a.getAttribute('xlink:href'))"
        assert watched.ask(links) == []
        assert watched.page.locator("h1").inner_text() == hostile.config["name"]


def _lightness(color: str) -> float:
    red, green, blue = (int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3])
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_lightness(one), _lightness(other)))
    return (high + 0.05) / (low + 0.05)
