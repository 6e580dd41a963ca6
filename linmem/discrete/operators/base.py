"""The linear map from an input sequence to the final state, ``A: S -> x[N]``, as scipy linear operators.

An operator acts on the coefficient vector ``C.ravel()`` of an (N, L) array C (rows = time steps or temporal atoms,
columns = streams), where the sequence is ``S = Psi C``; in the canonical basis the coefficients are the sequence
itself, oldest step first. In the modes of the network (see :mod:`linmem.discrete.model.network`)

    (A C)_h = sum_{n,l} F[h, n] z[h, l] S[n, l],      F[h, n] = (q e^{j w_h})^(N-1-n),

and the state stacks real over imaginary parts. The representations subclass :class:`SequenceOperator`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from linmem.checks import check_array, check_integer
from linmem.discrete.model.bases import BasisLike, TemporalBasis, temporal_basis
from linmem.discrete.model.network import RandomNetwork

BLOCK = 2**20
"""Complex numbers in one temporary array of a computation that goes through the modes in blocks (16 MiB)."""


def check_network(network: RandomNetwork) -> None:
    """Refuse what is not a network."""
    if not isinstance(network, RandomNetwork):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"network must be a RandomNetwork, got {type(network).__name__}; pass a RandomNetwork")


def check_positions(indices: ArrayLike, size: int) -> np.ndarray:
    """Return positions in ``C.ravel()`` as a vector of integers in [0, size)."""
    found = np.asarray(indices)
    if found.ndim != 1 or (found.size and (found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= size)):
        raise ValueError(f"indices must be a vector of integers in [0, {size}), got {found!r}; index C.ravel()")
    return found.astype(np.intp)


def atoms(basis: TemporalBasis, index: np.ndarray, stream: np.ndarray | int = 0) -> Float[np.ndarray, "N K"]:
    """The atoms of the given indices, one column each, of the streams given if each has a basis of its own."""
    if basis.per_stream:
        return basis.matrix[stream, :, index].T
    unit = np.zeros((basis.N, len(index)))
    unit[index, np.arange(len(index))] = 1.0
    return basis.synthesis(unit)


def responses(network: RandomNetwork, basis: TemporalBasis, indices: ArrayLike) -> Float[np.ndarray, "M K"]:
    """Columns of the operator, that is the final states of unit coefficients, at positions of ``C.ravel()``.

    Cost: M K complex products; with a basis other than the canonical one also the product of F with the atoms.
    Memory beyond the result: 64 MiB.
    """
    N, L, H = basis.N, network.L, network.M // 2
    row, stream = np.divmod(check_positions(indices, N * L), L)
    if basis.canonical:
        used, which = np.unique(row, return_inverse=True)
        psi, age = None, N - 1 - used
    else:
        place = row + N * stream if basis.per_stream else row
        used, which = np.unique(place, return_inverse=True)
        psi, age = atoms(basis, used % N, used // N), np.arange(N - 1, -1, -1)
    A = np.empty((2, H, len(row)))
    modes = max(1, BLOCK // max(len(age), len(row), 1))
    for start in range(0, H, modes):
        part = slice(start, start + modes)
        angle = np.multiply.outer(network.frequencies[part], age)
        F = network.q**age * (np.cos(angle) + 1j * np.sin(angle))
        column = (F if psi is None else F @ psi)[:, which] * network.modes[part][:, stream]
        A[0, part], A[1, part] = np.real(column), np.imag(column)
    return A.reshape(network.M, -1)


class SequenceOperator(LinearOperator):
    """Common part of the operators: sizes, basis, conversion between coefficients and sequences.

    Attributes
    ----------
    network : the network that is unrolled.
    N : number of time steps.
    basis : the temporal basis Psi.
    shape : (M, N L).
    """

    if TYPE_CHECKING:  # scipy's own __new__ is for operators made from functions

        def __new__(cls, network: RandomNetwork, N: int, basis: BasisLike = None) -> Self: ...

    def __init__(self, network: RandomNetwork, N: int, basis: BasisLike = None) -> None:
        check_network(network)
        self.network = network
        self.N = check_integer("N", N, minimum=1)
        self.basis: TemporalBasis = temporal_basis(basis, self.N, network.L)
        super().__init__(np.float64, (network.M, self.N * network.L))  # pyright: ignore[reportCallIssue]

    @property
    def L(self) -> int:
        """Number of input streams."""
        return self.network.L

    def sequence(self, coefficients: ArrayLike) -> Float[np.ndarray, "N L"]:
        """The input sequence ``S = Psi C`` of coefficients given as a vector of length N L or as an (N, L) array."""
        vector = check_array("coefficients", np.reshape(np.asarray(coefficients), -1), shape=(self.N * self.L,))
        return self.basis.synthesis(vector.reshape(self.N, self.L))

    def coefficients(self, S: ArrayLike) -> Float[np.ndarray, "N L"]:
        """The coefficients ``C = Psi^T S`` of an (N, L) sequence."""
        return self.basis.analysis(check_array("S", S, shape=(self.N, self.L)))

    def state(self, S: ArrayLike) -> Float[np.ndarray, "M"]:
        """The final state ``x[N] = A(S)`` of an (N, L) sequence, without running the network."""
        return self.matvec(self.coefficients(S).ravel())

    def columns(self, indices: ArrayLike) -> Float[np.ndarray, "M K"]:
        """Columns of the matrix, that is the final states of unit coefficients, at positions of ``C.ravel()``.

        Cost: that of :func:`responses`, where the representation does not store them.
        """
        return responses(self.network, self.basis, indices)

    def _modal(self) -> Complex[np.ndarray, "H N"]:
        """``F Psi`` for a basis that all streams share."""
        F = self.network.modal_powers(self.N)
        return F if self.basis.canonical else F @ self.basis.matrix

    def _matvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "M"]:
        raise NotImplementedError

    def _rmatvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "NL"]:
        raise NotImplementedError

    def _matmat(self, X: Float[np.ndarray, "NL k"]) -> Float[np.ndarray, "M k"]:
        return np.stack([self._matvec(x) for x in X.T], axis=1)

    def _rmatmat(self, X: Float[np.ndarray, "M k"]) -> Float[np.ndarray, "NL k"]:
        return np.stack([self._rmatvec(x) for x in X.T], axis=1)
