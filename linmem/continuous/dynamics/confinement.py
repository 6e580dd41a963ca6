"""Proof that a start with no spare neuron never leaves: the loss is higher on a whole sphere around it.

At an exact fit theta_0 of all n neurons (m = m* in Li et al.) the tangent functions are independent, so that with the
Gram matrix Gamma and the curvature K of `linmem.continuous.dynamics.curvature`

    ||D|| >= sqrt(lambda_min(Gamma)) r - K r^2/2     on |theta - theta_0| = r, D = rhohat(theta) - rhohat(theta_0).

With the bump rho_0, J(theta) - J(theta_0) = ||D||^2 - 2 <D, rho_0> >= ||D|| (||D|| - 2 beta), beta from
`linmem.continuous.dynamics.drop`. So ||D|| > 2 beta on a sphere confines every method that cannot jump and never
raises the loss (or, for momentum, the energy), for all time. Where the Hessian is positive definite in the ball, the
ball holds exactly one minimum, and gradient flow converges to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb

from linmem.checks import check_positive
from linmem.citations import cites
from linmem.continuous.dynamics.curvature import Curvature
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.drop import BITS
from linmem.intervals import ball, bounds, precision


@dataclass(frozen=True)
class Confinement:
    """What is proved about the flow from theta_0.

    radius : the smallest sphere found that it cannot cross; None if none was found up to delta.
    margin : the greatest proved lower bound of min ||D||/(2 beta) over spheres up to delta; > 1 means confined.
    eigenvalue : enclosure (low, high) of lambda_min(Gamma).
    convexity : a lower bound on the eigenvalues of the Hessian in the ball of that radius (of radius delta if there is
        none); > 0 means one strict minimum in it.
    """

    radius: float | None
    margin: float
    eigenvalue: tuple[float, float]
    convexity: float


@cites("linmem", "confinement without a spare neuron")
def certify_confinement(problem: DeviationLoss, delta: float = 0.1) -> Confinement:
    """Whether gradient flow from the exact fit theta_0 is proved to stay within delta for all time; see the module.

    Parameters
    ----------
    problem : its remainder must be a GaussianBump. delta : the largest radius tried, below the slowest rate.

    Raises what `certify_plateau` raises. Cost: some 10 ms.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> found = certify_confinement(DeviationLoss(ExponentialSum([1.0], [1.0]), GaussianBump(20.0)))
    >>> found.radius < 1e-4, found.convexity > 0
    (True, True)
    >>> certify_confinement(DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 2.0]), GaussianBump(20.0))).radius is None
    True
    """
    curvature = Curvature(problem)
    around = curvature.around
    largest = min(check_positive("delta", delta), around.slowest / 2)
    with precision(BITS):
        margins = {r: bounds(_margin(curvature, r))[0] for r in np.geomspace(1e-12, 1.0, 97) * largest}
        inside = [float(r) for r, margin in margins.items() if margin > 1]
        radius = inside[0] if inside else None
        convexity = bounds(curvature.convexity(ball(largest if radius is None else radius)))[0]
    return Confinement(radius, max(margins.values()), curvature.smallest, convexity)


def _margin(curvature: Curvature, r: float) -> arb:
    """The lower bound of ||D||/(2 beta) on the sphere of radius r."""
    around, radius = curvature.around, ball(float(r))
    change = ball(curvature.smallest[0]).sqrt() * radius - curvature.second_derivative(radius) * radius**2 / 2
    top = min([float(around.floating_rates.min()) - r, *around.floating_used.tolist()])
    grid = top * (1 - np.geomspace(1e-6, 1.0, 60)[:-1])
    s = grid[np.argmin([around.log_correlation(float(r), float(s)) for s in grid])]
    return change / (2 * around.correlation(radius, ball(float(s))))
