"""Rank of the Krylov (Kalman) matrix ``[C, A C, A^2 C, ..]``: exactly, by arithmetic modulo a prime; and in floats."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from linmem.capacity.linear.reachable import reachable_part
from linmem.capacity.linear.spectrum import check_system
from linmem.capacity.linear.staircase import subdiagonal
from linmem.citations import cites

PRIMES = (2147483579, 2147483123)
"""The largest two safe primes (p = 2 q + 1, q prime) below 2^31: modulo them the powers of 2 repeat only after q."""
_MANTISSA = 53


@cites("linmem", "exact Kalman rank")
def kalman_rank(A: ArrayLike, C: ArrayLike, exact: bool = True) -> int:
    """Rank of the controllability matrix ``[C, A C, .., A^{N-1} C]``: the number of reachable dimensions.

    With one white input it is the total memory capacity over the lags 0, 1, .. (Gonon, Grigoryeva and Ortega, quoted by
    Ballarin, Grigoryeva and Ortega).

    Exact: every double is an integer times a power of 2, so it has a value modulo an odd prime p, and so have all
    entries of the matrix. Its rank modulo p is never larger than the true one: it is a certified lower bound, and
    certain when it is N. It is smaller only if p divides every minor of the true rank; minors that behave like random
    integers are divisible with a probability near 1/p, so that for two primes near 2^31 it is wrong once in 4e18.
    The larger of the two ranks is returned.

    Not exact: ``numpy.linalg.matrix_rank`` of the matrix with columns scaled to norm 1 (singular values above
    2^-52 times the longer side times the largest). It measures the conditioning of the powers, not controllability.

    Parameters
    ----------
    A : (N, N) connectivity, taken as the exact values of the doubles; it need not be stable.
    C : (N,) input mask, or (N, d) for d inputs.
    exact : see above.

    Raises
    ------
    ValueError : for arrays of wrong shape, infinite entries, or a zero mask.

    Cost: one input: N products with A and one elimination modulo p (twice if the rank is not N); 8 ms for N = 100,
    .2 s for N = 300, 2.3 s for N = 1000. Memory: N^2 Python integers.

    >>> A = np.diag([0.5, 0.5, 0.25])
    >>> kalman_rank(A, np.ones(3))
    2
    """
    matrix, mask = check_system(A, C, stable=False, inputs="many")
    if not exact:
        return int(np.linalg.matrix_rank(_krylov_matrix(matrix, mask)))
    best = 0
    for p in PRIMES:
        best = max(best, _modular_rank(matrix, mask, p))
        if best == len(matrix):
            break
    return best


def krylov_residuals(A: ArrayLike, C: ArrayLike) -> Float[np.ndarray, "N"]:
    """Norms of what is new in each Krylov vector: ``||C||``, then ``h_k = ||(I - Q_k Q_k^T) A q_k||`` (Arnoldi).

    Q_k = (q_1 .. q_k) is an orthonormal basis of ``span(C, .., A^{k-1} C)``. The part of ``A^k C`` orthogonal to the
    earlier ones has norm ``||C|| h_1 .. h_k``, which underflows long before a single h_k is small; the condition of the
    Krylov matrix is made of these products. After as many entries as :func:`reachable_part` finds dimensions all are 0.

    Parameters
    ----------
    A, C : (N, N) connectivity and (N,) input mask.

    Raises
    ------
    ValueError : for arrays of wrong shape or a zero mask.

    Cost: that of :func:`reachable_part` and a Hessenberg reduction.

    >>> krylov_residuals([[0.0, 0.0], [0.5, 0.0]], [2.0, 0.0])
    array([2. , 0.5])
    """
    matrix, mask = check_system(A, C, stable=False)
    part = reachable_part(matrix, mask)
    residuals = np.zeros(len(matrix))
    residuals[: part.dimension] = np.r_[math.hypot(*mask), subdiagonal(part.A, part.C)]
    return residuals


def _krylov_matrix(A: Float[np.ndarray, "N N"], C: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "N m"]:
    """The blocks ``C, A C, ..``, N of them, each column scaled to norm 1 (a zero column stays)."""
    blocks: list[Float[np.ndarray, "N d"]] = []
    block = C
    for _ in range(len(A)):
        norms = np.linalg.norm(block, axis=0)
        block = block / np.where(norms > 0, norms, 1.0)
        blocks.append(block)
        block = A @ block
    return np.hstack(blocks)


def residues(values: Float[np.ndarray, "n"], p: int) -> Int[np.ndarray, "n"]:
    """Values of doubles modulo an odd prime below 2^31: ``m 2^e mod p`` with the integer m and exponent e of each.

    >>> p = PRIMES[0]
    >>> int(residues(np.array([0.5]), p)[0]) * 2 % p
    1
    """
    fractions, exponents = np.frexp(values)
    m = np.ldexp(fractions, _MANTISSA).astype(np.int64) % p
    e = exponents.astype(np.int64) - _MANTISSA
    lowest, highest = int(e.min()), int(e.max())
    powers = np.array([pow(2, k, p) for k in range(lowest, highest + 1)], dtype=np.int64)
    return m * powers[e - lowest] % p  # both factors below 2^31


def _modular_rank(A: Float[np.ndarray, "N N"], C: Float[np.ndarray, "N d"], p: int) -> int:
    """Rank modulo p of as many Krylov blocks as matter: their number doubles until the rank is N or stays."""
    from flint import nmod_mat

    N, d = C.shape
    matrix = nmod_mat(N, N, residues(A.ravel(), p).tolist(), p)
    block = nmod_mat(N, d, residues(C.ravel(), p).tolist(), p)
    entries: list[int] = []  # of the transposed Krylov matrix, row by row
    blocks, rank = -(-N // d), -1
    while True:
        while len(entries) < blocks * d * N:
            entries += [int(x) for x in block.transpose().entries()]
            block = matrix * block
        found = int(nmod_mat(blocks * d, N, entries, p).rank())
        if found in (N, rank) or blocks >= N:
            return found
        rank, blocks = found, min(N, 2 * blocks)
