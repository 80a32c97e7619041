"""A report as Markdown: sentences and tables, without figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analysis.report.cells import Table
from analysis.report.document import Chapter, Document
from analysis.report.sentences import OPTIMISTIC, headline, interval_text, sentences

_SPECIAL = re.compile(r"([\\`*_\[\]<>#!|~&$])")
_TOO_LONG = 200


def markdown_page(content: Document) -> str:
    """The page. Text from data is escaped; a figure is the table that it is drawn from."""
    return "\n\n".join([*_verdict(content), *_settings(content), *_answers(content)]) + "\n"


def _verdict(content: Document) -> Iterator[str]:
    found = content.conclusion
    yield f"# {escaped(content.name)}"
    yield f"## {headline(found)}"
    yield from map(escaped, sentences(found))
    if found is not None:
        heading = "confirmed" if found.confirmed else OPTIMISTIC
        yield f"Composite ({heading}): {found.composite:.3f}, {interval_text(found.interval)}."


def _settings(content: Document) -> Iterator[str]:
    if content.settings:
        yield "## The best setting"
        yield "\n".join(f"    {line}" for line in content.settings.splitlines())


def _answers(content: Document) -> Iterator[str]:
    yield "Figures are in the HTML report; here are the numbers that they are drawn from."
    for chapter in content.chapters:
        yield f"## {chapter.heading}"
        yield from _chapter(chapter)
    yield "## Where the numbers are from"
    if content.errors:
        yield "Failed trials said:"
        yield "\n".join(f"- {escaped(error)}" for error in content.errors)
    yield "\n".join(f"- {escaped(name)}: {escaped(text)}" for name, text in content.facts.items())


def _chapter(chapter: Chapter) -> Iterator[str]:
    for answered in chapter.answers:
        yield f"### {escaped(answered.question.heading)}"
        yield "\n".join(_table(answered.table))
        yield f"({escaped(f'{answered.table.shown} of {answered.question.call}')})"
    for heading, why in chapter.left_out.items():
        yield f"{escaped(heading)} Left out: {escaped(why)}."


def _table(table: Table) -> Iterator[str]:
    yield _row(table.columns)
    yield _row(["---:" if number else "---" for number in table.numeric], plain=True)
    yield from map(_row, table.rows)


def _row(cells: Sequence[str], plain: bool = False) -> str:
    return f"| {' | '.join(cells if plain else map(_cell, cells))} |"


def _cell(text: str) -> str:
    return escaped(text if len(text) <= _TOO_LONG else f"{text[:_TOO_LONG]}…")


def escaped(text: str) -> str:
    """Text that Markdown shows as it is; numbers stay readable."""
    return text if re.fullmatch(r"[-+]?[\d.,]+", text) else _SPECIAL.sub(r"\\\1", text)
