"""The operator as one matrix product and a row sum."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators.base import BLOCK, SequenceOperator, check_positions


class GemmOperator(SequenceOperator):
    """``A C = rowsum((F Psi C) o z)``; storage M (N + L) numbers, one product 2 M N L + 4 M L flops.

    A basis that all streams share is multiplied into F once; one for each stream is applied to the sequence each time.
    Both directions use the same stored arrays, so the adjoint is exact up to the rounding of the products.

    >>> from linmem.discrete.operators import DenseOperator
    >>> network = RandomNetwork(M=6, L=2, seed=0)
    >>> dense, gemm = DenseOperator(network, N=4), GemmOperator(network, N=4)
    >>> bool(np.allclose(gemm @ np.ones(8), dense @ np.ones(8), rtol=1e-13))
    True
    """

    def __init__(self, network: RandomNetwork, N: int, basis: BasisLike = None) -> None:
        super().__init__(network, N, basis)
        G = network.modal_powers(self.N) if self.basis.per_stream else self._modal()
        self._G: Float[np.ndarray, "M N"] = np.vstack([np.real(G), np.imag(G)])
        self._zr: Float[np.ndarray, "H L"] = np.ascontiguousarray(np.real(network.modes))
        self._zi: Float[np.ndarray, "H L"] = np.ascontiguousarray(np.imag(network.modes))

    def columns(self, indices: ArrayLike) -> Float[np.ndarray, "M K"]:
        if self.basis.per_stream:
            return super().columns(indices)
        row, stream = np.divmod(check_positions(indices, self.N * self.L), self.L)
        H = self.network.M // 2
        gr, gi, zr, zi = self._G[:H, row], self._G[H:, row], self._zr[:, stream], self._zi[:, stream]
        return np.vstack([gr * zr - gi * zi, gr * zi + gi * zr])

    def _matvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "M"]:
        C = x.reshape(self.N, self.L)
        P = self._G @ (self.basis.synthesis(C) if self.basis.per_stream else C)
        H = self.network.M // 2
        real = np.einsum("hl,hl->h", P[:H], self._zr) - np.einsum("hl,hl->h", P[H:], self._zi)
        imag = np.einsum("hl,hl->h", P[:H], self._zi) + np.einsum("hl,hl->h", P[H:], self._zr)
        return np.concatenate([real, imag])

    def _rmatvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "NL"]:
        real, imag = np.reshape(x, (2, -1, 1))
        B = np.vstack([self._zr * real + self._zi * imag, self._zr * imag - self._zi * real])
        S = self._G.T @ B
        return (self.basis.analysis(S) if self.basis.per_stream else S).reshape(-1)

    def _matmat(self, X: Float[np.ndarray, "NL k"]) -> Float[np.ndarray, "M k"]:
        H = self.network.M // 2
        result = np.empty((self.network.M, X.shape[1]))
        for part in self._blocks(X.shape[1]):
            C = X[:, part].T.reshape(-1, self.N, self.L)
            S = self.basis.synthesis(C) if self.basis.per_stream else C
            P = (self._G @ S.transpose(1, 2, 0).reshape(self.N, -1)).reshape(self.network.M, self.L, -1)
            zr, zi = self._zr[:, None, :], self._zi[:, None, :]
            result[:H, part] = (zr @ P[:H] - zi @ P[H:])[:, 0]
            result[H:, part] = (zi @ P[:H] + zr @ P[H:])[:, 0]
        return result

    def _rmatmat(self, X: Float[np.ndarray, "M k"]) -> Float[np.ndarray, "NL k"]:
        result = np.empty((self.N * self.L, X.shape[1]))
        for part in self._blocks(X.shape[1]):
            real, imag = X[:, part].reshape(2, -1, 1, len(X[0, part]))
            zr, zi = self._zr[:, :, None], self._zi[:, :, None]
            B = np.concatenate([zr * real + zi * imag, zr * imag - zi * real])
            S = (self._G.T @ B.reshape(self.network.M, -1)).reshape(self.N, self.L, -1).transpose(2, 0, 1)
            C = self.basis.analysis(S) if self.basis.per_stream else S
            result[:, part] = C.reshape(len(C), -1).T
        return result

    def _blocks(self, count: int) -> list[slice]:
        """Columns that are multiplied together: M L numbers each, 8 BLOCK bytes or one column at a time."""
        step = max(1, BLOCK // (self.network.M * self.L))
        return [slice(first, first + step) for first in range(0, count, step)]
