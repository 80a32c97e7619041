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
from dataclasses import dataclass

import torch
from torch import Tensor

from greedy_core.emmet.contexts import CONTEXTS, SubjectRows
from greedy_core.language_model import LanguageModel
from greedy_core.records import EditRequest
from greedy_core.settings import ValuesSettings
from greedy_core.tokens import TargetTokens, encode_subject, encode_target, lookup_index

LOSS_GOAL = 0.05
"""A request whose whole loss is below this is done (compute_z.py)."""

_REWRITES = len(CONTEXTS)


@dataclass(frozen=True)
class _Problem:
    """One request's rows among those of its group."""

    rows: slice
    """Its 6 rewriting rows and its divergence row."""
    tokens: tuple[TargetTokens, ...]
    """Target tokens of the 6 rewriting rows."""


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
    steps, lr, clamp = settings.steps, settings.lr, settings.clamp
    assert steps is not None and lr is not None and clamp is not None
    rows, problems = _rows(model, requests)
    with torch.no_grad():
        hidden = model.run(model.embed(rows.ids), 0, layer + 1)
    at_subject = rows.at_subject(hidden).float()
    z0 = at_subject[:: _REWRITES + 1]
    deltas = [torch.zeros_like(z, requires_grad=True) for z in z0]
    # One optimizer over separate parameters: Adam leaves those without a gradient alone.
    adam = torch.optim.Adam(deltas, lr=lr)
    anchors: dict[int, Tensor] = {}
    active = list(range(len(requests)))
    for step in range(steps):
        adam.zero_grad()
        losses = _losses(model, layer, rows, hidden, problems, deltas, active, anchors, settings)
        done = [i for i, loss in losses.items() if float(loss.detach()) < LOSS_GOAL]
        active = [i for i in active if i not in done]
        if not active or step == steps - 1:
            break
        torch.stack([losses[i] for i in active]).sum().backward()
        for i in done:
            deltas[i].grad = None  # it shared this forward, so it got zeros: momentum would move it
        adam.step()
        _clamp([deltas[i] for i in active], [z0[i] for i in active], clamp)
    return z0 + torch.stack(deltas).detach()


def _rows(
    model: LanguageModel, requests: Sequence[EditRequest]
) -> tuple[SubjectRows, list[_Problem]]:
    rows: list[Sequence[int]] = []
    lookups: list[int] = []
    problems = []
    for request in requests:
        start = len(rows)
        tokens = []
        for context in CONTEXTS:
            tokens.append(encode_target(model, context + request.text, request.target_new))
            rows.append(tokens[-1].row)
            after = f"{request.suffix} {request.target_new}"
            lookups.append(lookup_index(model, context + request.prefix, request.subject, after))
        rows.append(encode_subject(model, "", request.subject, " is a"))
        lookups.append(len(rows[-1]) - 1)
        problems.append(_Problem(slice(start, len(rows)), tuple(tokens)))
    return SubjectRows.of(model, rows, lookups), problems


def _losses(
    model: LanguageModel,
    layer: int,
    rows: SubjectRows,
    hidden: Tensor,
    problems: Sequence[_Problem],
    deltas: Sequence[Tensor],
    active: Sequence[int],
    anchors: dict[int, Tensor],
    settings: ValuesSettings,
) -> dict[int, Tensor]:
    """The loss of each active request; `anchors` keeps p_0, read in the first call."""
    assert settings.weight_decay is not None
    device = hidden.device
    numbers = torch.cat(
        [torch.arange(problems[i].rows.start, problems[i].rows.stop) for i in active]
    )
    numbers = numbers.to(device)
    lookups = rows.lookups[numbers]
    shift = torch.stack([deltas[i] for i in active]).repeat_interleave(_REWRITES + 1, dim=0)
    edited = hidden[numbers].index_put(
        (torch.arange(len(numbers), device=device), lookups),
        shift.to(hidden.dtype),
        accumulate=True,
    )
    above = model.run(edited, layer + 1, model.layers)
    read = _Reads(problems, active, lookups)
    log_p = model.log_probabilities(above[read.rows.to(device), read.positions.to(device)])
    losses = {}
    for place, i in enumerate(active):
        likelihood = read.likelihood(log_p, place)
        log_q = log_p[read.divergence[place]]
        anchor = anchors.setdefault(i, log_q.detach())
        divergence = (log_q.exp() * (log_q - anchor)).sum()
        start = problems[i].rows.start
        z0 = hidden[start, rows.lookups[start]].float()
        decay = deltas[i].norm() / z0.norm() ** 2
        losses[i] = -likelihood + settings.kl * divergence + settings.weight_decay * decay
    return losses


class _Reads:
    """Which positions of the active rows are read, and for what."""

    def __init__(
        self, problems: Sequence[_Problem], active: Sequence[int], lookups: Tensor
    ) -> None:
        rows: list[int] = []
        positions: list[int] = []
        self.divergence: list[int] = []
        self._targets: list[list[tuple[list[int], tuple[int, ...]]]] = []
        for place, i in enumerate(active):
            first = place * (_REWRITES + 1)
            targets = []
            for offset, tokens in enumerate(problems[i].tokens):
                places = list(range(len(rows), len(rows) + len(tokens.targets)))
                targets.append((places, tokens.targets))
                rows += [first + offset] * len(tokens.targets)
                positions += range(tokens.first_position, len(tokens.row))
            self._targets.append(targets)
            self.divergence.append(len(rows))
            rows.append(first + _REWRITES)
            positions.append(int(lookups[first + _REWRITES]))
        self.rows = torch.tensor(rows)
        self.positions = torch.tensor(positions)

    def likelihood(self, log_p: Tensor, place: int) -> Tensor:
        """Mean over the rewriting rows of the mean log-probability of the target's tokens."""
        means = [log_p[places, list(targets)].mean() for places, targets in self._targets[place]]
        return torch.stack(means).mean()


def _clamp(deltas: Sequence[Tensor], z0: Sequence[Tensor], factor: float) -> None:
    """Shorten each delta to at most `factor` times the length of its z0."""
    with torch.no_grad():
        for delta, z in zip(deltas, z0, strict=True):
            limit = factor * z.norm()
            if delta.norm() > limit:
                delta.mul_(limit / delta.norm())
