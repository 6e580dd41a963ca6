"""Recovery of a low-rank input sequence from one state of the network: nuclear norm with a certificate."""

from __future__ import annotations

import time

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer, check_positive
from linmem.citations import cites
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import NormalOperator, SequenceOperator
from linmem.discrete.recovery.nuclear_core import solve_nuclear
from linmem.discrete.recovery.nuclear_problem import Matrix, NuclearProblem
from linmem.discrete.recovery.penalty import default_nuclear_penalty
from linmem.discrete.recovery.result import Recovery, warn_not_converged
from linmem.discrete.recovery.target import resolve_normal, resolve_state, resolve_target


def _problem(
    operator: SequenceOperator, normal: NormalOperator, b: Float[np.ndarray, "M"], penalty: float
) -> NuclearProblem:
    """The problem in arrays whose short side is last."""
    N, L = operator.N, operator.L
    flip = L > N

    def inward(X: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(X.T) if flip else X

    def residual(X: Matrix) -> tuple[Float[np.ndarray, "M"], Matrix]:
        r = b - operator.matvec(inward(X).reshape(-1))
        return r, inward(operator.rmatvec(r).reshape(N, L))

    def apply(X: Matrix) -> Matrix:
        return inward(normal.apply(inward(X)))

    correlations = inward(operator.rmatvec(b).reshape(N, L))
    return NuclearProblem(apply, residual, correlations, float(b @ b), penalty)


@cites("charles2018", "Simulations, low-rank recovery")
@cites("beck2009", "Section 4, FISTA")
@cites("odonoghue2015", "gradient restart")
def nuclear(
    target: RandomNetwork | SequenceOperator,
    state: ArrayLike,
    N: int | None = None,
    *,
    lam: float | None = None,
    noise: float | None = None,
    start: ArrayLike | None = None,
    tol: float = 1e-6,
    max_iter: int = 50_000,
    normal: NormalOperator | None = None,
) -> Recovery:
    """Low-rank input sequence from a state: ``min_S 1/2 ||x[N] - A(S)||^2 + lam ||S||_*``.

    Parameters
    ----------
    target : the network (then N is needed), or an operator made from it. A temporal basis that all streams share does
        not change the problem.
    state : (M,) observed state x[N].
    N : number of time steps to recover.
    lam : penalty > 0, in units of state times column norm. Give this or ``noise``.
    noise : standard deviation sigma of each state entry; then ``lam = default_nuclear_penalty(sigma, L, N)``.
    start : (N, L) coefficients to start from; the sequence itself where the operator has no basis.
    tol : largest accepted relative duality gap, > 0.
    max_iter : cap on the number of products with A^T A. There is no cap on time: it would turn "slow" into "failed".
    normal : the normal operator of the same network, N and basis, to be shared between calls.

    Returns
    -------
    :class:`Recovery`; its gap is recomputed at the end from A and A^T themselves, and its rank is the number of
    non-zero singular values.

    Raises
    ------
    ValueError : if not exactly one of lam and noise is given, one of them is not positive, a shape is wrong, an entry
        is not finite, or the basis differs between streams.

    Warns
    -----
    NotConvergedWarning : if the cap is reached first; the warning carries the gap.

    Cost: a first-order iteration is one product with A^T A and one eigendecomposition of a p x p matrix, p = min(N, L);
    a conjugate-gradient iteration of a Newton step one product with A^T A and five of N L p multiplications. Some
    hundred iterations well above the limit of recovery, one to two thousand at it.

    >>> from linmem.discrete.model import low_rank_signal
    >>> network = RandomNetwork(M=150, L=10, seed=0)
    >>> signal = low_rank_signal(N=20, L=10, R=1, rng=1)
    >>> recovery = nuclear(network, network.simulate(signal.sequence), N=20, lam=1e-4)
    >>> recovery.converged, recovery.rank, bool(np.abs(recovery.estimate - signal.sequence).max() < 1e-3)
    (True, 1, True)
    """
    operator, build_seconds = resolve_target(target, N, None)
    if operator.basis.per_stream:
        raise ValueError(
            "nuclear needs a temporal basis that all streams share (others change the rank), got one for each stream; "
            "pass an operator without a basis"
        )
    b = resolve_state(operator, state)
    if (lam is None) == (noise is None):
        raise ValueError(f"exactly one of lam and noise must be given, got lam={lam!r}, noise={noise!r}; pass one")
    if lam is not None:
        penalty = check_positive("lam", lam)
    else:
        penalty = default_nuclear_penalty(check_positive("noise", noise), operator.L, operator.N)
    shape = operator.N, operator.L
    flip = operator.L > operator.N
    origin = None if start is None else check_array("start", start, shape=shape)
    check_positive("tol", tol)
    check_integer("max_iter", max_iter, minimum=1)
    gram, seconds = resolve_normal(operator, normal)
    clock = time.perf_counter()
    problem = _problem(operator, gram, b, penalty)
    if origin is not None and flip:
        origin = np.ascontiguousarray(origin.T)
    # The final certificate is computed afresh and may differ by rounding.
    found = solve_nuclear(problem, 1.02 * gram.largest(), 0.9 * tol, max_iter, origin)
    objective, gap = problem.certificate(found.X, found.norm)
    solve_seconds = time.perf_counter() - clock
    if gap > tol:
        warn_not_converged("nuclear", found.products, gap, tol)
    C = np.ascontiguousarray(found.X.T) if flip else found.X
    return Recovery(
        estimate=operator.sequence(C),
        coefficients=C,
        objective=objective,
        gap=gap,
        iterations=found.products,
        support_size=int(np.count_nonzero(C)),
        penalty=penalty,
        converged=gap <= tol,
        build_seconds=build_seconds + seconds,
        solve_seconds=solve_seconds,
        rank=found.rank,
    )
