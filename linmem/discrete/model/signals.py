"""Sparse input sequences: ``S = Psi C`` with an orthonormal temporal basis Psi and an (N, L) array C of K non-zeros.

In the paper vec(S) = Psi a. Where the non-zeros lie matters as much as the basis: the theorems are for the worst
support, and a support that is drawn at random over all streams and atoms is far from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from linmem.checks import check_choice, check_generator, check_integer
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike, temporal_basis

SUPPORTS = ("random", "joint", "single-stream")


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


def _draw_support(N: int, L: int, K: int, kind: str, rng: np.random.Generator) -> Int[np.ndarray, "K"]:
    """Ascending positions in ``C.ravel()`` of K non-zeros."""
    if kind == "random":
        return np.sort(rng.choice(N * L, size=K, replace=False))
    if kind == "single-stream":
        return np.sort(rng.choice(N, size=K, replace=False)) * L + int(rng.integers(L))
    whole, rest = divmod(K, L)
    atoms = rng.choice(N, size=whole + (rest > 0), replace=False)
    positions = np.add.outer(atoms[:whole] * L, np.arange(L)).ravel()
    if rest:
        positions = np.concatenate([positions, atoms[-1] * L + rng.choice(L, size=rest, replace=False)])
    return np.sort(positions)


@cites("charles2018", "Results, sparse input model")
def sparse_signal(
    N: int,
    L: int,
    K: int,
    basis: BasisLike = "canonical",
    *,
    support: str = "random",
    rng: np.random.Generator | int,
) -> SparseSignal:
    """Random K-sparse input ``S = Psi C``: a random support, amplitudes iid N(0, 1).

    Parameters
    ----------
    N, L : time steps and input streams.
    K : number of non-zeros, 0 <= K <= N L (<= N for a single stream).
    basis : what :func:`linmem.discrete.temporal_basis` takes.
    support : "random" (uniform over all K-subsets of the N L coefficients), "joint" (the same atoms in all streams:
        ceil(K/L) atoms drawn at random; if K is not a multiple of L, the last of them is in K mod L random streams) or
        "single-stream" (all K in one stream drawn at random).
    rng : seed or generator.

    Raises
    ------
    ValueError : if K is too large, a size is not positive, the support is unknown, or the basis is not orthonormal.

    >>> signal = sparse_signal(N=5, L=2, K=3, support="joint", rng=0)
    >>> sorted(int(count) for count in np.count_nonzero(signal.coefficients, axis=1))
    [0, 0, 0, 1, 2]
    """
    check_integer("N", N, minimum=1)
    check_integer("L", L, minimum=1)
    kind = check_choice("support", support, SUPPORTS)
    limit, name = (N, "N") if kind == "single-stream" else (N * L, "N L")
    if check_integer("K", K, minimum=0) > limit:
        raise ValueError(f"K must be <= {name} = {limit} (all coefficients), got {K}; ask for fewer")
    Psi, generator = temporal_basis(basis, N, L), check_generator("rng", rng)
    positions = _draw_support(N, L, K, kind, generator)
    vector = np.zeros(N * L)
    vector[positions] = generator.standard_normal(K)
    C = vector.reshape(N, L)
    return SparseSignal(Psi.synthesis(C), C, positions)
