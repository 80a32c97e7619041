"""Edits of one layer as LoRA factors, and the overlay that puts them into a running model.

    U (d, r), V (f, r): the edit is U V^T, on a weight W (d, f)

In PEFT's terms lora_B = U and lora_A = V^T with alpha = rank. Factors are float64 while they are
composed; the overlay adds ``(x V) U^T`` in float32 and never touches W, so dropping it restores
every bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from greedy_core.model.language_model import LanguageModel


@dataclass(frozen=True)
class LoraFactors:
    """A low-rank edit U V^T."""

    u: Tensor
    """U, ``(d, r)``."""
    v: Tensor
    """V, ``(f, r)``."""

    @property
    def rank(self) -> int:
        """Number of columns."""
        return self.u.shape[1]

    @property
    def norm(self) -> float:
        """||U V^T||_F, without forming the product."""
        squared = torch.trace((self.u.T @ self.u) @ (self.v.T @ self.v))
        return float(squared.clamp(min=0).sqrt())

    def delta(self) -> Tensor:
        """The dense edit ``(d, f)``."""
        return self.u @ self.v.T

    def plus(self, u: Tensor, v: Tensor) -> LoraFactors:
        """This edit and another one, exactly: the ranks add up."""
        return LoraFactors(torch.cat([self.u, u], dim=1), torch.cat([self.v, v], dim=1))

    def recompressed(self, rank: int | None) -> tuple[LoraFactors, float]:
        """The best approximation of at most `rank`, and its relative error in Frobenius norm.

        Two thin QRs and the SVD of a small matrix; equal to truncating the SVD of the dense edit.
        Within the cap the factors come back as they are, with error 0.
        """
        if rank is None or self.rank <= rank:
            return self, 0.0
        # U V^T = Qu (Ru Rv^T) Qv^T, so the small product has the dense edit's singular values.
        qu, ru = torch.linalg.qr(self.u)
        qv, rv = torch.linalg.qr(self.v)
        left, singular, right = torch.linalg.svd(ru @ rv.T, full_matrices=False)
        total = float(singular.square().sum())
        lost = float(singular[rank:].square().sum())
        root = singular[:rank].sqrt()
        factors = LoraFactors(qu @ (left[:, :rank] * root), qv @ (right[:rank].T * root))
        return factors, (lost / total) ** 0.5 if total > 0 else 0.0


@contextmanager
def edited(model: LanguageModel, factors: Mapping[int, LoraFactors]) -> Iterator[None]:
    """Run whatever is inside with edits in force, by layer; afterwards the model is as before."""
    hooks = [
        model.projection(layer).register_forward_hook(_adding(model, edit))
        for layer, edit in factors.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _adding(
    model: LanguageModel, edit: LoraFactors
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    u = edit.u.to(model.device, torch.float32)
    v = edit.v.to(model.device, torch.float32)

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return (output.float() + (inputs[0].float() @ v) @ u.T).to(output.dtype)

    return add


def merge(model: LanguageModel, factors: Mapping[int, LoraFactors]) -> None:
    """Add edits to the weights themselves, in place; only for a model that nobody shares."""
    with torch.no_grad():
        for layer, edit in factors.items():
            weight = cast(Tensor, model.projection(layer).weight)
            delta = edit.delta().to(weight.device)
            if model.architecture.fan_in_fan_out:
                delta = delta.T
            weight.copy_((weight.double() + delta).to(weight.dtype))
