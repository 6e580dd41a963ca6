"""How far the loss can fall while the parameters stay in a ball: bounds in ball arithmetic.

The target is rhohat(theta_0) + rho_0 with a Gaussian bump rho_0. Write D = rhohat(theta) - rhohat(theta_0). Then

    J(theta) = ||rho_0||^2 - 2 <D, rho_0> + ||D||^2.

Second order. D lies in the span of exponentials whose rates l_j are those of theta_0's function and those of theta;
for 0 < s < min l_j the Blaschke lemma bounds ||e^{st} D|| <= B ||D||, B = prod_j (l_j + s)/(l_j - s), hence

    <D, rho_0> <= beta ||D||,    beta^2 = B^2 ||e^{-st} rho_0||^2 <= B^2 A^2 s_0 sqrt(pi) e^{-2 s mu + s^2 s_0^2},

and J >= ||rho_0||^2 - beta^2 whatever D is. In a ball of radius r around the start every rate is >= w_k(0) - r.
A start with misfit d0 = rhohat(start) - rhohat(theta_0) has J(0) <= ||rho_0||^2 + 2 beta ||d0|| + ||d0||^2, so that
J(0) - J(theta) <= (||d0|| + beta)^2.

First order. With D' = rhohat(theta) - rhohat(start), J(0) - J = 2 <D', rho_0 - d0> - ||D'||^2 <= 2 <D', rho_0>
+ ||d0||^2, and by the mean value theorem <D', rho_0> <= r G, where G bounds the gradient of <rhohat(theta), rho_0>:
G^2 = A^2 sum_k [M_0(w_k(0) - r)^2 + (|a_k(0)| + r)^2 M_1(w_k(0) - r)^2].
"""

from __future__ import annotations

import math

import numpy as np
from flint import arb
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_finite, check_integer, check_positive
from linmem.citations import cites
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.intervals import ball, blaschke_product, bounds, gaussian_moments, precision
from linmem.kernels import ExponentialSum, GaussianBump

BITS = 128


class Neighbourhood:
    """The start of a training run and the balls around it: what the bounds of this module need.

    problem : its remainder must be a GaussianBump with amplitude other than 0.
    start : theta(0) - theta_0, shape (2n,); None is theta_0 itself.

    Raises TypeError for another remainder, ValueError for amplitude 0 or a start with a rate <= 0.
    """

    def __init__(self, problem: DeviationLoss, start: ArrayLike | None = None) -> None:
        self.bump = check_bump(problem.remainder)
        size = problem.size
        shift = np.zeros(2 * size) if start is None else check_array("start", start, shape=(2 * size,))
        problem.parameters(shift)
        with precision(BITS):
            self.amplitudes = [ball(a) + ball(d) for a, d in zip(problem.fit.amplitudes, shift[:size], strict=True)]
            self.rates = [ball(w) + ball(d) for w, d in zip(problem.fit.rates, shift[size:], strict=True)]
            self.used = [ball(w) for w in problem.fit.merged()[1].tolist()]
            self.misfit = arb(0) if not shift.any() else self._misfit(problem.fit)
        self.slowest = min(bounds(w)[0] for w in self.rates)
        self.floating_rates = np.array([float(w.mid()) for w in self.rates])
        self.floating_used = np.array([float(w.mid()) for w in self.used])

    def _misfit(self, fit: ExponentialSum) -> arb:
        """||rhohat(start) - rhohat(theta_0)||."""
        weights = [*self.amplitudes, *(-ball(a) for a in fit.amplitudes)]
        rates = [*self.rates, *(ball(w) for w in fit.rates)]
        square = arb(0)
        for a, w in zip(weights, rates, strict=True):
            for b, v in zip(weights, rates, strict=True):
                square += a * b / (w + v)
        return arb(bounds(square)[1]).sqrt()

    def log_correlation(self, r: float, s: float) -> float:
        """log beta(r, s) in floating point."""
        used, rates = self.floating_used, self.floating_rates - r
        product = float(np.log((used + s) / (used - s)).sum() + np.log((rates + s) / (rates - s)).sum())
        return (
            product
            + 0.5 * math.log(self.bump.width * math.sqrt(math.pi))
            + math.log(abs(self.bump.amplitude))
            - (s * self.bump.centre - (s * self.bump.width) ** 2 / 2)
        )

    def correlation(self, r: arb, s: arb) -> arb:
        """beta(r, s), which bounds <D, rho_0>/||D|| for every theta within r of the start."""
        return correlation([*self.used, *(w - r for w in self.rates)], s, self.bump)

    def second_order_drop(self, r: arb, s: arb) -> arb:
        """(||d0|| + beta)^2, an upper bound on J(0) - J(theta) within r of the start."""
        return (self.misfit + self.correlation(r, s)) ** 2

    def first_order_drop(self, r: arb) -> arb:
        """||d0||^2 + 2 r G(r), another upper bound on J(0) - J(theta) within r of the start."""
        total = arb(0)
        for a, w in zip(self.amplitudes, self.rates, strict=True):
            zeroth, first = gaussian_moments(self.bump.centre, self.bump.width, self.bump.amplitude, w - r)
            total += zeroth**2 + ((abs(a) + r) * first) ** 2
        return self.misfit**2 + 2 * r * total.sqrt()


def check_bump(remainder: object) -> GaussianBump:
    """The remainder as a GaussianBump with an amplitude other than 0."""
    if not isinstance(remainder, GaussianBump):
        raise TypeError(
            f"the remainder must be a GaussianBump, got {type(remainder).__name__}; only its moments are known as balls"
        )
    if remainder.amplitude == 0:
        raise ValueError("the bump must have an amplitude other than 0, got 0.0; without a bump the fit never moves")
    return remainder


def correlation(rates: list[arb], s: arb, bump: GaussianBump) -> arb:
    """prod_j (l_j + s)/(l_j - s) * |A| (s_0 sqrt(pi))^{1/2} e^{-s mu + s^2 s_0^2/2}, l_j > s the real parts of rates.

    It bounds <D, rho_0>/||D|| over the span of n exponentials e^{-lambda_j t} with Re lambda_j >= l_j, complex and
    repeated ones (t e^{-lambda t}) included: on the line Re u = -s each factor of the Blaschke product has modulus
    <= (l_j + s)/(l_j - s), and it divides the transform of D into a function of the Hardy space Re u < s.
    """
    width = ball(bump.width)
    square_root = (width * arb.pi().sqrt()).sqrt()
    decay = (-s * ball(bump.centre) + (s * width) ** 2 / 2).exp()
    return blaschke_product(rates, s) * abs(ball(bump.amplitude)) * square_root * decay


@cites("linmem", "loss floor")
def loss_floor(kernel_bar: ExponentialSum, bump: GaussianBump, neurons: int, slowest_rate: float) -> float:
    """A proved lower bound on J = ||rhohat - kernel_bar - bump||^2 over ALL linear networks with n neurons whose
    eigenvalues have real part <= -slowest_rate: J >= ||rho_0||^2 - min over s of beta(s)^2, rounded down, at least 0.

    No optimiser gets below it before an eigenvalue passes -slowest_rate: Adam, momentum, or any noise.

    Parameters
    ----------
    kernel_bar : the short-memory part of the target (m* exponentials, of any rate).
    bump : the long-memory part.
    neurons : n >= 1, the state size (m in Li et al.); full matrices (W, U, c) with one input as well as diagonal ones.
    slowest_rate : w > 0.

    >>> floor = loss_floor(ExponentialSum([1.0], [1.0]), GaussianBump(40.0), neurons=2, slowest_rate=0.9)
    >>> 0 <= 1 - floor / GaussianBump(40.0).l2_norm() ** 2 < 1e-14
    True
    """
    check_bump(bump)
    n, slowest = check_integer("neurons", neurons, minimum=1), check_positive("slowest_rate", slowest_rate)
    used = kernel_bar.merged()[1].tolist()
    top = min([slowest, *used])
    grid = top * (1 - np.geomspace(1e-9, 1.0, 200)[:-1])
    with precision(BITS):
        l, width, centre = np.array([*used, *[slowest] * n]), bump.width, bump.centre
        logs = np.log((l + grid[:, None]) / (l - grid[:, None])).sum(1) - grid * centre + (grid * width) ** 2 / 2
        s = ball(float(grid[np.argmin(logs)]))
        drop = correlation([*(ball(w) for w in used), *([ball(slowest)] * n)], s, bump) ** 2
        return max(0.0, bounds(bump_square(bump) - drop)[0])


def bump_square(bump: GaussianBump) -> arb:
    """||rho_0||^2 = A^2 s_0 sqrt(pi) (1 + erf(mu/s_0))/2 as a ball."""
    width = ball(bump.width)
    share = (1 + (ball(bump.centre) / width).erf()) / 2
    return ball(check_finite("amplitude", bump.amplitude)) ** 2 * width * arb.pi().sqrt() * share
