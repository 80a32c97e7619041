"""The published procedure, written plainly: what the edit row is measured against.

One request at a time; a hook on the edited block; in every step a full forward of 7 rows through
the whole Hugging Face model, logits for every position, and one backward; dense matrices in the
closed form, whose result is written into the weight. Nothing of greedy_core is used, but the texts
of the contexts and the covariance may be the same.

Symbols: B requests, d width of the residual stream, f width of the projection's input.

Source: ROME, compute_z.py and compute_ks.py; EMMET, emmet_main.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Fact:
    """A request in the published form."""

    subject: str
    """What the fact is about; stands in the prompt's place of "{}"."""
    prompt: str
    """Text with one "{}"."""
    target: str
    """The object to write, without a leading space."""


@dataclass(frozen=True)
class Hyperparameters:
    """The published names; mu is emmet_lambda * mom2_update_weight."""

    layer: int
    v_num_grad_steps: int
    v_lr: float
    clamp_norm_factor: float
    v_weight_decay: float
    kl_factor: float
    emmet_lambda: float
    mom2_update_weight: float


@dataclass(frozen=True)
class Applied:
    """What one batch came to."""

    values: Tensor
    """z*, ``(B, d)``."""
    update: Tensor
    """dW, ``(d, f)`` float64."""


class PublishedEmmet:
    """EMMET on a GPT-2 of its own, which it changes.

    Args:
        module: a Hugging Face GPT-2 without gradients; its edited weight is written into.
        tokenizer: its tokenizer.
        contexts: text before the prompt; the first is empty.
        covariance: C of the edited layer, ``(f, f)`` float64.
        hparams: published settings.
    """

    def __init__(
        self,
        module: Any,
        tokenizer: Any,
        contexts: Sequence[str],
        covariance: Tensor,
        hparams: Hyperparameters,
    ) -> None:
        self.module = module
        self.tokenizer = tokenizer
        self.templates = [f"{context}{{}}" for context in contexts]
        self.covariance = covariance
        self.hparams = hparams
        self._block = module.transformer.h[hparams.layer]
        self._last_block = module.transformer.h[-1]

    def apply(self, batches: Sequence[Sequence[Fact]]) -> list[Applied]:
        """Write the batches, one after the other, each on the model that the last one left."""
        return [self._apply_batch(batch) for batch in batches]

    def _apply_batch(self, facts: Sequence[Fact]) -> Applied:
        values = torch.stack([self.compute_z(fact) for fact in facts])  # (B, d)
        keys, present = self._keys_and_present(facts)
        residuals = (values - present).double().T  # R, (d, B)
        hparams = self.hparams
        inverse = torch.linalg.inv(hparams.mom2_update_weight * self.covariance)  # C'^-1
        gram = keys.T @ inverse @ keys
        if len(facts) > 1:
            gram = gram + hparams.emmet_lambda * torch.eye(len(facts), dtype=gram.dtype)
        update = residuals @ torch.linalg.inv(gram) @ (keys.T @ inverse)  # dW = R D^-1 K^T C'^-1
        with torch.no_grad():
            self._block.mlp.c_proj.weight += update.T.float()
        return Applied(values, update)

    def compute_z(self, fact: Fact) -> Tensor:
        """z* of one request on the model as it is now, ``(d,)``."""
        hparams = self.hparams
        target = self._ids(f" {fact.target}")
        ending = self.tokenizer.decode(target[:-1])
        prompts = [template.format(fact.prompt) + ending for template in self.templates]
        batch = self._batch([p.format(fact.subject) for p in [*prompts, "{} is a"]])
        lookups = torch.tensor([self._lookup(p, fact.subject) for p in [*prompts, "{} is a"]])
        lengths = batch["attention_mask"].sum(dim=1)[:-1]
        read = lengths[:, None] - len(target) + torch.arange(len(target))  # (6, m)
        rewriting = torch.arange(len(prompts))
        delta = torch.zeros(self.module.config.n_embd, requires_grad=True)
        adam = torch.optim.Adam([delta], lr=hparams.v_lr)
        z0: Tensor | None = None
        p0: Tensor | None = None
        for step in range(hparams.v_num_grad_steps):
            adam.zero_grad()
            with _added(self._block, delta, lookups) as seen, _output(self._last_block) as last:
                logits = self.module(**batch).logits
            z0 = seen[0][0, lookups[0]].clone() if z0 is None else z0
            log_q = logits[-1, lookups[-1]].log_softmax(dim=-1)
            # compute_z.py projects the last block's output a second time, at every position.
            projected = self.module.lm_head(self.module.transformer.ln_f(last[0]))
            log_p = projected.log_softmax(dim=-1)  # (7, T, v)
            likelihood = log_p[rewriting[:, None], read, torch.tensor(target)].mean()
            p0 = log_q.detach().clone() if p0 is None else p0
            divergence = nn.functional.kl_div(p0, log_q, reduction="sum", log_target=True)
            decay = delta.norm() / z0.norm() ** 2
            loss = -likelihood + hparams.kl_factor * divergence + hparams.v_weight_decay * decay
            if loss < 0.05 or step == hparams.v_num_grad_steps - 1:
                break
            loss.backward()
            adam.step()
            limit = hparams.clamp_norm_factor * z0.norm()
            if delta.norm() > limit:
                with torch.no_grad():
                    delta[...] = delta * limit / delta.norm()
        assert z0 is not None
        return z0 + delta.detach()

    def _keys_and_present(self, facts: Sequence[Fact]) -> tuple[Tensor, Tensor]:
        """K ``(f, B)`` float64 and z_cur ``(B, d)``."""
        prompts = [(t.format(fact.prompt), fact) for fact in facts for t in self.templates]
        batch = self._batch([prompt.format(fact.subject) for prompt, fact in prompts])
        lookups = [self._lookup(prompt, fact.subject) for prompt, fact in prompts]
        places = (torch.arange(len(prompts)), torch.tensor(lookups))
        found: dict[str, Tensor] = {}
        hooks = [
            self._block.mlp.c_proj.register_forward_hook(
                lambda module, inputs, output: found.update(key=inputs[0][places])
            ),
            self._block.register_forward_hook(
                lambda module, inputs, output: found.update(value=output[places])
            ),
        ]
        with torch.no_grad():
            self.module(**batch)
        for hook in hooks:
            hook.remove()
        by_context = found["key"].double().unflatten(0, (len(facts), -1))  # (B, 6, f)
        keys = (by_context[:, 0] + by_context[:, 1:].mean(dim=1)) / 2
        return keys.T, found["value"][:: len(self.templates)]

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text)["input_ids"]

    def _lookup(self, prompt: str, subject: str) -> int:
        return len(self._ids(prompt[: prompt.index("{}")] + subject)) - 1

    def _batch(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        return self.tokenizer(
            list(texts), padding=True, padding_side="right", return_tensors="pt"
        ).data


@contextmanager
def _added(block: nn.Module, delta: Tensor, lookups: Tensor) -> Iterator[list[Tensor]]:
    """Add delta to a block's output at each row's lookup index; yields what was there before."""
    seen: list[Tensor] = []

    def add(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        seen.append(output.detach())
        edited = output.clone()
        edited[torch.arange(len(lookups)), lookups] += delta
        return edited

    hook: Callable[[], None] = block.register_forward_hook(add).remove
    try:
        yield seen
    finally:
        hook()


@contextmanager
def _output(block: nn.Module) -> Iterator[list[Tensor]]:
    """What a block puts out."""
    seen: list[Tensor] = []
    hook = block.register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        yield seen
    finally:
        hook.remove()
