"""Rigorous lower bounds on the plateau of second-order methods, in ball arithmetic.

Heavy ball with friction gamma(t) >= 0, from rest: theta'' + gamma(t) theta' = -grad J(theta), theta'(0) = 0. Its energy
E = |theta'|^2/2 + J satisfies E' = -gamma |theta'|^2. While |theta - theta(0)| <= r the loss cannot fall by more than
DJ(r) (linmem.continuous.dynamics.drop), hence

* any friction (none, constant, Nesterov's 3/t): |theta'|^2/2 <= J(0) - J <= DJ, and r <= int |theta'| gives
  tau_delta >= r / sqrt(2 DJ(r)): about the square root of the bound r^2/DJ of the gradient flow;
* constant friction gamma: gamma int |theta'|^2 <= DJ, and r^2 <= tau int |theta'|^2 (Cauchy-Schwarz) gives
  tau_delta >= gamma r^2 / DJ(r): the full exponent of the gradient flow.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from linmem.checks import check_nonnegative
from linmem.citations import cites
from linmem.continuous.dynamics.certificate import Certificate, certify_plateau, larger
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.intervals import ball


@cites("linmem", "plateau certificate with momentum")
def momentum_bound(
    problem: DeviationLoss, delta: float = 0.1, friction: float | None = None, start: ArrayLike | None = None
) -> Certificate:
    """A proved lower bound on the time at which heavy ball from rest has moved the parameters by delta.

    Parameters
    ----------
    problem, delta, start : as in `certify_plateau`.
    friction : None: the bound r/sqrt(2 DJ(r)) that holds for every friction gamma(t) >= 0. A number gamma >= 0: the
        larger of it and gamma r^2/DJ(r), for this constant friction.

    Raises ValueError for a negative friction, and what `certify_plateau` raises. Cost: about 10 ms.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 2.0]), GaussianBump(centre=40.0))
    >>> [f"{momentum_bound(problem, friction=gamma).lower_bound:.1e}" for gamma in (None, 1.0)]
    ['4.3e+10', '3.7e+21']
    """
    flow = certify_plateau(problem, delta, start)
    free = flow.rescaled(lambda bound: (bound / 2).sqrt())
    if friction is None or not check_nonnegative("friction", friction):
        return free
    return larger(flow.rescaled(lambda bound: bound * ball(friction)), free)
