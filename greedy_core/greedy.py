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

from greedy_core.evaluation import Evaluation, evaluate
from greedy_core.events import Reason, StepEvent
from greedy_core.metric_function import MetricFunctionSignal
from greedy_core.probe_signal import Measured, ProbeSignal, Signal
from greedy_core.settings import AcceptBy, EditSettings, GreedySettings
from greedy_core.state_scores import StateScores
from greedy_core.state_tree import Solve, State
from greedy_core.step_rules import Proposals
from greedy_core.trust_gate import Trust, gated_fraction, trust_at


@dataclass
class _Loop:
    """The greedy loop of one batch at one layer."""

    origin: State
    """State that the update was solved at."""
    solve: Solve
    """The update."""
    proposals: Proposals
    """What is tried next."""
    accept_by: AcceptBy
    """Who decides in this layer."""
    measured: Measured
    """The probes at the state in force."""
    tried: dict[str, Measured]
    """The probes at every state that this loop has measured."""
    seconds: float
    """Time that the solve took, charged to the first step."""


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
        """Propose one step, judge it, and move on: to its state, the next layer, the next batch."""
        loop = self._loop or self._enter_loop()
        event = self._propose(loop)
        self.events.append(event)
        if loop.proposals.done:
            self._leave_loop()
        return event

    def evaluate(self, all_batches: bool = False) -> Evaluation:
        """Held-out metrics over the batches done so far, or over all of the plan's."""
        count = len(self.tree.plan.batches) if all_batches else self.batch
        return evaluate(self._scores, self.state, range(count), self.settings.composite_weights)

    def _enter_loop(self) -> _Loop:
        started = time.perf_counter()
        greedy = self._loop_settings()
        layer = self.tree.plan.layers[self._layer_position]
        solve = self.tree.solve(self.state, self.batch, layer)
        measured = self._measure(self.state)
        self._loop = _Loop(
            origin=self.state,
            solve=solve,
            proposals=Proposals(greedy.step_rule, greedy.steps, greedy.patience),
            accept_by=greedy.accept_by,
            measured=measured,
            tried={self.state.key: measured},
            seconds=time.perf_counter() - started,
        )
        return self._loop

    def _loop_settings(self) -> GreedySettings:
        """The greedy settings in this layer; where no loop is asked for, one step that is taken."""
        greedy = self.settings.greedy
        layer = self.tree.plan.layers[self._layer_position]
        if greedy.layers is None or layer in greedy.layers:
            return greedy
        return replace(greedy, steps=1, accept_by="always", layers=None)

    def _leave_loop(self) -> None:
        self._loop = None
        self._layer_position += 1
        if self._layer_position == len(self.tree.plan.layers):
            self._layer_position = 0
            self.batch += 1

    def _measure(self, state: State) -> Measured:
        if self._loop is not None and state.key in self._loop.tried:
            return replace(self._loop.tried[state.key], from_store=True)
        measured = self._signal.measure(state, self.batch)
        self.probe_prompts += measured.prompts
        if self._loop is not None:
            self._loop.tried[state.key] = measured
        return measured

    def _propose(self, loop: _Loop) -> StepEvent:
        started = time.perf_counter()
        layer = self.tree.plan.layers[self._layer_position]
        step, before = loop.proposals.step, loop.measured
        fraction_before = loop.proposals.accepted
        asked = loop.proposals.fraction
        trust = trust_at(loop.solve.form, asked, self.settings.trust.harm_scale)
        allowed = asked
        if loop.accept_by != "always":
            gated = gated_fraction(trust, asked, self.settings.trust)
            allowed = asked if gated is None else gated
            trusted = gated is not None
        else:
            trusted = True
        proposed = loop.origin.child(layer, loop.solve, allowed)
        after = self._measure(proposed)
        improvement = after.metrics.composite - before.metrics.composite
        reason = self._reason(loop, proposed, layer, trusted, allowed < asked, improvement)
        accepted = reason in _KEPT
        loop.proposals.record(allowed if accepted else None)
        if accepted:
            self.state, loop.measured = proposed, after
        elif reason == "no_improvement" and loop.proposals.out_of_patience:
            reason = "patience_exhausted"
        seconds, loop.seconds = time.perf_counter() - started + loop.seconds, 0.0
        return _event(
            batch=self.batch,
            layer=layer,
            step=step,
            fractions=(fraction_before, allowed, loop.proposals.accepted),
            reason=reason,
            before=before,
            after=after,
            trust=trust,
            delta_norm=float(allowed) * loop.solve.form.norm,
            residual=self.tree.compression_error(proposed),
            seconds=seconds,
        )

    def _reason(
        self,
        loop: _Loop,
        proposed: State,
        layer: int,
        trusted: bool,
        scaled: bool,
        improvement: Fraction | float,
    ) -> Reason:
        """The rules in the order in which they speak: gate, guard, whoever accepts."""
        limit = self.settings.greedy.max_norm_ratio
        if not trusted:
            return "trust_low_rolled_back"
        if limit is not None and self.tree.norm_ratio(proposed, layer) > limit:
            return "norm_guard"
        if loop.accept_by == "always":
            return "always"
        if loop.accept_by == "distance":
            return "trust_low_scaled" if scaled else "distance_only"
        if improvement < Fraction(str(self.settings.greedy.min_improvement)):
            return "no_improvement"
        return "trust_low_scaled" if scaled else "improved"


_KEPT: frozenset[Reason] = frozenset({"improved", "trust_low_scaled", "distance_only", "always"})


def _event(
    batch: int,
    layer: int,
    step: int,
    fractions: tuple[Fraction, Fraction, Fraction],
    reason: Reason,
    before: Measured,
    after: Measured,
    trust: Trust,
    delta_norm: float,
    residual: float,
    seconds: float,
) -> StepEvent:
    b, a = before.metrics, after.metrics
    return StepEvent(
        batch=batch,
        layer=layer,
        step=step,
        fraction_before=fractions[0],
        fraction_proposed=fractions[1],
        fraction_after=fractions[2],
        accepted=reason in _KEPT,
        reason=reason,
        es_before=_number(b.es),
        ps_before=_number(b.ps),
        ns_before=_number(b.ns),
        composite_before=float(b.composite),
        es_after=_number(a.es),
        ps_after=_number(a.ps),
        ns_after=_number(a.ns),
        composite_after=float(a.composite),
        improvement=float(a.composite - b.composite),
        trust=trust.trust,
        gain=trust.gain,
        harm=trust.harm,
        delta_norm=delta_norm,
        residual=residual,
        seconds=seconds,
        from_store=after.from_store,
    )


def _number(value: Fraction | float | None) -> float | None:
    return None if value is None else float(value)
