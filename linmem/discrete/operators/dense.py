"""The operator as a stored matrix."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators.base import SequenceOperator, check_positions


class DenseOperator(SequenceOperator):
    """The operator as a stored matrix. Build M N L multiplications, storage M N L numbers, one product 2 M N L flops.

    >>> network = RandomNetwork(M=6, L=2, seed=0)
    >>> DenseOperator(network, N=4).matrix.shape
    (6, 8)
    """

    def __init__(self, network: RandomNetwork, N: int, basis: BasisLike = None) -> None:
        super().__init__(network, N, basis)
        H, size = network.M // 2, self.N * network.L
        self.matrix: Float[np.ndarray, "M NL"] = np.empty((network.M, size))
        if self.basis.per_stream:
            powers = network.modal_powers(self.N)
            modal = np.einsum("hn,lnk->hkl", powers, self.basis.matrix, optimize=True)
        else:
            modal = self._modal()[:, :, None]
        gr, gi, z = np.real(modal), np.imag(modal), network.modes[:, None, :]
        zr, zi = np.real(z), np.imag(z)
        real, imag = self.matrix.reshape(2, H, self.N, network.L)
        np.multiply(gr, zr, out=real)
        real -= gi * zi
        np.multiply(gr, zi, out=imag)
        imag += gi * zr

    def columns(self, indices: ArrayLike) -> Float[np.ndarray, "M K"]:
        return self.matrix[:, check_positions(indices, self.N * self.L)]

    def _matvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "M"]:
        return self.matrix @ x.reshape(-1)

    def _rmatvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "NL"]:
        return self.matrix.T @ x.reshape(-1)

    def _matmat(self, X: Float[np.ndarray, "NL k"]) -> Float[np.ndarray, "M k"]:
        return self.matrix @ X

    def _rmatmat(self, X: Float[np.ndarray, "M k"]) -> Float[np.ndarray, "NL k"]:
        return self.matrix.T @ X
