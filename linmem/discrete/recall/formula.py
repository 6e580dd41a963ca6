"""Expected error of recalling N steps of an infinite input by least squares, and the best N.

State ``x = sum_n q^n R^n Z s[age n] + e``: W = q R with a random rotation R, q < 1, inputs of variance s^2 that go back
for ever, noise of variance sigma^2 in each state entry. Least squares on the ages n < N misses the older inputs (an
error that falls with N, "omission") and divides by q^n (an error that grows with N, "recall"). In expectation over
networks, inputs and noise, and relative to s^2, the error per recalled input is

    E(N) = M/(M - k) [(L + c) q^{2N} / (M (1 - q^2)) + sigma^2/s^2] (q^{-2N} - 1) / (N (q^{-2} - 1)),

    iid angles:   c = 1, k = N (L + 1);        Haar rotation:   c = 0, k = N L + 1.

Derivation, on the unscaled columns ``a = R^n z_l`` (unit length on average; the unknowns are ``u = q^n s``):

* Two columns of different streams have products of variance 1/M. In the same stream, at ages d > 0 apart, the product
  is ``sum_h |z_h|^2 cos(w_h d)`` with second moment ``[E (tr R^d)^2 + M + E tr R^{2d}] / M^2``. For iid angles
  ``E (tr R^d)^2 = M`` and ``E tr R^{2d} = 0``: the moment is 2/M. For a Haar rotation the eigenvalues repel,
  ``E (tr R^d)^2`` is d or d + 1 (d < M/2), and the moment is 1/M up to a factor 1 + (d + 2)/M.
* An omitted step adds its L columns to each recalled one: variance ``(L + c)/M`` times ``s^2 q^{2n}``; the sum over
  n >= N is geometric. This is *L + 1*, not L, for iid angles: the streams' own past counts twice.
* Noise is amplified by ``E trace (A^T A)^{-1} / NL = 1 + (variance of a row of A^T A) + ...``, and a row has variance
  ``N (L + 1)/M`` for iid angles, ``(N L + 1)/M`` for Haar. ``M/(M - k)`` has this first order; for N = 1 it is exact
  (A = Z is Gaussian), and for Haar it is the law of a Gaussian matrix.
* Dividing by q^n multiplies the mean square by ``mean_{n < N} q^{-2n}``, the last factor.

The relative error of E(N) is of the order k/M: :func:`single_step_error` is exact for N = 1. For iid angles and few
streams the true expectation explodes near ``k = M`` (gaps between the angles), which E(N) shows as infinity.

Sources: the question is that of Charles et al. (2018), Figure 3, and Charles, Yap, Rozell (2014); the formula is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import lambertw

from linmem.checks import check_choice, check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.discrete.model.network import SPECTRA


def check_decay(q: object) -> float:
    """Return a spectral radius in (0, 1); at q = 1 the state of an infinite input has no finite variance."""
    radius = check_positive("q", q)
    if radius >= 1.0:
        raise ValueError(
            f"q must be < 1 (at q = 1 no state of an infinite input exists: its variance grows for ever), got {q!r}; "
            "pass less"
        )
    return radius


def check_sizes(M: object, L: object) -> None:
    """Refuse a number of nodes that is not even and >= 2, and a number of streams < 1."""
    nodes = check_integer("M", M, minimum=2)
    if nodes % 2:
        raise ValueError(f"M must be even (modes come in conjugate pairs), got {nodes}; pass {nodes - 1}")
    check_integer("L", L, minimum=1)


def check_least_squares(N: object, M: int, L: int) -> int:
    """Return a recall length N with N L < M - 1, what a finite expected error of least squares needs."""
    steps = check_integer("N", N, minimum=1)
    if steps * L >= M - 1:
        raise ValueError(
            f"N L must be < M - 1 = {M - 1} for least squares (else its expected error is infinite), got "
            f"{steps} x {L} = {steps * L}; recall at most {longest_recall(M, L)} steps, or use the LASSO"
        )
    return steps


def longest_recall(M: int, L: int) -> int:
    """The largest N with N L < M - 1."""
    return (M - 2) // L


def own_stream(spectrum: str) -> int:
    """c of the formula: how often the omitted past of a stream counts in excess of the other streams'."""
    return 1 if check_choice("spectrum", spectrum, SPECTRA) == "iid" else 0


def mean_growth(N: int, q: float) -> float:
    """``mean_{n < N} q^{-2n} = (q^{-2N} - 1) / (N (q^{-2} - 1))``, infinite beyond the range of doubles."""
    rate = -2.0 * math.log(q)
    return math.expm1(N * rate) / (N * math.expm1(rate)) if N * rate < 709.0 else math.inf


def omission_variance(N: int, M: int, L: int, q: float, s: float = 1.0, *, spectrum: str = "iid") -> float:
    """Variance that the inputs of age >= N leave on a column of the map: ``(L + c) s^2 q^{2N} / (M (1 - q^2))``.

    c = 1 for iid angles, 0 for a Haar rotation. Arguments and errors as for :func:`recall_error`, but N may be any
    integer >= 0 (N = 0: nothing is recalled).

    For iid angles it is also the mean over networks for *any* input of that size, random or not: the columns of
    different ages and streams have uncorrelated products with a given one.

    >>> omission_variance(0, M=100, L=4, q=0.5) == 5 / 75
    True
    """
    check_sizes(M, L)
    check_integer("N", N, minimum=0)
    q, s = check_decay(q), check_nonnegative("s", s)
    return (L + own_stream(spectrum)) * s * s * q ** (2 * N) / (M * -math.expm1(2 * math.log(q)))


@cites("linmem", "recall formula")
@cites("charles2018", "Figure 3")
def recall_error(N: int, M: int, L: int, q: float, sigma: float, s: float = 1.0, *, spectrum: str = "iid") -> float:
    """Expected squared error per recalled input of least squares, relative to s^2: E(N) of the module's first lines.

    Parameters
    ----------
    N : number of steps to recall, N L < M - 1.
    M, L : nodes (even) and streams.
    q : spectral radius, in (0, 1).
    sigma : standard deviation of the noise in each state entry, >= 0. Noise of standard deviation eps in every *step*
        is, in the end, white noise of ``sigma = eps / sqrt(1 - q^2)``.
    s : standard deviation of the inputs, > 0; for inputs that are only known to be bounded, their bound.
    spectrum : "iid" or "haar", the law of the network's angles.

    Returns
    -------
    E(N); infinite where the formula has none (``N (L + 1) >= M`` with iid angles, or beyond the range of doubles).

    Raises
    ------
    ValueError : if a number is out of range, or N L >= M - 1.

    Source: the statement of Charles et al. (2018), Figure 3; formula derived here.

    >>> [round(recall_error(N, M=400, L=8, q=0.9, sigma=0.01), 3) for N in (1, 18, 40)]
    [0.098, 0.048, 0.614]
    """
    check_sizes(M, L)
    check_least_squares(N, M, L)
    q, sigma, s = check_decay(q), check_nonnegative("sigma", sigma), check_positive("s", s)
    c = own_stream(spectrum)
    left = M - N * (L + 1) if c else M - N * L - 1
    if left <= 0:
        return math.inf
    noise = omission_variance(N, M, L, q, spectrum=spectrum) + (sigma / s) ** 2
    return M / left * noise * mean_growth(N, q)


def single_step_error(M: int, L: int, q: float, sigma: float, s: float = 1.0) -> float:
    """Exact expected error of recalling one step (N = 1) of a network with iid angles, relative to s^2.

        E = q^2/(1 - q^2) [2/(M + 2) + (L - 1) M (M + 1)/((M - L - 1)(M + 2)(M - 1))] + (sigma/s)^2 M/(M - L - 1).

    Derivation: A = Z = U G^{1/2} with U uniform on the orthonormal L-frames and G = Z^T Z independent of it. An omitted
    step of age n leaves ``||G^{-1/2} B G^{1/2}||^2``, B = U^T R^n U. Its entries have the second moments
    ``b = E (u.Ru)^2 = [E (tr R^n)^2 + M + E tr R^{2n}] / (M (M + 2)) = 2/(M + 2)`` on and ``(1 - b)/(M - 1)`` off the
    diagonal, and ``E sum_{i != j} g_j / g_i = L (L - 1)(M + 1)/(M - L - 1)`` for the eigenvalues of G. Without noise
    the ratio to :func:`recall_error` is in ``[1 - 4/(M + 2), 1]`` for every L: L + 1 is right to order 1/M.

    Arguments and errors as for :func:`recall_error`.

    >>> round(single_step_error(400, 8, 0.9, 0.01), 4), round(recall_error(1, 400, 8, 0.9, 0.01), 4)
    (0.0976, 0.0982)
    """
    check_sizes(M, L)
    check_least_squares(1, M, L)
    q, sigma, s = check_decay(q), check_nonnegative("sigma", sigma), check_positive("s", s)
    other = (L - 1) * M * (M + 1) / ((M - L - 1) * (M + 2) * (M - 1))
    return q * q / (1 - q * q) * (2 / (M + 2) + other) + (sigma / s) ** 2 * M / (M - L - 1)


@dataclass(frozen=True, eq=False)
class RecallOptimum:
    """The best recall length and the curve it is taken from.

    Attributes
    ----------
    length : N*, the length of the smallest error.
    error : the error there.
    lengths, errors : all lengths that were compared, ascending, and their errors.
    closed_form : N* by Lambert W for N L << M (a real number; NaN where it does not apply).
    closed_form_excess : its excess over the real minimiser of E, to first order.
    """

    length: int
    error: float
    lengths: Int[np.ndarray, "n"]
    errors: Float[np.ndarray, "n"]
    closed_form: float = math.nan
    closed_form_excess: float = math.nan

    @property
    def interior(self) -> bool:
        """Whether the best length is neither the first nor the last."""
        return int(self.lengths[0]) < self.length < int(self.lengths[-1])


def best_length(lengths: Int[np.ndarray, "n"], errors: Float[np.ndarray, "n"]) -> tuple[int, float]:
    """The first length of smallest error, and that error."""
    best = int(np.argmin(errors))
    return int(lengths[best]), float(errors[best])


def closed_form_length(M: int, L: int, q: float, sigma: float, s: float = 1.0, *, spectrum: str = "iid") -> float:
    """Best recall length for N L << M: ``[1 + W0(B/e)] / (2 ln 1/q)`` with ``B = (L + c) s^2 / (M (1 - q^2) sigma^2)``.

    W0 is Lambert's function. With ``x = 2 N ln 1/q`` the error is proportional to ``(B e^{-x} + 1)(e^x - 1)/x``, so
    to ``(B + e^x)/x`` up to a relative e^{-x}; there ``(x - 1) e^x = B``. The real minimiser of E(N) is smaller, to
    first order by ``N q^{2N}`` (left out above) plus ``N k' / (2 (M - k) ln 1/q)`` (from M/(M - k), k' = dk/dN).

    Arguments and errors as for :func:`recall_error`; infinite for sigma = 0.

    >>> round(closed_form_length(400, 8, 0.9, 0.01), 1)
    26.4
    """
    check_sizes(M, L)
    q, sigma, s = check_decay(q), check_nonnegative("sigma", sigma), check_positive("s", s)
    if sigma == 0.0:
        return math.inf
    B = omission_variance(0, M, L, q, spectrum=spectrum) * (s / sigma) ** 2
    return (1.0 + float(np.real(lambertw(B / math.e)))) / (-2.0 * math.log(q))


@cites("linmem", "recall formula")
@cites("charles2018", "Figure 3, optimal recall length")
def optimal_recall(
    M: int,
    L: int,
    q: float,
    sigma: float,
    s: float = 1.0,
    *,
    spectrum: str = "iid",
    longest: int | None = None,
) -> RecallOptimum:
    """Recall length of least squares with the smallest expected error, over the integers N with N L < M - 1.

    Parameters
    ----------
    M, L, q, sigma, s, spectrum : as for :func:`recall_error`.
    longest : largest length to compare (default: all that least squares has).

    Returns
    -------
    :class:`RecallOptimum`, with the closed form of :func:`closed_form_length` beside it.

    Raises
    ------
    ValueError : if a number is out of range or no N has N L < M - 1.

    >>> optimum = optimal_recall(M=400, L=8, q=0.9, sigma=0.01)
    >>> optimum.length, round(optimum.error, 3), optimum.interior
    (19, 0.048, True)
    """
    check_sizes(M, L)
    last = check_least_squares(longest_recall(M, L) or 1, M, L) if longest is None else longest
    last = check_least_squares(last, M, L)
    lengths = np.arange(1, last + 1)
    errors = np.array([recall_error(int(N), M, L, q, sigma, s, spectrum=spectrum) for N in lengths])
    length, error = best_length(lengths, errors)
    closed = closed_form_length(M, L, q, sigma, s, spectrum=spectrum)
    excess = math.nan
    if math.isfinite(closed):
        c = own_stream(spectrum)
        slope = L + c
        left = M - slope * length - (1 - c)
        excess = length * q ** (2 * length) + length * slope / (-2.0 * math.log(q) * left)
    return RecallOptimum(length, error, lengths, errors, closed, excess)
