"""Covariance of the state that an infinite white input leaves behind: ``G = A G A^T + C C^T``."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.linalg import schur, solve_triangular

from linmem.capacity.linear.powers import power_sum
from linmem.capacity.linear.spectrum import check_system
from linmem.checks import check_choice
from linmem.citations import cites


def _by_schur(A: Float[np.ndarray, "N N"], Q: Float[np.ndarray, "N N"]) -> Float[np.ndarray, "N N"]:
    """``P = A P A^T + Q`` in the complex Schur form ``A = U T U^H``, column by column from the last.

    In that basis column j satisfies ``(I - conj(T_jj) T) p_j = q_j + T sum_{m > j} conj(T_jm) p_m``.
    """
    T, U = schur(A, output="complex")
    N = len(A)
    right = U.conj().T @ Q @ U
    solved = np.zeros((N, N), dtype=np.complex128)
    identity = np.eye(N)
    for j in range(N - 1, -1, -1):
        known = right[:, j] + T @ (solved[:, j + 1 :] @ T[j, j + 1 :].conj())
        solved[:, j] = solve_triangular(identity - T[j, j].conj() * T, known, check_finite=False)
    total = np.real(U @ solved @ U.conj().T)
    return 0.5 * (total + total.T)


@cites("linmem", "state covariance")
def state_covariance(A: ArrayLike, C: ArrayLike, method: str = "smith") -> Float[np.ndarray, "N N"]:
    """Covariance ``G = sum_k A^k C C^T A^kT`` of the state under white input of unit variance.

    Parameters
    ----------
    A : (N, N) recurrent weights, spectral radius < 1.
    C : (N,) or (N, d) input weights of one or d independent inputs.
    method : "smith" (doubling: only products of matrices) or "schur" (triangular solves in the complex Schur form).

    Raises
    ------
    ValueError : if A is not stable, a shape does not fit or the method is unknown.

    Both err by about ``2^-52 ||G|| sum_k ||A^k||^2``. Relative to the small eigenvalues of G that is often everything:
    G of a random network with N = 100 has a condition beyond 1e16, which is why no curve is computed from it here.
    Cost: 6 N^3 log2(35/(1 - rho)) flops for "smith", faster up to rho = 1 - 1e-6; "schur" 20 N^3 for any rho.

    >>> state_covariance([[0.6]], [0.8])
    array([[1.]])
    """
    check_choice("method", method, ["smith", "schur"])
    matrix, mask = check_system(A, C, inputs="many")
    Q = mask @ mask.T
    return power_sum(matrix, Q) if method == "smith" else _by_schur(matrix, Q)
