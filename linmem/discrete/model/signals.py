"""Structured input sequences, and noise of a given relative level.

Sparse sequences are ``S = Psi C``: Psi is an orthonormal N x N temporal basis (the same for every stream; the canonical
basis if nothing else is said), C an (N, L) coefficient array with K non-zeros. In the paper vec(S) = Psi a.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_generator, check_integer, check_nonnegative
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike, temporal_basis


@dataclass(frozen=True, eq=False)
class SparseSignal:
    """A sparse input sequence and what it is made of.

    Attributes
    ----------
    sequence : (N, L) input S = Psi C, oldest step first.
    coefficients : (N, L) array C with K non-zeros.
    support : (K,) ascending positions of the non-zeros in ``C.ravel()``.
    """

    sequence: Float[np.ndarray, "N L"]
    coefficients: Float[np.ndarray, "N L"]
    support: Int[np.ndarray, "K"]


@cites("charles2018", "Results, sparse input model")
def sparse_signal(
    N: int, L: int, K: int, basis: BasisLike = "canonical", *, rng: np.random.Generator | int
) -> SparseSignal:
    """Random K-sparse input: support uniform over all K-subsets of the N L coefficients, amplitudes iid N(0, 1).

    Parameters
    ----------
    N, L : time steps and input streams.
    K : number of non-zeros, 0 <= K <= N L.
    basis : "canonical" (or None), or an orthonormal (N, N) matrix whose columns are temporal atoms.
    rng : seed or generator.

    Raises
    ------
    ValueError : if K > N L, a size is not positive, or the basis is not orthonormal.

    >>> signal = sparse_signal(N=5, L=2, K=3, rng=0)
    >>> signal.sequence.shape, int(np.count_nonzero(signal.sequence)), len(signal.support)
    ((5, 2), 3, 3)
    """
    check_integer("N", N, minimum=1)
    check_integer("L", L, minimum=1)
    if check_integer("K", K, minimum=0) > N * L:
        raise ValueError(f"K must be <= N L = {N * L} (the number of coefficients), got {K}; ask for fewer non-zeros")
    Psi, generator = temporal_basis(basis, N, L), check_generator("rng", rng)
    support = np.sort(generator.choice(N * L, size=K, replace=False))
    vector = np.zeros(N * L)
    vector[support] = generator.standard_normal(K)
    C = vector.reshape(N, L)
    return SparseSignal(Psi.synthesis(C), C, support)


def relative_noise(state: ArrayLike, level: float, *, rng: np.random.Generator | int) -> Float[np.ndarray, "M"]:
    """Noise e, uniform in direction, of length ``||e|| = level ||state||``.

    Each entry then has root mean square ``sigma = level ||state|| / sqrt(M)``, the number that
    :func:`linmem.discrete.lasso` takes as ``noise``.

    Parameters
    ----------
    state : (M,) noiseless state.
    level : relative noise, >= 0 (0.01 in the paper's setting).
    rng : seed or generator.

    Raises
    ------
    ValueError : if the level is negative or the state is not a finite vector.

    >>> float(round(np.linalg.norm(relative_noise([3.0, 4.0], 0.1, rng=0)), 12))
    0.5
    """
    x = check_array("state", state, ndim=1)
    level, generator = check_nonnegative("level", level), check_generator("rng", rng)
    direction = generator.standard_normal(x.size)
    return direction * (level * float(np.linalg.norm(x)) / float(np.linalg.norm(direction)))
