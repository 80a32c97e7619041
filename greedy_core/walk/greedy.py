"""The walk: a path through states, one step at a time.

For each batch and each edited layer the update dW is solved once, and a greedy loop decides how
much of it the model keeps. A step proposes a fraction of dW; the trust gate, the norm guard and the
probes judge it; accepted steps move the walk to the proposed state, rejected ones leave it where
it is. Dropping a state is the whole of a rollback.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from fractions import Fraction

from greedy_core.metrics import Value, as_float
from greedy_core.settings import EditSettings, GreedySettings
from greedy_core.states.state_scores import StateScores
from greedy_core.states.state_tree import Solve, State
from greedy_core.walk.evaluation import Evaluation, evaluate
from greedy_core.walk.events import Reason, StepEvent
from greedy_core.walk.metric_function import MetricFunctionSignal
from greedy_core.walk.probe_signal import Measured, ProbeSignal, Signal
from greedy_core.walk.step_rules import Proposals
from greedy_core.walk.trust_gate import Trust, gated_fraction, trust_at


@dataclass
class _Loop:
    """The greedy loop of one batch at one layer."""

    layer: int
    """Layer that is edited."""
    origin: State
    """State that the update was solved at."""
    solve: Solve
    """The update."""
    proposals: Proposals
    """What is tried next."""
    greedy: GreedySettings
    """How steps are judged in this layer."""
    measured: Measured
    """The probes at the state in force."""


@dataclass(frozen=True)
class _Proposal:
    """One step before it is judged."""

    step: int
    """Number of the step."""
    fraction_before: Fraction
    """Fraction in force."""
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
    measured: Measured
    """The probes there."""


_KEPT: frozenset[Reason] = frozenset({"improved", "trust_low_scaled", "distance_only", "always"})


class GreedyRun:
    """One walk through the states of a tree.

    Args:
        scores: scores of the tree's states.
        settings: resolved; their plan part is the tree's plan.
    """

    def __init__(self, scores: StateScores, settings: EditSettings) -> None:
        self.tree = scores.tree
        self.settings = settings
        self.state: State = self.tree.root
        self.batch = 0
        self.events: list[StepEvent] = []
        self.probe_prompts = 0
        self._scores = scores
        self._layer_position = 0
        self._loop: _Loop | None = None
        self._measured: dict[str, Measured] = {}
        self._signal: Signal = (
            MetricFunctionSignal(scores, settings)
            if settings.greedy.metric
            else ProbeSignal(scores, settings)
        )

    @property
    def done(self) -> bool:
        """Whether all batches have been edited."""
        return self.batch >= len(self.tree.plan.batches)

    @property
    def edits(self) -> int:
        """Requests processed so far."""
        return sum(len(batch) for batch in self.tree.plan.batches[: self.batch])

    def step(self) -> StepEvent:
        """Propose one step, judge it, and move on: to its state, the next layer, the next batch.

        Raises:
            ValueError: all batches have been edited.
        """
        if self.done:
            raise ValueError(f"`not done` must hold, but got (batch={self.batch})")
        started = time.perf_counter()
        loop = self._loop or self._enter_loop()
        before, proposal = loop.measured, self._propose(loop)
        reason = self._judge(loop, proposal)
        event = _event(
            batch=self.batch,
            loop=loop,
            proposal=proposal,
            reason=reason,
            before=before,
            residual=self.tree.compression_error(proposal.state),
            seconds=time.perf_counter() - started,
        )
        self.events.append(event)
        if loop.proposals.done:
            self._leave_loop()
        return event

    def evaluate(self, all_batches: bool = False) -> Evaluation:
        """Held-out metrics over the batches done so far, or over all of the plan's."""
        count = len(self.tree.plan.batches) if all_batches else self.batch
        return evaluate(self._scores, self.state, range(count), self.settings.composite_weights)

    def _enter_loop(self) -> _Loop:
        layer = self.tree.plan.layers[self._layer_position]
        greedy = self._greedy_at(layer)
        self._loop = _Loop(
            layer=layer,
            origin=self.state,
            solve=self.tree.solve(self.state, self.batch, layer),
            proposals=Proposals(greedy.step_rule, greedy.steps, greedy.patience),
            greedy=greedy,
            measured=self._measure(self.state),
        )
        return self._loop

    def _greedy_at(self, layer: int) -> GreedySettings:
        """The greedy settings at a layer; without a loop, those of one step, always accepted."""
        greedy = self.settings.greedy
        if greedy.layers is None or layer in greedy.layers:
            return greedy
        return replace(greedy, steps=1, accept_by="always", max_norm_ratio=None, layers=None)

    def _leave_loop(self) -> None:
        self._loop = None
        self._layer_position += 1
        if self._layer_position == len(self.tree.plan.layers):
            self._layer_position = 0
            self.batch += 1
            self._measured.clear()

    def _measure(self, state: State) -> Measured:
        """The present batch's probes at a state; measured once, so a retry costs nothing."""
        known = self._measured.get(state.key)
        if known is not None:
            return replace(known, from_store=True)
        measured = self._signal.measure(state, self.batch)
        self.probe_prompts += measured.prompts
        self._measured[state.key] = measured
        return measured

    def _propose(self, loop: _Loop) -> _Proposal:
        asked = loop.proposals.fraction
        trust = trust_at(loop.solve.form, asked, self.settings.trust.harm_scale)
        gated: Fraction | None = asked
        if loop.greedy.accept_by != "always":
            gated = gated_fraction(trust, asked, self.settings.trust)
        fraction = asked if gated is None else gated
        state = loop.origin.child(loop.layer, loop.solve, fraction)
        return _Proposal(
            step=loop.proposals.step,
            fraction_before=loop.proposals.accepted,
            fraction=fraction,
            trust=trust,
            trusted=gated is not None,
            scaled=fraction < asked,
            state=state,
            measured=self._measure(state),
        )

    def _judge(self, loop: _Loop, proposal: _Proposal) -> Reason:
        """Decide about a proposal, and go there or stay."""
        reason = self._verdict(loop, proposal)
        if reason in _KEPT:
            loop.proposals.record(proposal.fraction)
            self.state, loop.measured = proposal.state, proposal.measured
            return reason
        loop.proposals.record(None)
        if reason == "no_improvement" and loop.proposals.out_of_patience:
            return "patience_exhausted"
        return reason

    def _verdict(self, loop: _Loop, proposal: _Proposal) -> Reason:
        """Apply the rules in order: the trust gate, the norm guard, then whoever accepts."""
        if not proposal.trusted:
            return "trust_low_rolled_back"
        limit = loop.greedy.max_norm_ratio
        if limit is not None and self.tree.norm_ratio(proposal.state, loop.layer) > limit:
            return "norm_guard"
        if loop.greedy.accept_by == "always":
            return "always"
        if loop.greedy.accept_by == "distance":
            return "trust_low_scaled" if proposal.scaled else "distance_only"
        improvement = _improvement(loop.measured, proposal.measured)
        if improvement < Fraction(str(loop.greedy.min_improvement)):
            return "no_improvement"
        return "trust_low_scaled" if proposal.scaled else "improved"


def _improvement(before: Measured, after: Measured) -> Value:
    return after.metrics.composite - before.metrics.composite


def _event(
    batch: int,
    loop: _Loop,
    proposal: _Proposal,
    reason: Reason,
    before: Measured,
    residual: float,
    seconds: float,
) -> StepEvent:
    b, a = before.metrics, proposal.measured.metrics
    return StepEvent(
        batch=batch,
        layer=loop.layer,
        step=proposal.step,
        fraction_before=proposal.fraction_before,
        fraction_proposed=proposal.fraction,
        fraction_after=loop.proposals.accepted,
        accepted=reason in _KEPT,
        reason=reason,
        es_before=as_float(b.es),
        ps_before=as_float(b.ps),
        ns_before=as_float(b.ns),
        composite_before=float(b.composite),
        es_after=as_float(a.es),
        ps_after=as_float(a.ps),
        ns_after=as_float(a.ns),
        composite_after=float(a.composite),
        improvement=float(_improvement(before, proposal.measured)),
        trust=proposal.trust.trust,
        gain=proposal.trust.gain,
        harm=proposal.trust.harm,
        delta_norm=float(proposal.fraction) * loop.solve.form.norm,
        residual=residual,
        seconds=seconds,
        from_store=proposal.measured.from_store,
    )
