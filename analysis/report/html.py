"""A report as one page: styles, script and plotly are in it, and it asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from analysis.figure_style import TEMPLATE
from analysis.report.document import Document
from analysis.report.sentences import OPTIMISTIC, baseline_name, headline, sentences

HEIGHT = 360
"""Pixels of a figure that does not say how high it is."""


def html_page(content: Document) -> str:
    """The page. All text is escaped; a policy in it lets no other script than its own run."""
    found = content.conclusion
    script = _file("script.js")
    return _page().render(
        doc=content,
        found=found,
        headline=headline(found),
        sentences=sentences(found),
        optimistic=OPTIMISTIC,
        baseline_name=baseline_name,
        figure_json=figure_json,
        is_wide=_is_wide,
        height=_height,
        template=_in_script(TEMPLATE.to_plotly_json()),
        style=Markup(_file("style.css")),
        script=Markup(script),
        plotly=Markup(get_plotlyjs()),
        script_hashes=[_digest(get_plotlyjs()), _digest(script)],
    )


def figure_json(figure: go.Figure) -> Markup:
    """A figure as JSON for a script element; the template is there once for the whole page."""
    plain = json.loads(figure.to_json())
    plain["layout"].pop("template", None)
    return _in_script({"data": plain["data"], "layout": plain["layout"]})


def _in_script(value: Any) -> Markup:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _is_wide(figure: go.Figure) -> bool:
    """Whether it has several plots side by side, and needs more than a narrow screen."""
    axes = [name for name in figure.to_dict()["layout"] if name.startswith("xaxis")]
    return len(axes) > 1 or any(trace.type in ("parcoords", "parcats") for trace in figure.data)


def _height(figure: go.Figure) -> int:
    return int(figure.layout.height or HEIGHT)


def _digest(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _file(name: str) -> str:
    return files("analysis.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _page() -> Any:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("page.html.j2"))
