"""Finds every walk of a space: all walks go through the batches side by side.

What one has solved or measured in a state serves all others there, so the work grows with the
states that walks reach, and not with the settings of the space.
"""

from __future__ import annotations

from greedy_core.errors import TooManySolves
from greedy_core.pieces.frontier import Frontier, Group
from greedy_core.pieces.piece import Piece, Pieces
from greedy_core.pieces.probes import SharedProbes
from greedy_core.pieces.walk_space import WalkSpace
from greedy_core.pieces.ways import Way, ways
from greedy_core.progress import OnProgress, Progress, silent
from greedy_core.settings import EditSettings
from greedy_core.states.state_scores import StateScores
from greedy_core.walk.evaluation import evaluate
from greedy_core.walk.greedy_loop import GreedyLoop, Update


def find_pieces(
    scores: StateScores,
    settings: EditSettings,
    space: WalkSpace,
    most_solves: int | None = None,
    on_progress: OnProgress = silent,
) -> Pieces:
    """Find all walks of a space, and evaluate the states that they end in.

    Args:
        scores: of the plan's states.
        settings: resolved; everything that the space does not search.
        space: the walk settings that are searched.
        most_solves: most updates that may be solved; None sets no limit.
        on_progress: told about progress.

    Raises:
        SettingsError: an assignment of the space breaks a condition.
        TooManySolves: walks reach more states than the limit allows; noticed before a batch's work
            at a layer begins.
    """
    walks = _Walks(scores, settings, space, most_solves, on_progress)
    return walks.evaluated(walks.ended())


class _Walks:
    """All walks of a space, on their way."""

    def __init__(
        self,
        scores: StateScores,
        settings: EditSettings,
        space: WalkSpace,
        most_solves: int | None,
        on_progress: OnProgress,
    ) -> None:
        self._scores = scores
        self._space = space
        self._weights = settings.composite_weights
        self._settings = [space.settings(settings, each, space.low) for each in space.assignments]
        self._probes = SharedProbes(scores)
        self._most_solves = most_solves
        self._solves: list[int] = []
        self._on_progress = on_progress

    def ended(self) -> Frontier:
        """Where all walks end."""
        plan = self._scores.tree.plan
        frontier = Frontier()
        for place in range(len(self._space.assignments)):
            group = Group(place, (self._space.low, self._space.high))
            frontier.add(self._scores.tree.root, group)
        for batch in range(len(plan.batches)):
            for layer in plan.layers:
                self._count(frontier, batch)
                frontier = self._through(frontier, batch, layer)
            frontier = frontier.batch_done()
            self._probes.leave_batch()
        return frontier

    def evaluated(self, ended: Frontier) -> Pieces:
        """The pieces that the walks come from, and held-out metrics of their ends."""
        batches = range(len(self._scores.tree.plan.batches))
        states = {state.key: state for state, _ in ended}
        evaluations = {}
        for number, (key, state) in enumerate(states.items()):
            self._on_progress(Progress("end states evaluated", number, len(states)))
            evaluations[key] = evaluate(self._scores, state, batches, self._weights)
        groups = sorted(
            (group for _, groups in ended for group in groups),
            key=lambda group: (group.assignment, group.interval),
        )
        return Pieces(
            space=self._space,
            pieces=tuple(map(self._piece, groups)),
            states=states,
            evaluations=evaluations,
            solves=sum(self._solves),
            scorings=self._probes.scorings,
        )

    def _count(self, frontier: Frontier, batch: int) -> None:
        """Count the solves that come next, before any of them is made."""
        self._solves.append(len(frontier))
        if self._most_solves is not None and sum(self._solves) > self._most_solves:
            batches = len(self._scores.tree.plan.batches)
            raise TooManySolves(self._most_solves, self._solves, batch, batches)

    def _through(self, frontier: Frontier, batch: int, layer: int) -> Frontier:
        """Where walks are after a batch's loop at a layer."""
        reached = Frontier()
        for number, (state, groups) in enumerate(frontier):
            self._on_progress(Progress(f"states before batch {batch}", number, len(frontier)))
            update = Update(self._scores.tree, state, batch, layer)
            for group in groups:
                self._follow(group, update, batch, reached)
        return reached.joined()

    def _follow(self, group: Group, update: Update, batch: int, reached: Frontier) -> None:
        """Go all ways that a group's walks go through a loop."""
        settings = self._settings[group.assignment]
        measure = self._probes.of(settings, batch)
        loop = GreedyLoop.entered(update, settings, measure)
        asked = {**group.asked}
        asked.setdefault(loop.state.key, loop.measured.prompts)
        for way in ways(Way(loop, group.interval, asked), measure):
            reached.add(way.loop.state, group.gone(way))

    def _piece(self, group: Group) -> Piece:
        assignment = self._space.assignments[group.assignment]
        return Piece(assignment, *group.interval, group.path, group.probe_prompts)
