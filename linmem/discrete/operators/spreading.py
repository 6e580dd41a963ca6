"""Real parts of many exponential sums with the same angles: spreading onto a grid, then one real FFT for each sum.

This is a type-1 nonuniform FFT whose kernel is stored as a sparse matrix, so that its values are computed once for all
sums, and whose transforms are real. For the hundreds of sums of a normal operator it takes a quarter of finufft's time.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from jaxtyping import Complex, Float
from scipy import sparse
from scipy.special import i0e

WIDTH = 16
"""Grid points that an angle is spread to; on the twice oversampled grid the error is about exp(-pi 16/sqrt 2)."""


class Spreading:
    """``T[d] = Re sum_h p_h e^{j w_h d}`` for the lags |d| < N and several vectors p.

    With G >= 2 (2 N - 1) grid points ``g``, the Kaiser-Bessel kernel ``phi`` of width 16 and its Fourier transform,

        e^{j w d} = sum_g phi(w G/(2 pi) - g) e^{2 pi j g d/G} / hat(phi)(2 pi d/G),

    up to aliasing below 1e-15 of sum |p_h|. The angles are folded to [0, pi], so that half of the grid is enough.

    Cost: 16 H complex multiplications and a real FFT of G points for each sum; storage 24 H numbers.

    Source: Fessler and Sutton (2003), Kaiser-Bessel interpolation.

    >>> w = np.array([0.3, 2.0, 7.0])
    >>> T = Spreading(w, N=3).sums(np.ones((3, 1), dtype=complex))[:, 0]
    >>> bool(np.allclose(T, [np.cos(w * d).sum() for d in (0, 1, 2, -2, -1)], rtol=1e-13))
    True
    """

    def __init__(self, frequencies: Float[np.ndarray, "H"], N: int) -> None:
        self.N = N
        self.size: int = 2 * scipy.fft.next_fast_len(max(2 * N - 1, 2 * WIDTH), real=True)
        G = self.size
        angle = np.mod(frequencies, 2 * np.pi)
        self.flipped: np.ndarray = angle > np.pi  # T does not change with p -> conj(p), w -> -w
        place = np.where(self.flipped, 2 * np.pi - angle, angle) * (G / (2 * np.pi))
        grid = np.ceil(place - WIDTH / 2).astype(np.int64)[:, None] + np.arange(WIDTH)
        beta = 0.75 * np.pi * WIDTH  # the usual choice for twofold oversampling
        root = np.sqrt(np.maximum(1 - ((place[:, None] - grid) * (2 / WIDTH)) ** 2, 0))
        values = i0e(beta * root) * np.exp(beta * (root - 1))
        mode = np.repeat(np.arange(len(angle)), WIDTH)
        self._kernel = sparse.csr_array(
            (values.ravel(), ((grid + WIDTH).ravel(), mode)), shape=(G // 2 + 1 + 2 * WIDTH, len(angle))
        )
        root = np.sqrt(beta**2 - (np.pi * WIDTH / G * np.arange(N)) ** 2)
        transform = WIDTH * (np.exp(root - beta) - np.exp(-root - beta)) / (2 * root)
        self._scale: Float[np.ndarray, "n 1"] = (G / 2 / np.concatenate([transform, transform[:0:-1]]))[:, None]

    def sums(self, p: Complex[np.ndarray, "H b"]) -> Float[np.ndarray, "n b"]:
        """The sums at the lags 0..N-1, -(N-1)..-1 for each column of p (C-contiguous; conjugated where flipped)."""
        if self.flipped.any():
            p = np.where(self.flipped[:, None], np.conj(p), p)
        half = self.size // 2
        spread = np.asarray(self._kernel @ p.view(np.float64)).view(np.complex128)
        inside, below, above = spread[WIDTH : WIDTH + half + 1], spread[:WIDTH], spread[WIDTH + half + 1 :]
        inside[1 : WIDTH + 1] += np.conj(below[::-1])
        inside[half - WIDTH : half] += np.conj(above[::-1])
        inside[[0, half]] = 2 * np.real(inside[[0, half]])  # these two points are their own mirror images
        T = scipy.fft.irfft(inside, self.size, axis=0, overwrite_x=True)
        return np.concatenate([T[: self.N], T[self.size - self.N + 1 :]]) * self._scale
