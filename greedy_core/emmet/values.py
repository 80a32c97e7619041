"""z*: what the edited block should put out at a subject, so that the model says the new target.

Symbols (per request): z0 (d,) the block's present output at the lookup index of the bare prompt,
delta (d,) what is optimized, z* = z0 + delta, and 6 rewriting rows and 1 divergence row.

    loss = mean over rows of -log p(target) per token
         + kl * KL(p_delta || p_0) at the subject of "{subject} is a"
         + weight_decay * ||delta|| / ||z0||^2                       ||delta|| <= clamp * ||z0||

Source: ROME, compute_z.py (also MEMIT's and EMMET's). The block and everything below it do not
depend on delta: their output is computed once, and only the blocks above are run in each step.
Requests are optimized side by side; loss, Adam state, clamp and stop are each request's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from greedy_core.emmet.value_rows import Reads, ValueRows
from greedy_core.inputs.records import EditRequest
from greedy_core.model.language_model import LanguageModel
from greedy_core.settings import ValuesSettings

LOSS_GOAL = 0.05
"""A request whose whole loss is below this is done (compute_z.py)."""

REQUESTS_PER_FORWARD = 8
"""Requests that share one forward; a constant, because float sums depend on it."""

_BETAS = (0.9, 0.999)
_EPSILON = 1e-8


def optimize_values(
    model: LanguageModel, layer: int, requests: Sequence[EditRequest], settings: ValuesSettings
) -> Tensor:
    """Optimize the target values of a group of requests on the model as it is now.

    Args:
        model: with whatever edits are in force.
        layer: the highest edited block, whose output is replaced at the subject.
        requests: n of them.
        settings: resolved; none of its values is None.

    Returns:
        z*, ``(n, d)`` float32.
    """
    chunks = [
        requests[start : start + REQUESTS_PER_FORWARD]
        for start in range(0, len(requests), REQUESTS_PER_FORWARD)
    ]
    return torch.cat([_optimize_together(model, layer, chunk, settings) for chunk in chunks])


def _optimize_together(
    model: LanguageModel, layer: int, requests: Sequence[EditRequest], settings: ValuesSettings
) -> Tensor:
    steps, lr, clamp = settings.steps, settings.lr, settings.clamp
    assert steps is not None and lr is not None and clamp is not None
    rows = ValueRows(model, layer, requests)
    values = rows.present.clone()
    active = torch.arange(len(requests), device=model.device)
    reads = rows.reads(active.tolist())
    z0 = rows.present.norm(dim=1)  # (n,)
    delta = torch.zeros_like(values)
    adam = _Adam(lr, torch.zeros_like(delta), torch.zeros_like(delta))
    anchors: Tensor | None = None
    # The published loop ends with a forward after which nothing is updated; it is left out.
    for _ in range(steps - 1):
        delta.requires_grad_()
        losses, anchors = _losses(model, layer, reads, delta, z0, anchors, settings)
        going = ~(losses.detach() < LOSS_GOAL)
        (gradient,) = torch.autograd.grad(losses[going].sum(), delta)
        delta = delta.detach()
        if not going.all():
            values[active[~going]] += delta[~going]
            active, z0, delta = active[going], z0[going], delta[going]
            if not len(active):
                return values
            gradient, anchors, adam = gradient[going], anchors[going], adam.only(going)
            reads = rows.reads(active.tolist())
        delta = _clamped(adam.step(delta, gradient), clamp * z0)
    values[active] += delta
    return values


def _losses(
    model: LanguageModel,
    layer: int,
    reads: Reads,
    delta: Tensor,
    z0: Tensor,
    anchors: Tensor | None,
    settings: ValuesSettings,
) -> tuple[Tensor, Tensor]:
    """The loss of each active request, ``(n,)``, and log p_0, ``(n, v)``, read in the first call.

    delta is ``(n, d)``, z0 holds the lengths ``(n,)``.
    """
    assert settings.weight_decay is not None
    shift = delta[reads.owners].to(reads.hidden.dtype)
    edited = reads.hidden.index_put(reads.lookups, shift, accumulate=True)
    above = model.run_to_end(edited, layer + 1, *reads.places, reads.tree)
    log_p = model.log_probabilities(above)  # (predictions, v)
    predictions, tokens, requests = reads.targets
    shares = log_p[predictions, tokens] * reads.weights
    likelihood = torch.zeros_like(z0).index_add(0, requests, shares)
    log_q = log_p[: len(delta)]
    anchors = log_q.detach() if anchors is None else anchors
    divergence = (log_q.exp() * (log_q - anchors)).sum(dim=1)
    decay = delta.norm(dim=1) / z0**2
    return -likelihood + settings.kl * divergence + settings.weight_decay * decay, anchors


class _Adam:
    """Adam on the rows of a matrix; rows can be dropped together with their moments.

    Source: Kingma and Ba 2015, arXiv 1412.6980; the order of operations is torch.optim.Adam's.
    """

    def __init__(self, lr: float, first: Tensor, second: Tensor, steps: int = 0) -> None:
        self._lr = lr
        self._first = first
        self._second = second
        self._steps = steps

    def only(self, rows: Tensor) -> _Adam:
        """The optimizer of some of the rows."""
        return _Adam(self._lr, self._first[rows], self._second[rows], self._steps)

    def step(self, parameters: Tensor, gradient: Tensor) -> Tensor:
        """The parameters after one step."""
        self._steps += 1
        beta1, beta2 = _BETAS
        self._first.lerp_(gradient, 1 - beta1)
        self._second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = (self._second.sqrt() / (1 - beta2**self._steps) ** 0.5).add_(_EPSILON)
        size = self._lr / (1 - beta1**self._steps)
        return parameters.addcdiv(self._first, root, value=-size)


def _clamped(delta: Tensor, limits: Tensor) -> Tensor:
    """Each row shortened to its limit, ``(n, d)``; shorter ones stay as they are, to the bit."""
    lengths = delta.norm(dim=1)
    return torch.where((lengths > limits)[:, None], delta * (limits / lengths)[:, None], delta)
