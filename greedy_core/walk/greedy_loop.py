"""The greedy loop of one batch at one layer: what is proposed, and what a verdict makes of it.

A step proposes a fraction of the batch's update; the trust gate, the norm guard and the probes
judge it. A walk has one smallest improvement and takes one way through the loop
(`greedy_core.walk.greedy`). `greedy_core.pieces` follows all of them: it copies the loop where a
step's improvement is enough for some and too little for others.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from greedy_core.metrics import Value
from greedy_core.settings import EditSettings, GreedySettings, TrustSettings
from greedy_core.states.state_tree import State, StateTree
from greedy_core.walk.events import Reason
from greedy_core.walk.probe_signal import Measured
from greedy_core.walk.step_rules import Proposals
from greedy_core.walk.threshold import reaches
from greedy_core.walk.trust_gate import Trust, gated_fraction, trust_at

Measure = Callable[[State], Measured]
"""The present batch's probes at a state."""

KEPT: frozenset[Reason] = frozenset({"improved", "trust_low_scaled", "distance_only", "always"})
"""Reasons with which a step is kept."""


@dataclass(frozen=True)
class Candidate:
    """A fraction of an update as the trust gate lets it through."""

    fraction: Fraction
    """Fraction that is proposed."""
    trust: Trust
    """What the trust gate saw at the fraction that the step rule asked for."""
    trusted: bool
    """Whether the gate lets the step through, scaled or not."""
    scaled: bool
    """Whether the gate has made the fraction smaller."""
    state: State
    """The proposed state."""


@dataclass(frozen=True)
class Proposal:
    """One step before it is judged."""

    step: int
    """Number of the step."""
    fraction_before: Fraction
    """Fraction in force."""
    candidate: Candidate
    """What is proposed."""
    measured: Measured
    """The probes at the proposed state."""


@dataclass(frozen=True)
class Judgement:
    """What the rules say of a step before its improvement is held against a threshold."""

    reason: Reason
    """The verdict, if the step improves enough or need not improve."""
    improvement: Value | None = None
    """What the step improves, where the probes decide."""

    def under(self, min_improvement: float) -> Reason:
        """The verdict under a smallest improvement."""
        if self.improvement is None or reaches(self.improvement, min_improvement):
            return self.reason
        return "no_improvement"


class Update:
    """A batch's update at one layer of a state; every loop there proposes fractions of it.

    Args:
        tree: makes the update.
        origin: state that it is solved at.
        batch: what is edited.
        layer: where.
    """

    def __init__(self, tree: StateTree, origin: State, batch: int, layer: int) -> None:
        self.origin = origin
        self.layer = layer
        self.solve = tree.solve(origin, batch, layer)
        self._tree = tree
        self._candidates: dict[tuple[Fraction, TrustSettings, bool], Candidate] = {}

    def candidate(self, asked: Fraction, trust: TrustSettings, gated: bool) -> Candidate:
        """What is proposed where a step rule asks for a fraction; made once.

        Args:
            asked: the fraction.
            trust: settings of the gate.
            gated: whether the gate has a say.
        """
        known = self._candidates.get((asked, trust, gated))
        if known is None:
            known = self._candidates[asked, trust, gated] = self._made(asked, trust, gated)
        return known

    def norm_ratio(self, state: State) -> float:
        """||edits||_F / ||W||_F of the layer in a state."""
        return self._tree.norm_ratio(state, self.layer)

    def _made(self, asked: Fraction, settings: TrustSettings, gated: bool) -> Candidate:
        trust = trust_at(self.solve.form, asked, settings.harm_scale)
        passed = gated_fraction(trust, asked, settings) if gated else asked
        fraction = asked if passed is None else passed
        return Candidate(
            fraction=fraction,
            trust=trust,
            trusted=passed is not None,
            scaled=fraction < asked,
            state=self.origin.child(self.layer, self.solve, fraction),
        )


@dataclass
class GreedyLoop:
    """A greedy loop, and where it stands."""

    update: Update
    """What it proposes fractions of."""
    greedy: GreedySettings
    """How steps are judged in this layer, except for the smallest improvement."""
    trust: TrustSettings
    """The trust gate."""
    proposals: Proposals
    """What is tried next."""
    state: State
    """The state in force."""
    measured: Measured
    """The probes there."""

    @classmethod
    def entered(cls, update: Update, settings: EditSettings, measure: Measure) -> GreedyLoop:
        """The loop before its first step."""
        greedy = greedy_at(settings.greedy, update.layer)
        return cls(
            update=update,
            greedy=greedy,
            trust=settings.trust,
            proposals=Proposals(greedy.step_rule, greedy.steps, greedy.patience),
            state=update.origin,
            measured=measure(update.origin),
        )

    def copy(self) -> GreedyLoop:
        """A loop that stands where this one does, and goes on independently."""
        return replace(self, proposals=copy.copy(self.proposals))

    def propose(self, measure: Measure) -> Proposal:
        """The next step, measured even where the probes do not decide."""
        gated = self.greedy.accept_by != "always"
        candidate = self.update.candidate(self.proposals.fraction, self.trust, gated)
        return Proposal(
            step=self.proposals.step,
            fraction_before=self.proposals.accepted,
            candidate=candidate,
            measured=measure(candidate.state),
        )

    def judge(self, proposal: Proposal) -> Judgement:
        """Apply the rules in order: the trust gate, the norm guard, then whoever accepts."""
        candidate, limit = proposal.candidate, self.greedy.max_norm_ratio
        if not candidate.trusted:
            return Judgement("trust_low_rolled_back")
        if limit is not None and self.update.norm_ratio(candidate.state) > limit:
            return Judgement("norm_guard")
        if self.greedy.accept_by == "always":
            return Judgement("always")
        if self.greedy.accept_by == "distance":
            return Judgement("trust_low_scaled" if candidate.scaled else "distance_only")
        gained = improvement(self.measured, proposal.measured)
        return Judgement("trust_low_scaled" if candidate.scaled else "improved", gained)

    def take(self, proposal: Proposal, verdict: Reason) -> Reason:
        """Go to the proposed state or stay; the verdict, or that it has used up the patience."""
        if verdict in KEPT:
            self.proposals.record(proposal.candidate.fraction)
            self.state, self.measured = proposal.candidate.state, proposal.measured
            return verdict
        self.proposals.record(None)
        if verdict == "no_improvement" and self.proposals.out_of_patience:
            return "patience_exhausted"
        return verdict


def greedy_at(greedy: GreedySettings, layer: int) -> GreedySettings:
    """The greedy settings at a layer; without a loop, those of one step, always accepted."""
    if greedy.layers is None or layer in greedy.layers:
        return greedy
    return replace(greedy, steps=1, accept_by="always", max_norm_ratio=None, layers=None)


def improvement(before: Measured, after: Measured) -> Value:
    """What the composite gains."""
    return after.metrics.composite - before.metrics.composite
