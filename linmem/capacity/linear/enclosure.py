"""The memory curve in certified intervals, from its definition and not from the eigenvalues.

With ``w_j = A^j C`` and the state covariance ``G = sum_j w_j w_j^T``,

    MC_tau = w_tau^T G^{-1} w_tau.

A and C are taken as the dyadic rationals they are, and everything runs in ball arithmetic. Doubling gives the sum G_J
of the first 2^J terms of G; with ``P = A^(2^J)`` the rest is ``P G P^T``, every entry of which is at most
``||P||^2 ||G_J|| / (1 - ||P||^2)`` in the Frobenius norm, and a norm below 1 also proves that A is stable. G is
singular where (A, C) is not controllable: then the rank of the Krylov matrix is found in exact integer arithmetic, and
as many states are kept as determine all others. The precision is raised until the intervals are narrow enough.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from flint import arb, arb_mat, fmpq, fmpz_mat, nmod_mat
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.capacity.linear.spectrum import check_system, square_matrix
from linmem.capacity.result import MemoryCurve
from linmem.checks import check_integer
from linmem.citations import cites
from linmem.intervals import ball, bounds, precision

_PRIMES = (2305843009213693951, 1152921504606846883, 576460752303423433)
_MOST_BITS = 1 << 15


def _scale(values: Float[np.ndarray, "..."]) -> int:
    """The least power of 2 that makes all entries integers."""
    return max(Fraction(float(x)).denominator for x in values.ravel())


def _integers(values: Float[np.ndarray, "..."]) -> list[int]:
    """The entries times :func:`_scale`."""
    scale = _scale(values)
    return [int(Fraction(float(x)) * scale) for x in values.ravel()]


def determining_states(A: Float[np.ndarray, "N N"], C: Float[np.ndarray, "N"]) -> list[int]:
    """Indices of as many states as the exact rank of (C, A C, .., A^{N-1} C), which determine all other states.

    Where N independent columns are found modulo a prime they are independent; a smaller rank is confirmed by fraction-
    free elimination over the integers. Cost: seconds at N = 40.

    >>> determining_states(np.diag([0.5, 0.5, 0.2]), np.ones(3))
    [0, 2]
    """
    N = len(C)
    matrix = fmpz_mat(N, N, _integers(A))
    krylov = [fmpz_mat(N, 1, _integers(C))]
    for _ in range(N - 1):
        krylov.append(matrix * krylov[-1])
    rows = fmpz_mat([list(column.entries()) for column in krylov])  # (N vectors, N states)
    rank = -1
    for prime in _PRIMES:
        reduced, modular = nmod_mat(N, N, [int(x) % prime for x in rows.entries()], prime).rref()
        if modular < N and rank < 0:
            rank = rows.rank()
        if modular in (N, rank):
            return [next(j for j in range(N) if int(reduced[i, j])) for i in range(modular)]
    raise ArithmeticError(f"no prime of {_PRIMES} keeps the rank {rank}; change an entry of A in its last digit")


def _norm(matrix: arb_mat) -> arb:
    """The Frobenius norm."""
    return sum((x * x for x in matrix.entries()), arb(0)).sqrt()


def _covariance(A: arb_mat, C: arb_mat, bits: int) -> arb_mat | None:
    """G with a remainder of relative size 2^-bits; None if the precision is too low.

    Raises ValueError if A is not stable: some power has a trace above N in modulus, or none below 2^128 has norm < 1.
    """
    N = A.nrows()
    covariance, power = C * C.transpose(), A
    for _ in range(128):
        norm = _norm(power)
        if not norm.is_finite() or norm.rad() > norm.mid() * 2**-10:
            return None
        if abs(power.trace()) > N:
            break
        square = norm * norm
        if square < arb(2) ** -bits:
            rest = (square * _norm(covariance) / (1 - square)).upper()
            spread = arb(0).union(rest).union(-rest)
            return covariance + arb_mat(N, N, [spread] * (N * N))
        covariance = covariance + power * covariance * power.transpose()
        power = power * power
    raise ValueError("the spectral radius of A must be < 1, but its powers do not decay; scale A by 0.9/radius")


def _curve(
    A: Float[np.ndarray, "N N"], C: Float[np.ndarray, "N"], kept: list[int], max_lag: int, bits: int
) -> list[arb] | None:
    """MC_0 .. MC_max_lag, then the sum of all later ones, at a working precision; None if that is too low.

    The sum is ``tr(G^{-1} A^m G (A^m)^T)`` with m = max_lag + 1: ``A^m G (A^m)^T`` sums w_j w_j^T from m on.
    """
    N, r = len(C), len(kept)
    with precision(bits):
        matrix, vector = arb_mat(N, N, [ball(x) for x in A.ravel()]), arb_mat(N, 1, [ball(x) for x in C])
        covariance = _covariance(matrix, vector, bits)
        if covariance is None:
            return None
        columns: list[arb] = []
        for _ in range(max_lag + 1):
            columns += [vector[i, 0] for i in kept]
            vector = matrix * vector
        power = matrix ** (max_lag + 1)
        later = power * covariance * power.transpose()
        columns += [later[i, j] for i in kept for j in kept]
        right = arb_mat(max_lag + 1 + r, r, columns).transpose()
        gram = arb_mat(r, r, [covariance[i, j] for i in kept for j in kept])
        try:
            solved = gram.solve(right)
        except ZeroDivisionError:
            return None
        curve = [sum((right[i, t] * solved[i, t] for i in range(r)), arb(0)) for t in range(max_lag + 1)]
        return [*curve, sum((solved[i, max_lag + 1 + i] for i in range(r)), arb(0))]


def enclosed_balls(A: ArrayLike, C: ArrayLike, max_lag: int, digits: int = 60) -> tuple[list[arb], arb, int]:
    """Balls around MC_0 .. MC_max_lag and around the sum of all later lags, and the exact rank of the Krylov matrix.

    Each ball has a radius of at most 10^-digits. Arguments, errors and cost: see :func:`enclosed_curve`.

    >>> curve, rest, rank = enclosed_balls([[0.5]], [1.0], max_lag=1, digits=50)  # (3/4) (1/4)^tau
    >>> curve[1].contains(ball(3) / 16), rest.contains(ball(1) / 16), bool(rest.rad() < 1e-50), rank
    (True, True, True, 1)
    """
    matrix, mask = check_system(A, C, stable=False)
    check_integer("max_lag", max_lag, minimum=0)
    kept = determining_states(matrix, mask)
    *curve, rest = _refined(lambda bits: _curve(matrix, mask, kept, max_lag, bits), digits)
    return curve, rest, len(kept)


def _refined(compute: Callable[[int], list[arb] | None], digits: int) -> list[arb]:
    """``compute(bits)`` with as many bits as make every ball narrower than 10^-digits."""
    check_integer("digits", digits, minimum=1, maximum=1000)
    narrow = ball(10) ** -digits
    bits = max(128, int(3.33 * digits) + 64)
    while bits <= _MOST_BITS:
        found = compute(bits)
        if found is not None and all(x.is_finite() and x.rad() < narrow for x in found):
            return found
        bits *= 2
    raise ValueError(
        f"no interval narrower than 1e-{digits} was found with {_MOST_BITS} bits: A is too close to unstable or (A, C) "
        "to uncontrollable; ask for fewer digits, or scale A by 0.99"
    )


def enclosed_allpass(A: ArrayLike, max_lag: int, digits: int = 60) -> list[arb]:
    """Balls around ``1 - sum_{m <= tau} b_m^2``, tau = 0 .. max_lag, for the all-pass function B = sum b_m z^m of A.

    B(z) = p(z) / (z^N p(1/z)) with the characteristic polynomial p of A, which is exact (integer arithmetic): no
    eigenvalue is computed. A must be stable, which is not checked here. Errors as for :func:`enclosed_curve`.

    >>> enclosed_allpass([[0.5]], max_lag=1)[1].contains(ball(3) / 16)
    True
    """
    matrix = square_matrix("A", A)
    check_integer("max_lag", max_lag, minimum=0)
    N, entries, scale = len(matrix), _integers(matrix), _scale(matrix)
    exact = fmpz_mat(N, N, entries).charpoly()
    coefficients = [fmpq(exact[k], scale ** (N - k)) for k in range(N + 1)]

    def compute(bits: int) -> list[arb]:
        with precision(bits):
            p = [arb(x) for x in coefficients]
            b: list[arb] = []
            curve: list[arb] = []
            rest = arb(1)
            for m in range(max_lag + 1):  # p = b q, with q_k = p_{N-k} and q_0 = 1
                top = p[m] if m <= N else arb(0)
                b.append(top - sum((p[N - k] * b[m - k] for k in range(1, min(m, N) + 1)), arb(0)))
                rest -= b[m] * b[m]
                curve.append(rest)
            return curve

    return _refined(compute, digits)


@cites("linmem", "memory curve in ball arithmetic")
def enclosed_curve(A: ArrayLike, C: ArrayLike, max_lag: int, digits: int = 60) -> MemoryCurve:
    """The memory curve ``MC_tau = (A^tau C)^T G^{-1} (A^tau C)`` in certified intervals.

    Parameters
    ----------
    A : (N, N) recurrent weights, spectral radius < 1; any such matrix, also with (A, C) not controllable.
    C : (N,) input weights.
    max_lag : largest lag, >= 0.
    digits : radius of the balls is at most 10^-digits before they are rounded outward to doubles, in [1, 1000].

    Returns
    -------
    MemoryCurve with method "enclosure": ``low <= MC_tau <= high`` is certain, ``values`` lies between; ``rank`` is the
    exact rank of the Krylov matrix.

    Raises
    ------
    ValueError : if A is not stable, or a number is out of range, or 32768 bits do not suffice.

    Cost: O(N^3) operations on numbers of hundreds to thousands of bits; a second at N = 40. Meant for N <= 60.

    >>> curve = enclosed_curve([[0.5, 0.0], [0.0, -0.5]], [1.0, 1.0], max_lag=2)
    >>> curve.values
    array([0.9375    , 0.9375    , 0.05859375])
    >>> curve.rank, bool(np.max(curve.high - curve.low) < 1e-15)
    (2, True)
    """
    found, _, rank = enclosed_balls(A, C, max_lag, digits)
    with precision(4 * digits + 64):  # the ends, too
        ends = np.array([bounds(x) for x in found])
    middle = np.array([float(x.mid()) for x in found])
    return MemoryCurve(
        values=np.clip(middle, ends[:, 0], ends[:, 1]),
        low=ends[:, 0],
        high=ends[:, 1],
        method="enclosure",
        states=len(np.asarray(A)),
        rank=rank,
        error="certain: ball arithmetic on the given doubles, rounded outward",
    )
