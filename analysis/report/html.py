"""A report as one page: styles, script and plotly are in it, and it asks for nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from analysis.answers.figure_style import TEMPLATE
from analysis.judging.confirm_sentences import baseline_name
from analysis.report.document import Document
from analysis.report.figures import Presented, presented
from analysis.report.sentences import OPTIMISTIC, headline, number, sentences


def html_page(content: Document) -> str:
    """The page. All text is escaped; a policy in the page lets only its own scripts run."""
    found = content.conclusion
    script = _file("script.js")
    page: str = _page().render(
        doc=content,
        found=found,
        headline=headline(found),
        sentences=sentences(found),
        optimistic=OPTIMISTIC,
        baseline_name=baseline_name,
        number=number,
        presented=presented,
        figure_json=_figure_json,
        template=_in_script(TEMPLATE.to_plotly_json()),
        style=Markup(_file("style.css")),
        script=Markup(script),
        plotly=Markup(get_plotlyjs()),
        script_hashes=[_digest(get_plotlyjs()), _digest(script)],
    )
    return page


def _figure_json(figure: Presented) -> Markup:
    return _in_script({"data": figure.data, "layout": figure.layout})


def _in_script(value: Any) -> Markup:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _digest(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _page() -> Any:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("page.html.j2"))
