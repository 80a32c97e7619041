"""What a report says of one sweep, before it takes a form."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from analysis.answers.answer import Answer
from analysis.answers.importance import importance
from analysis.errors import ResultsError
from analysis.report.cells import Table, table, visible
from analysis.report.conclusion import Conclusion, conclude
from analysis.report.sections import Question, sections
from analysis.report.settings import settings_yaml
from analysis.tables.sweep import Sweep

MOST_ERRORS = 5
"""Different errors of failed trials that are quoted."""


@dataclass(frozen=True)
class Answered:
    """A question with its answer."""

    question: Question
    """What was asked."""
    figure: go.Figure
    """The answer drawn."""
    table: Table
    """The same as text."""


@dataclass(frozen=True)
class Chapter:
    """A section of one sweep's report."""

    heading: str
    """What it is about."""
    answers: tuple[Answered, ...]
    """What could be asked of this sweep."""
    left_out: Mapping[str, str]
    """The other questions, by heading, and why they could not be asked."""


@dataclass(frozen=True)
class Document:
    """A report's content."""

    name: str
    """The sweep's name."""
    path: str
    """Where it lies."""
    conclusion: Conclusion | None
    """The verdict's figures; None while no setting has been completed."""
    settings: str
    """The best setting as YAML; empty without one."""
    chapters: tuple[Chapter, ...]
    """Questions and answers."""
    facts: Mapping[str, str]
    """Where the numbers are from: counts, versions, digests."""
    errors: tuple[str, ...]
    """What failed trials said, the most frequent first."""


def document(sweep: Sweep) -> Document:
    """Ask a sweep everything that a report answers.

    Raises:
        ResultsError: the sweep's configuration or records cannot be used.
    """
    conclusion = conclude(sweep)
    return Document(
        name=visible(sweep.config.get("name") or sweep.path.rstrip("/").rsplit("/", 1)[-1]),
        path=sweep.path,
        conclusion=conclusion,
        settings="" if conclusion is None else settings_yaml(sweep, conclusion.trial),
        chapters=tuple(_chapters(sweep)),
        facts=_facts(sweep),
        errors=_errors(sweep.trials),
    )


def strongest_settings(sweep: Sweep) -> tuple[str, ...]:
    """The settings that were searched, the most important one first; none if it is unknown."""
    try:
        numbers = importance(sweep, resamples=0).numbers
    except ResultsError:
        return ()
    return tuple(map(str, numbers.sort_values("importance", ascending=False)["setting"]))


def asked(sweep: Sweep, question: Question) -> Answer | str:
    """The answer to a question, or why this sweep has none."""
    try:
        answer = question.ask(sweep, **question.arguments)
    except ResultsError as error:
        return visible(str(error).removeprefix(f"{sweep.path}: "))
    return _why_empty(answer.figure) if answer.numbers.empty else answer


def _chapters(sweep: Sweep) -> Iterator[Chapter]:
    for section in sections(strongest_settings(sweep)):
        answers: list[Answered] = []
        left_out: dict[str, str] = {}
        for question in section.questions:
            found = asked(sweep, question)
            if isinstance(found, str):
                left_out[question.heading] = found
            else:
                answers.append(Answered(question, found.figure, table(found.numbers)))
        yield Chapter(section.heading, tuple(answers), left_out)


def _why_empty(figure: go.Figure) -> str:
    """An answer without rows says why in its figure."""
    texts = [html.unescape(note.text) for note in figure.layout.annotations if note.text]
    return visible("; ".join(texts) or "there is nothing to count yet")


def _facts(sweep: Sweep) -> dict[str, str]:
    config = sweep.config
    trials = sweep.trials
    counts = trials.loc[trials["role"] == "search", "status"].value_counts()
    facts = {
        "search trials": ", ".join(f"{number:,} {status}" for status, number in counts.items()),
        "baselines": f"{int((trials['role'] != 'search').sum())}",
        "sweep": config.get("sweep_id"),
        "started": config.get("started"),
        "git": config.get("git_sha"),
        **{f"digest of the {name}": text for name, text in _mapping(config, "digests")},
        **{name: version for name, version in _mapping(config, "versions")},
    }
    return {visible(name): visible(value) for name, value in facts.items() if value}


def _mapping(config: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    found = config.get(name)
    yield from found.items() if isinstance(found, Mapping) else ()


def _errors(trials: pd.DataFrame) -> tuple[str, ...]:
    counts = trials["error"].dropna().value_counts().head(MOST_ERRORS)
    return tuple(f"{visible(error)} ({number:,} times)" for error, number in counts.items())
