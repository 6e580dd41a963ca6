"""The oracle of low-rank recovery: least squares by one who knows the row and the column space of the input.

With S = U diag(s) V^T of rank R the tangent space at S of the matrices of rank R is

    T = {U B + C V^T : B (R, L), C (N, R)},    dimension d = R (N + L - R).

An estimate of rank R close to S differs from S by an element of T up to second order, so at small noise none can be
expected to do better than least squares on T. Noise of variance sigma^2 in each state entry gives that the expected
squared error ``sigma^2 trace (A_T^T A_T)^{-1}``, A_T the map restricted to an orthonormal basis of T; for a Gaussian
map with N(0, 1/M) entries the mean of it is ``sigma^2 M d / (M - d - 1)``.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular

from linmem.checks import check_array, check_nonnegative
from linmem.citations import cites
from linmem.discrete.model.network import RandomNetwork


def _tangent_map(network: RandomNetwork, U: Float[np.ndarray, "N N"], V: Float[np.ndarray, "L R"]) -> np.ndarray:
    """A on an orthonormal basis of T, shape (M, d): ``u_i e_l^T``, i = 1..R, and ``u_j v_i^T``, j > R."""
    N, R = len(U), V.shape[1]
    atoms = network.modal_powers(N) @ U
    H = len(atoms)
    rows = (atoms[:, :R, None] * network.modes[:, None, :]).reshape(H, -1)
    columns = (atoms[:, R:, None] * (network.modes @ V)[:, None, :]).reshape(H, -1)
    both = np.concatenate([rows, columns], axis=1)
    return np.vstack([np.real(both), np.imag(both)])


@cites("linmem", "oracle error on the tangent space of the rank-R matrices")
def low_rank_oracle_error(network: RandomNetwork, sequence: ArrayLike, noise: float) -> float:
    """Expected squared error of least squares on the tangent space T at S: ``sigma^2 trace (A_T^T A_T)^{-1}``.

    Parameters
    ----------
    network : the network (M nodes, L streams).
    sequence : (N, L) true input S; its rank R is found to 1e-10 of its largest singular value.
    noise : standard deviation sigma of each state entry, >= 0.

    Raises
    ------
    ValueError : if the shape is wrong, the noise is negative, S is zero, or T has more than M dimensions.

    Cost: M d^2 multiplications for the Gram matrix, d = R (N + L - R), and d^3 / 2 for its factor.

    >>> network = RandomNetwork(M=400, L=1, seed=0)
    >>> sequence = np.ones((8, 1))  # one stream: T is the whole space, d = N = 8
    >>> A = network.modal_powers(8) * network.modes
    >>> A = np.vstack([A.real, A.imag])
    >>> direct = np.trace(np.linalg.inv(A.T @ A))
    >>> bool(np.isclose(low_rank_oracle_error(network, sequence, noise=1.0), direct, rtol=1e-12))
    True
    """
    S = check_array("sequence", sequence, shape=(None, network.L))
    sigma = check_nonnegative("noise", noise)
    U, s, Vt = np.linalg.svd(S)
    R = int((s > 1e-10 * s[0]).sum())
    if R == 0:
        raise ValueError("sequence must not be zero (the tangent space is that of its rank), got zeros; pass an input")
    d = R * (sum(S.shape) - R)
    if d > network.M:
        raise ValueError(
            f"sequence of rank {R} has R (N + L - R) = {d} degrees of freedom, more than M = {network.M} nodes "
            "determine; use a larger network"
        )
    A = _tangent_map(network, U, Vt[:R].T)
    lower = np.linalg.cholesky(A.T @ A)
    inverse = solve_triangular(lower, np.eye(d), lower=True, check_finite=False)
    return sigma**2 * float((inverse * inverse).sum())
