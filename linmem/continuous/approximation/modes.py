"""Modes of a diagonal network: exponentials with real rates and damped oscillations, with derivatives in the rates.

rhohat(t) = sum_k Re(c_k w_k e^{-w_k t}), w = alpha + i beta. A real rate is one neuron (c real, beta = 0); a complex
one stands for a pair of conjugate rates, two neurons (c complex). The factor w_k makes c_k the mass of the mode.
Free parameters: the coefficients, and theta = (log alpha of the real modes, log alpha, beta of the complex ones): every
theta is a stable network. With E = e^{-wt} all primitives are closed: int w E = -E, its derivatives in w t E, -t^2 E.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Complex, Float

from linmem.kernels import ComplexExponentialSum, ExponentialSum

GAP = 0.1  # smallest distance of logarithms of real rates
END = 750.0  # e^-750 = 0 in doubles


@dataclass(frozen=True)
class Modes:
    """Rates of the modes, without coefficients.

    real : shape (k,), rates > 0. damping, frequency : shape (q,), alpha > 0 and beta of the complex modes.
    """

    real: Float[np.ndarray, "k"]
    damping: Float[np.ndarray, "q"]
    frequency: Float[np.ndarray, "q"]

    @property
    def state_size(self) -> int:
        """k + 2 q, the number of neurons."""
        return self.real.size + 2 * self.damping.size

    @property
    def complex_rates(self) -> Complex[np.ndarray, "q"]:
        """alpha + i beta, shape (q,)."""
        return self.damping + 1j * self.frequency

    def theta(self) -> Float[np.ndarray, "p"]:
        """(log real, log damping, frequency), shape (k + 2q,)."""
        return np.concatenate([np.log(self.real), np.log(self.damping), self.frequency])

    def moved(self, theta: Float[np.ndarray, "p"], slowest: float, fastest: float) -> Modes:
        """The modes with these parameters; alpha and the real rates are kept within [slowest, fastest], and apart."""
        k, q = self.real.size, self.damping.size
        exponents = np.clip(theta[: k + q], np.log(slowest), np.log(fastest))
        exponents[:k] = _spread(exponents[:k])
        return Modes(np.exp(exponents[:k]), np.exp(exponents[k:]), theta[k + q :])

    def capped(self, step: Float[np.ndarray, "p"], largest: float = 1.0) -> Float[np.ndarray, "p"]:
        """The step in theta, shortened so that no rate changes by more than e^largest, no frequency by largest |w|.

        Neighbouring real rates close at most 70 % of the gap between their logarithms that exceeds GAP: rates that
        cross lead into local minima, and rates that merge have coefficients without bound.
        """
        k, q = self.real.size, self.damping.size
        size = largest * np.concatenate([np.ones(k + q), np.abs(self.complex_rates)])
        step = step / float(np.max(np.abs(step) / size, initial=1.0))
        order = np.argsort(self.real)
        gaps = np.diff(np.log(self.real[order]))
        moves = step[:k][order]
        for _ in range(k):
            over = moves[:-1] - moves[1:] - 0.7 * np.maximum(gaps - GAP, 0.0)
            if not np.any(over > 1e-12):
                break
            over = np.maximum(over, 0.0) / 2
            moves[:-1] -= over
            moves[1:] += over
        step[order] = moves
        return step

    def columns(self, t: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N n"]:
        """w e^{-wt} of the real modes, then real parts and minus imaginary parts of the complex ones."""
        x = _products(t, self.real)
        blocks = [self.real * np.exp(-x)]
        if self.damping.size:
            f = self.complex_rates * np.exp(-_times(t, self.damping) * self.complex_rates)
            blocks += [np.real(f), -np.imag(f)]
        return np.concatenate(blocks, axis=1)

    def tangents(self, t: Float[np.ndarray, "N"], c: Float[np.ndarray, "n"]) -> Float[np.ndarray, "N p"]:
        """Derivatives of rhohat in theta: Re c alpha (1 - wt) E and Re i c (1 - wt) E."""
        k, q = self.real.size, self.damping.size
        x = _products(t, self.real)
        blocks = [c[:k] * self.real * (1 - x) * np.exp(-x)]
        if q:
            x = _times(t, self.damping) * self.complex_rates
            f = (c[k : k + q] + 1j * c[k + q :]) * (1 - x) * np.exp(-x)
            blocks += [self.damping * np.real(f), -np.imag(f)]
        return np.concatenate(blocks, axis=1)

    def primitives(self, t: Float[np.ndarray, "N"], c: Float[np.ndarray, "n"]) -> Float[np.ndarray, "N s"]:
        """Antiderivatives in t, zero at infinity, of (columns, tangents), shape (N, n + k + 2q)."""
        k, q = self.real.size, self.damping.size
        x = _products(t, self.real)
        e = np.exp(-x)
        linear, nonlinear = [-e], [c[:k] * x * e]
        if q:
            s = _times(t, self.damping)
            e = np.exp(-s * self.complex_rates)
            f = (c[k : k + q] + 1j * c[k + q :]) * s * e
            linear += [-np.real(e), np.imag(e)]
            nonlinear += [self.damping * np.real(f), -np.imag(f)]
        return np.concatenate(linear + nonlinear, axis=1)

    def curvature(
        self, t: Float[np.ndarray, "N"], weights: Float[np.ndarray, "N"], c: Float[np.ndarray, "n"], integrated: bool
    ) -> Float[np.ndarray, "s s"]:
        """sum_i weights_i H(t_i), H the second derivatives of rhohat in (c, theta), or of its antiderivative.

        Only a mode's own parameters are coupled; c enters linearly.
        """
        k, q = self.real.size, self.damping.size
        n = k + 2 * q
        H = np.zeros((2 * n, 2 * n))
        x = _products(t, self.real)
        e = np.exp(-x)
        mixed, double = (
            (x * e, x * (1 - x) * e) if integrated else (self.real * (1 - x) * e, self.real * (1 - 3 * x + x * x) * e)
        )
        index = np.arange(k)
        H[index, n + index] = weights @ mixed
        H[n + index, n + index] = c[:k] * (weights @ double)
        if q:
            s = _times(t, self.damping)
            x = s * self.complex_rates
            e = np.exp(-x)
            first, second = (s * e, -s * s * e) if integrated else ((1 - x) * e, s * (x - 2) * e)
            d1, d2 = weights @ first, weights @ second
            a, gamma = self.damping, c[k : k + q] + 1j * c[k + q :]
            re, im = k + np.arange(q), k + q + np.arange(q)
            alpha, beta = n + re, n + im
            H[re, alpha], H[im, alpha] = a * np.real(d1), -a * np.imag(d1)
            H[re, beta], H[im, beta] = -np.imag(d1), -np.real(d1)
            H[alpha, alpha] = np.real(gamma * (a * d1 + a * a * d2))
            H[alpha, beta] = np.real(1j * gamma * a * d2)
            H[beta, beta] = -np.real(gamma * d2)
        return H + np.triu(H, 1).T

    def kernel(self, c: Float[np.ndarray, "n"]) -> ExponentialSum | ComplexExponentialSum:
        """rhohat as a kernel: amplitudes a = c w."""
        k, q = self.real.size, self.damping.size
        if not q:
            return ExponentialSum(c * self.real, self.real)

        gamma = c[k : k + q] + 1j * c[k + q :]
        rates = np.concatenate([self.real.astype(complex), self.complex_rates])
        return ComplexExponentialSum(np.concatenate([c[:k].astype(complex), gamma]) * rates, rates)


def _times(t: Float[np.ndarray, "N"], damping: Float[np.ndarray, "q"]) -> Float[np.ndarray, "N q"]:
    """min(t, END/alpha): beyond it e^{-alpha t} is 0 in doubles, and its products with powers of t must be too."""
    return np.minimum(t[:, None], END / damping)


def _products(t: Float[np.ndarray, "N"], rates: Float[np.ndarray, "k"]) -> Float[np.ndarray, "N k"]:
    """min(w t, END)."""
    return np.minimum(np.multiply.outer(t, rates), END)


def _spread(exponents: Float[np.ndarray, "k"]) -> Float[np.ndarray, "k"]:
    """The same numbers, moved up where one is less than GAP above the one below it."""
    spread = exponents.copy()
    order = np.argsort(exponents)
    for below, above in pairwise(order):
        spread[above] = max(spread[above], spread[below] + GAP)
    return spread


def real_modes(rates: Float[np.ndarray, "k"]) -> Modes:
    """Modes with these real rates only; those closer than GAP are spread."""
    return Modes(np.exp(_spread(np.sort(np.log(rates)))), np.empty(0), np.empty(0))


def complex_modes(rates: Complex[np.ndarray, "r"]) -> Modes:
    """Modes from complex rates, one of each conjugate pair; exactly real ones become real modes."""
    paired = np.imag(rates) != 0
    chosen = rates[paired]
    return Modes(np.sort(np.real(rates[~paired])), np.real(chosen), np.abs(np.imag(chosen)))
