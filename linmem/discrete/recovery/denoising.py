"""Basis-pursuit denoising: the sparsest explanation, in l1 norm, of a state within a given noise level.

The dual of ``min ||c||_1`` subject to ``||b - A c|| <= sigma`` is ``max b.y - sigma ||y||`` over
``||A^T y||_inf <= 1``. For c with residual r = b - A c, rho = ||r|| <= sigma, and y = r/m with g = A^T r,
m = max |g_i|, the duality gap is

    gap = sum_i (|c_i| - c_i g_i / m) + rho (sigma - rho)/m,

a sum of terms >= 0: computed this way it suffers no cancellation.

The solution is that of the LASSO at the penalty lam where ``phi(lam) = ||r(lam)|| = sigma`` (the Pareto curve of van
den Berg and Friedlander 2008, with lam as parameter). While the active set J and its signs s last, the LASSO moves on
the line ``c(lam + t) = c(lam) - t v`` with ``A_J^T A_J v = s``, and ``phi^2 = ||r + t A_J v||^2`` is a parabola, solved
exactly by one step of Newton's method. The point of the line where phi = sigma is tested by the gap before another
LASSO is solved.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator, cg

from linmem.checks import check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import NormalOperator, SequenceOperator
from linmem.discrete.recovery.lasso import lasso
from linmem.discrete.recovery.least_squares import least_squares
from linmem.discrete.recovery.path import largest_penalty
from linmem.discrete.recovery.penalty import default_penalty
from linmem.discrete.recovery.result import NotConvergedWarning, Recovery, warn_not_converged
from linmem.discrete.recovery.target import resolve_normal, resolve_state, resolve_target

ROUNDS = 200
"""Cap on the number of LASSO solutions."""
SMALLEST_PENALTY = 1e-10
"""Penalty, in units of the largest, at which the smallest residual counts as reached."""


@dataclass(frozen=True)
class _Point:
    """Coefficients with residual r, its length, and the relative gap (infinite where the constraint is violated)."""

    c: Float[np.ndarray, "n"]
    r: Float[np.ndarray, "M"]
    rho: float
    gap: float


def _point(A: SequenceOperator, b: Float[np.ndarray, "M"], c: Float[np.ndarray, "n"], sigma: float) -> _Point:
    r = b - A.matvec(c)
    rho, size = float(np.linalg.norm(r)), float(np.abs(c).sum())
    if rho > sigma:
        return _Point(c, r, rho, math.inf)
    if size == 0.0:
        return _Point(c, r, rho, 0.0)
    g = A.rmatvec(r)
    m = float(np.abs(g).max())
    if m == 0.0:
        return _Point(c, r, rho, math.inf)
    return _Point(c, r, rho, (float((np.abs(c) - c * g / m).sum()) + rho * (sigma - rho) / m) / size)


def _direction(G: NormalOperator, c: Float[np.ndarray, "n"], rows: int) -> tuple[Float[np.ndarray, "n"], int] | None:
    """v with ``A_J^T A_J v = sign c_J`` on the active set J by conjugate gradients, and the products used; None where
    the active columns are too many or too nearly dependent."""
    J = np.flatnonzero(c)
    if not 0 < J.size <= rows:
        return None
    count = 0

    def gram(x: Float[np.ndarray, "K"]) -> Float[np.ndarray, "K"]:
        nonlocal count
        count += 1
        full = np.zeros(c.size)
        full[J] = np.reshape(x, -1)
        return G.apply(full.reshape(G.N, G.L)).reshape(-1)[J]

    block = LinearOperator((J.size, J.size), matvec=gram, dtype=np.float64)
    solution, failed = cg(block, np.sign(c[J]), rtol=1e-10, maxiter=300)
    if failed:
        return None
    v = np.zeros(c.size)
    v[J] = solution
    return v, count


def _shift(r: Float[np.ndarray, "M"], d: Float[np.ndarray, "M"], length: float) -> float | None:
    """The larger root t of ``||r + t d|| = length``, or None if there is none."""
    dd, rd = float(d @ d), float(r @ d)
    discriminant = rd * rd - dd * (float(r @ r) - length * length)
    return (math.sqrt(discriminant) - rd) / dd if discriminant >= 0.0 and dd > 0.0 else None


def _pareto(
    A: SequenceOperator, G: NormalOperator, b: Float[np.ndarray, "M"], sigma: float, tol: float, max_iter: int
) -> tuple[_Point, int]:
    """Safeguarded Newton on phi(lam) = sigma; the best feasible point found (the last one if there is none)."""
    largest = largest_penalty(A, b)
    low, high = 0.0, largest
    # From above: a penalty far below the noise is expensive without a start, and the line may reach it in one step.
    lam = max(min(default_penalty(sigma / math.sqrt(A.shape[0]), A.shape[1]), 0.5 * largest), 0.02 * largest)
    c, inner, iterations = np.zeros(A.shape[1]), 1e-4, 0
    best = _point(A, b, c, sigma)
    for _ in range(ROUNDS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)  # judged by the gap of the constrained problem
            found = lasso(
                A,
                b,
                lam=lam,
                start=c.reshape(A.N, A.L) if c.any() else None,
                normal=G,
                tol=inner,
                max_iter=max(max_iter - iterations, 1),
            )
        iterations += found.iterations
        point = _point(A, b, found.coefficients.ravel(), sigma)
        c, size = point.c, float(np.abs(point.c).sum())
        # ||A (c - c*)||^2 / 2 <= gap P for the exact solution c*: how far its residual can be from this one.
        slack = math.sqrt(2.0 * found.gap * found.objective)
        if point.rho - slack > sigma:
            high = min(high, lam)
        elif point.rho + slack < sigma:
            low = max(low, lam)
        following, candidates = None, [point]
        direction = _direction(G, c, A.shape[0])
        if direction is not None:
            v, products = direction
            iterations += products
            # Aim short of sigma by what costs a quarter of the tolerance, so that rounding leaves the point feasible.
            short = min(0.25 * tol * lam * size / max(point.rho, sigma), 0.01 * sigma)
            t = _shift(point.r, A.matvec(v), sigma - short)
            if t is not None and lam + t > 0.0:
                following = lam + t
                candidates.append(_point(A, b, c - t * v, sigma))
        nearest = candidates[int(np.argmin([candidate.gap for candidate in candidates]))]
        if nearest.gap <= best.gap:
            best = nearest
        if best.gap <= tol or iterations >= max_iter:
            break
        if following is None or not low < following < high:
            following = math.sqrt(low * high) if low > 0.0 else 0.2 * lam
        else:
            c = candidates[-1].c
        if following < SMALLEST_PENALTY * largest:
            raise ValueError(
                f"noise_level must be at least the residual of least squares, about {point.rho:.6g}, got {sigma!r}: "
                "no input comes closer to this state; pass more"
            )
        # The gap of the constrained problem exceeds that of the LASSO by the factor P / (lam ||c||_1).
        share = lam * size / (lam * size + 0.5 * point.rho**2)
        inner = max(min(0.1 * min(nearest.gap, 1e-2) * share, 0.3 * inner), 1e-15)
        lam = following
    return best, iterations


@cites("chen1998", "basis pursuit denoising")
@cites("vandenberg2008", "Pareto curve, Newton's method")
def basis_pursuit_denoising(
    target: RandomNetwork | SequenceOperator,
    state: ArrayLike,
    N: int | None = None,
    basis: BasisLike = None,
    *,
    noise_level: float,
    normal: NormalOperator | None = None,
    tol: float = 1e-6,
    max_iter: int = 50_000,
) -> Recovery:
    """Sparse input that explains a state up to noise: ``min_C ||C||_1`` with ``||x[N] - A(Psi C)|| <= noise_level``.

    Parameters
    ----------
    target : the network (then N is needed), or an operator made from it.
    state : (M,) observed state x[N].
    N : number of time steps to recover.
    basis : temporal basis Psi as in :func:`linmem.discrete.sequence_operator`.
    noise_level : largest accepted length of the residual, > 0; for noise of standard deviation sigma in each state
        entry ``sigma sqrt(M)`` is its expected length. Basis pursuit (no noise) is the limit noise_level -> 0.
    normal : as for :func:`linmem.discrete.lasso`.
    tol : largest accepted relative duality gap of the constrained problem, > 0.
    max_iter : cap on the number of iterations, all LASSO solutions together.

    Returns
    -------
    :class:`Recovery` with ``objective = ||C||_1`` and ``penalty`` = the LASSO penalty that has the same solution. The
    coefficients satisfy the constraint; ``||C||_1`` exceeds the minimum by at most ``gap ||C||_1``. If the cap is
    reached before any such point was found, gap is infinite.

    Raises
    ------
    ValueError : if noise_level is zero (or below ``1e-12 ||state||``, where rounding decides) or smaller than the
        residual of least squares, a shape is wrong, or an entry is not finite.

    Warns
    -----
    NotConvergedWarning : if the cap is reached first; the warning carries the gap.

    Cost: some ten warm-started LASSO solutions, most of them to a low accuracy; for NL <= M also one least squares.
    Chen, Donoho and Saunders (1998); root finding as in van den Berg and Friedlander (2008).

    >>> from linmem.discrete import RandomNetwork, relative_noise, sparse_signal
    >>> network = RandomNetwork(M=60, L=5, seed=0)
    >>> clean = network.simulate(sparse_signal(N=20, L=5, K=4, rng=1).sequence)
    >>> noise = relative_noise(clean, 1e-2, rng=2)
    >>> recovery = basis_pursuit_denoising(network, clean + noise, N=20, noise_level=float(np.linalg.norm(noise)))
    >>> recovery.gap <= 1e-6
    True
    """
    operator, build_seconds = resolve_target(target, N, basis)
    b = resolve_state(operator, state)
    sigma, norm = check_nonnegative("noise_level", noise_level), float(np.linalg.norm(b))
    if sigma == 0.0 or sigma < 1e-12 * norm:
        raise ValueError(
            f"noise_level must be > 0 and at least 1e-12 ||state||, got {noise_level!r}; for basis pursuit without "
            f"noise pass a small one, e.g. {1e-8 * norm if norm > 0 else 1e-8:.3g}"
        )
    check_positive("tol", tol)
    check_integer("max_iter", max_iter, minimum=1)
    normal, seconds = resolve_normal(operator, normal)
    build_seconds += seconds
    clock = time.perf_counter()
    if norm <= sigma:
        found, iterations = _point(operator, b, np.zeros(operator.shape[1]), sigma), 0
    else:
        if operator.shape[1] <= operator.shape[0]:
            smallest = math.sqrt(2.0 * least_squares(operator, b).objective)
            if smallest >= sigma:
                raise ValueError(
                    f"noise_level must exceed the residual of least squares, {smallest:.6g}, got {noise_level!r}: "
                    "no input comes closer to this state; pass more"
                )
        found, iterations = _pareto(operator, normal, b, sigma, tol, max_iter)
    seconds = time.perf_counter() - clock
    if found.gap > tol:
        warn_not_converged("basis_pursuit_denoising", iterations, found.gap, tol)
    return Recovery(
        estimate=operator.sequence(found.c),
        coefficients=found.c.reshape(operator.N, operator.L),
        objective=float(np.abs(found.c).sum()),
        gap=found.gap,
        iterations=iterations,
        support_size=int(np.count_nonzero(found.c)),
        penalty=float(np.abs(operator.rmatvec(found.r)).max()),
        converged=found.gap <= tol,
        build_seconds=build_seconds,
        solve_seconds=seconds,
    )
