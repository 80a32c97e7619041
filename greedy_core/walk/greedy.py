"""The walk: a path through states, one step at a time.

For each batch and each edited layer the update dW is solved once, and a greedy loop decides how
much of it the model keeps. A step proposes a fraction of dW; the trust gate, the norm guard and the
probes judge it; accepted steps move the walk to the proposed state, rejected ones leave it where
it is. Dropping a state is the whole of a rollback.
"""

from __future__ import annotations

import time
from dataclasses import replace

from greedy_core.metrics import as_float
from greedy_core.settings import EditSettings
from greedy_core.states.state_scores import StateScores
from greedy_core.states.state_tree import State
from greedy_core.walk.evaluation import Evaluation, evaluate
from greedy_core.walk.events import Reason, StepEvent
from greedy_core.walk.greedy_loop import KEPT, GreedyLoop, Proposal, Update, improvement
from greedy_core.walk.metric_function import MetricFunctionSignal
from greedy_core.walk.probe_signal import Measured, ProbeSignal, Signal


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
        self.path: list[str] = []
        """Keys of the states after each batch."""
        self.probe_prompts = 0
        self._scores = scores
        self._layer_position = 0
        self._loop: GreedyLoop | None = None
        self._measured: dict[str, Measured] = {}
        self._signal = signal_of(scores, settings)

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
        before, proposal = loop.measured, loop.propose(self._measure)
        verdict = loop.judge(proposal).under(self.settings.greedy.min_improvement)
        reason = loop.take(proposal, verdict)
        self.state = loop.state
        event = _event(
            batch=self.batch,
            loop=loop,
            proposal=proposal,
            reason=reason,
            before=before,
            residual=self.tree.compression_error(proposal.candidate.state),
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

    def unedited(self, all_batches: bool = False) -> Evaluation:
        """The same of the unedited model, over the same batches."""
        count = len(self.tree.plan.batches) if all_batches else self.batch
        root, weights = self.tree.root, self.settings.composite_weights
        return evaluate(self._scores, root, range(count), weights)

    def _enter_loop(self) -> GreedyLoop:
        layer = self.tree.plan.layers[self._layer_position]
        update = Update(self.tree, self.state, self.batch, layer)
        self._loop = GreedyLoop.entered(update, self.settings, self._measure)
        return self._loop

    def _leave_loop(self) -> None:
        self._loop = None
        self._layer_position += 1
        if self._layer_position == len(self.tree.plan.layers):
            self._layer_position = 0
            self.batch += 1
            self.path.append(self.state.key)
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


def signal_of(scores: StateScores, settings: EditSettings) -> Signal:
    """What measures a batch's probes: a function of the user's, if one is named."""
    if settings.greedy.metric:
        return MetricFunctionSignal(scores, settings)
    return ProbeSignal(scores, settings)


def _event(
    batch: int,
    loop: GreedyLoop,
    proposal: Proposal,
    reason: Reason,
    before: Measured,
    residual: float,
    seconds: float,
) -> StepEvent:
    b, a = before.metrics, proposal.measured.metrics
    candidate = proposal.candidate
    return StepEvent(
        batch=batch,
        layer=loop.update.layer,
        step=proposal.step,
        fraction_before=proposal.fraction_before,
        fraction_proposed=candidate.fraction,
        fraction_after=loop.proposals.accepted,
        accepted=reason in KEPT,
        reason=reason,
        es_before=as_float(b.es),
        ps_before=as_float(b.ps),
        ns_before=as_float(b.ns),
        composite_before=float(b.composite),
        es_after=as_float(a.es),
        ps_after=as_float(a.ps),
        ns_after=as_float(a.ns),
        composite_after=float(a.composite),
        improvement=float(improvement(before, proposal.measured)),
        trust=candidate.trust.trust,
        gain=candidate.trust.gain,
        harm=candidate.trust.harm,
        delta_norm=float(candidate.fraction) * loop.update.solve.form.norm,
        residual=residual,
        seconds=seconds,
        from_store=proposal.measured.from_store,
    )
