"""Reports that several tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import analysis
from analysis.report import write_report
from tests.analysis.report import chromium
from tests.analysis.report.made import write_sweep

IMAGE = "<img src=x onerror=document.title='pwned'>"
SCRIPT = "</script><script>document.title='pwned'</script>"
LINK = '<a href="javascript:document.title=1">here</a>'
HOSTILE = (IMAGE, SCRIPT, LINK)
"""Text that must stay text."""


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> analysis.Sweep:
    """A sweep of 40 trials."""
    folder = tmp_path_factory.mktemp("made") / "small"
    return analysis.load(write_sweep(folder, 40))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> analysis.Sweep:
    """The same with a name, a setting's key, its values and an error that are HTML."""
    folder = tmp_path_factory.mktemp("made") / "hostile"
    more = {IMAGE: [SCRIPT, LINK, "[1, 2]"]}
    return analysis.load(write_sweep(folder, 40, name=SCRIPT, more=more, error=IMAGE))


@pytest.fixture(scope="session")
def page(small: analysis.Sweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small sweep's report."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(small, path)
    return path


@pytest.fixture(scope="session")
def running() -> Iterator[Browser]:
    """Chromium."""
    if chromium.PATH is None:
        pytest.skip("there is no chromium")
    with chromium.browser() as started:
        yield started
