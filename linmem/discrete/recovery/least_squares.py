"""Recovery of an unstructured input sequence from one state: least squares with a certificate.

With r = b - A c the minimiser of ``P(c) = 1/2 ||b - A c||^2 + ridge/2 ||c||^2`` solves the normal equations
``A^T r = ridge c``; of all minimisers (there are many if ridge = 0 and A has fewer independent rows than columns) the
one of least norm lies in the range of A^T. The certificate is the relative backward error of the normal equations,

    eta = ||A^T r - ridge c|| / (||A_+|| ||r_+||),    ||A_+||^2 = ||A||^2 + ridge,  ||r_+||^2 = ||r||^2 + ridge ||c||^2,

which without ridge may be replaced by ``||r||/||b||`` if that is smaller: c is an exact least-squares solution of an
operator (matrix A_+ = [A; sqrt(ridge) I]) that differs from the given one by ``eta ||A_+||``, or of a state that
differs by ``eta ||b||`` (Stewart 1977).
"""

from __future__ import annotations

import math
import time

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator, lsmr

from linmem.checks import check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators import SequenceOperator
from linmem.discrete.recovery.result import Recovery, warn_not_converged
from linmem.discrete.recovery.target import resolve_state, resolve_target

DENSE_SIDE, DENSE_ENTRIES = 2000, 2**23
"""Direct solution while the smaller side and the number of entries of the matrix are at most these: a few seconds."""


def _certificate(
    A: LinearOperator, b: Float[np.ndarray, "M"], c: Float[np.ndarray, "n"], ridge: float, norm: float
) -> tuple[float, float]:
    """Objective and backward error; ``norm`` is ``||A||`` or a lower bound of it."""
    r = b - A.matvec(c)
    g = A.rmatvec(r) - ridge * c
    rr = float(r @ r) + ridge * float(c @ c)
    if rr == 0.0 or norm == 0.0:
        return 0.5 * rr, 0.0
    error = float(np.linalg.norm(g)) / math.sqrt((norm * norm + ridge) * rr)
    if ridge == 0.0:
        error = min(error, math.sqrt(rr / float(b @ b)))
    return 0.5 * rr, error


def _direct(
    operator: SequenceOperator, b: Float[np.ndarray, "M"], ridge: float
) -> tuple[Float[np.ndarray, "n"], float]:
    """Minimum-norm solution by the singular value decomposition of LAPACK, and ``||A||``.

    The ridge is added as rows or columns, never by forming A^T A: with at least as many rows as columns the stacked
    matrix [A; sqrt(ridge) I] is solved; with fewer, the minimum-norm solution (c, s) of A c + sqrt(ridge) s = b
    minimises ``||c||^2 + ||b - A c||^2 / ridge``.
    """
    M, n = operator.shape
    matrix = operator.columns(np.arange(n))
    root = math.sqrt(ridge)
    if ridge > 0.0 and n <= M:
        matrix, b = np.vstack([matrix, root * np.eye(n)]), np.concatenate([b, np.zeros(n)])
    elif ridge > 0.0:
        matrix = np.hstack([matrix, root * np.eye(M)])
    solution, _, _, singular = np.linalg.lstsq(matrix, b, rcond=None)
    largest = float(singular[0])
    return solution[:n], math.sqrt(max(largest * largest - ridge, 0.0))


def _spectral_norm(operator: SequenceOperator, steps: int = 20) -> float:
    """``||A||`` from below by the power method: a certificate that divides by it is on the safe side."""
    v, size = np.random.default_rng(0).standard_normal(operator.shape[1]), 0.0
    for _ in range(steps):
        length = float(np.linalg.norm(v))
        if length == 0.0:
            return 0.0
        image = operator.matvec(v / length)
        size, v = float(np.linalg.norm(image)), operator.rmatvec(image)
    return size


def _iterative(
    operator: SequenceOperator, b: Float[np.ndarray, "M"], ridge: float, norm: float, tol: float, max_iter: int
) -> tuple[Float[np.ndarray, "n"], int]:
    """LSMR on [A; sqrt(ridge) I] from zero, which keeps c in the range of A^T; repeated from where it stopped until
    the certificate itself is small enough (LSMR stops on an estimate of the Frobenius norm)."""
    M, n = operator.shape
    root = math.sqrt(ridge)
    stacked: LinearOperator = operator
    if ridge > 0.0:
        stacked = LinearOperator(
            (M + n, n),
            matvec=lambda x: np.concatenate([operator.matvec(np.reshape(x, -1)), root * np.reshape(x, -1)]),
            rmatvec=lambda y: operator.rmatvec(np.reshape(y, -1)[:M]) + root * np.reshape(y, -1)[M:],
            dtype=np.float64,
        )
    right = np.concatenate([b, np.zeros(stacked.shape[0] - M)])
    c, iterations, stop = np.zeros(n), 0, tol
    while iterations < max_iter:
        found = lsmr(stacked, right, atol=stop, btol=stop, conlim=0, maxiter=max_iter - iterations, x0=c)
        c, iterations = np.asarray(found[0]), iterations + int(found[2])
        if _certificate(operator, b, c, ridge, norm)[1] <= tol or stop < np.finfo(float).eps:
            break
        stop /= 8
    return c, iterations


@cites("fong2011", "LSMR")
@cites("stewart1977", "backward error of least squares")
@cites("charles2018", "Results, NL <= M")
def least_squares(
    target: RandomNetwork | SequenceOperator,
    state: ArrayLike,
    N: int | None = None,
    basis: BasisLike = None,
    *,
    ridge: float = 0.0,
    tol: float = 1e-10,
    max_iter: int = 50_000,
) -> Recovery:
    """Input sequence of least norm among those that fit the state best: ``min_C 1/2 ||x[N] - A(Psi C)||^2``.

    With ``ridge > 0`` the objective is ``1/2 ||x[N] - A(Psi C)||^2 + ridge/2 ||C||^2``. For NL > M and ridge = 0 the
    state is fitted exactly by many sequences and the one with the smallest ``||C||`` is returned; the basis, being
    orthonormal, then has no effect on the estimate.

    Parameters
    ----------
    target : the network (then N is needed), or an operator made from it.
    state : (M,) observed state x[N].
    N : number of time steps to recover.
    basis : temporal basis Psi as in :func:`linmem.discrete.sequence_operator`.
    ridge : weight of the squared norm, >= 0, in units of squared column norms.
    tol : largest accepted backward error, > 0.
    max_iter : cap on the number of LSMR iterations.

    Returns
    -------
    :class:`Recovery` with ``penalty = ridge``. Its ``gap`` is not a duality gap but the relative backward error of the
    normal equations, ``||A^T r - ridge c|| / sqrt((||A||^2 + ridge)(||r||^2 + ridge ||c||^2))``, or, without ridge,
    ``||r||/||b||`` if that is smaller: c solves exactly a problem whose A or whose state is off by this fraction. How
    far c is from the solution of the given problem depends on the condition number of A besides.

    Raises
    ------
    ValueError : if the ridge is negative, a shape is wrong, or an entry is not finite.

    Warns
    -----
    NotConvergedWarning : if the cap is reached first; the warning carries the backward error.

    Cost: a singular value decomposition of the dense M x NL matrix while its smaller side is at most
    :data:`DENSE_SIDE` (``iterations`` is then 0), else LSMR with two products an iteration (Fong and Saunders 2011).

    >>> from linmem.discrete import RandomNetwork
    >>> network = RandomNetwork(M=60, L=2, seed=0)
    >>> S = np.random.default_rng(1).standard_normal((10, 2))
    >>> recovery = least_squares(network, network.simulate(S), N=10)
    >>> recovery.gap < 1e-10, bool(np.abs(recovery.estimate - S).max() < 1e-10)
    (True, True)
    """
    operator, build_seconds = resolve_target(target, N, basis)
    b = resolve_state(operator, state)
    check_nonnegative("ridge", ridge)
    check_positive("tol", tol)
    check_integer("max_iter", max_iter, minimum=1)
    start = time.perf_counter()
    M, n = operator.shape
    if min(M, n) <= DENSE_SIDE and M * n <= DENSE_ENTRIES:
        c, norm = _direct(operator, b, ridge)
        iterations = 0
    else:
        norm = _spectral_norm(operator)
        c, iterations = _iterative(operator, b, ridge, norm, tol, max_iter)
    objective, gap = _certificate(operator, b, c, ridge, norm)
    seconds = time.perf_counter() - start
    if gap > tol:
        warn_not_converged("least_squares", iterations, gap, tol)
    return Recovery(
        estimate=operator.sequence(c),
        coefficients=c.reshape(operator.N, operator.L),
        objective=objective,
        gap=gap,
        iterations=iterations,
        support_size=int(np.count_nonzero(c)),
        penalty=float(ridge),
        converged=gap <= tol,
        build_seconds=build_seconds,
        solve_seconds=seconds,
    )
