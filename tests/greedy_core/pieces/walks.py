"""Pieces compared with walks: `GreedyRun` on states of its own says what every setting comes to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

from greedy_core.pieces.piece import Piece, Pieces
from greedy_core.settings import EditSettings
from greedy_core.states.state_scores import StateScores
from greedy_core.walk.evaluation import Evaluation
from greedy_core.walk.greedy import GreedyRun


@dataclass(frozen=True)
class Walked:
    """What one setting came to."""

    path: tuple[str, ...]
    """Keys of the states after each batch."""
    probe_prompts: int
    """Probe prompts that were asked."""
    evaluation: Evaluation
    """Held-out metrics at the end."""


def walked(scores: StateScores, chosen: EditSettings) -> Walked:
    """Walk alone."""
    run = GreedyRun(scores, chosen)
    path: list[str] = []
    while not run.done:
        batch = run.batch
        run.step()
        path += [run.state.key] * (run.batch - batch)
    return Walked(tuple(path), run.probe_prompts, run.evaluate())


@dataclass(frozen=True)
class Comparison:
    """Pieces, and what is needed to walk any setting of their space."""

    pieces: Pieces
    """What was found."""
    scores: StateScores
    """States of the same plan that nothing was computed on before."""
    common: EditSettings
    """What all walks have in common."""

    def walk(self, assignment: Sequence[Any], min_improvement: float) -> Walked:
        """Walk alone with one setting."""
        chosen = self.pieces.space.settings(self.common, assignment, min_improvement)
        return walked(self.scores, chosen)

    def check(self, piece: Piece, min_improvement: float) -> None:
        """Walk with a setting of a piece."""
        evaluation = self.pieces.evaluation(piece)
        expected = Walked(piece.path, piece.probe_prompts, evaluation)
        assert self.walk(piece.assignment, min_improvement) == expected

    def check_ends(self, draw: Random) -> None:
        """Walk at the ends of each piece, inside it, and next to it."""
        space = self.pieces.space
        for piece in self.pieces.pieces:
            inside = min(max(draw.uniform(piece.low, piece.high), piece.low), piece.high)
            for value in {piece.low, piece.high, inside}:
                self.check(piece, value)
            above = math.nextafter(piece.high, math.inf)
            if above <= space.high:
                neighbor = self.pieces.at(piece.assignment, above)
                assert neighbor.low == above
                assert (neighbor.path, neighbor.probe_prompts) != (piece.path, piece.probe_prompts)

    def check_cover(self) -> None:
        """Pieces of an assignment lie next to each other from end to end of the interval."""
        space, pieces = self.pieces.space, self.pieces.pieces
        assert tuple(dict.fromkeys(piece.assignment for piece in pieces)) == space.assignments
        for assignment in space.assignments:
            own = [piece for piece in pieces if piece.assignment == assignment]
            assert own[0].low == space.low and own[-1].high == space.high
            for piece, after in pairwise(own):
                assert piece.low <= piece.high < after.low
                assert math.nextafter(piece.high, math.inf) == after.low

    def check_drawn(self, draw: Random, count: int) -> None:
        """Walk with settings drawn at random; each is in exactly one piece."""
        space = self.pieces.space
        for _ in range(count):
            assignment = draw.choice(space.assignments)
            # Many improvements are small, so half of the thresholds are, too.
            share = draw.random() ** draw.choice([1, 6])
            value = min(space.low + (space.high - space.low) * share, space.high)
            [piece] = [
                each
                for each in self.pieces.pieces
                if each.assignment == assignment and each.low <= value <= each.high
            ]
            assert self.pieces.at(assignment, value) == piece
            self.check(piece, value)
