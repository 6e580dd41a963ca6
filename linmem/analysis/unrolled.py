"""The map from an input sequence to the state it leaves, ``x = sum_k A^k B z_{N-k}``: its matrix and its condition.

Structure helps to invert it only if its columns are of like size, and point in different directions: its condition
number and its coherence say how far. What is left without structure: the best linear estimate under the same noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer, check_positive
from linmem.citations import cites


def unrolled(A: ArrayLike, B: ArrayLike, steps: int) -> Float[np.ndarray, "n Nd"]:
    """The matrix that maps the input (N, d), oldest step first and flattened by rows, to the state after N steps.

    >>> unrolled([[0.5]], [[1.0]], 3)
    array([[0.25, 0.5 , 1.  ]])
    """
    matrix, mask = check_array("A", A, ndim=2), check_array("B", B)
    mask = mask[:, None] if mask.ndim == 1 else mask
    if matrix.shape[0] != matrix.shape[1] or mask.ndim != 2 or len(mask) != len(matrix) or mask.size == 0:
        raise ValueError(
            f"A must be square and B have as many rows, got shapes {matrix.shape} and {np.shape(B)}; pass (n, n) and "
            "(n,) or (n, d)"
        )
    count = check_integer("steps", steps, minimum=1)
    found = np.empty((len(matrix), count, mask.shape[1]))
    for k in range(count - 1, -1, -1):
        found[:, k] = mask
        mask = matrix @ mask
    return found.reshape(len(matrix), -1)


@dataclass(frozen=True)
class Columns:
    """How far the columns of a matrix are from orthonormal.

    Attributes
    ----------
    condition : largest over smallest singular value; infinite if columns depend on each other. Sizes count too.
    coherence : largest absolute cosine between two columns that are not zero: 0 if all are orthogonal, 1 if two are
        parallel. Directions alone count.
    """

    condition: float
    coherence: float


def columns_of(M: ArrayLike) -> Columns:
    """Condition and coherence of the columns of M, (n, m).

    Cost: a singular value decomposition, about ``4 n m min(n, m)`` flops.

    >>> found = columns_of([[1.0, 0.6], [0.0, 0.8]])
    >>> round(found.coherence, 12), round(found.condition, 12)  # 0.6, and the root of (1 + 0.6) / (1 - 0.6)
    (0.6, 2.0)
    """
    matrix = check_array("M", M, ndim=2)
    size = np.linalg.norm(matrix, axis=0)
    unit = matrix[:, size > 0] / size[size > 0]
    if unit.size == 0:
        return Columns(math.inf, 0.0)
    products = np.abs(unit.T @ unit)
    np.fill_diagonal(products, 0.0)
    s = np.linalg.svd(matrix, compute_uv=False)
    full = len(size) <= len(matrix) and s[-1] > 0
    return Columns(float(s[0] / s[-1]) if full else math.inf, min(1.0, float(products.max())))


@cites("linmem")
def linear_error(A: ArrayLike, B: ArrayLike, steps: int, noise: float) -> float:
    """Expected relative squared error of the best linear estimate of a white input from one noisy state.

    ``1 - (1/Nd) sum_i s_i^2 / (s_i^2 + sigma^2)`` over the singular values of the unrolled map M, with
    ``sigma = noise |M|_F / sqrt(n)``, the noise of each state variable relative to the state's root mean square. No
    estimate is better if input and noise are Gaussian.

    Parameters
    ----------
    A, B : as for :func:`unrolled`.
    steps : N.
    noise : > 0, relative to the state.

    >>> round(linear_error([[0.0]], [[1.0]], 1, 0.5), 12), linear_error([[0.0]], [[1.0]], 2, 0.5) > 0.5
    (0.2, True)
    """
    M, relative = unrolled(A, B, steps), check_positive("noise", noise)
    s = np.linalg.svd(M, compute_uv=False)
    energy = float((s**2).sum())
    if energy == 0.0:
        return 1.0
    return 1.0 - float((s**2 / (s**2 + relative**2 * energy / len(M))).sum()) / M.shape[1]


def linear_horizon(A: ArrayLike, B: ArrayLike, threshold: float, noise: float) -> int:
    """Largest N with ``N d <= n`` whose :func:`linear_error` is at most ``threshold``; 0 if there is none.

    Found by bisection: the error is taken to grow with N. Cost: ``log2(n / d)`` singular value decompositions.

    >>> linear_horizon([[0.0, 0.0], [1.0, 0.0]], [1.0, 0.0], 0.01, 1e-3)  # a delay line holds two inputs
    2
    """
    n, d = unrolled(A, B, 1).shape
    bound = check_positive("threshold", threshold)
    low, high = 0, n // d + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if linear_error(A, B, middle, noise) <= bound else (low, middle)
    return low
