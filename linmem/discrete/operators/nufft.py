"""The operator by nonuniform fast Fourier transforms, for long sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike

from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators.base import BLOCK, SequenceOperator, atoms, check_positions

ACCURACY = 1e-13
"""Tolerance asked of finufft."""


class NufftOperator(SequenceOperator):
    """``x_h = sum_l z_hl f_l(w_h)`` with ``f_l(w) = sum_n S[n, l] q^age e^{j w age}`` from finufft (type 2).

    The adjoint is a type-1 transform for each stream. A basis is a synthesis before or an analysis after, the decay a
    scaling. One thread. Each transform is within about 1e-13 of the exact sums relative to their l2 norm, so that the
    adjoint holds to 1e-13 ||A s|| ||x|| and not to the last digit.

    Storage M L + 2 N L numbers; a product costs O(L (N log N + 14 M)), whatever N L.

    Source of the method: Barnett, Magland and af Klinteberg (2019), as implemented in finufft.

    >>> from linmem.discrete.operators import GemmOperator
    >>> network = RandomNetwork(M=6, L=2, seed=0)
    >>> nufft, gemm = NufftOperator(network, N=4), GemmOperator(network, N=4)
    >>> bool(np.allclose(nufft @ np.ones(8), gemm @ np.ones(8), rtol=1e-11))
    True
    """

    def __init__(self, network: RandomNetwork, N: int, basis: BasisLike = None) -> None:
        import finufft

        super().__init__(network, N, basis)
        H, L = network.modes.shape
        # finufft numbers the modes k = n - N//2; age = N - 1 - n = (N - 1 - N//2) - k.
        phase = np.multiply.outer(np.ones(L), (self.N - 1 - self.N // 2) * network.frequencies)
        self._z: Complex[np.ndarray, "L H"] = network.modes.T * np.exp(1j * phase)
        self._decay: Float[np.ndarray, "N 1"] = network.q ** np.arange(self.N - 1.0, -1.0, -1.0)[:, None]
        self._batch: int = max(1, min(L, BLOCK // max(H, self.N)))
        self._plans: dict[int, Any] = {}
        for kind, sign in ((1, 1), (2, -1)):
            plan = finufft.Plan(kind, (self.N,), n_trans=self._batch, eps=ACCURACY, isign=sign, nthreads=1)
            plan.setpts(np.array(network.frequencies))
            self._plans[kind] = plan

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.network, self.N, self.basis)

    def _sums(self, kind: int, values: Complex[np.ndarray, "b n"]) -> Complex[np.ndarray, "b m"]:
        """At most a batch of transforms, along rows."""
        if len(values) == self._batch:
            return self._plans[kind].execute(values).reshape(self._batch, -1)
        padded = np.zeros((self._batch, values.shape[1]), dtype=np.complex128)
        padded[: len(values)] = values
        return self._plans[kind].execute(padded).reshape(self._batch, -1)[: len(values)]

    def columns(self, indices: ArrayLike) -> Float[np.ndarray, "M K"]:
        if self.basis.canonical:
            return super().columns(indices)
        row, stream = np.divmod(check_positions(indices, self.N * self.L), self.L)
        used, which = np.unique(row + self.N * stream if self.basis.per_stream else row, return_inverse=True)
        A = np.empty((2, self.network.M // 2, len(row)))
        for first in range(0, len(used), self._batch):
            part = used[first : first + self._batch]
            psi = self._decay * atoms(self.basis, part % self.N, part // self.N)
            waves = self._sums(2, np.ascontiguousarray(psi.T, dtype=np.complex128))
            for j in np.flatnonzero((which >= first) & (which < first + len(part))):
                column = self._z[stream[j]] * waves[which[j] - first]
                A[0, :, j], A[1, :, j] = np.real(column), np.imag(column)
        return A.reshape(self.network.M, -1)

    def _matvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "M"]:
        S = self._decay * self.basis.synthesis(x.reshape(self.N, self.L))
        total = np.zeros(self.network.M // 2, dtype=np.complex128)
        for first in range(0, self.L, self._batch):
            part = slice(first, first + self._batch)
            total += np.einsum("lh,lh->h", self._z[part], self._sums(2, S[:, part].T.astype(np.complex128, order="C")))
        return np.concatenate([np.real(total), np.imag(total)])

    def _rmatvec(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "NL"]:
        real, imag = np.reshape(x, (2, -1))
        state = real - 1j * imag
        S = np.empty((self.N, self.L))
        for first in range(0, self.L, self._batch):
            part = slice(first, first + self._batch)
            S[:, part] = np.real(self._sums(1, np.conj(state * self._z[part]))).T
        return self.basis.analysis(self._decay * S).reshape(-1)
