"""Pieces of a space of walk settings, and what their walks come to."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from greedy_core.pieces.walk_space import Assignment, WalkSpace
from greedy_core.states.state_tree import State
from greedy_core.walk.evaluation import Evaluation


@dataclass(frozen=True)
class Piece:
    """Settings with one walk: an assignment, and floats next to each other.

    Walks are the same if they are in the same states after each batch and have asked as many probe
    prompts: what they are measured on at any rung, and what they cost. On the way to a state, one
    may have kept a step that the other has passed over.
    """

    assignment: Assignment
    """Values of the space's discrete settings."""
    low: float
    """Smallest greedy.min_improvement, included."""
    high: float
    """Largest greedy.min_improvement, included."""
    path: tuple[str, ...]
    """Keys of the states after each batch."""
    probe_prompts: int
    """Probe prompts that the walk asks, as `GreedyRun` counts them."""

    @property
    def end(self) -> str:
        """Key of the walk's last state."""
        return self.path[-1]


@dataclass(frozen=True)
class Pieces:
    """All walks of a space; every setting of it is in one piece."""

    space: WalkSpace
    """What was searched."""
    pieces: tuple[Piece, ...]
    """By assignment, in the space's order, then by min_improvement."""
    states: Mapping[str, State] = field(compare=False)  # their keys are compared below
    """The different states that walks end in, by their keys."""
    evaluations: Mapping[str, Evaluation]
    """Their held-out metrics over all batches."""
    solves: int
    """Updates that were solved: a state, a batch and a layer each."""
    scorings: int
    """States whose probes were scored, batch by batch; held-out prompts are not counted."""

    def at(self, assignment: Sequence[Any], min_improvement: float) -> Piece:
        """The piece that a setting is in.

        Args:
            assignment: values of the space's discrete settings.
            min_improvement: of the space's interval.

        Raises:
            ValueError: the space does not contain the setting.
        """
        pieces = self._by_assignment.get(tuple(assignment), ())
        place = bisect_right(pieces, min_improvement, key=lambda piece: piece.low) - 1
        if place < 0 or not min_improvement <= pieces[place].high:
            raise ValueError(
                "`the space contains the setting` must hold, but got "
                f"(assignment={tuple(assignment)}, min_improvement={min_improvement})"
            )
        return pieces[place]

    def evaluation(self, piece: Piece) -> Evaluation:
        """Held-out metrics of a piece's walk over all batches."""
        return self.evaluations[piece.end]

    @cached_property
    def _by_assignment(self) -> Mapping[Assignment, Sequence[Piece]]:
        found: dict[Assignment, list[Piece]] = defaultdict(list)
        for piece in self.pieces:
            found[piece.assignment].append(piece)
        return found
