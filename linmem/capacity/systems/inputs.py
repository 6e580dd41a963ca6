"""Input series: white laws of unit variance, and stationary series with correlation in time (ARMA models)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.signal import lfilter

from linmem.checks import check_array, check_choice, check_generator, check_integer

LAWS = ("uniform", "normal", "rademacher", "laplace", "exponential")


def input_series(T: int, law: str = "uniform", *, rng: int | np.random.Generator) -> Float[np.ndarray, "T"]:
    """White input of mean 0 and variance 1, T steps, oldest first.

    ``"uniform"`` on (-sqrt 3, sqrt 3); ``"normal"``; ``"rademacher"``: 1 or -1; ``"laplace"``: two-sided exponential;
    ``"exponential"``: Exp(1) - 1, skewed.

    Parameters
    ----------
    T : number of steps.
    law : distribution of one step.
    rng : seed or generator.

    >>> z = input_series(100_000, "rademacher", rng=0)
    >>> z.shape, float(z.var().round(2))
    ((100000,), 1.0)
    """
    steps, name = check_integer("T", T, minimum=1), check_choice("law", law, LAWS)
    generator = check_generator("rng", rng)
    if name == "uniform":
        return generator.uniform(-math.sqrt(3.0), math.sqrt(3.0), steps)
    if name == "normal":
        return generator.standard_normal(steps)
    if name == "rademacher":
        return generator.choice([-1.0, 1.0], size=steps)
    if name == "laplace":
        return generator.laplace(0.0, math.sqrt(0.5), steps)
    return generator.exponential(1.0, steps) - 1.0


@dataclass(frozen=True)
class StationaryInput:
    """Stationary input ``z_t = sum_i ar_i z_{t-i} + s (e_t + sum_j ma_j e_{t-j})``, mean 0 and variance 1 (ARMA).

    e is white with mean 0 and variance 1, and s is chosen such that z has variance 1. Both sums start at 1; signs are
    those of the formula (``ar=[0.5]`` is positively correlated). Without coefficients the input is white.

    Attributes
    ----------
    ar, ma : (p,) and (q,) coefficients, kept as tuples.

    Raises
    ------
    ValueError : if the model is not stationary: the roots of ``x^p = sum_i ar_i x^{p-i}`` must lie inside the unit
        circle.

    >>> model = StationaryInput(ar=[0.5])
    >>> model.autocovariance(3).round(12)
    array([1.   , 0.5  , 0.25 , 0.125])
    """

    ar: ArrayLike = ()
    ma: ArrayLike = ()

    def __post_init__(self) -> None:
        for name in ("ar", "ma"):
            values = check_array(name, getattr(self, name), ndim=1)
            object.__setattr__(self, name, tuple(float(value) for value in values))
        radius = float(np.abs(np.roots(np.r_[1.0, -np.asarray(self.ar)])).max(initial=0.0))
        if radius >= 1:
            raise ValueError(
                f"ar must have its characteristic roots inside the unit circle, got one of modulus {radius:.6g}: the "
                "series has no finite variance; pass smaller coefficients"
            )

    @cached_property
    def _unscaled(self) -> tuple[Float[np.ndarray, "r r"], Float[np.ndarray, "r"], Float[np.ndarray, "r r"], int]:
        """F, h, state covariance P for s = 1, and a number of steps after which ``F^n P F^n^T`` is below 2^-60 P."""
        ar, ma = np.asarray(self.ar), np.asarray(self.ma)
        size = max(len(ar), len(ma) + 1)
        F = np.eye(size, k=-1)
        F[0, : len(ar)] = ar
        h = np.zeros(size)
        h[: len(ma) + 1] = np.r_[1.0, ma]
        power, steps = F, 1
        covariance = np.zeros((size, size))
        covariance[0, 0] = 1.0
        while True:  # covariance holds the first ``steps`` terms of sum_k F^k e_1 e_1^T F^k^T; each pass doubles them
            more = power @ covariance @ power.T
            covariance, power, steps = covariance + more, power @ power, 2 * steps
            if np.trace(more) <= 2.0**-60 * np.trace(covariance):
                return F, h, covariance, steps

    @property
    def innovation(self) -> float:
        """The factor s: standard deviation of what is new in a step."""
        _, h, P, _ = self._unscaled
        return 1.0 / math.sqrt(float(h @ P @ h))

    def state_space(self) -> tuple[Float[np.ndarray, "r r"], Float[np.ndarray, "r"], Float[np.ndarray, "r"]]:
        """F, g, h with ``s_t = F s_{t-1} + g e_t`` and ``z_t = h^T s_t``, e white of variance 1; r = max(p, q + 1).

        F is the companion matrix of ar (first row), ``g = s e_1`` and ``h = (1, ma)``: the newest entry of the state is
        the autoregressive part at time t, so that z_t sees e_t at once. White input: F = [[0]], g = h = [1].

        >>> F, g, h = StationaryInput(ma=[1.0]).state_space()
        >>> F, g.round(12), h
        (array([[0., 0.],
               [1., 0.]]), array([0.70710678, 0.        ]), array([1., 1.]))
        """
        F, h, _, _ = self._unscaled
        g = np.zeros(len(h))
        g[0] = self.innovation
        return F.copy(), g, h.copy()

    def autocovariance(self, max_lag: int) -> Float[np.ndarray, "lags"]:
        """``E z_t z_{t-k} = h^T F^k P h`` for the lags k = 0 .. max_lag; lag 0 is 1. P is the state covariance.

        Exact up to rounding, which a root at distance d from the unit circle amplifies by about 1/d.
        """
        lags = check_integer("max_lag", max_lag, minimum=0)
        F, h, P, _ = self._unscaled
        column, values = P @ h / float(h @ P @ h), np.empty(lags + 1)
        for k in range(lags + 1):
            values[k] = h @ column
            column = F @ column
        return values

    def sample(
        self, T: int, *, law: str = "normal", rng: int | np.random.Generator, burn_in: int | None = None
    ) -> Float[np.ndarray, "T"]:
        """A series of T steps, oldest first.

        Parameters
        ----------
        T : number of steps.
        law : distribution of the innovations e_t, one of those of :func:`input_series`. The series itself is normal
            only if they are.
        rng : seed or generator.
        burn_in : steps thrown away before the first; None: so many that what they leave out of the infinite past holds
            less than 2^-53 of the variance.

        Cost: O((T + burn_in) (p + q)); the burn-in is about 21/d steps for a root at distance d from the unit circle,
        rounded up to a power of two.

        >>> z = StationaryInput(ar=[0.9]).sample(50_000, rng=0)
        >>> bool(abs(np.mean(z[1:] * z[:-1]) - 0.9) < 0.1)
        True
        """
        steps = check_integer("T", T, minimum=1)
        past = self._unscaled[3] if burn_in is None else check_integer("burn_in", burn_in, minimum=0)
        e = input_series(past + steps, law, rng=rng)
        z = lfilter(self.innovation * np.r_[1.0, np.asarray(self.ma)], np.r_[1.0, -np.asarray(self.ar)], e)
        return np.asarray(z, dtype=np.float64)[past:]
