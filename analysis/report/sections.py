"""Which questions a report answers, in which order, and how to read each figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.answers import (
    confirming,
    cost,
    edits,
    importance,
    parameters,
    probing,
    standing,
    steps,
    stopping,
    trust,
)
from analysis.answers.answer import Answer
from analysis.answers.tradeoff import tradeoff


@dataclass(frozen=True)
class Question:
    """A question, the function that answers it, and how to read its figure."""

    heading: str
    """The question, as a heading."""
    reading: str
    """How to read the figure: one sentence, or two."""
    ask: Callable[..., Answer]
    """A function of `analysis`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What it is given besides the sweep."""

    @property
    def call(self) -> str:
        """Python that asks it."""
        given = "".join(f", {name}={value!r}" for name, value in self.arguments.items())
        return f"{self.ask.__name__}(sweep{given})"


@dataclass(frozen=True)
class Section:
    """Questions that belong together."""

    heading: str
    """What they are about."""
    questions: tuple[Question, ...]
    """In the order of the report."""


def sections(strongest: tuple[str, ...]) -> tuple[Section, ...]:
    """The questions of a report.

    Args:
        strongest: settings that were searched, the most important one first.
    """
    return (
        Section("The best settings", _STANDING),
        Section("Which settings matter", _matter(strongest)),
        Section("Inside the loop", _loop(strongest)),
        Section("As edits arrive", _ARRIVING),
        Section("What the search cost", _COST),
    )


_STANDING = (
    Question(
        "How much of the lead was luck?",
        "Rings are leads in the sweep, points are those on records that it never edited; the best "
        "setting is better than the baselines whose lines lie right of 0.",
        confirming.confirmed_leads,
    ),
    Question(
        "How far ahead are they?",
        "Bars are held-out composites, the best setting in color, and marks are the three scores "
        "that it is the mean of; a bar that ends where a baseline's ends has gained nothing.",
        standing.best_against_baselines,
    ),
    Question(
        "What is traded for what?",
        "Each point is a setting; along the line one cannot gain on one side without losing on the "
        "other.",
        tradeoff,
    ),
)

_ARRIVING = (
    Question(
        "What happens to the metrics as edits arrive?",
        "Each line is a setting, measured over all edits done by then; a line that falls says that "
        "later edits cost more than they bring.",
        edits.learning_curve,
    ),
    Question(
        "What becomes of early edits?",
        "Each line follows one batch of the best setting from its own edit on; a line that falls "
        "is being forgotten.",
        edits.retention,
    ),
)

_COST = (
    Question(
        "How soon was the best found?",
        "Points are settings as they ended, the line is the best so far; if it still rises at the "
        "right, more trials may be worth it.",
        cost.regret,
    ),
    Question(
        "Where were settings stopped?",
        "Each bar is a rung: how many settings came there, and how many of them were stopped.",
        stopping.stopped,
    ),
    Question(
        "Did stopping cost anything?",
        "Each point is a setting that was spared; one that would have been stopped and ends above "
        "all that were kept is what stopping costs.",
        stopping.cost_of_stopping,
    ),
    Question(
        "Is more probing worth it?",
        "Points are settings; where the line of medians is flat, more probe prompts buy nothing.",
        probing.probing,
    ),
    Question(
        "How much did settings share?",
        "The gap between the lines is what was read, not computed; the flatter the lower line, the "
        "less one more setting costs.",
        cost.states,
    ),
)


def _matter(strongest: tuple[str, ...]) -> tuple[Question, ...]:
    always = (
        Question(
            "How much does each setting matter?",
            "The longer the bar, the more of the difference between good and other settings goes "
            "with that setting; the line is its 90 % interval. It holds for the settings that were "
            "sampled: the axis says which.",
            importance.importance,
        ),
        Question(
            "Where do good values lie?",
            "Each point is a setting, late ones in orange; a cloud that rises to one side says "
            "where to search on.",
            parameters.slices,
        ),
        Question(
            "Which combinations are good?",
            "Each line is a setting, from value to value; where lines of high composites run "
            "together is a region worth narrowing to.",
            parameters.parallel_coordinates,
        ),
    )
    if len(strongest) < 2:
        return always
    x, y = strongest[:2]
    pair = Question(
        f"How do {x} and {y} work together?",
        "The color is the composite between the settings that were tried, which are the points; "
        "far from any point it is a guess.",
        parameters.contour,
        {"x": x, "y": y},
    )
    return (*always, pair)


def _loop(strongest: tuple[str, ...]) -> tuple[Question, ...]:
    return (
        Question(
            "Which steps are kept?",
            "How often a step is kept, by its place in the loop; where a line nears 0, more steps "
            "are wasted.",
            steps.accept_rate_by_step,
        ),
        *(
            Question(
                f"What does {key} do to that?",
                "Bars are accept rates over all steps of the settings with that value; bars of one "
                "height say that it does nothing here.",
                steps.accept_rate_by_setting,
                {"key": key},
            )
            for key in strongest[:1]
        ),
        Question(
            "Why are steps kept or not?",
            "Shares of all steps, by what was decided about them and why.",
            steps.reasons,
        ),
        Question(
            "What does a step bring?",
            "Boxes hold the middle half of the changes that steps make to the probes' composite; "
            "what lies above 0 and was not kept was given away.",
            steps.improvement_per_step,
        ),
        Question(
            "How much of an update stays?",
            "Shares of batches by the fraction of the closed-form update that they end with; at 0 "
            "nothing was written, at 1 all of it.",
            steps.final_fractions,
        ),
        Question(
            "What does the trust gate see?",
            "Boxes of trust, gain and harm by what was decided; a threshold of trust cuts well "
            "where the boxes of kept and other steps lie apart.",
            trust.trust,
        ),
    )
