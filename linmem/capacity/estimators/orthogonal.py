"""The orthogonalised subspace methods: squared row norms of an orthonormal basis from the SVD of the Krylov matrix.

With ``K = [C, A C, .., A^{L-1} C] = U D V^T``, K of full rank and exact arithmetic, the rows of V^T span the row space
of K and ``MC_tau = sum_j V_{tau j}^2``. OSM takes all N columns of V that the thin SVD returns, whatever their singular
values are. Hence

    sum_tau OSM_tau = ||V||_F^2 = N,

always: the sum is a property of the algorithm and says nothing about A or C. Columns with singular values below the
rounding unit are an arbitrary completion to N orthonormal vectors, so single lags are as uncertain as the algebraic
curve's. OSM+ averages the curves of many random masks C, because the exact curve does not depend on C; what each of
them gets wrong in the same way stays.

Both follow the code that the authors published with the paper (``mc_compute_showcase.m``: L = 5 N columns, 1000 masks
of unit length); the full text of the article was not at hand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from linmem.capacity.estimators.algebraic import krylov_enclosure, krylov_matrix
from linmem.capacity.linear import check_system
from linmem.capacity.result import MemoryCurve
from linmem.capacity.systems import random_mask
from linmem.checks import check_generator, check_integer
from linmem.citations import cites


@cites("ballarin2024", "OSM; published code, mc_compute_showcase.m")
def orthogonal_curve(A: ArrayLike, C: ArrayLike, max_lag: int, *, columns: int | None = None) -> MemoryCurve:
    """OSM: ``sum_j V_{tau j}^2`` over all N columns of V in the thin SVD of the Krylov matrix.

    Parameters
    ----------
    A : (N, N) recurrent weights, spectral radius < 1.
    C : (N,) input weights.
    max_lag : largest lag, >= 0.
    columns : L, columns of the Krylov matrix, >= N and > max_lag; max(5 N, max_lag + 1) unless stated.

    Returns
    -------
    MemoryCurve of method "osm"; ``rank`` is N by construction. ``[low, high]`` encloses the exact curve, to first order
    in the rounding errors, from the directions that the SVD determines; the values may lie outside.

    Raises
    ------
    ValueError : as :func:`linmem.capacity.linear.check_system`; if ``columns`` is too small.

    Cost: an SVD of N x L, about 10 N^2 L flops.

    >>> curve = orthogonal_curve(np.diag([0.5, 0.5]), [1.0, 1.0], 9)  # rank 1: the exact sum is 1
    >>> round(float(curve.values.sum()), 12)
    2.0
    """
    weights, mask = check_system(A, C)
    N, max_lag = len(weights), check_integer("max_lag", max_lag, minimum=0)
    L = max(5 * N, max_lag + 1) if columns is None else check_integer("columns", columns, minimum=max(N, max_lag + 1))
    _, s, Vt = np.linalg.svd(krylov_matrix(weights, mask, L), full_matrices=False)
    low, high = krylov_enclosure(weights, s, Vt, max_lag)
    return MemoryCurve(
        values=(Vt**2).sum(axis=0)[: max_lag + 1],
        low=low,
        high=high,
        method="osm",
        states=N,
        rank=N,
        error="encloses the exact value, not the estimate, which sums to N whatever the network is",
        condition=float(s[0] / s[-1]) if s[-1] > 0 else float("inf"),
    )


@cites("ballarin2024", "OSM+; published code, mc_compute_showcase.m")
def averaged_orthogonal_curve(
    A: ArrayLike,
    C: ArrayLike,
    max_lag: int,
    *,
    rng: int | np.random.Generator,
    masks: int = 100,
    mask: str = "normal",
    columns: int | None = None,
) -> MemoryCurve:
    """OSM+: the mean of the OSM curves of random masks of unit length.

    Parameters
    ----------
    A, C, max_lag, columns : as for :func:`orthogonal_curve`; C is checked and otherwise not used.
    rng : seed or generator of the masks.
    masks : number of masks, >= 1.
    mask : kind of mask, as in :func:`linmem.capacity.systems.random_mask`.

    Returns
    -------
    MemoryCurve of method "osm+". ``[low, high]`` is what all masks together prove: the exact curve is the same for all
    that make (A, C) controllable. Where A is not controllable from C, it is the curve of another network.

    Raises
    ------
    ValueError : as :func:`orthogonal_curve`.

    Cost: ``masks`` times that of :func:`orthogonal_curve`.

    >>> curve = averaged_orthogonal_curve([[0.5]], [1.0], 2, rng=0, masks=3)
    >>> curve.values.round(3)
    array([0.751, 0.188, 0.047])
    """
    weights, _ = check_system(A, C)
    generator, count = check_generator("rng", rng), check_integer("masks", masks, minimum=1)
    curves: list[MemoryCurve] = []
    for _ in range(count):
        drawn = random_mask(len(weights), mask, rng=generator)
        curves.append(orthogonal_curve(weights, drawn / np.linalg.norm(drawn), max_lag, columns=columns))
    return MemoryCurve(
        values=np.mean([curve.values for curve in curves], axis=0),
        low=np.max([curve.low for curve in curves], axis=0),
        high=np.min([curve.high for curve in curves], axis=0),
        method="osm+",
        states=len(weights),
        rank=len(weights),
        error=f"encloses the exact value, not the estimate (mean of {count} masks), which sums to N whatever A is",
        condition=max(curve.condition for curve in curves),
    )
