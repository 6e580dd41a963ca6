"""The normal operator ``A^T A`` of a network, as a symmetric scipy linear operator.

It is what an iterative solver applies and what an active-set step gathers its Gram blocks from. Coefficients are
vectors ``C.ravel()`` of (N, L) arrays, as for :class:`~linmem.discrete.operators.base.SequenceOperator`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import scipy.fft
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import LinearOperator

from linmem.checks import check_integer
from linmem.discrete.model.bases import BasisLike, TemporalBasis, temporal_basis
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators.base import BLOCK, SequenceOperator, atoms, check_network, responses
from linmem.discrete.operators.lags import cyclic_size, stream_spectra


def decay(network: RandomNetwork, N: int) -> Float[np.ndarray, "N 1"]:
    """``q^age`` of each step, as a column."""
    return network.q ** np.arange(N - 1.0, -1.0, -1.0)[:, None]


class NormalOperator(LinearOperator):
    """``A^T A`` of shape (N L, N L); the representations subclass this.

    Attributes
    ----------
    network, N, L, basis : as for :class:`~linmem.discrete.operators.base.SequenceOperator`.
    method : "dense", "gemm", "nufft" or "toeplitz".
    """

    method: str

    if TYPE_CHECKING:  # scipy's own __new__ is for operators made from functions

        def __new__(cls, network: RandomNetwork, N: int, basis: BasisLike = None) -> Self: ...

    def __init__(self, network: RandomNetwork, N: int, basis: BasisLike = None) -> None:
        check_network(network)
        self.network = network
        self.N = check_integer("N", N, minimum=1)
        self.L = network.L
        self.basis: TemporalBasis = temporal_basis(basis, self.N, network.L)
        size = self.N * self.L
        super().__init__(np.float64, (size, size))  # pyright: ignore[reportCallIssue]

    def apply(self, C: Float[np.ndarray, "... N L"]) -> Float[np.ndarray, "... N L"]:
        """``A^T A C`` for an (N, L) array of coefficients, or a batch (B, N, L) of them; nothing is checked."""
        raise NotImplementedError

    def gram(self, indices: ArrayLike) -> Float[np.ndarray, "K K"]:
        """The block ``A_J^T A_J`` of the columns at positions J of ``C.ravel()``.

        Cost: M K^2 multiplications, after the columns.
        """
        A = self.columns(indices)
        return A.T @ A

    def columns(self, indices: ArrayLike) -> Float[np.ndarray, "M K"]:
        """Columns of A (not of ``A^T A``) at positions of ``C.ravel()``."""
        return responses(self.network, self.basis, indices)

    def diagonal(self) -> Float[np.ndarray, "N L"]:
        """The squared norms of the columns of A, as an array of the shape of the coefficients.

        Cost: H L in the canonical basis. Else an atom psi of stream l has the norm ``<psi, T_ll psi>``, by an FFT of
        2 N points for each atom and N products with its power spectrum for each atom and stream.
        """
        N, L = self.N, self.L
        scale = decay(self.network, N)
        if self.basis.canonical:
            return scale**2 * np.sum(np.abs(self.network.modes) ** 2, axis=0)
        P = cyclic_size(N)
        weight = self._stream_spectra() / P
        weight[1 : (P + 1) // 2] *= 2  # the frequencies that stand for their negatives too
        norms = np.empty((N, L))
        step = max(1, BLOCK // P)
        for first in range(0, N, step):
            atom = np.arange(first, min(first + step, N))
            for l in range(L) if self.basis.per_stream else [slice(None)]:
                psi = scale * atoms(self.basis, atom, l if isinstance(l, int) else 0)
                power = np.abs(scipy.fft.rfft(psi, P, axis=0)) ** 2
                norms[atom, l] = power.T @ weight[:, l]
        return norms

    def _stream_spectra(self) -> Float[np.ndarray, "F L"]:
        """The spectra of the lags ``T_ll``, one column for each stream."""
        return stream_spectra(self.network, self.N)

    def largest(self, steps: int = 20) -> float:
        """An estimate of the largest eigenvalue, from ``steps`` Lanczos steps with a fixed start.

        It is the largest Ritz value plus the norm of its residual: some eigenvalue lies between the two, and in
        practice it is the largest one; not a guaranteed bound.
        """
        steps = min(check_integer("steps", steps, minimum=1), self.N * self.L)
        v = np.random.default_rng(0).standard_normal((self.N, self.L))
        v /= np.linalg.norm(v)
        last, alpha, beta = np.zeros_like(v), np.zeros(steps), np.zeros(steps)
        for k in range(steps):
            w = self.apply(v) - (beta[k - 1] * last if k else 0.0)
            alpha[k] = np.vdot(w, v)
            w -= alpha[k] * v
            beta[k] = np.linalg.norm(w)
            if beta[k] <= 1e-12 * alpha[: k + 1].max():
                steps = k + 1
                break
            last, v = v, w / beta[k]
        values, vectors = eigh_tridiagonal(alpha[:steps], beta[: steps - 1])
        return float(values[-1] + beta[steps - 1] * abs(vectors[-1, -1]))

    def _matvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "NL"]:
        return self.apply(x.reshape(self.N, self.L)).reshape(-1)

    def _matmat(self, X: Float[np.ndarray, "NL k"]) -> Float[np.ndarray, "NL k"]:
        batch = self.apply(np.ascontiguousarray(X.T).reshape(-1, self.N, self.L))
        return batch.reshape(X.shape[1], -1).T

    def _adjoint(self) -> Self:
        return self

    def _transpose(self) -> Self:
        return self


class ProductNormal(NormalOperator):
    """``A^T A`` as a product with A and one with its adjoint.

    >>> from linmem.discrete.operators import sequence_operator
    >>> A = sequence_operator(RandomNetwork(M=6, L=2, seed=0), N=4, method="gemm")
    >>> normal = ProductNormal(A, "gemm")
    >>> bool(np.allclose(normal @ np.ones(8), A.T @ (A @ np.ones(8)), rtol=1e-14))
    True
    """

    if TYPE_CHECKING:

        def __new__(cls, operator: SequenceOperator, method: str) -> Self: ...

    def __init__(self, operator: SequenceOperator, method: str) -> None:
        super().__init__(operator.network, operator.N, operator.basis)
        self.operator = operator
        self.method = method

    def columns(self, indices: ArrayLike) -> Float[np.ndarray, "M K"]:
        return self.operator.columns(indices)

    def apply(self, C: Float[np.ndarray, "... N L"]) -> Float[np.ndarray, "... N L"]:
        A = self.operator
        if C.ndim == 2:
            return A.rmatvec(A.matvec(C.reshape(-1))).reshape(C.shape)
        return A.rmatmat(A.matmat(C.reshape(len(C), -1).T)).T.reshape(C.shape)
