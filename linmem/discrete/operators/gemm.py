"""The operator as one matrix product and a row sum."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators.base import SequenceOperator, check_positions


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
