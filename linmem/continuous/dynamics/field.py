"""The vector field -grad J of a plateau in coordinates that keep its small components accurate.

Two things make the deviation d = theta - theta_0 a poor state to integrate:

* A spare neuron (amplitude 0 in the fit) may come so close to a fitted neuron that the two share its amplitude: then
  da_j = -a_e although rhohat has hardly changed, and the gradient, e^{-2 c0/omega}, is drowned by their rounding. So
  the state holds the sum S = da_j + da_e instead of da_j, and the rate of the spare neuron relative to w0_j:

      N(u) = S/(u + w_j) + a_e (w_j - w_e)/((u + w_j)(u + w_e)) - a0_j (w_j - w0_j)/((u + w_j)(u + w0_j)) + ...

* Neurons that start equal stay equal, by symmetry; rounding would separate them if that subspace repels. So each group
  of equal neurons is one neuron here, with its multiplicity.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.kernels import GaussianBump, Kernel


class FlowField:
    """-grad J and its Jacobian as functions of a state y of length 2k, k <= n, for runs from one start.

    start : the state at time 0. evaluations, hessians : how often the field and its Jacobian were asked for.
    """

    start: Float[np.ndarray, "q"]

    def __init__(self, problem: DeviationLoss, origin: Float[np.ndarray, "p"]) -> None:
        n = problem.size
        columns = np.stack([problem.fit.amplitudes, problem.fit.rates, origin[:n], origin[n:]], axis=1)
        groups, where, counts = np.unique(columns, axis=0, return_inverse=True, return_counts=True)
        self._where = where.reshape(-1)
        self._counts = counts.astype(float)
        self._kernel = problem.remainder
        self._amplitudes, self._rates = groups[:, 0].copy(), groups[:, 1].copy()  # of the base point
        self._fit_rates = groups[:, 1].copy()
        rates = groups[:, 1] + groups[:, 3]
        self._pair = _pair(self._amplitudes, rates, self._counts)
        amplitudes, shift = groups[:, 2].copy(), groups[:, 3].copy()
        if self._pair is not None:
            j, e = self._pair
            amplitudes[j] += amplitudes[e]
            self._rates[e] = self._rates[j]
            shift[e] += self._fit_rates[e] - self._rates[e]
        self.start = np.concatenate([amplitudes, shift])
        self.evaluations = self.hessians = 0

    def deviation(self, y: Float[np.ndarray, "q"]) -> Float[np.ndarray, "p"]:
        """theta - theta_0 of all n neurons, shape (2n,)."""
        k = self._counts.size
        da, dw = y[:k].copy(), y[k:] + (self._rates - self._fit_rates)
        if self._pair is not None:
            da[self._pair[0]] -= da[self._pair[1]]
        return np.concatenate([da[self._where], dw[self._where]])

    @property
    def spare(self) -> int:
        """Index in the state of the rate of the only spare neuron; ValueError if there is none or more than one."""
        if self._pair is None:
            raise ValueError("the field has no single spare neuron; give exactly one neuron amplitude 0")
        return self._counts.size + self._pair[1]

    def inside(self, y: Float[np.ndarray, "q"]) -> bool:
        """Whether all rates are positive."""
        return bool(np.all(self._rates + y[self._counts.size :] > 0))

    def velocity(self, y: Float[np.ndarray, "q"]) -> tuple[Float[np.ndarray, "q"], float]:
        """(dy/dt, |grad J|^2)."""
        self.evaluations += 1
        a, w = self._parameters(y)
        value, slope, _ = self._residuals(y, w)
        zeroth, first, _ = moments(self._kernel, w)
        gradient = np.concatenate([2 * (value - zeroth), 2 * a * (slope + first)])
        square = float(np.concatenate([self._counts, self._counts]) @ gradient**2)
        if self._pair is not None:
            gradient[self._pair[0]] += gradient[self._pair[1]]
        return -gradient, square

    def jacobian(self, y: Float[np.ndarray, "q"]) -> Float[np.ndarray, "q q"]:
        """d(dy/dt)/dy."""
        self.hessians += 1
        a, w = self._parameters(y)
        _, slope, curvature = self._residuals(y, w)
        _, first, second = moments(self._kernel, w)
        slope, curvature, many = slope + first, curvature - second, self._counts
        sums = w[:, None] + w
        # entry (k, l) is the derivative of the gradient of one neuron k by all neurons of group l together
        mixed = -2 * a / sums**2
        upper = np.concatenate([2 / sums * many, mixed * many + np.diag(2 * slope)], axis=1)
        both = 4 * np.outer(a, a) / sums**3 * many + np.diag(2 * a * curvature)
        lower = np.concatenate([mixed.T * many + np.diag(2 * slope), both], axis=1)
        hessian = np.concatenate([upper, lower])
        if self._pair is not None:
            j, e = self._pair
            hessian[j] += hessian[e]
            hessian[:, e] -= hessian[:, j]
        return -hessian

    def rounding(self, y: Float[np.ndarray, "q"]) -> float:
        """A bound on the rounding error of the gradient at y: a few eps times the largest sum of |terms| of R or R'."""
        k = self._counts.size
        a, w = self._parameters(y)
        da, dw = np.abs(y[:k]), np.abs(y[k:])
        gain, loss = self._counts * da, self._counts * np.abs(self._amplitudes) * dw
        if self._pair is not None:
            j, e = self._pair
            gain[e] = da[e] * (dw[j] + dw[e]) / w[e]
        left, right = 1 / (w[:, None] + w), 1 / (w[:, None] + self._rates)
        zeroth, first, _ = moments(self._kernel, w)
        value = left @ gain + (left * right) @ loss + np.abs(zeroth)
        slope = np.abs(a) * ((left**2) @ gain + (left * right * (left + right)) @ loss + np.abs(first))
        return 8 * float(np.finfo(float).eps) * float(max(value.max(), slope.max()))

    def _parameters(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k = self._counts.size
        a = self._amplitudes + y[:k]
        if self._pair is not None:
            a[self._pair[0]] -= y[self._pair[1]]
        return a, self._rates + y[k:]

    def _residuals(self, y: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """N, N', N'' at the current rates u."""
        k = self._counts.size
        da, dw = y[:k], y[k:]
        if self._pair is not None:
            da = da.copy()
            da[self._pair[1]] = 0.0
        gain, loss = self._counts * da, self._counts * self._amplitudes * dw
        left, right = 1 / (u[:, None] + u), 1 / (u[:, None] + self._rates)
        product = left * right
        square = left * left
        value = left @ gain - product @ loss
        slope = -(square @ gain) + (product * (left + right)) @ loss
        curvature = 2 * ((square * left) @ gain) - 2 * ((product * (square + product + right * right)) @ loss)
        if self._pair is not None:
            j, e = self._pair
            one, other = left[:, j], left[:, e]
            term = y[e] * (dw[j] - dw[e]) * one * other
            value += term
            slope -= term * (one + other)
            curvature += 2 * term * (one * one + one * other + other * other)
        return value, slope, curvature


def moments(kernel: Kernel, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """M_0, M_1, M_2 at w: int t^i e^{-wt} kernel dt; for a bump with mu >= s^2 w by its recurrence, from M_0 alone."""
    zeroth = kernel.laplace(w)
    if isinstance(kernel, GaussianBump):
        square = kernel.width**2
        lead = kernel.centre - square * w
        if lead.min() >= 0:
            first = lead * zeroth + square * kernel.amplitude * np.exp(-((kernel.centre / kernel.width) ** 2) / 2)
            return zeroth, first, lead * first + square * zeroth
    return zeroth, -kernel.laplace(w, 1), kernel.laplace(w, 2)


def _pair(
    amplitudes: Float[np.ndarray, "k"], rates: Float[np.ndarray, "k"], counts: Float[np.ndarray, "k"]
) -> tuple[int, int] | None:
    """(fitted neuron, spare neuron) that may merge: the only spare one, and the fitted one next below it in rate."""
    spare, fitted = np.flatnonzero(amplitudes == 0), np.flatnonzero(amplitudes != 0)
    if spare.size != 1 or not fitted.size or counts.max() > 1:
        return None
    e = int(spare[0])
    below = fitted[rates[fitted] < rates[e]]
    j = below[np.argmax(rates[below])] if below.size else fitted[np.argmin(rates[fitted])]
    return int(j), e
