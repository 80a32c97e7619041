"""The closed form against dense float64 algebra, and against problems with a known answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.linalg
import torch

from greedy_core.emmet.solver import ClosedForm, KeyCovariance, solve
from greedy_core.errors import NumericalError


@dataclass
class Problem:
    """Dense matrices: C (f, f), K (f, B), R (d, B), W (d, f)."""

    c: np.ndarray
    k: np.ndarray
    r: np.ndarray
    w: np.ndarray

    def solve(self, mu: float) -> ClosedForm:
        covariance = KeyCovariance.of(torch.from_numpy(self.c))
        keys = torch.from_numpy(self.k)
        return solve(
            keys,
            covariance.solve(keys),
            covariance.energy(torch.from_numpy(self.w)),
            torch.from_numpy(self.r),
            mu,
        )


def problem(f: int = 12, d: int = 5, b: int = 3, seed: int = 0) -> Problem:
    random = np.random.default_rng(seed)
    corpus = random.normal(size=(f, 4 * f)) * random.uniform(0.1, 3, size=(f, 1))
    return Problem(
        c=corpus @ corpus.T / corpus.shape[1],
        k=random.normal(size=(f, b)),
        r=random.normal(size=(d, b)),
        w=random.normal(size=(d, f)),
    )


def dense(form: ClosedForm) -> np.ndarray:
    return (form.u @ form.v.T).numpy()


@pytest.mark.parametrize("mu", [0.0, 0.01, 1.0, 100.0])
@pytest.mark.parametrize(("f", "b"), [(12, 1), (12, 3), (12, 12), (40, 7)])
def test_update_equals_the_explicit_inverse(f: int, b: int, mu: float) -> None:
    p = problem(f=f, b=b)
    c_inverse = np.linalg.inv(p.c)
    middle = np.linalg.inv(p.k.T @ c_inverse @ p.k + mu * np.eye(b))
    expected = p.r @ middle @ p.k.T @ c_inverse
    np.testing.assert_allclose(dense(p.solve(mu)), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("b", [1, 4, 9])
def test_without_damping_the_residuals_are_written_exactly(b: int) -> None:
    p = problem(f=20, b=b)
    form = p.solve(0.0)
    np.testing.assert_allclose(dense(form) @ p.k, p.r, atol=1e-9)
    np.testing.assert_allclose(form.achieved.numpy(), p.r, atol=1e-9)
    assert form.remaining(1.0) < 1e-9
    assert form.rank == b


def test_without_damping_no_other_exact_update_disturbs_the_corpus_less() -> None:
    p = problem(f=10, b=2)
    update = dense(p.solve(0.0))
    cost = np.trace(update @ p.c @ update.T)
    null = scipy.linalg.null_space(p.k.T)
    random = np.random.default_rng(1)
    for _ in range(20):
        other = update + 0.1 * random.normal(size=(5, null.shape[1])) @ null.T
        np.testing.assert_allclose(other @ p.k, p.r, atol=1e-9)
        assert np.trace(other @ p.c @ other.T) > cost


def test_known_answer_is_found() -> None:
    """Any update of the form A (C^-1 K)^T is what its own effect on the keys asks for."""
    p = problem(f=15, b=4)
    answer = np.random.default_rng(2).normal(size=(5, 4)) @ np.linalg.solve(p.c, p.k).T
    p.r = answer @ p.k
    np.testing.assert_allclose(dense(p.solve(0.0)), answer, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("mu", [0.1, 15.0])
def test_emmet_with_damping_is_memit_with_the_same_weight(mu: float) -> None:
    p = problem(f=14, b=5)
    memit = p.r @ np.linalg.solve(mu * p.c + p.k @ p.k.T, p.k).T
    np.testing.assert_allclose(dense(p.solve(mu)), memit, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("mu", [0.0, 0.3, 50.0])
@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_harm_norm_and_remaining_equal_the_dense_ones(mu: float, fraction: float) -> None:
    p = problem(f=16, b=4)
    form = p.solve(mu)
    update = dense(form)
    harm = np.sqrt(np.trace(update @ p.c @ update.T) / np.trace(p.w @ p.c @ p.w.T))
    left = np.linalg.norm(p.r - fraction * update @ p.k, axis=0).mean()
    assert form.harm == pytest.approx(harm, rel=1e-9)
    assert form.norm == pytest.approx(np.linalg.norm(update), rel=1e-9)
    assert form.remaining(fraction) == pytest.approx(
        left / np.linalg.norm(p.r, axis=0).mean(), rel=1e-9, abs=1e-9
    )
    np.testing.assert_allclose(form.achieved.numpy(), update @ p.k, atol=1e-9)


def test_more_damping_writes_less_and_harms_less() -> None:
    forms = [problem().solve(mu) for mu in (0.0, 0.1, 1.0, 10.0)]
    left = [form.remaining(1.0) for form in forms]
    harm = [form.harm for form in forms]
    assert left == sorted(left) and left[0] < 1e-9 < left[1]
    assert harm == sorted(harm, reverse=True)


def test_energy_is_the_mean_squared_output_over_the_corpus() -> None:
    random = np.random.default_rng(3)
    keys, weight = random.normal(size=(6, 50)), random.normal(size=(4, 6))
    covariance = KeyCovariance.of(torch.from_numpy(keys @ keys.T / 50))
    expected = np.square(weight @ keys).sum(axis=0).mean()
    assert covariance.energy(torch.from_numpy(weight)) == pytest.approx(expected, rel=1e-12)


def test_duplicate_keys_write_the_mean_of_what_they_ask_and_report_the_rank(
    caplog: pytest.LogCaptureFixture,
) -> None:
    p = problem(b=3)
    p.k[:, 2] = p.k[:, 0]
    with caplog.at_level(logging.WARNING):
        form = p.solve(0.0)
    assert form.rank == 2
    assert "1 of 3 keys" in caplog.text
    written = dense(form) @ p.k
    mean = (p.r[:, 0] + p.r[:, 2]) / 2
    np.testing.assert_allclose(written[:, 0], mean, atol=1e-8)
    np.testing.assert_allclose(written[:, 1], p.r[:, 1], atol=1e-8)
    np.testing.assert_allclose(written[:, 2], mean, atol=1e-8)


def test_duplicate_keys_with_damping_equal_memit() -> None:
    p = problem(b=3)
    p.k[:, 2] = p.k[:, 0]
    memit = p.r @ np.linalg.solve(0.5 * p.c + p.k @ p.k.T, p.k).T
    np.testing.assert_allclose(dense(p.solve(0.5)), memit, atol=1e-10)


@pytest.mark.parametrize("entry", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["k", "r"])
def test_keys_and_residuals_must_be_finite(name: str, entry: float) -> None:
    p = problem()
    getattr(p, name)[1, 1] = entry
    with pytest.raises(NumericalError, match=r"must be finite.*values\.lr"):
        p.solve(0.1)


def test_keys_that_are_all_zero_are_refused() -> None:
    p = problem()
    p.k[:] = 0
    with pytest.raises(NumericalError, match=r"no positive eigenvalue.*another of layers"):
        p.solve(0.0)


@pytest.mark.parametrize("case", ["too few tokens", "NaN"])
def test_singular_covariance_names_causes_and_remedies(case: str) -> None:
    keys = np.random.default_rng(4).normal(size=(8, 3))
    matrix = torch.from_numpy(keys @ keys.T)
    if case == "NaN":
        matrix[0, 0] = torch.nan
    with pytest.raises(NumericalError) as caught:
        KeyCovariance.of(matrix)
    for part in ("8 key dimensions", "(a)", "(b)", "(c)", "covariance.ridge"):
        assert part in str(caught.value)
