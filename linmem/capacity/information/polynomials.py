"""Orthonormal polynomials of the law of the input: ``E[p_i(z) p_j(z)] = 1 if i = j else 0``, ``p_0 = 1``.

Every family is its three-term recurrence ``z p_k = s_{k+1} p_{k+1} + c_k p_k + s_k p_{k-1}``: known in closed form for
the uniform law (Legendre), the normal law (Hermite) and random signs; found by Stieltjes' procedure on a quadrature of
any distribution of scipy.stats, and on the sample itself for an empirical law. A law with m atoms has the
polynomials of degree 0 .. m - 1 only: two random signs have ``p_1(z) = z`` and nothing beyond.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats
from scipy.special import expit

from linmem.checks import check_array, check_choice, check_integer

Law = Any
"""A name of :data:`LAWS`, a frozen distribution of scipy.stats, or a sample (1-D array) of the law."""
LAWS = ("uniform", "normal", "rademacher", "empirical")
_CONVERGED = 1e-9  # largest relative change of the recurrence when the quadrature is halved
_REACH = 6.0  # the quadrature of a continuous law ends at the quantiles expit(±pi sinh 6), about 1e-275
_MOST_ATOMS = 1_000_000


@dataclass(frozen=True, eq=False)
class OrthonormalPolynomials:
    """The orthonormal polynomials of degree 0 .. ``degree`` of one law.

    Attributes
    ----------
    law : the law, in words.
    centre : (degree,) c_0 .. c_{degree-1} of the recurrence.
    spread : (degree,) s_1 .. s_degree, all positive; s_1 is the standard deviation of the law, c_0 its mean.
    low, high : ends of the support.
    atoms : the values that a discrete law takes; None for a continuous law.
    """

    law: str
    centre: Float[np.ndarray, "degree"]
    spread: Float[np.ndarray, "degree"]
    low: float
    high: float
    atoms: Float[np.ndarray, "m"] | None = None

    @property
    def degree(self) -> int:
        """Highest degree; less than was asked for if the law has too few atoms."""
        return len(self.spread)

    def __call__(self, z: ArrayLike) -> Float[np.ndarray, "rows T"]:
        """``p_0(z) .. p_degree(z)``, one row each, for z of shape (T,). Cost: 3 ``degree`` T multiplications.

        >>> orthonormal_polynomials("uniform", 2)([-1.0, 0.0, 1.0]).round(4)
        array([[ 1.    ,  1.    ,  1.    ],
               [-1.7321,  0.    ,  1.7321],
               [ 2.2361, -1.118 ,  2.2361]])
        """
        x = check_array("z", z, ndim=1)
        p = np.empty((self.degree + 1, x.size))
        p[0] = 1.0
        for k in range(self.degree):
            np.multiply(x - self.centre[k], p[k], out=p[k + 1])
            if k:
                p[k + 1] -= self.spread[k - 1] * p[k - 1]
            p[k + 1] /= self.spread[k]
        return p

    def check(self, inputs: Float[np.ndarray, "T"]) -> None:
        """Refuse inputs that the law cannot have produced: outside the support, or no atom of a discrete law."""
        low, high = float(inputs.min()), float(inputs.max())
        slack = 1e-9 * max(abs(self.low), abs(self.high)) if math.isfinite(self.low + self.high) else 0.0
        if low < self.low - slack or high > self.high + slack:
            raise ValueError(
                f"inputs must lie in the support [{self.low:g}, {self.high:g}] of the law {self.law}, got values from "
                f"{low:g} to {high:g}; rescale the inputs, or pass their law, e.g. law=scipy.stats.uniform(low, width)"
            )
        if self.atoms is not None:
            place = np.clip(np.searchsorted(self.atoms, inputs), 1, max(1, self.atoms.size - 1))
            near = np.minimum(
                np.abs(inputs - self.atoms[np.minimum(place, self.atoms.size - 1)]),
                np.abs(inputs - self.atoms[place - 1]),
            )
            if near.max() > slack:
                value = float(inputs[int(near.argmax())])
                raise ValueError(
                    f"inputs must be values of the discrete law {self.law}, got {value:g}; "
                    "pass the law they are drawn from, or law='empirical'"
                )


def stieltjes(
    nodes: Float[np.ndarray, "m"], weights: Float[np.ndarray, "m"], degree: int
) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "d"]]:
    """Recurrence (centre, spread) of the law with these atoms and probabilities, by Stieltjes' procedure.

    Ends before ``degree`` where the law has no further polynomial (as many values as atoms are used up). Each new
    polynomial is orthogonalised against all lower ones a second time, so that rounding does not accumulate.

    Cost: O(degree^2 m).

    >>> centre, spread = stieltjes(np.array([-1.0, 1.0]), np.array([0.5, 0.5]), 3)
    >>> spread
    array([1.])
    """
    w = np.sqrt(weights / weights.sum())
    middle = float(w**2 @ nodes)
    scale = float(np.abs(nodes - middle).max()) or 1.0
    x = (nodes - middle) / scale
    basis = [w]
    centre: list[float] = []
    spread: list[float] = []
    while len(spread) < min(degree, len(nodes) - 1):
        q = x * basis[-1]
        centre.append(float(basis[-1] @ q))
        before = float(np.linalg.norm(q))
        for _ in range(2):
            for p in basis:
                q = q - (p @ q) * p
        norm = float(np.linalg.norm(q))
        if norm <= 1e-13 * before or norm == 0.0:
            centre.pop()
            break
        spread.append(norm)
        basis.append(q / norm)
    return middle + scale * np.array(centre), scale * np.array(spread)


def _quadrature(law: Any, step: float) -> tuple[Float[np.ndarray, "m"], Float[np.ndarray, "m"]]:
    """Double exponential quadrature of the quantile function: ``E f = int_0^1 f(ppf(u)) du``, u = expit(pi sinh t)."""
    t = np.arange(-_REACH, _REACH + step / 2, step)
    s = math.pi * np.sinh(t)
    x = np.where(s < 0, law.ppf(expit(np.minimum(s, 0.0))), law.isf(expit(-np.maximum(s, 0.0))))
    return np.asarray(x, dtype=np.float64), math.pi * np.cosh(t) * expit(s) * expit(-s) * step


def _name(law: Any) -> str:
    """``norm(0, 2)`` for the frozen distribution ``scipy.stats.norm(0, 2)``."""
    words = [*(f"{value:g}" for value in law.args), *(f"{key}={value:g}" for key, value in law.kwds.items())]
    return f"{law.dist.name}({', '.join(words)})"


def _continuous(law: Any, degree: int) -> OrthonormalPolynomials:
    rules = [_quadrature(law, step) for step in (1 / 16, 1 / 32)]
    with warnings.catch_warnings():  # scipy integrates the moments of some laws and warns of what is checked here
        warnings.simplefilter("ignore")
        finite = np.isfinite(rules[1][0]).all() and math.isfinite(float(law.moment(2 * degree)))
    if finite:
        (coarse_centre, coarse_spread), (centre, spread) = (stieltjes(*rule, degree) for rule in rules)
        if len(coarse_spread) == len(spread) == degree:
            change = max(np.abs(coarse_centre - centre).max() / spread[0], np.abs(coarse_spread / spread - 1).max())
            if change <= _CONVERGED:
                low, high = law.support()
                return OrthonormalPolynomials(_name(law), centre, spread, float(low), float(high))
    raise ValueError(
        f"the law must have finite moments up to 2 * degree = {2 * degree} that quadrature finds, got {_name(law)}; "
        "lower the degree, or use an empirical law (pass a sample)"
    )


def _discrete(
    name: str, nodes: Float[np.ndarray, "m"], weights: Float[np.ndarray, "m"], degree: int
) -> OrthonormalPolynomials:
    centre, spread = stieltjes(nodes, weights, degree)
    if not spread.size:
        raise ValueError(f"the law {name} must take at least two values, got {nodes[:1]} only; pass a random input")
    return OrthonormalPolynomials(name, centre, spread, float(nodes.min()), float(nodes.max()), nodes)


def orthonormal_polynomials(law: Law, degree: int) -> OrthonormalPolynomials:
    """Orthonormal polynomials up to a degree of a law of the input.

    Parameters
    ----------
    law : "uniform" (on [-1, 1]), "normal" (mean 0, variance 1), "rademacher" (signs, probability 1/2 each), a frozen
        distribution of scipy.stats such as ``scipy.stats.uniform(0, 0.5)``, or a sample (n,) of values, each of
        probability 1/n.
    degree : highest degree, >= 1. A law with m different values ends at degree m - 1.

    Returns
    -------
    :class:`OrthonormalPolynomials`.

    Raises
    ------
    ValueError : for a law of one value, and for a continuous law without finite moments up to order 2 ``degree`` (or
        whose moments quadrature does not find to nine digits, such as those of high order of the lognormal law).

    Cost: none for the named laws; 385 quantiles for a continuous one; O(degree^2 n) for n values.

    >>> orthonormal_polynomials("normal", 3).spread.round(4)
    array([1.    , 1.4142, 1.7321])
    >>> from scipy import stats
    >>> orthonormal_polynomials(stats.expon(), 2).spread.round(6)
    array([1., 2.])
    """
    count = check_integer("degree", degree, minimum=1)
    if isinstance(law, str):
        name = check_choice("law", law, LAWS)
        k = np.arange(1, count + 1, dtype=np.float64)
        if name == "uniform":
            return OrthonormalPolynomials("'uniform'", 0 * k, k / np.sqrt(4 * k**2 - 1), -1.0, 1.0)
        if name == "normal":
            return OrthonormalPolynomials("'normal'", 0 * k, np.sqrt(k), -math.inf, math.inf)
        if name == "rademacher":
            return OrthonormalPolynomials("'rademacher'", np.zeros(1), np.ones(1), -1.0, 1.0, np.array([-1.0, 1.0]))
        raise ValueError("law 'empirical' needs a sample, got none; pass the sample itself as law")
    if hasattr(law, "dist") and hasattr(law, "ppf"):
        if isinstance(law.dist, stats.rv_discrete):
            reach, (first, last) = 200 * float(law.std()), law.support()
            low, high = max(first, np.ceil(law.mean() - reach)), min(last, np.floor(law.mean() + reach))
            if not high - low < _MOST_ATOMS:
                raise ValueError(f"law must have at most {_MOST_ATOMS} values, got {_name(law)}; pass a sample")
            atoms = np.arange(float(low), float(high) + 1)
            probability = np.asarray(law.pmf(atoms), dtype=np.float64)
            keep = probability > 0
            return _discrete(_name(law), atoms[keep], probability[keep], count)
        return _continuous(law, count)
    sample = check_array("law", cast(ArrayLike, law), ndim=1)
    if not sample.size:
        raise ValueError("law must hold at least two values, got an empty sample; pass more values")
    values, counts = np.unique(sample, return_counts=True)
    return _discrete("of the sample", values, counts.astype(np.float64), count)
