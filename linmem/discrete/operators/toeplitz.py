"""The normal operator as a convolution in time: block Toeplitz with L x L blocks, at a cost that M does not enter."""

from __future__ import annotations

import numpy as np
import scipy.fft
from jaxtyping import Complex, Float, Int, Num
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators.base import check_positions
from linmem.discrete.operators.lags import cycle, cyclic_size, lags
from linmem.discrete.operators.normal import NormalOperator, decay

CACHE = 2**18
"""Numbers of the kernel that one step of the application reads twice (2 MiB)."""
SMALL = 2**18
"""The Hermitian matrices are stored whole up to this many complex numbers (4 MiB): one pass beats half the memory."""
STORED_LAGS = 2**23
"""The kernel over time is stored up to this many numbers (64 MiB), beyond it :meth:`gram` works stream by stream."""
STORED_ENTRIES = 2**24
"""Largest ``A^T A`` in a basis other than the canonical one that is stored as a matrix (128 MiB)."""


class ToeplitzNormal(NormalOperator):
    """``(A^T A)[(n, l), (k, m)] = q^(a_n + a_k) T[n - k]_lm`` in the canonical basis, with the ages a_n = N - 1 - n.

    The kernel T (see :mod:`linmem.discrete.operators.lags`) is a convolution over time: an FFT of P >= 2 N - 1 points,
    a product with a Hermitian L x L matrix ``K = A + j B`` at each of P/2 + 1 frequencies, an inverse FFT. As A is
    symmetric and B antisymmetric, the real matrix ``E = (A + B)/2`` holds all of K, and
    ``K x = (1 + j) E x + (1 - j) E^T x``. A basis other than the canonical one is a synthesis before and an analysis
    after, the decay a scaling.

    Attributes
    ----------
    kernel : (P/2 + 1, L, L), the matrices K, or E where the K together have more than :data:`SMALL` entries.

    Storage L^2 (N + 1) numbers; one application 4 L^2 N multiplications and 2 L FFTs.

    Source: derived here.

    >>> network = RandomNetwork(M=6, L=2, seed=0)
    >>> normal = ToeplitzNormal(network, N=4)
    >>> A = normal.columns(np.arange(8))
    >>> bool(np.allclose(normal @ np.eye(8), A.T @ A, rtol=1e-12, atol=1e-14))
    True
    """

    method = "toeplitz"

    def __init__(self, network: RandomNetwork, N: int, basis: BasisLike = None) -> None:
        super().__init__(network, N, basis)
        L = self.L
        self._decay: Float[np.ndarray, "N 1"] | None = None if network.q == 1.0 else decay(network, self.N)
        self._size: int = cyclic_size(self.N)
        frequencies = self._size // 2 + 1
        self._packed: bool = frequencies * L * L > SMALL
        self.kernel: Num[np.ndarray, "F L L"] = np.empty(
            (frequencies, L, L), dtype=np.float64 if self._packed else np.complex128
        )
        for l, m, T in lags(network, self.N):
            K = scipy.fft.rfft(cycle(T, self._size), axis=0)
            if self._packed:
                a, b = np.real(K) / 2, np.imag(K) / 2
                self.kernel[:, m, l] = a - b
                self.kernel[:, l, m] = a + b
            else:
                self.kernel[:, m, l] = np.conj(K)
                self.kernel[:, l, m] = K
        self._time: Float[np.ndarray, "..."] | None = None
        self._modal: Complex[np.ndarray, "H N"] | None = None
        self._whole: Float[np.ndarray, "NL NL"] | None = None
        self._spent = 0

    def apply(self, C: Float[np.ndarray, "... N L"]) -> Float[np.ndarray, "... N L"]:
        if self.basis.canonical and self._decay is None:
            return self._convolve(C)
        S = self.basis.synthesis(C)
        if self._decay is None:
            return self.basis.analysis(self._convolve(S))
        return self.basis.analysis(self._decay * self._convolve(self._decay * S))

    def _convolve(self, S: Float[np.ndarray, "... N L"]) -> Float[np.ndarray, "... N L"]:
        """The product with the block-Toeplitz matrix of T."""
        P = self._size
        if S.ndim == 2:
            spectrum = self._multiply(scipy.fft.rfft(S, P, axis=0)[:, :, None])[:, :, 0]
            return scipy.fft.irfft(spectrum, P, axis=0, overwrite_x=True)[: self.N]
        spectra = np.ascontiguousarray(np.moveaxis(scipy.fft.rfft(S, P, axis=1), 0, 2))
        product = np.ascontiguousarray(np.moveaxis(self._multiply(spectra), 2, 0))
        return scipy.fft.irfft(product, P, axis=1, overwrite_x=True)[:, : self.N]

    def _multiply(self, spectra: Complex[np.ndarray, "F L k"]) -> Complex[np.ndarray, "F L k"]:
        """``K x`` at each frequency; may work in place."""
        if not self._packed:
            return np.matmul(self.kernel, spectra)
        if self.L == 1:  # K is real
            spectra *= 2 * self.kernel
            return spectra
        step = max(1, CACHE // self.L**2)
        for first in range(0, len(spectra), step):
            x, E = spectra[first : first + step], self.kernel[first : first + step]
            real = x.view(np.float64)
            forward, backward = np.matmul(E, real), np.matmul(E.transpose(0, 2, 1), real)
            y, x[...] = forward.view(np.complex128), backward.view(np.complex128)
            y *= 1 + 1j
            x *= 1 - 1j
            x += y
        return spectra

    def gram(self, indices: ArrayLike) -> Float[np.ndarray, "K K"]:
        """The block ``A_J^T A_J``; in the canonical basis a gather of K^2 numbers from the kernel over time.

        The kernel over time is made at the first call, by L^2 FFTs. Where it would need more than 64 MiB only the part
        of one stream is made at a time, at each call.
        """
        J = check_positions(indices, self.N * self.L)
        row, stream = np.divmod(J, self.L)
        if not self.basis.canonical:
            return super().gram(J) if self.basis.per_stream else self._gram_of_atoms(row, stream)
        age = self.N - 1 - row
        if (2 * self.N - 1) * self.L**2 <= STORED_LAGS:
            if self._time is None:
                self._time = np.concatenate([self._stream(l)[:, None] for l in range(self.L)], axis=1)
            span = self.L**2
            block = self._time.reshape(-1)[np.add.outer(row * span + stream * self.L, age * span + stream)]
        else:
            block = np.empty((len(J), len(J)))
            for l in np.unique(stream):
                mine = np.flatnonzero(stream == l)
                block[mine] = self._stream(int(l)).reshape(-1)[np.add.outer(row[mine] * self.L, age * self.L + stream)]
        if self._decay is not None:
            scale = self._decay[row, 0]
            block *= scale[:, None] * scale
        return block

    def _gram_of_atoms(self, row: Int[np.ndarray, "K"], stream: Int[np.ndarray, "K"]) -> Float[np.ndarray, "K K"]:
        """The block in a basis that the streams share.

        F Psi is made at the first call, then a call costs M K^2 products; once these add up to the cost of the whole
        matrix ``A^T A``, 2 N^3 L^2, it is made (if it has at most 2^24 entries), and calls only gather from it.
        """
        n = self.N * self.L
        self._spent += self.network.M * len(row) ** 2
        if self._whole is None and n * n <= STORED_ENTRIES and self._spent > 2 * self.N * n * n:
            self._whole = self._in_basis()
        if self._whole is not None:
            J = row * self.L + stream
            return self._whole[J[:, None], J]
        if self._modal is None:
            self._modal = self.network.modal_powers(self.N) @ self.basis.matrix
        columns = self._modal[:, row]
        columns *= self.network.modes[:, stream]
        A = np.concatenate([np.real(columns), np.imag(columns)])
        return A.T @ A

    def _in_basis(self) -> Float[np.ndarray, "NL NL"]:
        """``A^T A`` as a matrix: ``Psi^T T_lm Psi`` for all pairs of streams."""
        N, L, Psi = self.N, self.L, self.basis.matrix
        whole = np.empty((N, L, N, L))
        for l in range(L):
            T = self._stream(l)  # T[d + N - 1, m]; the Toeplitz matrix has T[n - n' + N - 1, m] at (n, n')
            toeplitz = sliding_window_view(T, N, axis=0)[:, :, ::-1].swapaxes(1, 2)
            if self._decay is not None:
                toeplitz = self._decay[:, :, None] * toeplitz * self._decay
            left = (Psi.T @ toeplitz.reshape(N, -1)).reshape(N, N, L)
            np.matmul(Psi.T, left, out=whole[:, l])
        return whole.reshape(N * L, N * L)

    def _stream_spectra(self) -> Float[np.ndarray, "F L"]:
        return (2 if self._packed else 1) * np.real(np.einsum("fll->fl", self.kernel))

    def _stream(self, l: int) -> Float[np.ndarray, "lags L"]:
        """Row l of the kernel over time, ``T[d]_lm`` for the lags d = -(N-1)..N-1."""
        row, column = self.kernel[:, l, :], self.kernel[:, :, l]
        T = scipy.fft.irfft((1 + 1j) * row + (1 - 1j) * column if self._packed else row, self._size, axis=0)
        return np.concatenate([T[self._size - self.N + 1 :], T[: self.N]])
