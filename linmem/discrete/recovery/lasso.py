"""Recovery of a sparse input sequence from one state of the network: the LASSO with a certificate."""

from __future__ import annotations

import time

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer, check_positive
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import DenseOperator, NormalOperator, SequenceOperator
from linmem.discrete.recovery.core import solve
from linmem.discrete.recovery.penalty import default_penalty
from linmem.discrete.recovery.quadratic import Quadratic, Vector, from_matrix
from linmem.discrete.recovery.result import Recovery, warn_not_converged
from linmem.discrete.recovery.target import resolve_normal, resolve_state, resolve_target


def _problem(
    operator: SequenceOperator, normal: NormalOperator, b: Float[np.ndarray, "M"], penalty: float | Vector
) -> Quadratic:
    shape = operator.N, operator.L
    if isinstance(operator, DenseOperator) and normal.method == "dense":
        return from_matrix(operator.matrix, b, penalty)

    def apply(x: Vector) -> Vector:
        return normal.apply(x.reshape(shape)).reshape(-1)

    def residual(x: Vector) -> tuple[Float[np.ndarray, "M"], Vector]:
        r = b - operator.matvec(x)
        return r, operator.rmatvec(r)

    return Quadratic(apply, normal.gram, residual, operator.rmatvec(b), float(b @ b), penalty, operator.shape[0])


def resolve_penalty(lam: float | None, noise: float | None, n: int) -> float:
    """The penalty from exactly one of ``lam`` and ``noise``."""
    if (lam is None) == (noise is None):
        raise ValueError(f"exactly one of lam and noise must be given, got lam={lam!r}, noise={noise!r}; pass one")
    return check_positive("lam", lam) if lam is not None else default_penalty(check_positive("noise", noise), n)


def resolve_weights(weights: ArrayLike | None, shape: tuple[int, int]) -> Float[np.ndarray, "N L"] | None:
    """The checked (N, L) weights of the penalty, all positive; None stays None."""
    if weights is None:
        return None
    w = check_array("weights", weights, shape=shape)
    if not (w > 0).all():
        raise ValueError(f"weights must be > 0 (each scales lam for its coefficient), got {w.min():g}; pass more")
    return w


@cites("charles2018", "Simulations, LASSO recovery")
@cites("wright2009", "SpaRSA with continuation")
@cites("osborne2000", "homotopy")
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
    weights: ArrayLike | None = None,
    start: ArrayLike | None = None,
    normal: NormalOperator | None = None,
    tol: float = 1e-6,
    max_iter: int = 50_000,
) -> Recovery:
    """Sparse input sequence from a state: ``min_C 1/2 ||x[N] - A(Psi C)||^2 + lam sum_i w_i |C_i|``.

    Parameters
    ----------
    target : the network (then N is needed), or an operator made from it.
    state : (M,) observed state x[N].
    N : number of time steps to recover.
    basis : temporal basis Psi as in :func:`linmem.discrete.temporal_basis`.
    lam : penalty > 0, in units of state times column norm. Give this or ``noise``.
    noise : standard deviation sigma of each state entry; then ``lam = default_penalty(sigma, N L)``.
    weights : (N, L) weights w > 0 of the penalty; ones if not given.
    start : (N, L) coefficients to start from, for example those of a neighbouring problem.
    normal : the operator ``A^T A``, :func:`linmem.discrete.normal_operator`, where several problems share a network.
    tol : largest accepted relative duality gap, > 0.
    max_iter : cap on the number of iterations. There is no cap on time: it would turn "slow" into "failed".

    Returns
    -------
    :class:`Recovery`; its gap is recomputed at the end from A and A^T themselves. ``iterations`` counts products with
    ``A^T A`` of the first-order steps, and breakpoints.

    Raises
    ------
    ValueError : if not exactly one of lam and noise is given, a shape is wrong, a weight or a penalty is not positive,
        or an entry is not finite.

    Warns
    -----
    NotConvergedWarning : if the cap is reached first; the warning carries the gap.

    Cost: about a hundred products with ``A^T A`` (each O(L N log N + L^2 N)) and a factor of the K x K block of the
    support, K^3/3, well above the limit of :func:`linmem.discrete.sparsity_limit`; a thousand products at it. Supports
    of more than 6000 entries are not factored. For at most 512 nodes the solution path is followed instead, exactly.
    Rounding ends at gaps of about ``1e-16 max|A^T x[N]| / lam``: with noise of 1e-8 of the state, ask for tol >= 1e-7.

    >>> from linmem.discrete.model import RandomNetwork, sparse_signal
    >>> network = RandomNetwork(M=60, L=5, seed=0)
    >>> signal = sparse_signal(N=20, L=5, K=4, rng=1)
    >>> recovery = lasso(network, network.simulate(signal.sequence), N=20, lam=1e-4)
    >>> recovery.converged, bool(np.abs(recovery.estimate - signal.sequence).max() < 1e-3)
    (True, True)
    """
    operator, build_seconds = resolve_target(target, N, basis)
    b = resolve_state(operator, state)
    penalty = resolve_penalty(lam, noise, operator.shape[1])
    shape = operator.N, operator.L
    w = resolve_weights(weights, shape)
    begin = None if start is None else check_array("start", start, shape=shape).ravel()
    check_positive("tol", tol)
    check_integer("max_iter", max_iter, minimum=1)
    normal, seconds = resolve_normal(operator, normal)
    clock = time.perf_counter()
    found = solve(_problem(operator, normal, b, penalty if w is None else penalty * w.ravel()), tol, max_iter, begin)
    solve_seconds = time.perf_counter() - clock
    if not found.converged:
        warn_not_converged("lasso", found.iterations, found.gap, tol)
    return Recovery(
        estimate=operator.sequence(found.x),
        coefficients=found.x.reshape(shape),
        objective=found.objective,
        gap=found.gap,
        iterations=found.iterations,
        support_size=int(np.count_nonzero(found.x)),
        penalty=penalty,
        converged=found.converged,
        build_seconds=build_seconds + seconds,
        solve_seconds=solve_seconds,
    )
