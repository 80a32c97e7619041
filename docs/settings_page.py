"""Writes docs/settings.md and the README's table of settings, from the settings' declarations.

python docs/settings_page.py
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from search.config.described import described

HERE = Path(__file__).parent
PAGE = HERE / "settings.md"
README = HERE.parent / "README.md"
BEGIN = "<!-- written by `make docs` -->"
END = "<!-- until here -->"

MATTER = (
    "edits",
    "batch_size",
    "layers",
    "mu",
    "rank",
    "values.clamp",
    "targets",
    "conflicts",
    "greedy.steps",
    "greedy.min_improvement",
    "greedy.patience",
    "greedy.max_probes",
    "greedy.step_rule",
    "greedy.signal",
    "greedy.accept_by",
    "greedy.metric",
    "trust.enabled",
    "trust.threshold",
    "trust.action",
    "search.trials",
    "search.max_failures",
    "search.max_failed",
    "search.trial_timeout",
    "cache.dir",
    "cache.limit_gb",
    "cache.worker_mb",
    "cache.prepared_mb",
)
"""Settings that the README shows."""


def page() -> str:
    """All settings, a table for each group."""
    lines = ["# Settings", "", "`ratchet config --help` prints the same.", ""]
    found = list(described())
    # Settings without a group come first, though some are declared after the first groups.
    order = list(dict.fromkeys(["", *(each.group for each in found)]))
    ordered = sorted(found, key=lambda each: order.index(each.group))
    for group, settings in groupby(ordered, key=lambda each: each.group):
        lines += ["", f"## {group}", ""] if group else []
        lines += ["| setting | meaning | values | default |", "| --- | --- | --- | --- |"]
        for each in settings:
            cells = (f"`{each.key}`", _cell(each.text), _cell(each.values), f"`{each.default}`")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def readme(text: str) -> str:
    """The README with its table as it is to be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    known = {each.key: each for each in described()}
    rows = [f"| `{key}` | {_cell(known[key].text)} | `{known[key].default}` |" for key in MATTER]
    table = ["| setting | meaning | default |", "| --- | --- | --- |", *rows]
    return f"{before}{BEGIN}\n{chr(10).join(table)}\n{END}{after}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
