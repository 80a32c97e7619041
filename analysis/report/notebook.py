"""A report as a notebook: each cell asks a question again, so that one can go on from there."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat

from analysis.report.conclusion import conclude
from analysis.report.document import asked, strongest_settings
from analysis.report.markdown import escaped
from analysis.report.sections import Question, sections
from analysis.report.sentences import headline, sentences
from analysis.tables.sweep import Sweep

_KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def notebook(sweep: Sweep) -> str:
    """The notebook as JSON, without outputs; questions that this sweep cannot answer are left out.

    Raises:
        ResultsError: the sweep's configuration or records cannot be used.
    """
    cells = [*_opening(sweep)]
    for section in sections(strongest_settings(sweep)):
        cells.append(nbformat.v4.new_markdown_cell(f"## {section.heading}"))
        for question in section.questions:
            cells += _cells(sweep, question)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    text: str = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=_KERNEL))
    return text


def _opening(sweep: Sweep) -> Iterator[nbformat.NotebookNode]:
    found = conclude(sweep)
    text = " ".join(map(escaped, sentences(found)))
    yield nbformat.v4.new_markdown_cell(f"# {headline(found)}\n\n{text}")
    yield nbformat.v4.new_code_cell(f"import ratchet\n\nsweep = ratchet.load({sweep.path!r})")
    yield nbformat.v4.new_code_cell("ratchet.analysis.conclude(sweep)")


def _cells(sweep: Sweep, question: Question) -> Iterator[nbformat.NotebookNode]:
    text = f"### {escaped(question.heading)}\n\n{question.reading}"
    found = asked(sweep, question)
    if isinstance(found, str):
        yield nbformat.v4.new_markdown_cell(f"{text}\n\nLeft out: {escaped(found)}.")
        return
    yield nbformat.v4.new_markdown_cell(text)
    yield nbformat.v4.new_code_cell(
        f"numbers, figure = ratchet.analysis.{question.call}\nfigure.show()\nnumbers"
    )
