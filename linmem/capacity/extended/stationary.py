r"""Memory under correlated input: z_t stationary, with autocovariance gamma_k = E z_t z_{t-k} and spectral density S.

With x~ the states in input-normal coordinates (x~_t = A~ x~_{t-1} + C~ z_t, A~ A~^H + C~ C~^H = I), the exact curve is

    G = E x~_t x~_t^H = gamma_0 I + Z + Z^H,  Z = sum_{k >= 1} gamma_k A~^k,
    c_tau = E x~_t z_{t-tau},  c_0 = gamma_0 C~ + Z C~,  c_tau = A~ c_{tau-1} + gamma_tau C~,
    MC_tau = c_tau^H G^{-1} c_tau / gamma_0.

The eigenvalues of G lie between the least and the largest value of S (normalised such that its mean over all
frequencies is gamma_0): its condition is that of the input alone, whatever A and C are.

What changes against white input: a state also knows a past input from its neighbours in time, so the memory of all lags
may sum to more than N. It is at most N max S / gamma_0, and it may also be less than N, where the network is tuned to
frequencies that the input lacks. Input whose spectral density vanishes on a band of frequencies can be extrapolated
from its past; G then loses rank numerically, which ``rank`` and ``condition`` of the result say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike
from scipy import linalg

from linmem.capacity.extended.normal_form import NormalForm, geometric_sum, input_normal_form, reflected
from linmem.capacity.linear import check_stable, check_system, reachable_part, square_matrix
from linmem.capacity.result import MemoryCapacity, MemoryCurve
from linmem.checks import check_array, check_integer, check_nonnegative
from linmem.citations import cites

_EPS = float(np.finfo(np.float64).eps)


class StateSpaceInput(Protocol):
    """An input series that is the output of a linear filter of white noise e of unit variance.

    :class:`linmem.capacity.systems.StationaryInput` is one.
    """

    def state_space(self) -> tuple[Float[np.ndarray, "r r"], Float[np.ndarray, "r"], Float[np.ndarray, "r"]]:
        """(F, g, h) with s_t = F s_{t-1} + g e_t and z_t = h^T s_t."""
        ...


@dataclass(frozen=True, eq=False)
class _Moments:
    """What the curve is made of: A~, C~, the covariance G of the states, c_0, and gamma_0 .. gamma_max_lag."""

    A: Complex[np.ndarray, "n n"]
    C: Complex[np.ndarray, "n"]
    G: Complex[np.ndarray, "n n"]
    start: Complex[np.ndarray, "n"]
    gamma: Float[np.ndarray, "lags"]


@cites("linmem", "memory under correlated input")
def stationary_curve(
    A: ArrayLike, C: ArrayLike, source: StateSpaceInput | tuple[ArrayLike, ArrayLike, ArrayLike], max_lag: int
) -> MemoryCurve:
    """Exact memory curve under the input z_t = h^T s_t, s_t = F s_{t-1} + g e_t with e white (any ARMA model).

    One Lyapunov equation for the states and the filter together gives G and c_0; the formulas are those of the module.

    Parameters
    ----------
    A, C : (N, N) recurrent and (N,) input weights, spectral radius of A below 1.
    source : an input model with ``state_space()``, as :class:`linmem.capacity.systems.StationaryInput`, or the arrays
        (F, g, h) of shapes (r, r), (r,), (r,).
    max_lag : largest lag.

    Returns
    -------
    MemoryCurve of method "stationary". ``condition`` is that of G; directions of G below n 2^-52 of its largest
    eigenvalue are left out, ``rank`` counts the others. If any is left out, the values are lower bounds, ``high`` is 1.

    Raises
    ------
    ValueError : for a system that :func:`linmem.capacity.linear.check_system` refuses, a filter that is not stable or
        does not fit together, or an input of variance 0.

    Cost: O((N + r)^3 log(1 / (1 - radius)) + N^2 max_lag), twice, for the error.

    >>> F, g, h = [[0.6]], [0.8], [1.0]  # z_t = .6 z_{t-1} + .8 e_t: gamma_k = .6^k
    >>> stationary_curve([[0.0]], [1.0], (F, g, h), 3).values.round(12).tolist()  # x_t = z_t: the squares of gamma
    [1.0, 0.36, 0.1296, 0.046656]
    """
    system, mask = check_system(A, C)
    lags = check_integer("max_lag", max_lag, minimum=0)
    F, g, h = _state_space(source)
    return _curve(system, mask, lambda form: _filtered(form, F, g, h, lags), 0.0)


@cites("linmem", "memory under correlated input")
def stationary_capacity(
    A: ArrayLike,
    C: ArrayLike,
    source: StateSpaceInput | tuple[ArrayLike, ArrayLike, ArrayLike],
    max_lag: int | None = None,
    first_lag: int = 1,
) -> MemoryCapacity:
    """Sum of the curve of :func:`stationary_curve` over the lags first_lag .. max_lag; None: to infinity.

    To infinity, sum_tau c_tau c_tau^H is one more Lyapunov equation, that of P = [[A~, C~ h^T F], [0, F]]; the curve of
    the result then ends at lag 2 N. Arguments and errors as there.

    >>> found = stationary_capacity([[0.0]], [1.0], ([[0.6]], [0.8], [1.0]), first_lag=0)  # sum of .36^k
    >>> round(found.value, 12)  # more than N = 1
    1.5625
    """
    system, mask = check_system(A, C)
    first = check_integer("first_lag", first_lag, minimum=0)
    last = max(first, 2 * len(system)) if max_lag is None else check_integer("max_lag", max_lag, minimum=first)
    F, g, h = _state_space(source)
    curve = _curve(system, mask, lambda form: _filtered(form, F, g, h, last), 0.0)

    def beyond(form: NormalForm) -> float:
        """The sum over all lags > last."""
        P, covariance = _together(form, F, g, h)
        n = len(P) - len(F)
        late = np.linalg.matrix_power(P, last + 1) @ covariance[:, n:] @ h
        G, sums = covariance[:n, :n], geometric_sum(P, np.outer(late, np.conj(late)))[:n, :n]
        roots, _, _ = _inverse_root(G)
        return float(np.real(np.trace(roots @ sums @ np.conj(roots).T))) / float(np.real(h @ covariance[n:, n:] @ h))

    form, other = _forms(system, mask)
    remainder, again = beyond(form), beyond(other)
    error = 10 * abs(remainder - again) + _EPS * remainder * (4 * len(system) + curve.condition)
    value, low, high = (float(end[first : last + 1].sum()) for end in (curve.values, curve.low, curve.high))
    if max_lag is not None:
        return MemoryCapacity(value, low, high, first, last, remainder, curve)
    high = high + remainder + error if curve.rank == len(form.eigenvalues) else np.inf
    return MemoryCapacity(value + remainder, max(low + remainder - error, low), high, first, None, 0.0, curve)


@cites("linmem", "memory under correlated input")
def autocovariance_curve(
    A: ArrayLike, C: ArrayLike, autocovariance: ArrayLike, max_lag: int, tail: float = 0.0
) -> MemoryCurve:
    """Memory curve under an input with the autocovariance gamma_0 .. gamma_K, zero beyond K up to a stated ``tail``.

    With t = tail, s the least eigenvalue of G and e = 2 t, every autocovariance that agrees up to lag K and has
    sum_{k > K} |gamma_k| <= t gives a memory between

        (sqrt(MC / (1 + e/s)) - e / sqrt((s - e) gamma_0))^2  and  (sqrt(MC / (1 - e/s)) + e / sqrt((s - e) gamma_0))^2,

    because G and c_tau change by at most e in norm. ``low`` and ``high`` hold this truncation error and the rounding
    errors; where e >= s they are 0 and 1.

    Parameters
    ----------
    A, C : (N, N) recurrent and (N,) input weights, spectral radius of A below 1.
    autocovariance : (K + 1,) gamma_0, gamma_1, ..
    max_lag : largest lag; it may exceed K.
    tail : bound of sum_{k > K} |gamma_k|, >= 0.

    Raises
    ------
    ValueError : for a system that :func:`linmem.capacity.linear.check_system` refuses, gamma_0 <= 0, or numbers that
        are no autocovariance: S(w) = gamma_0 + 2 sum_k gamma_k cos(k w) below -2 tail at some frequency.

    Cost: O(K N^3 + N^2 max_lag), twice, for the error.

    >>> autocovariance_curve([[0.0]], [1.0], [1.0, 0.4], 2).values.round(12).tolist()
    [1.0, 0.16, 0.0]
    """
    system, mask = check_system(A, C)
    lags = check_integer("max_lag", max_lag, minimum=0)
    gamma, left_out = check_array("autocovariance", autocovariance, ndim=1), check_nonnegative("tail", tail)
    _check_autocovariance(gamma, left_out)
    gamma = np.trim_zeros(gamma, "b")
    shown = np.zeros(lags + 1)
    shown[: len(gamma)] = gamma[: lags + 1]

    def moments(form: NormalForm) -> _Moments:
        P, B = form.matrices()
        n = len(P)
        total = np.zeros((n, n), dtype=complex)
        for value in gamma[:0:-1]:
            total[np.diag_indices(n)] += value
            total = P @ total
        start = gamma[0] * B[:, 0] + total @ B[:, 0]
        return _Moments(P, B[:, 0], gamma[0] * np.eye(n) + total + np.conj(total).T, start, shown)

    return _curve(system, mask, moments, left_out)


def _check_autocovariance(gamma: Float[np.ndarray, "K"], tail: float) -> None:
    """Refuse a sequence that is no autocovariance of variance > 0."""
    if gamma.size == 0 or gamma[0] <= 0:
        raise ValueError(
            f"autocovariance must start with the variance gamma_0 > 0, got {gamma[:1].tolist()}; pass gamma_0, .."
        )
    # On a grid of frequencies, eight for each lag.
    least = float((2 * np.real(np.fft.rfft(gamma, 16 * len(gamma))) - gamma[0]).min())
    if least < -2 * tail - 64 * _EPS * float(np.abs(gamma).sum()):
        raise ValueError(
            "autocovariance must have a spectral density gamma_0 + 2 sum gamma_k cos(k w) >= 0 (up to 2 tail), got "
            f"{least:.3g} at some frequency; taper the sequence, pass more lags, or bound what is cut off by `tail`"
        )


def _state_space(
    source: StateSpaceInput | tuple[ArrayLike, ArrayLike, ArrayLike],
) -> tuple[Float[np.ndarray, "r r"], Float[np.ndarray, "r"], Float[np.ndarray, "r"]]:
    """F, g, h as checked arrays."""
    given = source if isinstance(source, tuple) else source.state_space()
    if len(given) != 3:
        raise ValueError(
            f"source must be (F, g, h), got {len(given)} arrays; pass three, or a model with state_space()"
        )
    F = square_matrix("F", given[0])
    g, h = (check_array(name, value, shape=(len(F),)) for name, value in zip("gh", given[1:], strict=True))
    check_stable(F)
    return F, g, h


def _together(
    form: NormalForm, F: Float[np.ndarray, "r r"], g: Float[np.ndarray, "r"], h: Float[np.ndarray, "r"]
) -> tuple[Complex[np.ndarray, "m m"], Complex[np.ndarray, "m m"]]:
    """Transition matrix and covariance of the states x~ and of the filter s together."""
    P, B = form.matrices()
    n = len(P)
    both = np.zeros((n + len(F), n + len(F)), dtype=complex)
    both[:n, :n], both[:n, n:], both[n:, n:] = P, np.outer(B[:, 0], h @ F), F
    drive = np.r_[B[:, 0] * (h @ g), g]
    covariance = geometric_sum(both, np.outer(drive, np.conj(drive)))
    if not float(np.real(h @ covariance[n:, n:] @ h)) > 0:
        raise ValueError("the input must have positive variance, got 0 from (F, g, h); pass non-zero g and h")
    return both, covariance


def _filtered(
    form: NormalForm, F: Float[np.ndarray, "r r"], g: Float[np.ndarray, "r"], h: Float[np.ndarray, "r"], max_lag: int
) -> _Moments:
    """The moments under the output of a filter."""
    both, covariance = _together(form, F, g, h)
    n = len(both) - len(F)
    column = np.real(covariance[n:, n:]) @ h
    gamma = np.empty(max_lag + 1)
    for k in range(max_lag + 1):
        gamma[k] = h @ column
        column = F @ column
    start = covariance[:n, n:] @ h
    return _Moments(both[:n, :n], form.matrices()[1][:, 0], covariance[:n, :n], start, gamma)


def _forms(A: Float[np.ndarray, "N N"], C: Float[np.ndarray, "N"]) -> tuple[NormalForm, NormalForm]:
    """The input-normal form of the reachable part, once as given and once in reflected coordinates."""
    part = reachable_part(A, C[:, None])
    return input_normal_form(part.A, part.C), input_normal_form(*reflected(part.A, part.C))


def _inverse_root(G: Complex[np.ndarray, "n n"]) -> tuple[Complex[np.ndarray, "r n"], int, float]:
    """W with W^H W = G^+ (directions below n 2^-52 left out), their number, and the condition of the kept ones."""
    w, V = linalg.eigh((G + np.conj(G).T) / 2)
    kept = w > len(w) * _EPS * w[-1]
    return np.conj(V[:, kept]).T / np.sqrt(w[kept])[:, None], int(kept.sum()), float(w[-1] / w[kept][0])


def _curve(
    A: Float[np.ndarray, "N N"], C: Float[np.ndarray, "N"], moments: Callable[[NormalForm], _Moments], tail: float
) -> MemoryCurve:
    """The curve of the moments of both coordinate systems, with rounding and truncation error."""
    forms = _forms(A, C)
    found = [_values(moments(form)) for form in forms]
    values, rank, condition, least, variance = found[0]
    rounding = 10 * float(np.abs(values - found[1][0]).max()) + _EPS * (4 * len(A) + condition)
    low, high = np.maximum(values - rounding, 0.0), np.minimum(values + rounding, 1.0)
    e = 2 * tail
    if e > 0:
        least = max(least - rounding * variance, 0.0)
        if e >= least:
            low, high = np.zeros_like(low), np.ones_like(high)
        else:
            change = e / np.sqrt((least - e) * variance)
            low = np.maximum(np.sqrt(low / (1 + e / least)) - change, 0.0) ** 2
            high = np.minimum((np.sqrt(high / (1 - e / least)) + change) ** 2, 1.0)
    if rank < len(forms[0].eigenvalues):
        high = np.ones_like(high)
    error = "estimated rounding errors (change under a reflection of the state space, and condition of the covariance)"
    if e > 0:
        error += ", and the bound of what the autocovariance leaves out"
    return MemoryCurve(values, low, high, "stationary", len(A), rank, error, condition=condition)


def _values(m: _Moments) -> tuple[Float[np.ndarray, "lags"], int, float, float, float]:
    """MC_0, MC_1, .., rank and condition of G, its least eigenvalue, and gamma_0."""
    W, rank, condition = _inverse_root(m.G)
    values = np.empty(len(m.gamma))
    c = m.start
    for tau, gamma in enumerate(m.gamma):
        c = c if tau == 0 else m.A @ c + gamma * m.C
        values[tau] = float(np.sum(np.abs(W @ c) ** 2)) / m.gamma[0]
    return values, rank, condition, float(linalg.eigvalsh(m.G)[0]), float(m.gamma[0])
