"""The blocks of the normal operator: correlations of the input streams at each lag.

For a network with modes ``z_h`` and angles ``w_h``, in the notation of :mod:`linmem.discrete.model.network`,

    T[d]_lm = Re sum_h conj(z_hl) z_hm e^{j w_h d},      T[-d] = T[d]^T,

is the inner product of the columns of streams l and m whose inputs are d steps apart, but for the decay q. The lags are
held in cyclic order, 0..N-1, then -(N-1)..-1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.fft
from jaxtyping import Complex, Float

from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.operators.cost import SHORT
from linmem.discrete.operators.spreading import Spreading

BLOCK = 2**17
"""Complex numbers of the products of one block of pairs (2 MiB), but at least 16 pairs."""

Lags = tuple[np.ndarray, np.ndarray, Float[np.ndarray, "n p"]]


class _Waves:
    """The same sums as :class:`Spreading` by matrix products with cosines and sines, 2 N M multiplications each."""

    def __init__(self, frequencies: Float[np.ndarray, "H"], N: int) -> None:
        angle = np.multiply.outer(np.arange(N), frequencies)
        self._cos, self._sin = np.cos(angle), np.sin(angle)

    def sums(self, p: Complex[np.ndarray, "H b"]) -> Float[np.ndarray, "n b"]:
        even, odd = self._cos @ np.real(p), self._sin @ np.imag(p)
        return np.concatenate([even - odd, (even + odd)[:0:-1]])


def _sums(frequencies: Float[np.ndarray, "H"], N: int) -> Spreading | _Waves:
    return _Waves(frequencies, N) if N <= SHORT else Spreading(frequencies, N)


def lags(network: RandomNetwork, N: int) -> Iterator[Lags]:
    """Yield ``(l, m, T_lm)`` for blocks of pairs l <= m: two vectors of streams and an array of shape (2 N - 1, pairs).

    Cost: M N L (L + 1) flops in matrix products up to :data:`SHORT` steps, L (L + 1)/2 fast transforms beyond.
    """
    order = np.argsort(network.frequencies)  # neighbours on the grid are then neighbours in memory
    z, sums = network.modes[order], _sums(network.frequencies[order], N).sums
    first, second = np.triu_indices(network.L)
    step = max(16, BLOCK // len(z))
    for i in range(0, len(first), step):
        l, m = first[i : i + step], second[i : i + step]
        p = np.take(z, l, axis=1)
        np.conj(p, out=p)
        p *= np.take(z, m, axis=1)
        yield l, m, sums(p)


def cycle(T: Float[np.ndarray, "n p"], P: int) -> Float[np.ndarray, "P p"]:
    """Lags in cyclic order spread over P >= 2 N - 1 steps."""
    N = (len(T) + 1) // 2
    kernel = np.zeros((P, T.shape[1]))
    kernel[:N], kernel[P - N + 1 :] = T[:N], T[N:]
    return kernel


def cyclic_size(N: int) -> int:
    """The P >= 2 N - 1 that the FFT likes best."""
    return scipy.fft.next_fast_len(2 * N - 1, real=True)


def stream_spectra(network: RandomNetwork, N: int) -> Float[np.ndarray, "F L"]:
    """The rfft of ``T_ll`` over :func:`cyclic_size` steps for each stream l; it is real."""
    energy = np.abs(network.modes).astype(np.complex128) ** 2
    T = _sums(np.asarray(network.frequencies), N).sums(energy)
    return np.real(scipy.fft.rfft(cycle(T, cyclic_size(N)), axis=0))
