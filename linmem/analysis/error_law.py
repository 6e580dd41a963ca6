"""The mean absolute value of a weighted sum of independent numbers, exactly: what a linear recall leaves as its error.

For |X| <= P the Fourier series of |x| on [-P, P] gives, with phi the characteristic function of X,

    E|X| = P/2 - (4 P / pi^2) sum_{j odd} phi(j pi / P) / j^2,

which is an identity, not an approximation. For ``X = sum_k r_k (x_k - E x_k)`` with independent x_k, phi is the product
of the characteristic functions of the terms, and P = sum_k |r_k| times the largest deviation of x_k. What is cut off
beyond j = J is at most ``(2 P / pi^2) / J`` times the largest |phi| there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_choice, check_nonnegative
from linmem.citations import cites

LAWS = ("uniform01", "normal", "rademacher")
"""Laws of one input: U[0, 1] (variance 1/12); N(0, 1); 1 or -1 with probability 1/2 each."""

_MOST_TERMS = 2**16
_NEGLIGIBLE = 1e-13
_CHUNK = 2**20


def law_variance(law: str) -> float:
    """Variance of one input: 1/12 for "uniform01", else 1.

    >>> law_variance("normal")
    1.0
    """
    return 1.0 / 12.0 if check_choice("law", law, LAWS) == "uniform01" else 1.0


@dataclass(frozen=True)
class AbsoluteError:
    """A mean absolute error that is known up to a margin.

    Attributes
    ----------
    value : the number computed.
    margin : bound on ``|value - exact|``, from what was cut off (and the rounding of the sum, to first order).
    """

    value: float
    margin: float

    @property
    def low(self) -> float:
        """``value - margin``, at least 0."""
        return max(0.0, self.value - self.margin)

    @property
    def high(self) -> float:
        """``value + margin``."""
        return self.value + self.margin


def _characteristic(r: Float[np.ndarray, "K"], t: Float[np.ndarray, "J"], law: str) -> Float[np.ndarray, "J"]:
    """Characteristic function of ``sum r_k (x_k - E x_k)`` at t, in blocks of bounded memory."""
    found = np.empty_like(t)
    step = max(1, _CHUNK // len(r))
    for start in range(0, len(t), step):
        angle = np.multiply.outer(t[start : start + step], r)
        found[start : start + step] = (np.sinc(angle / (2 * np.pi)) if law == "uniform01" else np.cos(angle)).prod(1)
    return found


def _significant(r: Float[np.ndarray, "K"]) -> tuple[Float[np.ndarray, "kept"], float]:
    """The weights without the smallest ones, and the root of the sum of squares of those left out."""
    order = np.argsort(-np.abs(r), kind="stable")
    rest = np.sqrt(np.cumsum((r[order] ** 2)[::-1])[::-1])
    kept = int(np.searchsorted(-rest, -_NEGLIGIBLE * rest[0]))
    return r[order[:kept]], float(rest[kept]) if kept < len(r) else 0.0


@cites("linmem")
def mean_absolute_error(weights: ArrayLike, law: str = "uniform01", *, tail_energy: float = 0.0) -> AbsoluteError:
    """``E |sum_k r_k (x_k - E x_k)|`` for independent x_k of one law, with a bound on the error of the number.

    "normal": ``sqrt(2/pi) ||r||``. "uniform01" and "rademacher": the Fourier series above, doubled in length until its
    remainder is below 1e-12, at most 32768 terms. For uniform inputs phi falls as fast as a product of 2/(|r_k| t), and
    few terms do; for Rademacher inputs it does not fall, and the margin ends near ``3e-6 sum |r_k|``.

    Parameters
    ----------
    weights : (K,) weights r, for a recall the unit vector at its lag minus the taps of the filter; K >= 1.
    law : "uniform01", "normal" or "rademacher".
    tail_energy : sum of the squares of further weights that are not given; the margin covers them, since
        ``| E|X + Y| - E|X| | <= sqrt(E Y^2)``.

    Raises
    ------
    ValueError : for an unknown law, no weights, or a negative energy.

    Cost: K terms for each number of the series.

    >>> round(mean_absolute_error([1.0]).value, 12)  # the constant answer: E|x - 1/2| = 1/4
    0.25
    >>> round(mean_absolute_error([1.0, -1.0]).value, 9)  # E|x - y| = 1/3
    0.333333333
    >>> round(mean_absolute_error([1.0, 1.0], "rademacher").value, 4)
    1.0
    """
    r, name = check_array("weights", weights, ndim=1), check_choice("law", law, LAWS)
    if r.size == 0:
        raise ValueError("weights must hold at least one number, got none; pass e.g. [1.0] for the constant answer")
    beyond = math.sqrt(law_variance(name) * check_nonnegative("tail_energy", tail_energy))
    size = float(np.linalg.norm(r))
    if size == 0.0:
        return AbsoluteError(0.0, beyond)
    if name == "normal":
        return AbsoluteError(math.sqrt(2 / math.pi) * size, beyond + 4e-16 * size)
    kept, dropped = _significant(r)
    bound = float(np.abs(kept).sum()) * (0.5 if name == "uniform01" else 1.0)
    beyond += dropped * math.sqrt(law_variance(name))
    head, total, first, last = 4 * bound / math.pi**2, 0.0, 1, 255
    while True:
        j = np.arange(first, last + 1, 2)
        total += float((_characteristic(kept, j * (math.pi / bound), name) / j**2).sum())
        cut = head / (2 * (last + 1)) * _envelope(kept, (last + 2) * math.pi / bound, name)
        if cut <= 1e-12 or last >= _MOST_TERMS:
            break
        first, last = last + 2, 2 * last + 1
    return AbsoluteError(bound / 2 - head * total, beyond + cut + 4e-15 * bound)


def _envelope(r: Float[np.ndarray, "K"], t: float, law: str) -> float:
    """Bound on the characteristic function at t and beyond: ``prod min(1, 2 / (|r_k| t))``, or 1."""
    if law != "uniform01":
        return 1.0
    return float(np.minimum(1.0, 2.0 / (np.abs(r) * t)).prod())
