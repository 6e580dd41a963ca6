"""Rates to start a fit from: balanced truncation of an exponential sum, shift invariance of sampled kernels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex, Float

from linmem.continuous.approximation.grid import Target
from linmem.continuous.approximation.modes import Modes, complex_modes
from linmem.kernels import ComplexExponentialSum, ExponentialSum, Kernel, KernelSum, ScaledKernel

SAMPLES = 400
HORIZONS = (0.9, 0.99, 0.999, 0.99999)  # parts of the mass that half of the samples cover
QUALITY = 50.0  # largest |Im w|/Re w of a start


def as_sum(kernel: Kernel) -> ExponentialSum | ComplexExponentialSum | None:
    """The kernel as one exponential sum, if it is a combination of such sums; else None.

    >>> as_sum(2 * ExponentialSum([1.0], [1.0]) + ExponentialSum([1.0], [3.0]))
    ExponentialSum(amplitudes=(2.0, 1.0), rates=(1.0, 3.0))
    """
    if isinstance(kernel, ExponentialSum | ComplexExponentialSum):
        return kernel
    if isinstance(kernel, ScaledKernel):
        inner = as_sum(kernel.kernel)
        if inner is None:
            return None
        return type(inner)(kernel.factor * np.array(inner.amplitudes), inner.rates)
    if isinstance(kernel, KernelSum):
        parts = [as_sum(part) for part in kernel.parts]
        sums = [part for part in parts if part is not None]
        if len(sums) < len(parts):
            return None
        kind = ExponentialSum if all(isinstance(part, ExponentialSum) for part in sums) else ComplexExponentialSum
        amplitudes = np.concatenate([np.array(part.amplitudes) for part in sums])
        return kind(amplitudes, np.concatenate([np.array(part.rates) for part in sums]))
    return None


def balanced_rates(kernel: ExponentialSum, width: int) -> Float[np.ndarray, "width"] | None:
    """Rates of the balanced truncation of a real exponential sum to `width` states; None if they are not real.

    With x_j' = -w_j x_j + u, y = sum a_j x_j both Gramians are Cauchy matrices, P = 1/(w_i + w_j), Q = a_i a_j P_ij.
    P = C C^T in the Takenaka-Malmquist basis, C_jk = sqrt(2 w_k)/(w_j + w_k) prod_{q<k} (w_j - w_q)/(w_j + w_q):
    products only, nothing cancels. With the SVD C^T diag(a) C = X S Y^T (square-root method) the truncated matrix is
    S^{-1/2} X^T C^T diag(-a w) C Y S^{-1/2}, restricted to the largest singular values.
    """
    a, w = kernel.merged()
    if a.size < width:
        return None
    left = np.ones(w.size)
    factor: list[np.ndarray] = []
    for _ in range(w.size):  # the next basis function is that of the rate worst represented so far
        k = int(np.argmax(left**2 * np.abs(a) / w))
        factor.append(left * np.sqrt(2 * w[k]) / (w + w[k]))
        left = left * (w - w[k]) / (w + w[k])
    C = np.stack(factor, axis=1)
    X, S, Yt = np.linalg.svd(C.T @ (a[:, None] * C))
    if S[width - 1] <= 1e-14 * S[0]:
        return None
    root = 1 / np.sqrt(S[:width])
    reduced = (root[:, None] * (C @ X[:, :width]).T) @ ((a * w)[:, None] * (C @ Yt[:width].T) * root)
    rates = np.linalg.eigvals(reduced)
    return np.sort(np.real(rates)) if np.all(np.imag(rates) == 0) and np.all(np.real(rates) > 0) else None


def shift_rates(target: Target, width: int, end: float) -> Complex[np.ndarray, "r"]:
    """Rates of a realisation of order at most `width` of samples rho((i + 1/2) h) on [0, end] (Ho-Kalman-Kung).

    The SVD of the Hankel matrix of the samples gives an observability factor O; O without its last row times z is O
    without its first one, and its eigenvalues z = e^{-wh} give the rates. Unstable ones are reflected, and poorly
    damped ones damped, so that they are starts. The order is that of the samples if it is smaller.
    """
    h = end / SAMPLES
    samples = target(h * (np.arange(SAMPLES) + 0.5))
    half = SAMPLES // 2
    left, S, _ = np.linalg.svd(samples[np.add.outer(np.arange(half), np.arange(SAMPLES - half))])
    order = min(width, half // 2, int(np.sum(S / S[0] > 1e-13)))
    U = left[:, :order]
    z = np.linalg.eigvals(np.linalg.lstsq(U[:-1], U[1:], rcond=None)[0])
    z = np.where(np.abs(np.imag(z)) < 1e-12, np.abs(z) + 0j, z)  # a negative z has no rate: its modulus is a start too
    w = -np.log(np.where(np.abs(z) < 1e-12, 1e-12, z)) / h
    damping = np.maximum(np.abs(np.real(w)), np.maximum(0.5 / end, np.abs(np.imag(w)) / QUALITY))
    return damping + 1j * np.imag(w)


def sampled_starts(target: Target, width: int) -> list[Modes]:
    """Modes with complex rates to start from, at most `width` states each: samples over several horizons."""
    found: list[Modes] = []
    for part in HORIZONS:
        rates = shift_rates(target, width, 2.1 * target.arrival(part))
        modes = complex_modes(rates[np.imag(rates) >= 0])
        if modes.state_size <= width:
            found.append(modes)
    return found
