"""Checks of a linear network (A, C), and the eigenvalues of A with what rounding can have done to them.

The network is ``x_t = A x_{t-1} + C z_t`` with N states. A state that an infinite white input leaves behind exists if
and only if the spectral radius of A is below 1 (on the part of the state space that C reaches).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_choice

_EPS = float(np.finfo(np.float64).eps)


def _refuse_complex(name: str, value: ArrayLike) -> None:
    """Raise TypeError for complex entries, and say how to write the network with real ones."""
    try:
        is_complex = np.iscomplexobj(np.asarray(value))
    except ValueError:
        return  # ragged: check_array says so
    if is_complex:
        raise TypeError(
            f"{name} must be real, got complex entries; write the network as a real one of twice the size, "
            "A -> [[Re A, -Im A], [Im A, Re A]] and C -> [Re C, Im C]"
        )


def square_matrix(name: str, value: ArrayLike) -> Float[np.ndarray, "N N"]:
    """Return ``value`` as a finite real square matrix of float64, at least 1 x 1.

    >>> square_matrix("A", [[0, 1], [0, 0]]).dtype
    dtype('float64')
    """
    _refuse_complex(name, value)
    matrix = check_array(name, value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] == 0:
        raise ValueError(
            f"{name} must be a square matrix (N, N), got shape {matrix.shape}; pass the recurrent weights of N states"
        )
    return matrix


def input_mask(name: str, value: ArrayLike, N: int, inputs: str = "one") -> np.ndarray:
    """Return input weights as float64: shape (N,) for ``inputs="one"``, (N, d) for ``"many"``.

    "one" also takes a column (N, 1), "many" a vector (N,) as one column. Weights that are all zero are refused.

    >>> input_mask("C", [[1], [2]], 2).shape, input_mask("C", [1, 2], 2, inputs="many").shape
    ((2,), (2, 1))
    """
    check_choice("inputs", inputs, ["one", "many"])
    _refuse_complex(name, value)
    mask = check_array(name, value)
    if inputs == "many":
        mask = mask[:, None] if mask.ndim == 1 else mask
        if mask.ndim != 2 or mask.shape[0] != N or mask.shape[1] == 0:
            raise ValueError(
                f"{name} must have shape (N, d) with N = {N} rows, one for each state, got {np.shape(value)}; "
                "transpose it or pass the A that belongs to it"
            )
    else:
        if mask.ndim == 2 and mask.shape[1] == 1 and mask.shape[0] == N:
            mask = mask[:, 0]
        if mask.shape != (N,):
            raise ValueError(
                f"{name} must have shape (N,) = ({N},), one input weight for each state, got {np.shape(value)}; "
                "pass one column of the input weights, or the A that belongs to it"
            )
    if not mask.any():
        raise ValueError(f"{name} must not be all zero (no input would reach the state); pass non-zero input weights")
    return mask


def check_stable(A: ArrayLike) -> float:
    """Return the spectral radius of A as computed; refuse A if it is not below 1.

    A radius within N 2^-52 of 1 counts as 1: rounding cannot tell them apart. Where the computed radius is not below 1
    but a power of A provably has a norm below 1 (non-normal A, whose eigenvalues rounding moves far), A is accepted.

    Raises
    ------
    ValueError : if A is not square, or its radius is 1 or more; the message says the radius and the factor to scale by.

    Cost: the eigenvalues of A, 10 N^3 flops.

    >>> round(check_stable([[0.0, 0.5], [-0.5, 0.0]]), 12)
    0.5
    >>> check_stable([[2.0]])
    Traceback (most recent call last):
    ...
    ValueError: the spectral radius of A must be < 1 (else no stationary state exists), got 2; scale A by 0.9/2 = 0.45
    """
    matrix = square_matrix("A", A)
    radius = float(np.abs(np.linalg.eigvals(matrix)).max())
    refuse_unstable(matrix, radius)
    return radius


def refuse_unstable(A: Float[np.ndarray, "N N"], radius: float) -> None:
    """Raise ValueError if ``radius``, the computed spectral radius of A, is not below 1 and no power of A refutes it."""
    if radius < 1 - len(A) * _EPS or _power_contracts(A):
        return
    factor = 0.9 / radius if radius > 0 and math.isfinite(radius) else 0.0
    raise ValueError(
        f"the spectral radius of A must be < 1 (else no stationary state exists), got {radius:.12g}; "
        f"scale A by 0.9/{radius:.6g} = {factor:.6g}"
    )


def _power_contracts(A: Float[np.ndarray, "N N"]) -> bool:
    """Whether some A^(2^k), rounding included, has Frobenius norm below 1: then all eigenvalues are below 1."""
    P, error, N = A, 0.0, len(A)
    for _ in range(60):
        norm = float(np.linalg.norm(P)) * (1 + N * _EPS)
        if norm + error < 1:
            return True
        if not norm + error < 1e100:
            return False
        # ||fl(P P) - P P|| <= N eps ||P||^2 for any order of summation; P itself is off by `error`.
        error = (2 * norm + error) * error + N * _EPS * norm * norm
        P = P @ P
    return False


def check_system(
    A: ArrayLike, C: ArrayLike, *, stable: bool = True, inputs: str = "one"
) -> tuple[Float[np.ndarray, "N N"], np.ndarray]:
    """Return the network (A, C) as float64 arrays: A (N, N) and C (N,), or (N, d) for ``inputs="many"``.

    Parameters
    ----------
    A : (N, N) recurrent weights, real.
    C : (N,) input weights, real, not all zero; (N, d) for ``inputs="many"``.
    stable : whether a spectral radius of 1 or more is refused (this costs the eigenvalues of A).
    inputs : "one" or "many".

    Raises
    ------
    TypeError : if an array is complex or holds no numbers.
    ValueError : if a shape is wrong, an entry not finite, C zero, or A unstable; see :func:`check_stable`.

    >>> A, C = check_system([[0, 1], [0, 0]], [0, 1])
    >>> A.shape, C.shape, A.dtype
    ((2, 2), (2,), dtype('float64'))
    """
    matrix = square_matrix("A", A)
    mask = input_mask("C", C, len(matrix), inputs)
    if stable:
        check_stable(matrix)
    return matrix, mask
