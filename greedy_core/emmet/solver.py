"""The closed form of EMMET, in factors; no model in sight.

    C  (f, f)  uncentered second moment of the keys, symmetric positive definite
    K  (f, B)  keys of the batch                 R  (d, B)  residuals that should be added
    X  (f, B)  C^-1 K                            G  (B, B)  K^T X = Q diag(g) Q^T
    mu         damping
    dW (d, f)  R (G + mu I)^-1 X^T = U V^T,      U = R, V = X (G + mu I)^-1

All in float64. Only the product of the published emmet_lambda and mom2_update_weight enters, as
mu; EMMET with that product is MEMIT with the same weight. mu = 0 writes the residuals exactly.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from greedy_core.errors import NumericalError

logger = logging.getLogger(__name__)

RANK_TOLERANCE = 1e-10
"""Eigenvalues of G below this share of the largest count as zero when mu is 0."""


@dataclass(frozen=True)
class KeyCovariance:
    """C of one layer as its Cholesky factor: factored once, applied often."""

    factor: Tensor
    """L with L L^T = C, ``(f, f)``."""

    @classmethod
    def of(cls, matrix: Tensor) -> KeyCovariance:
        """Factor C.

        Raises:
            NumericalError: if C is not positive definite.
        """
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if failed or not torch.isfinite(matrix).all():
            raise NumericalError(
                f"the covariance of {len(matrix)} key dimensions is not positive definite "
                f"(at dimension {int(failed)}). Usual causes: (a) too few corpus tokens for the "
                "width; (b) keys that are always zero; (c) NaN or inf in the model's activations. "
                "Use a larger covariance.corpus, or a covariance.ridge of 0.01 or more"
            )
        return cls(factor)

    def energy(self, weight: Tensor) -> float:
        """tr(W C W^T) = ||W L||_F^2: the mean squared length of W k over the corpus."""
        return float((weight @ self.factor).square().sum())

    def solve(self, keys: Tensor) -> Tensor:
        """C^-1 K by two triangular solves; equivalent to ``numpy.linalg.solve(C, K)``."""
        # L L^T X = K --> L Y = K, L^T X = Y
        return torch.cholesky_solve(keys, self.factor)


@dataclass(frozen=True)
class ClosedForm:
    """One solve: the update in factors, and what the trust gate wants to know about it."""

    u: Tensor
    """U, ``(d, B)``: the residuals R that were asked for."""
    v: Tensor
    """V, ``(f, B)``."""
    achieved: Tensor
    """dW K, ``(d, B)``: what the whole update adds at the keys."""
    harm: float
    """sqrt(tr(dW C dW^T) / tr(W C W^T)): change of an average output, relative."""
    norm: float
    """||dW||_F."""
    rank: int
    """Directions of G that were used: B, or less if keys repeat each other and mu is 0."""

    def remaining(self, fraction: float) -> float:
        """mean_j ||r_j - fraction dW k_j|| / mean_j ||r_j||; 0 where nothing was asked for."""
        asked = self.u.norm(dim=0).mean()
        left = (self.u - fraction * self.achieved).norm(dim=0).mean()
        return 0.0 if asked == 0 else float(left / asked)


def solve(keys: Tensor, x: Tensor, energy: float, residuals: Tensor, mu: float) -> ClosedForm:
    """Solve for the update that adds `residuals` at `keys` and changes the rest least.

    Args:
        keys: K, ``(f, B)``.
        x: X = C^-1 K, ``(f, B)``, from `KeyCovariance.solve`.
        energy: tr(W C W^T) of the unedited model's weight; only scales the harm.
        residuals: R, ``(d, B)``.
        mu: damping, 0 or more.

    Raises:
        NumericalError: if keys or residuals are not finite, or all keys are zero.
    """
    if not all(torch.isfinite(each).all() for each in (keys, x, residuals)):
        raise NumericalError(
            "keys and residuals must be finite. Usual causes: (a) a learning rate (values.lr) so "
            "high that target values overflow; (b) a 16-bit model that overflows: use float32"
        )
    gram = keys.T @ x
    inverse, rank = _damped_inverse((gram + gram.T) / 2, mu)
    v = x @ inverse
    achieved = residuals @ (inverse @ gram)
    # tr(dW C dW^T) = tr((U^T U) (V^T C V)), and V^T C V = D^-1 G D^-1 with D = G + mu I.
    preserved = torch.trace((residuals.T @ residuals) @ (inverse @ gram @ inverse))
    norm = torch.trace((residuals.T @ residuals) @ (v.T @ v))
    return ClosedForm(
        u=residuals,
        v=v,
        achieved=achieved,
        harm=math.sqrt(max(float(preserved), 0.0) / energy),
        norm=math.sqrt(max(float(norm), 0.0)),
        rank=rank,
    )


def _damped_inverse(gram: Tensor, mu: float) -> tuple[Tensor, int]:
    """(G + mu I)^-1 through G's eigenvalues; for mu = 0 the pseudo-inverse, with its rank."""
    g, q = torch.linalg.eigh(gram)
    largest = float(g[-1])
    if not largest > 0:
        raise NumericalError(
            "K^T C^-1 K has no positive eigenvalue: all keys of the batch are zero. Usual cause: "
            "the projection's input is zero at the subject in this layer; choose another of layers"
        )
    used = g > RANK_TOLERANCE * largest
    rank = int(used.sum())
    if mu > 0:
        # Rounding may leave eigenvalues a little below zero; they are zero.
        return q @ torch.diag(1 / (g.clamp(min=0) + mu)) @ q.T, rank
    if rank < len(g):
        logger.warning(
            "%d of %d keys of a batch depend on the others (the same subject twice?); "
            "mu = 0 writes what they have in common",
            len(g) - rank,
            len(g),
        )
    inverted = torch.where(used, 1 / torch.where(used, g, 1), 0)
    return q @ torch.diag(inverted) @ q.T, rank
