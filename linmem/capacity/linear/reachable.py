"""The part of the state space that an input reaches: ``span(C, A C, A^2 C, ..)``, decided in floating point.

Powers of A say little: the Krylov matrix of a random network of 100 states has a numerical rank below 90 although
every direction is reached. Two questions that rounding answers well are asked instead.

1. *Modes.* Is there a left eigenvector w of A with ``w^H C = 0`` up to rounding (Popov, Belevitch, Hautus)?
2. *Staircase.* Orthogonalise step by step (Arnoldi): is there a step whose new direction is of the size of rounding
   errors? Finds Jordan blocks and nilpotent parts, whose eigenvectors are too uncertain for the first question. Alone
   it would miss what the first one finds: rounding errors may grow along directions that are not reached.

Before both, states to which no path leads from the input in the graph of A are left out, which is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from linmem.capacity.linear.modes import drop_modes
from linmem.capacity.linear.spectrum import check_system
from linmem.capacity.linear.staircase import Part, climb
from linmem.checks import check_finite

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class ReachablePart:
    """A linear network restricted to the directions that its inputs reach.

    Attributes
    ----------
    A : (n, n) connectivity on the reachable part, ``basis^T A basis``; the given one itself if all is reached.
    C : input mask on it, (n,) or (n, d) as given.
    basis : (N, n) orthonormal columns that span the reachable part.
    margin : how clear the decision is: the smallest residual (or share of C in a left eigenvector) that was kept, over
        the largest that would have been dropped. Below 1e4, compare ``dimension`` with
        :func:`linmem.capacity.linear.kalman_rank`.
    values : (n,) eigenvalues of the reachable part if they came up on the way, else None.
    """

    A: Float[np.ndarray, "n n"]
    C: Float[np.ndarray, "n"] | Float[np.ndarray, "n d"]
    basis: Float[np.ndarray, "N n"]
    margin: float
    values: Complex[np.ndarray, "n"] | None = None

    @property
    def dimension(self) -> int:
        """Number n of reachable dimensions."""
        return len(self.A)


def reachable_part(A: ArrayLike, C: ArrayLike, *, tolerance: float | None = None, modes: bool = True) -> ReachablePart:
    """Restrict ``x_t = A x_{t-1} + C z_t`` to the directions that z reaches.

    A direction counts as not reached if relative errors ``tolerance`` in the entries of A and C can explain all that
    arrives there. As arrays of floats such a pair may still be controllable: :func:`linmem.capacity.linear.kalman_rank`
    decides that exactly.

    Parameters
    ----------
    A : (N, N) connectivity; it need not be stable.
    C : (N,) input mask, or (N, d) for d inputs.
    tolerance : relative error of the entries, None: N 2^-52. With 0 only exact zeros are dropped.
    modes : whether left eigenvectors are looked at too (the first question above). Without them a dense A whose hidden
        block structure only rounding breaks is taken as wholly reached.

    Raises
    ------
    ValueError : for arrays of wrong shape, a zero mask, or a negative tolerance.

    Cost: O(N^3): a Hessenberg reduction, and with ``modes`` the left eigenvectors (twice the cost of eigenvalues).

    >>> A = np.diag([0.5, 0.5, 0.3])  # a repeated eigenvalue is reached once
    >>> part = reachable_part(A, [1.0, 1.0, 1.0])
    >>> part.dimension, np.linalg.eigvals(part.A).round(12).tolist(), part.margin > 1e10
    (2, [0.5, 0.3], True)
    """
    matrix, mask = check_system(A, C, stable=False, inputs="many")
    N = len(matrix)
    share = N * _EPS if tolerance is None else check_finite("tolerance", tolerance)
    if share < 0:
        raise ValueError(f"tolerance must be >= 0, got {share}; pass a small number such as 1e-14, or None")
    nodes = _graph_reach(matrix, mask)
    basis = np.eye(N)[:, nodes]
    high, highs = _exponent(matrix), np.array([_exponent(column) for column in mask.T])
    unit, units = np.ldexp(matrix, -high), np.ldexp(mask, -highs)  # entries near 1, so that no square underflows
    part = Part(unit[np.ix_(nodes, nodes)], units[nodes], basis, math.inf, share)
    if modes and share > 0:
        part = drop_modes(part)
    part = climb(part)
    C_r = np.ldexp(part.C, highs)
    values = None if part.values is None else part.values * 2.0**high
    return ReachablePart(np.ldexp(part.A, high), C_r[:, 0] if np.ndim(C) == 1 else C_r, part.basis, part.margin, values)


def controllable_eigenvalues(A: ArrayLike, C: ArrayLike, *, tolerance: float | None = None) -> Complex[np.ndarray, "n"]:
    """Eigenvalues of the reachable part of (A, C), largest modulus first.

    With one input each distinct eigenvalue appears as often as the largest Jordan block that is reached: a symmetric
    matrix has each of them once. Arguments as for :func:`reachable_part`.

    >>> controllable_eigenvalues(np.diag([0.5, -0.2, 0.7]), [1.0, 0.0, 1.0]).round(12).real.tolist()
    [0.7, 0.5]
    """
    part = reachable_part(A, C, tolerance=tolerance)
    values = np.linalg.eigvals(part.A).astype(np.complex128) if part.values is None else part.values
    return values[np.lexsort((-np.imag(values), -np.real(values), -np.abs(values)))]


def _exponent(values: np.ndarray) -> int:
    """The power of 2 just above the largest modulus; 0 if all are 0."""
    return int(np.frexp(np.abs(values).max())[1])


def _graph_reach(A: Float[np.ndarray, "N N"], C: Float[np.ndarray, "N d"]) -> np.ndarray:
    """Indices of the states to which a path of non-zero weights leads from an input, ascending."""
    N = len(A)
    if np.count_nonzero(A) == A.size or C.any(axis=1).all():
        return np.arange(N)
    links = np.zeros((N + 1, N + 1), dtype=bool)
    links[:N, :N] = A.T != 0  # from state j to state i
    links[N, :N] = C.any(axis=1)
    order = breadth_first_order(csr_array(links), N, directed=True, return_predecessors=False)
    return np.sort(order[order < N])
