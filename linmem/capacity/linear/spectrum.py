"""Checks of a linear network (A, C), and the eigenvalues of A with what rounding can have done to them.

The network is ``x_t = A x_{t-1} + C z_t`` with N states. An infinite white input leaves a state behind that has a
covariance if the spectral radius of A is below 1.

The curve depends on A through ``det(I - z A)`` on the unit circle only. There, to first order in a change E of A,

    log det(I - z (A + E)) = log det(I - z A) - z tr((I - z A)^{-1} E),

and the root mean square of the trace is at most ``||E||_F sqrt(sum_k ||A^k||_F^2)``. Computed eigenvalues are those of
A + E with ``||E||_F`` a small multiple of ``2^-52 ||A||_F``: up to 11 was measured (Perron eigenvalues of positive
matrices, N = 100), 16 is taken. So ``condition = ||A||_F sqrt(sum_k ||A^k||_F^2)`` says how far rounding moves what the
eigenvalues are needed for. It stays small for defective A, whose eigenvalues move by 2^(-52/k): those of a cluster move
together. Balancing comes first. Strongly connected components (A triangular after a permutation) are taken one by one,
and those of a single state have their eigenvalue on the diagonal, exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike
from scipy.linalg import matrix_balance
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from linmem.capacity.linear.powers import EPS, resolvent_norm
from linmem.checks import check_array, check_choice
from linmem.citations import cites

BACKWARD_ERROR = 16.0
"""Computed eigenvalues are taken to be those of a matrix within this many 2^-52 ||A||_F of A."""


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
            fix = (
                "take one column, or linmem.capacity.multivariate_curves for several inputs"
                if mask.ndim == 2 and mask.shape[0] == N
                else "pass the input weights, or the A, that belong to it"
            )
            raise ValueError(
                f"{name} must have shape (N,) = ({N},), one input weight for each state, got {np.shape(value)}; {fix}"
            )
    if not mask.any():
        raise ValueError(f"{name} must not be all zero (no input would reach the state); pass non-zero input weights")
    return mask


def check_stable(A: ArrayLike) -> float:
    """Return the spectral radius of A as computed; refuse A if it is not below 1.

    A radius within N 2^-52 of 1 counts as 1: rounding cannot tell them apart. A stable but very non-normal A can have
    computed eigenvalues beyond 1; it is refused too, as changes in its last digits make it unstable.

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
    refuse_unstable(len(matrix), radius)
    return radius


def refuse_unstable(N: int, radius: float) -> None:
    """Raise ValueError if ``radius``, the spectral radius of an A of N states as computed, is not below 1."""
    if radius < 1 - N * EPS:
        return
    factor = 0.9 / radius if radius > 0 and math.isfinite(radius) else 0.0
    raise ValueError(
        f"the spectral radius of A must be < 1 (else no stationary state exists), got {radius:.12g}; "
        f"scale A by 0.9/{radius:.6g} = {factor:.6g}"
    )


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


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of a matrix, and how far rounding can have moved them.

    Attributes
    ----------
    values : (N,) eigenvalues as computed; those of a real matrix come in exact conjugate pairs.
    condition : ``||A||_F sqrt(sum_k ||A^k||_F^2)``, summed over the strongly connected components of A (after
        balancing) that have more than one state; 0 if there is none: then the eigenvalues are diagonal entries.
    components : number of strongly connected components.
    """

    values: Complex[np.ndarray, "N"]
    condition: float
    components: int

    @property
    def radius(self) -> float:
        """The spectral radius as computed."""
        return float(np.abs(self.values).max())

    @property
    def error(self) -> float:
        """Root mean square change of the all-pass B on the unit circle, bounded to first order: 32 2^-52 condition.

        The phase of ``B(z) = prod_j (z - conj l_j)/(1 - l_j z)`` is twice that of ``det(I - z A)``; the computed
        eigenvalues are taken to be those of a matrix within ``16 2^-52 ||A||_F`` of A.
        """
        return 2 * BACKWARD_ERROR * EPS * self.condition


def _components(A: Float[np.ndarray, "N N"]) -> list[Float[np.ndarray, "n n"]]:
    """Diagonal blocks of A that belong to its strongly connected components; their spectra make up that of A."""
    if np.count_nonzero(A) == A.size:
        return [A]
    count, label = connected_components(csr_array(A != 0), connection="strong")
    if count == 1:
        return [A]
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return [A[np.ix_(group, group)] for group in groups]


@cites("linmem", "condition of the memory curve")
def eigenvalues(A: ArrayLike) -> Spectrum:
    """Eigenvalues of a square matrix, with the condition that decides how well a memory curve is known.

    Exactly triangular and permuted triangular matrices (delay lines, feed-forward networks) have exact eigenvalues;
    symmetric ones are solved as such.

    Raises
    ------
    ValueError : if A is not square or not finite.

    Cost: 10 N^3 flops for the eigenvalues, 20 to 60 N^3 (fast ones) for the condition.

    >>> found = eigenvalues([[0.0, 1.0, 5.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])  # nilpotent
    >>> found.values.tolist(), found.condition, found.components
    ([0j, 0j, 0j], 0.0, 3)
    """
    return spectrum_of(square_matrix("A", A))


def spectrum_of(A: Float[np.ndarray, "N N"], known: Complex[np.ndarray, "N"] | None = None) -> Spectrum:
    """:func:`eigenvalues` of a checked matrix; ``known`` eigenvalues are taken where A is one connected component."""
    values: list[Complex[np.ndarray, "n"]] = []
    blocks = _components(A)
    condition = 0.0
    for block in blocks:
        if len(block) == 1:
            values.append(block[0].astype(np.complex128))
            continue
        with np.errstate(invalid="ignore"):  # scipy casts factors of balancing beyond 2^63 to int, and discards them
            balanced = matrix_balance(block, permute=False)[0]
        # Beyond these sizes dgeev scales its argument, and scipy 1.17 was seen to return the scaled eigenvalues.
        if known is not None and len(blocks) == 1 and 1e-100 < float(np.abs(block).max()) < 1e100:
            found = known
        elif np.array_equal(balanced, balanced.T):
            found = np.linalg.eigvalsh(balanced).astype(np.complex128)
        else:
            found = np.linalg.eigvals(balanced).astype(np.complex128)
        values.append(found)
        radius = float(np.abs(found).max())
        norm = float(np.linalg.norm(balanced))
        condition += norm * resolvent_norm(balanced, radius) if radius < 1 else math.inf
    return Spectrum(np.concatenate(values), condition, len(blocks))
