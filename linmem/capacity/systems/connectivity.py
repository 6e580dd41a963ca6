"""Connectivity matrices A, seeded: dense, sparse, orthogonal, cyclic, delay line."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from linmem.checks import check_choice, check_finite, check_generator, check_integer, check_positive

CONNECTIVITIES = ("normal", "uniform", "sparse", "sparse-conditioned", "orthogonal", "cyclic", "delay")
DENSITY = 0.1
"""Share of non-zero entries of a sparse matrix, unless stated."""
CONDITION = 10.0
"""Condition number of a ``sparse-conditioned`` matrix, unless stated."""
_DRAWS = 100


def random_connectivity(
    N: int,
    kind: str = "normal",
    *,
    radius: float = 0.9,
    density: float | None = None,
    condition: float | None = None,
    rng: int | np.random.Generator | None = None,
) -> Float[np.ndarray, "N N"]:
    """A connectivity matrix of N states, scaled to a spectral radius.

    ========================  ==========================================================================================
    ``"normal"``              iid N(0, 1) entries (eigenvalues fill a disc)
    ``"uniform"``             iid entries, uniform on (-1, 1)
    ``"sparse"``              each entry non-zero with probability ``density``, then N(0, 1)
    ``"sparse-conditioned"``  singular values from 1 down to 1/``condition`` in geometric progression, turned by random
                              plane rotations until a share ``density`` of the entries is non-zero
    ``"orthogonal"``          ``radius`` times a Haar-distributed orthogonal matrix
    ``"cyclic"``              a ring, state i feeds state i + 1 and the last one the first, each with weight ``radius``
    ``"delay"``               the ring cut open: the nilpotent shift, each weight ``radius``
    ========================  ==========================================================================================

    Parameters
    ----------
    N : state size N (Jaeger's N).
    radius : spectral radius, > 0. A delay line has none but 0: there it is the weight of the connections.
    density : in (0, 1]; only for the sparse kinds, 0.1 unless stated. ``"sparse-conditioned"`` cannot have fewer than N
        non-zeros, and ends with a few more than ``density`` N^2.
    condition : condition number (2-norm) of A, >= 1; only for ``"sparse-conditioned"``, 10 unless stated.
    rng : seed or generator. ``"cyclic"`` and ``"delay"`` use none and need none.

    Raises
    ------
    ValueError : for an option that the kind does not use, or a density so low that the graph has no cycle in any of 100
        draws (its spectral radius is 0 then and cannot be scaled).

    Cost: O(N^3) for the eigenvalues (N = 1000: seconds); O(N^2) for ring and delay line.

    >>> A = random_connectivity(50, "uniform", radius=0.8, rng=0)
    >>> A.shape, round(float(abs(np.linalg.eigvals(A)).max()), 12)
    ((50, 50), 0.8)
    >>> random_connectivity(3, "delay", radius=1.0)
    array([[0., 0., 0.],
           [1., 0., 0.],
           [0., 1., 0.]])
    """
    size, name = check_integer("N", N, minimum=1), check_choice("kind", kind, CONNECTIVITIES)
    scale = check_positive("radius", radius)
    share = _density(name, density)
    spread = _condition(name, condition)
    if name in ("cyclic", "delay"):
        A = scale * np.eye(size, k=-1)
        if name == "cyclic":
            A[0, -1] = scale
        return A
    generator = check_generator("rng", rng)
    if name == "orthogonal":
        return scale * haar_orthogonal(size, generator)
    if name == "normal":
        drawn = generator.standard_normal((size, size))
    elif name == "uniform":
        drawn = generator.uniform(-1.0, 1.0, (size, size))
    elif name == "sparse":
        drawn = _sparse(size, share, generator)
    else:
        drawn = _conditioned(size, share, spread, generator)
    return drawn * (scale / float(np.abs(np.linalg.eigvals(drawn)).max()))


def haar_orthogonal(N: int, rng: int | np.random.Generator) -> Float[np.ndarray, "N N"]:
    """Haar-distributed orthogonal matrix: Q of the QR factorisation of a normal matrix, with R's diagonal positive.

    >>> Q = haar_orthogonal(4, 0)
    >>> bool(np.allclose(Q.T @ Q, np.eye(4)))
    True
    """
    size, generator = check_integer("N", N, minimum=1), check_generator("rng", rng)
    Q, R = np.linalg.qr(generator.standard_normal((size, size)))
    return Q * np.where(np.diag(R) < 0, -1.0, 1.0)


def _density(kind: str, density: float | None) -> float:
    if density is None:
        return DENSITY
    if kind not in ("sparse", "sparse-conditioned"):
        raise ValueError(f"density applies to kinds 'sparse' and 'sparse-conditioned', got kind {kind!r}; leave it out")
    value = check_positive("density", density)
    if value > 1:
        raise ValueError(f"density must be <= 1, got {value}; pass the share of non-zero entries")
    return value


def _condition(kind: str, condition: float | None) -> float:
    if condition is None:
        return CONDITION
    if kind != "sparse-conditioned":
        raise ValueError(f"condition applies to kind 'sparse-conditioned', got kind {kind!r}; leave it out")
    value = check_finite("condition", condition)
    if value < 1:
        raise ValueError(f"condition must be >= 1, got {value}; pass largest over smallest singular value")
    return value


def _sparse(N: int, density: float, generator: np.random.Generator) -> Float[np.ndarray, "N N"]:
    """Normal entries at random places; drawn again until the graph has a cycle, without which A is nilpotent."""
    for _ in range(_DRAWS):
        A = np.where(generator.random((N, N)) < density, generator.standard_normal((N, N)), 0.0)
        components, _ = connected_components(csr_array(A), directed=True, connection="strong")
        if np.diag(A).any() or components < N:
            return A
    raise ValueError(
        f"density must leave a cycle in the graph of {N} states, got density {density}: none in {_DRAWS} draws, the "
        f"spectral radius is 0; pass density {min(1.0, 2 / N):.3g} or more"
    )


def _conditioned(N: int, density: float, condition: float, generator: np.random.Generator) -> Float[np.ndarray, "N N"]:
    """``diag(s)`` in random order between random permutations, with plane rotations of rows and columns."""
    A = np.zeros((N, N))
    A[generator.permutation(N), generator.permutation(N)] = np.geomspace(1.0, 1.0 / condition, N)
    wanted = density * N * N
    filled = N
    while N > 1 and filled < wanted:
        i, j = (int(k) for k in generator.choice(N, size=2, replace=False))
        angle = generator.uniform(0.0, 2 * np.pi)
        cos, sin = np.cos(angle), np.sin(angle)
        B = A if generator.random() < 0.5 else A.T
        before = np.count_nonzero(B[[i, j]])
        B[[i, j]] = np.array([[cos, -sin], [sin, cos]]) @ B[[i, j]]
        filled += np.count_nonzero(B[[i, j]]) - before
    return A
