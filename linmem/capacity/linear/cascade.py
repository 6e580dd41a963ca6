"""The exact memory curve of a linear network, from its eigenvalues alone.

For white input and (A, C) controllable, with the all-pass function of the N eigenvalues l_j of A,

    B(z) = prod_j (z - conj l_j)/(1 - l_j z) = sum_m b_m z^m,    MC_tau = sum_{m > tau} |b_m|^2.

Why: the best linear read-out of the input tau steps ago is a projection in the space of sequences, onto the span of
the rows of ``[C, A C, A^2 C, ..]``. These are the coefficients of the functions ``p(z) / prod_j (1 - l_j z)`` with
deg p < N, the orthogonal complement of ``B H^2`` in the Hardy space H^2. So ``1 - MC_tau`` is the squared norm of the
projection of z^tau onto ``B H^2``, and ``<z^tau, B z^i> = b_{tau - i}``.

The mask C does not appear. Lag 0 gives ``1 - det(A)^2``; all lags together give N. A sum over the tail of b cancels
nothing, but b does not end; in place of it the squares of N orthonormal functions are added (Takenaka and Malmquist):

    u_0 = 1,  v_k = u_{k-1} / (1 - l_k z),  u_k = (z - conj l_k) v_k,   MC_tau = sum_k (1 - |l_k|^2) |v_k[tau]|^2.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike
from scipy.signal import lfilter

from linmem.capacity.linear.powers import EPS
from linmem.capacity.linear.reachable import ReachablePart, reachable_part
from linmem.capacity.linear.spectrum import Spectrum, check_stable, check_system, refuse_unstable, spectrum_of
from linmem.capacity.result import MemoryCapacity, MemoryCurve
from linmem.checks import check_integer
from linmem.citations import cites

_UNDETERMINED = 0.05  # root mean square change of B beyond which the first order says nothing


def _check_eigenvalues(values: ArrayLike) -> Complex[np.ndarray, "N"]:
    """Eigenvalues inside the unit disc as a complex vector, the real ones first (they are filtered in real numbers)."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiuc" or array.ndim != 1:
        raise TypeError(
            f"eigenvalues must be a vector of numbers, got dtype {array.dtype} and shape {array.shape}; "
            "pass e.g. numpy.linalg.eigvals(A)"
        )
    array = array.astype(np.complex128)
    size = np.abs(array)
    if not (size < 1).all():
        worst = array[int(np.argmax(np.where(np.isfinite(size), size, np.inf)))]
        raise ValueError(f"eigenvalues must have modulus < 1, got {worst}; scale the matrix to a spectral radius < 1")
    return array[np.argsort(array.imag != 0, kind="stable")]


def _cascade(values: Complex[np.ndarray, "N"], max_lag: int) -> tuple[Float[np.ndarray, "lags"], np.ndarray]:
    """MC_0 .. MC_max_lag and u_N = b_0 .. b_max_lag."""
    curve = np.zeros(max_lag + 1)
    u = np.zeros(max_lag + 1)
    u[0] = 1.0
    one = np.ones(1)
    for value in values:
        l = value if value.imag else value.real
        gain = (1 - abs(l)) * (1 + abs(l))
        v = lfilter(one, np.array([1, -l]), u)
        curve += gain * (v.real * v.real + v.imag * v.imag if np.iscomplexobj(v) else v * v)
        # (z - conj l) v without the cancellation that this difference has for l near the circle.
        u = -np.conj(l) * u
        u[1:] += gain * v[:-1]
    return curve, u


@cites("linmem", "closed form of the memory curve")
def allpass_curve(eigenvalues: ArrayLike, max_lag: int) -> Float[np.ndarray, "lags"]:
    """``MC_tau = sum_{m > tau} |b_m|^2`` at the lags 0 .. max_lag, for given eigenvalues.

    Parameters
    ----------
    eigenvalues : (N,) with modulus < 1, in any order, repeated or not; those of a real network come in conjugate pairs.
    max_lag : largest lag, >= 0.

    Raises
    ------
    ValueError : if a modulus is not below 1.

    Exact for the numbers given up to about ``2^-52 sqrt(N)`` (``2^-52/(1 - |l|)`` relative to the values). Cost: N
    first-order filters over the lags, 40 N max_lag flops.

    >>> allpass_curve([0.5], 2)  # (1 - a^2) a^(2 tau)
    array([0.75    , 0.1875  , 0.046875])
    >>> allpass_curve([0.0, 0.0], 3)  # a delay line of two steps
    array([1., 1., 0., 0.])
    """
    check_integer("max_lag", max_lag, minimum=0)
    return _cascade(_check_eigenvalues(eigenvalues), max_lag)[0]


def allpass_coefficients(eigenvalues: ArrayLike, max_lag: int) -> Complex[np.ndarray, "lags"]:
    """Coefficients b_0 .. b_max_lag of ``B(z) = prod_j (z - conj l_j)/(1 - l_j z)``.

    Arguments, errors and cost as for :func:`allpass_curve`. Those of a real network are real (up to rounding).

    >>> allpass_coefficients([0.5], 3).real
    array([-0.5   ,  0.75  ,  0.375 ,  0.1875])
    """
    check_integer("max_lag", max_lag, minimum=0)
    return _cascade(_check_eigenvalues(eigenvalues), max_lag)[1].astype(np.complex128)


def _rounding(curve: Float[np.ndarray, "lags"], spectrum: Spectrum) -> Float[np.ndarray, "lags"]:
    """Bound on the error of each value.

    A change of B by d in mean square moves a tail sum m of |b|^2, and 1 - m, by at most ``2 d sqrt(m) + d^2``. Each of
    the N filters adds a unit of rounding, at worst all to the same side, and the last sum a few.
    """
    units = (len(spectrum.values) + 4) * EPS
    d = spectrum.error + units
    if not d < _UNDETERMINED:
        return np.ones_like(curve)
    weight = np.sqrt(np.clip(np.minimum(curve, 1 - curve), 0.0, None))
    return 2 * d * weight + d * d + units * curve


@cites("linmem", "closed form of the memory curve")
@cites("jaeger2001short", "definition of the memory function")
def exact_curve(A: ArrayLike, C: ArrayLike, max_lag: int, reachable: ReachablePart | None = None) -> MemoryCurve:
    """Memory curve of the linear network ``x_t = A x_{t-1} + C z_t`` under white input, with a bound on its rounding.

    ``MC_tau = (A^tau C)^T G^{-1} (A^tau C) = sum_{m > tau} |b_m|^2`` over the eigenvalues of the reachable part of
    (A, C): of A itself, if (A, C) is controllable.

    Parameters
    ----------
    A : (N, N) recurrent weights, spectral radius < 1; any such matrix (defective, nilpotent, radius close to 1).
    C : (N,) input weights.
    max_lag : largest lag, >= 0.
    reachable : the reachable part if it is known; None finds it by :func:`reachable_part`.

    Returns
    -------
    MemoryCurve with method "exact". ``rank`` is the dimension of the reachable part, ``condition`` the amplification of
    rounding errors (:class:`Spectrum`), ``low`` and ``high`` enclose the exact value for the given rank if the computed
    eigenvalues are those of a matrix within ``16 2^-52 ||A||_F``, as those of LAPACK are in practice; to first order in
    that change. Nothing is clipped to [0, 1]. Where rounding decides, the interval is the value +- 1. A pair (A, C)
    that rounding errors could have made controllable counts as uncontrollable; :func:`kalman_rank` decides exactly.

    Raises
    ------
    ValueError : if A is not stable, a shape does not fit or a number is out of range.

    Cost: 40 N^3 flops for eigenvalues, left eigenvectors and condition, 40 N max_lag for the curve: 8 ms at N = 100 and
    500 lags, 1.3 s at N = 1000 and 5000 lags on one core.

    >>> curve = exact_curve([[0.0, 0.9], [-0.9, 0.0]], [1.0, 0.0], max_lag=3)
    >>> curve.values.round(6).tolist(), curve.rank, bool((curve.high - curve.low).max() < 1e-13)
    ([0.3439, 0.3439, 0.225633, 0.225633], 2, True)
    """
    matrix, mask = check_system(A, C, stable=False)
    check_integer("max_lag", max_lag, minimum=0)
    part = reachable_part(matrix, mask) if reachable is None else reachable
    if len(part.C) == len(mask):
        spectrum = spectrum_of(matrix, part.values)
    else:
        check_stable(matrix)
        spectrum = spectrum_of(part.A, part.values)
    refuse_unstable(len(part.C), spectrum.radius)
    values = allpass_curve(spectrum.values, max_lag)
    error = _rounding(values, spectrum)
    determined = spectrum.error < _UNDETERMINED
    return MemoryCurve(
        values=values,
        low=values - error,
        high=values + error,
        method="exact",
        states=len(mask),
        rank=len(part.C),
        error="first-order bound on rounding errors, given the rank"
        if determined
        else "none: the eigenvalues are too ill-conditioned for double precision; use enclosed_curve",
        condition=spectrum.condition,
    )


def exact_capacity(
    A: ArrayLike, C: ArrayLike, max_lag: int | None = None, first_lag: int = 1, reachable: ReachablePart | None = None
) -> MemoryCapacity:
    """Sum of the exact memory curve over the lags ``first_lag .. max_lag``, or to infinity.

    To infinity the sum is ``N - sum_{tau < first_lag} MC_tau``, N the dimension of the reachable part, so
    ``N - 1 + prod |l_j|^2`` from lag 1: no tail is cut off.

    Parameters
    ----------
    A, C, reachable : as for :func:`exact_curve`.
    max_lag : last lag that is summed; None for all.
    first_lag : first lag that is summed, >= 0; 1 is Jaeger's (and reservoirpy's) sum.

    Raises
    ------
    ValueError : if A is not stable, or the lags are out of range or order.

    >>> round(float(exact_capacity([[0.5]], [1.0])), 12), float(exact_capacity([[0.5]], [1.0], first_lag=0))
    (0.25, 1.0)
    """
    check_integer("first_lag", first_lag, minimum=0)
    if max_lag is not None:
        check_integer("max_lag", max_lag, minimum=first_lag)
    matrix, mask = check_system(A, C, stable=False)
    curve = exact_curve(matrix, mask, 2 * len(mask) + first_lag if max_lag is None else max_lag, reachable)
    error = 0.5 * (curve.high - curve.low)
    if max_lag is None:
        value = curve.rank - float(curve.values[:first_lag].sum())
        slack, remainder = float(error[:first_lag].sum()), 0.0
    else:
        value = float(curve.values[first_lag:].sum())
        slack, remainder = float(error[first_lag:].sum()), curve.rank - float(curve.values.sum())
    slack += 4 * EPS * curve.rank  # rounding of the sum itself: pairwise summation of at most `rank` in all
    return MemoryCapacity(value, value - slack, value + slack, first_lag, max_lag, remainder, curve)
