"""Gradient and loss of several problems at once: the inner loop of iterations with many cheap steps.

The formulas are those of linmem.continuous.dynamics.deviation, vectorised over K problems of n neurons each. One call
costs about as much as one call of `DeviationLoss.gradient`, whatever K is (up to some hundred problems).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from linmem.citations import cites
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.kernels import GaussianBump


@cites("linmem", "deviation variables around an exact fit")
@dataclass(frozen=True)
class DeviationBatch:
    """K problems with the same number n of neurons; fits and remainders may differ.

    Raises ValueError for no problem or for unequal numbers of neurons, TypeError for anything but a DeviationLoss.

    >>> from linmem.kernels import ExponentialSum
    >>> fit = ExponentialSum([1.0, 0.0], [1.0, 0.5])
    >>> batch = DeviationBatch([DeviationLoss(fit, GaussianBump(mu)) for mu in (20.0, 40.0)])
    >>> gradient, drop = batch.evaluate(np.zeros((2, 4)))
    >>> [f"{x:.3e}" for x in gradient[:, 1]], drop.tolist()
    (['-2.579e-04', '-1.171e-08'], [0.0, 0.0])
    """

    problems: Sequence[DeviationLoss]
    _amplitudes: np.ndarray = field(init=False, repr=False, compare=False)
    _rates: np.ndarray = field(init=False, repr=False, compare=False)
    _bumps: np.ndarray | None = field(init=False, repr=False, compare=False)  # (3, K, 1): centres, widths, amplitudes
    _start: np.ndarray = field(init=False, repr=False, compare=False)  # P_0 at the rates of the fit
    _sums: np.ndarray = field(init=False, repr=False, compare=False)  # w0_k + w0_j

    def __post_init__(self) -> None:
        problems = tuple(self.problems)
        for problem in cast(tuple[object, ...], problems):
            if not isinstance(problem, DeviationLoss):
                raise TypeError(f"problems must be DeviationLoss, got {type(problem).__name__}; build one of them")
        if len({problem.size for problem in problems}) != 1:
            raise ValueError(
                "problems must be at least one, all with the same number of neurons, got sizes "
                f"{[problem.size for problem in problems]}; run the others in a batch of their own"
            )
        rates = np.array([problem.fit.rates for problem in problems])
        kernels = [problem.remainder for problem in problems]
        bumps = [(k.centre, k.width, k.amplitude) for k in kernels if isinstance(k, GaussianBump)]
        values: dict[str, object] = {
            "problems": problems,
            "_amplitudes": np.array([problem.fit.amplitudes for problem in problems]),
            "_rates": rates,
            "_bumps": np.array(bumps).T[:, :, None] if len(bumps) == len(kernels) else None,
            "_sums": rates[:, :, None] + rates[:, None, :],
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_start", self._transforms(rates)[0])

    @property
    def size(self) -> int:
        """The number n of neurons of each problem."""
        return self._rates.shape[1]

    def rates(self, deviations: Float[np.ndarray, "K p"]) -> Float[np.ndarray, "K n"]:
        """w0 + dw; `evaluate` is defined where all of them are > 0."""
        return self._rates + deviations[:, self.size :]

    def evaluate(self, deviations: Float[np.ndarray, "K p"]) -> tuple[Float[np.ndarray, "K p"], Float[np.ndarray, "K"]]:
        """(gradient, J(theta_0) - J(theta_0 + d)) of every problem, for d = (da, dw) of shape (K, 2n).

        The gradient keeps its relative accuracy however small it is. The drop subtracts two transforms of the
        remainder, so its absolute error is a few eps * sum |a0_k| P_0(w0_k); `DeviationLoss.drop` has none of that.
        Input is not checked: this is an inner loop.
        """
        n = self.size
        da, dw = deviations[:, :n], deviations[:, n:]
        a0 = self._amplitudes
        w = self._rates + dw
        moved = (a0 * dw)[:, None, :]
        added = da[:, None, :]
        left = w[:, :, None]
        s, s0 = left + w[:, None, :], left + self._rates[:, None, :]
        product = s * s0
        value = ((added * s0 - moved) / product).sum(2)
        slope = (moved * (s + s0) / product**2 - added / s**2).sum(2)
        transform, derivative = self._transforms(w)
        gradient = np.concatenate([2 * (value - transform), 2 * (a0 + da) * (slope - derivative)], axis=1)
        # as in DeviationLoss.drop: ||D||^2 = sum_k da_k N(w_k) + a0_k (N(w_k) - N(w0_k))
        across = self._rates[:, :, None] + w[:, None, :]
        steps = (moved * (s + self._sums) / (s0 * self._sums) - added) / (s * across)
        change = da * (2 * transform - value) + a0 * (2 * (transform - self._start) - dw * steps.sum(2))
        return gradient, change.sum(1)

    def _transforms(self, u: Float[np.ndarray, "K n"]) -> tuple[Float[np.ndarray, "K n"], Float[np.ndarray, "K n"]]:
        """P_0 and P_0' of every problem at its row of u."""
        if self._bumps is not None:  # GaussianBump.laplace for several bumps at once, on its main branch
            mu, width, height = self._bumps
            x = mu / width - width * u
            if x.min() >= 0:
                zeroth = (np.sqrt(2 * np.pi) * height * width) * np.exp(u * (width * width * u / 2 - mu)) * ndtr(x)
                first = width * (x * zeroth + width * height * np.exp(-((mu / width) ** 2) / 2))
                return zeroth, -first
        rows = [(p.remainder.laplace(v), p.remainder.laplace(v, 1)) for p, v in zip(self.problems, u, strict=True)]
        return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
