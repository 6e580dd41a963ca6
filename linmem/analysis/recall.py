"""The best linear recall of one past input by n states: how much of it, by which filter, with which error.

An n-state linear network recalls white input of tau steps ago with squared correlation at most
``MC*_n(tau) = max_B sum_{m > tau} b_m^2`` over the real all-passes B of degree n
(:func:`linmem.capacity.optimal_linear_recall`). The all-pass found is realised as a lattice: (A, B) with
``A A^T + B B^T = I``, so that white input of variance 1 makes a state of covariance I and the best read-out of the
input tau steps ago is ``c = A^tau B``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import optimize

from linmem.analysis.error_law import AbsoluteError, law_variance, mean_absolute_error
from linmem.analysis.recall_bound import certified_best_recall, recall_upper_bound
from linmem.capacity.linear.optimal import optimal_reflections
from linmem.checks import check_array, check_integer
from linmem.citations import cites

if TYPE_CHECKING:
    import pandas as pd

_MOST_TAPS = 4096
_BOUND_GAP, _BOUND_WORK = 1e-4, 600_000  # of the proof for few states: boxes times steps, half a second


def lattice_system(
    reflections: ArrayLike,
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "n"], Float[np.ndarray, "n"], float]:
    """State space (A, B, C, D) of the all-pass with reflection coefficients k_1 .. k_n, an orthogonal matrix.

    Stage j turns the input u and the delayed output w of stage j - 1 by the angle ``arcsin k_j``:
    output ``k_j u + sqrt(1 - k_j^2) w``, input of stage j - 1 ``sqrt(1 - k_j^2) u - k_j w``.

    Raises
    ------
    ValueError : if a coefficient is outside (-1, 1).

    >>> A, B, C, D = lattice_system([0.5])
    >>> A.item(), round(B.item() ** 2 + A.item() ** 2, 12), D
    (-0.5, 1.0, 0.5)
    """
    k = check_array("reflections", reflections, ndim=1)
    if not (np.abs(k) < 1).all():
        raise ValueError(f"reflections must lie in (-1, 1), got {k.tolist()}; pass those of a stable all-pass")
    state, inputs, output, direct = np.zeros((0, 0)), np.zeros(0), np.zeros(0), 1.0
    for kappa in k:
        s = math.sqrt((1 - kappa) * (1 + kappa))
        # the new state is the delayed output of the stages so far, whose input is s u - kappa w
        state = np.block([[state, -kappa * inputs[:, None]], [output[None, :], np.array([[-kappa * direct]])]])
        inputs = np.append(s * inputs, s * direct)
        output, direct = np.append(np.zeros(len(output)), s), float(kappa)
    return state, inputs, output, direct


@dataclass(frozen=True, eq=False)
class BestRecall:
    """The best linear recall found for n states and one lag.

    Attributes
    ----------
    state_size, lag, law : n, tau, and the law of the inputs of :func:`best_recall`.
    recall : squared correlation that the filter attains: MC*_n(tau), or less if the search missed the maximum.
    upper : certified upper bound of MC*_n(tau): at most ``recall + 1e-4`` for n <= 3 up to a lag of some 16
        (:func:`linmem.analysis.recall_bound.certified_best_recall`), else :func:`recall_upper_bound`.
    reflections : (n,) of the all-pass.
    A, B, c : (n, n), (n,), (n,) the filter ``x_t = A x_{t-1} + B z_t``, answer c.x_t, of least mean square.
    taps : (K,) its taps ``c^T A^k B``; what lies beyond has a sum of squares of ``tail_energy``.
    error : exact mean absolute error of this filter (with the best constant added), for the law.
    scale, scaled_error : factor on c that makes the mean absolute error least, and that error.
    gaussian_error : ``sqrt(2/pi) sqrt((1 - MC*) variance)``, the error if the residual were Gaussian.
    """

    state_size: int
    lag: int
    law: str
    recall: float
    upper: float
    reflections: Float[np.ndarray, "n"]
    A: Float[np.ndarray, "n n"] = field(repr=False)
    B: Float[np.ndarray, "n"] = field(repr=False)
    c: Float[np.ndarray, "n"] = field(repr=False)
    taps: Float[np.ndarray, "K"] = field(repr=False)
    tail_energy: float
    error: AbsoluteError
    scale: float
    scaled_error: AbsoluteError
    gaussian_error: float


def _taps(
    A: Float[np.ndarray, "n n"], B: Float[np.ndarray, "n"], c: Float[np.ndarray, "n"], least: int
) -> tuple[Float[np.ndarray, "K"], float]:
    """Taps of a filter whose state has covariance I, up to where the energy of the rest ``c^T A^K A^KT c`` is 1e-30."""
    found: list[float] = []
    row = c.copy()
    while len(found) < _MOST_TAPS and (len(found) < least or float(row @ row) > 1e-30):
        found.append(float(row @ B))
        row = row @ A
    return np.array(found), float(row @ row)


def _residual(taps: Float[np.ndarray, "K"], lag: int, scale: float = 1.0) -> Float[np.ndarray, "K"]:
    weights = -scale * taps
    weights[lag] += 1.0
    return weights


@cites("linmem")
def best_recall(
    state_size: int, lag: int, law: str = "uniform01", *, starts: int = 12, rng: np.random.Generator | int = 0
) -> BestRecall:
    """Best recall of white input of tau steps ago by n linear states, the filter that attains it, and its exact error.

    Parameters
    ----------
    state_size : n (N in Illium), all states of the network.
    lag : tau >= 0; position p of the memorisation task is lag p - 1.
    law : of the inputs: "uniform01" (U[0, 1], the task of Illium et al.), "normal" or "rademacher" (variance 1).
    starts, rng : of the search, as in :func:`linmem.capacity.optimal_linear_recall`.

    Raises
    ------
    ValueError : for a size or a law out of range.

    Cost: the search, 5 ms a start at n = 5; the proof of ``upper`` for n = 2 and 3, up to 0.5 s; n K numbers for K
    taps; K times some hundred cosines an error.

    >>> best = best_recall(1, 1)
    >>> round(best.recall, 6), round(best.upper, 6), round(best.gaussian_error, 4), round(best.error.value, 4)
    (0.25, 0.25, 0.1995, 0.2083)
    """
    variance = law_variance(law)
    n, tau = check_integer("state_size", state_size, minimum=1), check_integer("lag", lag, minimum=0)
    _, reflections = optimal_reflections(n, tau, starts, rng)
    upper = recall_upper_bound(n, tau)
    if 2 <= n <= 3:
        proof = certified_best_recall(n, tau, _BOUND_GAP, boxes=_BOUND_WORK // (tau + 1), reflections=reflections)
        upper, reflections = proof.high, proof.reflections
    A, B, _, _ = lattice_system(reflections)
    c = B.copy()
    for _ in range(tau):
        c = A @ c
    recall = min(1.0, float(c @ c))
    taps, tail = _taps(A, B, c, tau + 1)

    def error(scale: float) -> AbsoluteError:
        return mean_absolute_error(_residual(taps, tau, scale), law, tail_energy=scale * scale * tail)

    scale = 1.0
    if recall < 1.0 - 1e-12 and law != "normal":
        found = optimize.minimize_scalar(lambda s: error(float(s)).value, bounds=(0.0, 2.0), method="bounded")
        scale = float(found.x)
    missing = max(0.0, 1.0 - recall)
    return BestRecall(
        state_size=n,
        lag=tau,
        law=law,
        recall=recall,
        upper=upper,
        reflections=reflections,
        A=A,
        B=B,
        c=c,
        taps=taps,
        tail_energy=tail,
        error=error(1.0),
        scale=scale,
        scaled_error=error(scale),
        gaussian_error=math.sqrt(2 / math.pi * missing * variance),
    )


@dataclass(frozen=True, eq=False)
class LeastErrorFilter:
    """A filter of n states with a smaller mean absolute error than the one of least mean square.

    Attributes
    ----------
    reflections, c : (n,) and (n,), poles (through :func:`lattice_system`) and read-out.
    taps : (K,) its taps.
    error : its exact mean absolute error.
    correlation : squared correlation with the input that it recalls, at most MC*_n(tau).
    """

    reflections: Float[np.ndarray, "n"]
    c: Float[np.ndarray, "n"]
    taps: Float[np.ndarray, "K"]
    error: AbsoluteError
    correlation: float


@cites("linmem")
def least_error_filter(best: BestRecall) -> LeastErrorFilter:
    """Filter of n states whose mean absolute error, not its mean square error, is least, by descent from ``best``.

    The least mean square is not the least mean absolute error unless the residual is Gaussian. A local minimum: an
    upper bound of the least error of all linear filters of n states.

    Raises
    ------
    ValueError : if there is nothing to gain (lag < n: the error is 0).

    Cost: about ``100 n`` errors; 0.1 s at n = 1, 2 s at n = 5.

    >>> best = best_recall(1, 1)
    >>> least_error_filter(best).error.high < best.error.low
    True
    """
    n, tau, law = best.state_size, best.lag, best.law
    if tau < n:
        raise ValueError(f"lag must be >= the number of states {n} (a delay line makes no error), got {tau}; raise it")

    def filtered(x: Float[np.ndarray, "n2"]) -> tuple[Float[np.ndarray, "K"], float]:
        A, B, _, _ = lattice_system(np.tanh(x[:n]))
        return _taps(A, B, x[n:], tau + 1)

    def error(x: Float[np.ndarray, "n2"]) -> AbsoluteError:
        taps, tail = filtered(x)
        return mean_absolute_error(_residual(taps, tau), law, tail_energy=tail)

    start = np.concatenate([np.arctanh(best.reflections), best.c])
    found = optimize.minimize(lambda x: error(x).value, start, method="BFGS", options={"gtol": 1e-6})
    x = np.asarray(found.x if found.fun < best.error.value else start)
    taps, tail = filtered(x)
    correlation = float(taps[tau] ** 2 / (taps @ taps + tail))
    return LeastErrorFilter(np.tanh(x[:n]), x[n:], taps, error(x), correlation)


def recall_table(max_size: int, extra: int = 5, law: str = "uniform01", *, starts: int = 12) -> pd.DataFrame:
    """Table of :func:`best_recall` for n = 1 .. ``max_size`` at the lags n .. n + ``extra`` - 1.

    Columns state_size, lag, position (lag + 1), recall, upper, gaussian_error, error, scaled_error.

    >>> recall_table(2, extra=2)[["state_size", "lag", "recall"]].round(4).to_numpy().tolist()
    [[1.0, 1.0, 0.25], [1.0, 2.0, 0.1481], [2.0, 2.0, 0.4375], [2.0, 3.0, 0.3008]]
    """
    import pandas as pd

    check_integer("max_size", max_size, minimum=1)
    check_integer("extra", extra, minimum=1)
    found = [best_recall(n, n + k, law, starts=starts) for n in range(1, max_size + 1) for k in range(extra)]
    return pd.DataFrame(
        {
            "state_size": [f.state_size for f in found],
            "lag": [f.lag for f in found],
            "position": [f.lag + 1 for f in found],
            "recall": [f.recall for f in found],
            "upper": [f.upper for f in found],
            "gaussian_error": [f.gaussian_error for f in found],
            "error": [f.error.value for f in found],
            "scaled_error": [f.scaled_error.value for f in found],
        }
    )
