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


def check_positions(indices: ArrayLike, size: int) -> np.ndarray:
    """Return positions in ``C.ravel()`` as a vector of integers in [0, size)."""
    found = np.asarray(indices)
    if found.ndim != 1 or (found.size and (found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= size)):
        raise ValueError(f"indices must be a vector of integers in [0, {size}), got {found!r}; index C.ravel()")
    return found.astype(np.intp)


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
        if not isinstance(network, RandomNetwork):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"network must be a RandomNetwork, got {type(network).__name__}; pass a RandomNetwork")
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

        Cost: M K complex products, with a basis other than the canonical one a product of F with K atoms.
        """
        row, stream = np.divmod(check_positions(indices, self.N * self.L), self.L)
        F = self.network.modal_powers(self.N)
        if self.basis.canonical:
            atoms = F[:, row]
        elif self.basis.per_stream:
            atoms = F @ self.basis.matrix[stream, :, row].T
        else:
            atoms = F @ self.basis.matrix[:, row]
        A = atoms * self.network.modes[:, stream]
        return np.vstack([np.real(A), np.imag(A)])

    def _modal(self) -> Complex[np.ndarray, "H N"]:
        """``F Psi`` for a basis that all streams share."""
        F = self.network.modal_powers(self.N)
        return F if self.basis.canonical else F @ self.basis.matrix
