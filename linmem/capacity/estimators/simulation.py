"""States of a linear network on a given input series, by matrix products over many segments of the series at once."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.capacity.linear import check_stable, check_system, square_matrix
from linmem.checks import check_array, check_positive

_LONGEST_WASHOUT = 2**20


def simulate_states(
    A: ArrayLike, C: ArrayLike, inputs: ArrayLike, *, initial: ArrayLike | None = None
) -> Float[np.ndarray, "T N"]:
    """States ``x_t = A x_{t-1} + C z_t`` for the inputs z_0, .., z_{T-1}; row t is the state after input t was read.

    The series is cut into s segments of L = T/s steps that run side by side, each step one product (s, N) x (N, N). A
    first run from zero finds what each segment adds to the state at its end; ``x_end = A^L x_start + that`` gives every
    segment its true initial state, and a second run stores the states. Nothing is truncated.

    Parameters
    ----------
    A : (N, N) recurrent weights, spectral radius < 1.
    C : (N,) input weights, or (N, d) for d inputs.
    inputs : (T,) or (T, d) series, finite, T >= 1.
    initial : (N,) state before input 0; zero if not given. With zero, drop the first rows until the start is forgotten
        (:func:`washout_length`).

    Returns
    -------
    (T, N) states.

    Raises
    ------
    ValueError : if a shape is wrong, an entry not finite, or A unstable.

    Cost: 4 N^2 T flops (2 N^2 T below 64 steps); memory for the states only.

    >>> simulate_states([[0.0, 0.0], [1.0, 0.0]], [1.0, 0.0], [5.0, 6.0, 7.0])
    array([[5., 0.],
           [6., 5.],
           [7., 6.]])
    """
    weights, mask = check_system(A, C, inputs="many")
    N, d = mask.shape
    series = check_array("inputs", inputs)
    if series.ndim == 1:
        series = series[:, None]
    if series.ndim != 2 or series.shape[1] != d or series.shape[0] == 0:
        raise ValueError(
            f"inputs must have shape (T,) or (T, d) with T >= 1 and d = {d} as in C, got {np.shape(inputs)}; "
            "pass time in rows"
        )
    first = np.zeros(N) if initial is None else check_array("initial", initial, shape=(N,))
    T = len(series)
    count = max(1, min(256, math.isqrt(T) // 8))
    L = -(-T // count)
    padded = np.zeros((count * L, d))
    padded[:T] = series
    steps = padded.reshape(count, L, d)
    transposed = np.ascontiguousarray(weights.T)
    start = np.zeros((count, N))
    if count > 1:
        added = np.zeros((count, N))
        for i in range(L):
            added = added @ transposed + steps[:, i] @ mask.T
        power = np.linalg.matrix_power(weights, L)
        start[0] = first
        for j in range(1, count):
            start[j] = power @ start[j - 1] + added[j - 1]
    else:
        start[0] = first
    states = np.empty((count, L, N))
    now = start
    for i in range(L):
        now = now @ transposed + steps[:, i] @ mask.T
        states[:, i] = now
    return states.reshape(count * L, N)[:T]


def washout_length(A: ArrayLike, tolerance: float = 1e-6) -> int:
    """Smallest power of two w with ``||A^w||_F <= tolerance``: after w steps the initial state is forgotten.

    Raises
    ------
    ValueError : if A is unstable, or w would exceed 2^20 (spectral radius within about 1e-5 of 1).

    Cost: log2(w) products of N x N matrices.

    >>> washout_length([[0.5]])
    32
    """
    weights = square_matrix("A", A)
    check_stable(weights)
    tolerance = check_positive("tolerance", tolerance)
    w, power = 1, weights
    while np.linalg.norm(power) > tolerance:
        if w == _LONGEST_WASHOUT:
            raise ValueError(
                f"the network must forget its start within {_LONGEST_WASHOUT} steps, but ||A^w|| is still "
                f"{float(np.linalg.norm(power)):.3g} there; lower the spectral radius or use method='exact'"
            )
        w, power = 2 * w, power @ power
    return w
