"""The linear map from an input sequence to the final state, ``A: S -> x[N]``, as scipy linear operators.

An operator acts on the coefficient vector ``C.ravel()`` of an (N, L) array C (rows = time steps or temporal atoms,
columns = streams), where the sequence is ``S = Psi C``; without a basis the coefficients are the sequence itself,
oldest step first. In the modes of the network (see :mod:`linmem.discrete.network`)

    (A C)_h = sum_{k,l} G[h, k] z[h, l] C[k, l],      G = F Psi,   F[h, n] = (q e^{j w_h})^(N-1-n),

and the state stacks real over imaginary parts. Two representations with the same interface:

- :class:`DenseOperator` stores the M x N L matrix;
- :class:`GemmOperator` stores only G and z, M (N + L) numbers, and computes ``A C = rowsum((G C) o z)``.

Further representations subclass :class:`SequenceOperator` and add a name to :data:`METHODS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from linmem.checks import check_array, check_choice, check_integer
from linmem.citations import cites
from linmem.discrete.network import RandomNetwork
from linmem.discrete.signals import check_basis

METHODS = ("auto", "dense", "gemm")
DENSE_LIMIT = 2**18
"""``method="auto"`` stores the matrix up to this many entries (2 MiB): beyond the cache GEMM is faster."""


class SequenceOperator(LinearOperator):
    """Common part of the operators: sizes, basis, conversion between coefficients and sequences.

    Attributes
    ----------
    network : the network that is unrolled.
    N : number of time steps.
    basis : (N, N) orthonormal temporal basis Psi, or None.
    shape : (M, N L).
    """

    if TYPE_CHECKING:  # scipy's own __new__ is for operators made from functions

        def __new__(cls, network: RandomNetwork, N: int, basis: str | ArrayLike | None = None) -> Self: ...

    def __init__(self, network: RandomNetwork, N: int, basis: str | ArrayLike | None = None) -> None:
        if not isinstance(network, RandomNetwork):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"network must be a RandomNetwork, got {type(network).__name__}; pass a RandomNetwork")
        self.network = network
        self.N = check_integer("N", N, minimum=1)
        self.basis = check_basis(basis, self.N)
        super().__init__(np.float64, (network.M, self.N * network.L))  # pyright: ignore[reportCallIssue]

    @property
    def L(self) -> int:
        """Number of input streams."""
        return self.network.L

    def sequence(self, coefficients: ArrayLike) -> Float[np.ndarray, "N L"]:
        """The input sequence ``S = Psi C`` of coefficients given as a vector of length N L or as an (N, L) array."""
        vector = check_array("coefficients", np.reshape(np.asarray(coefficients), -1), shape=(self.N * self.L,))
        C = vector.reshape(self.N, self.L)
        return C if self.basis is None else self.basis @ C

    def coefficients(self, S: ArrayLike) -> Float[np.ndarray, "N L"]:
        """The coefficients ``C = Psi^T S`` of an (N, L) sequence."""
        sequence = check_array("S", S, shape=(self.N, self.L))
        return sequence if self.basis is None else self.basis.T @ sequence

    def state(self, S: ArrayLike) -> Float[np.ndarray, "M"]:
        """The final state ``x[N] = A(S)`` of an (N, L) sequence, without running the network."""
        return self.matvec(self.coefficients(S).ravel())

    def columns(self, indices: ArrayLike) -> Float[np.ndarray, "M K"]:
        """Columns of the matrix, that is the final states of unit coefficients, at positions of ``C.ravel()``."""
        raise NotImplementedError(f"{type(self).__name__} does not give single columns")

    def _modal(self) -> Complex[np.ndarray, "H N"]:
        F = self.network.modal_powers(self.N)
        return F if self.basis is None else F @ self.basis

    def _positions(self, indices: ArrayLike) -> np.ndarray:
        found = np.asarray(indices)
        size = self.N * self.L
        if found.ndim != 1 or (found.size and (found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= size)):
            raise ValueError(f"indices must be a vector of integers in [0, {size}), got {found!r}; index C.ravel()")
        return found.astype(np.intp)


class DenseOperator(SequenceOperator):
    """The operator as a stored matrix. Build M N L multiplications, storage M N L numbers, one product 2 M N L flops.

    >>> network = RandomNetwork(M=6, L=2, seed=0)
    >>> DenseOperator(network, N=4).matrix.shape
    (6, 8)
    """

    def __init__(self, network: RandomNetwork, N: int, basis: str | ArrayLike | None = None) -> None:
        super().__init__(network, N, basis)
        product = (self._modal()[:, :, None] * network.modes[:, None, :]).reshape(network.M // 2, -1)
        self.matrix: Float[np.ndarray, "M NL"] = np.vstack([np.real(product), np.imag(product)])

    def columns(self, indices: ArrayLike) -> Float[np.ndarray, "M K"]:
        return self.matrix[:, self._positions(indices)]

    def _matvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "M"]:
        return self.matrix @ x.reshape(-1)

    def _rmatvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "NL"]:
        return self.matrix.T @ x.reshape(-1)


class GemmOperator(SequenceOperator):
    """The operator as one matrix product and a row sum; storage M (N + L) numbers, one product 2 M N L + 4 M L flops.

    Both directions use the same stored arrays, so the adjoint is exact up to the rounding of the products.

    >>> network = RandomNetwork(M=6, L=2, seed=0)
    >>> dense, gemm = DenseOperator(network, N=4), GemmOperator(network, N=4)
    >>> bool(np.allclose(gemm @ np.ones(8), dense @ np.ones(8), rtol=1e-13))
    True
    """

    def __init__(self, network: RandomNetwork, N: int, basis: str | ArrayLike | None = None) -> None:
        super().__init__(network, N, basis)
        G = self._modal()
        self._G: Float[np.ndarray, "M N"] = np.vstack([np.real(G), np.imag(G)])
        self._zr: Float[np.ndarray, "H L"] = np.ascontiguousarray(np.real(network.modes))
        self._zi: Float[np.ndarray, "H L"] = np.ascontiguousarray(np.imag(network.modes))

    def columns(self, indices: ArrayLike) -> Float[np.ndarray, "M K"]:
        row, stream = np.divmod(self._positions(indices), self.L)
        H = self.network.M // 2
        gr, gi, zr, zi = self._G[:H, row], self._G[H:, row], self._zr[:, stream], self._zi[:, stream]
        return np.vstack([gr * zr - gi * zi, gr * zi + gi * zr])

    def _matvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "M"]:
        P = self._G @ x.reshape(self.N, self.L)
        H = self.network.M // 2
        real = np.einsum("hl,hl->h", P[:H], self._zr) - np.einsum("hl,hl->h", P[H:], self._zi)
        imag = np.einsum("hl,hl->h", P[:H], self._zi) + np.einsum("hl,hl->h", P[H:], self._zr)
        return np.concatenate([real, imag])

    def _rmatvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "NL"]:
        real, imag = np.reshape(x, (2, -1, 1))
        B = np.vstack([self._zr * real + self._zi * imag, self._zr * imag - self._zi * real])
        return (self._G.T @ B).reshape(-1)


@cites("charles2018", "x[N] = A(S)")
def sequence_operator(
    network: RandomNetwork, N: int, method: str = "auto", basis: str | ArrayLike | None = None
) -> SequenceOperator:
    """The map from N steps of input to the final state of a network that starts at rest.

    Parameters
    ----------
    network : the network (M nodes, L streams).
    N : number of time steps, >= 1.
    method : "dense" (stored matrix), "gemm" (factored) or "auto": dense while the matrix has at most
        :data:`DENSE_LIMIT` entries, else gemm.
    basis : None or "canonical", or an orthonormal (N, N) matrix whose columns are the temporal atoms of every stream.

    Returns
    -------
    A scipy ``LinearOperator`` of shape (M, N L) acting on ``C.ravel()``, with ``.T`` as its adjoint.

    Raises
    ------
    ValueError : if the method is unknown, N < 1 or the basis is not an orthonormal (N, N) matrix.

    >>> network = RandomNetwork(M=6, L=2, seed=0)
    >>> S = np.arange(8.0).reshape(4, 2)
    >>> bool(np.allclose(sequence_operator(network, 4).state(S), network.simulate(S), rtol=1e-13))
    True
    """
    method = check_choice("method", method, METHODS)
    check_integer("N", N, minimum=1)
    if method == "auto":
        method = "dense" if network.M * N * network.L <= DENSE_LIMIT else "gemm"
    return DenseOperator(network, N, basis) if method == "dense" else GemmOperator(network, N, basis)
