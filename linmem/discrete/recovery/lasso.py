"""Recovery of a sparse input sequence from one state of the network: LASSO with a certificate.

The LASSO ``min_a P(a) = 1/2 ||b - A a||^2 + lam ||a||_1`` has the dual ``max D(theta) = b.theta - ||theta||^2/2`` over
``||A^T theta||_inf <= lam``. Any a and any feasible theta give ``P(a) - min P <= P(a) - D(theta)``. With the residual
r = b - A a, g = A^T r and theta = c r scaled into the feasible set, this duality gap is

    gap = 1/2 (1 - c)^2 ||r||^2 + sum_i (lam |a_i| - c g_i a_i),    c = clip(b.r / r.r, -lam/||g||_inf, lam/||g||_inf),

a sum of terms that are all >= 0: computed this way it suffers no cancellation.
"""

from __future__ import annotations

import math
import time

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import SequenceOperator
from linmem.discrete.recovery.penalty import default_penalty
from linmem.discrete.recovery.result import Recovery, warn_not_converged
from linmem.discrete.recovery.target import resolve_state, resolve_target


def _certificate(
    r: Float[np.ndarray, "M"], g: Float[np.ndarray, "n"], a: Float[np.ndarray, "n"], br: float, lam: float
) -> tuple[float, float]:
    """Objective and relative duality gap from the residual r = b - A a, g = A^T r and br = b.r."""
    rr, largest = float(r @ r), float(np.abs(g).max())
    objective = 0.5 * rr + lam * float(np.abs(a).sum())
    if objective == 0.0:
        return 0.0, 0.0
    limit = lam / largest if largest > 0 else math.inf
    c = min(max(br / rr, -limit), limit) if rr > 0 else 0.0
    gap = 0.5 * (1 - c) ** 2 * rr + float((lam * np.abs(a) - c * (g * a)).sum())
    return objective, gap / objective


def _curvature(A: SequenceOperator, steps: int = 20) -> float:
    """Estimate of ``||A||^2`` by the power method, from below; the solver raises it where a step needs more."""
    v = np.random.default_rng(0).standard_normal(A.shape[1])
    for _ in range(steps):
        v = A.rmatvec(A.matvec(v / np.linalg.norm(v)))
    return float(np.linalg.norm(v))


def _accelerated(
    A: SequenceOperator, b: Float[np.ndarray, "M"], lam: float, tol: float, max_iter: int
) -> tuple[Float[np.ndarray, "n"], int]:
    """Accelerated proximal gradient with gradient restart; stops on the duality gap.

    Products with A and A^T are linear, so those of the extrapolated point are combinations of stored ones: one pair of
    products an iteration serves the step, the test of the step length and the gap.
    """
    Atb = A.rmatvec(b)
    target = 0.9 * tol  # the final certificate is computed afresh and may differ by rounding
    x, Ax, Gx = np.zeros(A.shape[1]), np.zeros(A.shape[0]), np.zeros(A.shape[1])
    if _certificate(b, Atb, x, float(b @ b), lam)[1] <= target:
        return x, 0
    curvature = 1.02 * _curvature(A)
    y, Ay, Gy, t = x, Ax, Gx, 1.0
    iteration = 0
    while iteration < max_iter:
        iteration += 1
        v = y - (Gy - Atb) / curvature
        new = np.sign(v) * np.maximum(np.abs(v) - lam / curvature, 0.0)
        A_new = A.matvec(new)
        step, A_step = new - y, A_new - Ay
        # The quadratic upper model holds at this step iff ||A step||^2 <= curvature ||step||^2 (up to rounding).
        quotient = float(A_step @ A_step) / max(float(step @ step), np.finfo(float).tiny)
        if quotient > curvature * (1 + 1e-8) and float(step @ step) > 1e-24 * float(new @ new):
            curvature = 1.05 * quotient
            continue
        G_new = A.rmatvec(A_new)
        r = b - A_new
        if _certificate(r, Atb - G_new, new, float(b @ r), lam)[1] <= target:
            return new, iteration
        if float(step @ (new - x)) < 0:  # the momentum points uphill
            t, beta = 1.0, 0.0
        else:
            following = 0.5 * (1 + math.sqrt(1 + 4 * t * t))
            t, beta = following, (t - 1) / following
        y, Ay, Gy = new + beta * (new - x), A_new + beta * (A_new - Ax), G_new + beta * (G_new - Gx)
        x, Ax, Gx = new, A_new, G_new
    return x, iteration


@cites("charles2018", "Simulations, LASSO recovery")
@cites("beck2009", "Section 4, FISTA")
@cites("odonoghue2015", "gradient restart")
def lasso(
    target: RandomNetwork | SequenceOperator,
    state: ArrayLike,
    N: int | None = None,
    basis: BasisLike = None,
    *,
    lam: float | None = None,
    noise: float | None = None,
    tol: float = 1e-6,
    max_iter: int = 50_000,
) -> Recovery:
    """Sparse input sequence from a state: ``min_C 1/2 ||x[N] - A(Psi C)||^2 + lam ||C||_1``.

    Parameters
    ----------
    target : the network (then N is needed), or an operator made from it.
    state : (M,) observed state x[N].
    N : number of time steps to recover.
    basis : temporal basis Psi as in :func:`linmem.discrete.sequence_operator`.
    lam : penalty >= 0, in units of state times column norm. Give this or ``noise``.
    noise : standard deviation sigma of each state entry; then ``lam = default_penalty(sigma, N L)``.
    tol : largest accepted relative duality gap, > 0.
    max_iter : cap on the number of iterations. There is no cap on time: it would turn "slow" into "failed".

    Returns
    -------
    :class:`Recovery`; its gap is recomputed at the end from A and A^T themselves.

    Raises
    ------
    ValueError : if not exactly one of lam and noise is given, a shape is wrong, or an entry is not finite.

    Warns
    -----
    NotConvergedWarning : if the cap is reached first; the warning carries the gap.

    Cost: two products with A an iteration; hundreds of iterations well above the limit of
    :func:`linmem.discrete.sparsity_limit`, thousands at it. Accelerated proximal gradient (Beck and Teboulle 2009) with
    gradient restart (O'Donoghue and Candes 2015).

    >>> from linmem.discrete import RandomNetwork, sparse_signal
    >>> network = RandomNetwork(M=60, L=5, seed=0)
    >>> signal = sparse_signal(N=20, L=5, K=4, rng=1)
    >>> recovery = lasso(network, network.simulate(signal.sequence), N=20, lam=1e-4)
    >>> recovery.converged, bool(np.abs(recovery.estimate - signal.sequence).max() < 1e-3)
    (True, True)
    """
    operator, build_seconds = resolve_target(target, N, basis)
    b = resolve_state(operator, state)
    if (lam is None) == (noise is None):
        raise ValueError(f"exactly one of lam and noise must be given, got lam={lam!r}, noise={noise!r}; pass one")
    if lam is not None:
        penalty = check_nonnegative("lam", lam)
    else:
        penalty = default_penalty(check_positive("noise", noise), operator.shape[1])
    check_positive("tol", tol)
    check_integer("max_iter", max_iter, minimum=1)
    start = time.perf_counter()
    a, iterations = _accelerated(operator, b, penalty, tol, max_iter)
    r = b - operator.matvec(a)
    objective, gap = _certificate(r, operator.rmatvec(r), a, float(b @ r), penalty)
    seconds = time.perf_counter() - start
    if gap > tol:
        warn_not_converged("lasso", iterations, gap, tol)
    C = a.reshape(operator.N, operator.L)
    return Recovery(
        estimate=operator.sequence(a),
        coefficients=C,
        objective=objective,
        gap=gap,
        iterations=iterations,
        support_size=int(np.count_nonzero(a)),
        penalty=penalty,
        converged=gap <= tol,
        build_seconds=build_seconds,
        solve_seconds=seconds,
    )
