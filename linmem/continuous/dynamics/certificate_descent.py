"""A rigorous lower bound on the number of steps of gradient descent on a plateau, in ball arithmetic.

theta_{k+1} = theta_k - eta grad J(theta_k). Let L bound the norm of the Hessian in the ball |theta - theta_0| <= r, and
eta < 2/L. A step inside the ball lowers the loss by at least (1 - eta L/2)/eta |theta_{k+1} - theta_k|^2; the step that
leaves the ball is cut where it crosses the sphere, and still lowers it by that much. If the loss cannot fall by more
than DJ(r) in the ball, Cauchy-Schwarz gives r^2 <= K sum |step|^2 <= K eta DJ/(1 - eta L/2) for the K steps that it
takes to leave it:

    K eta >= (1 - eta L/2) r^2 / DJ(r).
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from linmem.checks import check_positive
from linmem.citations import cites
from linmem.continuous.dynamics.certificate import Certificate, certify_plateau
from linmem.continuous.dynamics.curvature import Curvature
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.drop import BITS
from linmem.intervals import ball, bounds, precision


@cites("linmem", "plateau certificate of gradient descent")
def descent_bound(
    problem: DeviationLoss, step: float, delta: float = 0.1, start: ArrayLike | None = None
) -> Certificate:
    """A proved lower bound on the number K of gradient descent steps until the parameters have moved by delta.

    Parameters
    ----------
    problem, delta, start : as in `certify_plateau`. step : eta, the learning rate, below 2/L (`hessian_bound`).

    The bound of the returned certificate counts steps; times eta it is (1 - eta L/2) times the bound of the flow.
    Raises ValueError for a step >= 2/L, and what `certify_plateau` raises. Cost: about 15 ms.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 2.0]), GaussianBump(centre=40.0))
    >>> f"{descent_bound(problem, step=0.1).lower_bound:.0e}"
    '3e+22'
    """
    eta = check_positive("step", step)
    flow = certify_plateau(problem, delta, start)
    curvature = Curvature(problem, start)
    with precision(BITS):
        share = 1 - ball(eta) * curvature.lipschitz(ball(flow.radius)) / 2
        if not share > 0:
            top = 2 / bounds(curvature.lipschitz(ball(flow.radius)))[1]
            raise ValueError(f"step must be < 2/L = {top:.4g} for the proof, got {step!r}; take a smaller one")
        return flow.rescaled(lambda bound: share * bound / ball(eta))
