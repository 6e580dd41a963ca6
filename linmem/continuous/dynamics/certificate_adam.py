"""A proved lower bound on the number of Adam steps until the loss has fallen: it is linear in 1/step, not exponential.

No network whose rates are all >= w has a loss below the floor of linmem.continuous.dynamics.drop. For a fall by a
given share, some rate must therefore go below the w* at which the floor admits it. Adam moves a parameter in its k-th
step by at most h sqrt(S_k), whatever the gradients and eps are: with bias-corrected weights p_i of the first and q_i
of the second moment,

    m^2/v = (sum p_i g_i)^2 / sum q_i g_i^2 <= sum p_i^2/q_i = S_k                                  (Cauchy-Schwarz),
    S_k = ((1 - b1)/(1 - b1^k))^2 (1 - b2^k)/(1 - b2) sum_{j<k} (b1^2/b2)^j.

So the number K of steps obeys h sum_{k<=K} sqrt(S_k) >= min_k w_k(0) - w*. This is about Adam in real numbers: in
double precision the square of a gradient below 1e-154 is zero.
"""

from __future__ import annotations

import numpy as np

from linmem.checks import check_array, check_finite
from linmem.citations import cites
from linmem.continuous.dynamics.descent import Adam
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.drop import check_bump, loss_floor
from linmem.continuous.dynamics.events import LossDrop

BLOCK = 100_000


@cites("linmem", "plateau certificate for Adam")
def adam_bound(problem: DeviationLoss, event: LossDrop, method: Adam) -> int:
    """A proved lower bound on the number of steps after which Adam, from the exact fit, can meet the loss drop.

    Parameters
    ----------
    problem : its remainder must be one GaussianBump.
    event : the fall J(0) - J = fraction * J(0). method : Adam with one step for all, and a second beta > 0.

    Zero where the floor excludes nothing (short memories). Raises TypeError for another remainder, ValueError for
    several steps or a second beta of 0. Cost: about 10 ms.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(64.0))
    >>> adam_bound(problem, LossDrop(0.01), Adam(1e-3))
    179
    """
    bump = check_bump(problem.remainder)
    step, (b1, b2) = check_array("step", method.step), method.betas
    if step.ndim or check_finite("second beta", b2) == 0:
        raise ValueError(f"method must have one step and a second beta > 0, got {method}; bound each step on its own")
    slowest = min(problem.fit.rates)
    level = (1 - event.fraction) * problem.start_loss * (1 + 1e-12)  # the float of ||rho_0||^2 may be too low
    excluded, low = slowest, 0.0  # no network with all rates >= excluded is below the level, except at the start
    if loss_floor(problem.fit, bump, problem.size, slowest) < level:
        return 0
    while excluded - low > 1e-9 * slowest:
        middle = (excluded + low) / 2
        floor = loss_floor(problem.fit, bump, problem.size, middle)
        low, excluded = (low, middle) if floor >= level else (middle, excluded)
    distance, travelled, done = (slowest - excluded) / float(step) * (1 - 1e-9), 0.0, 0
    ratio, weights = b1 * b1 / b2, 0.0
    while True:
        k = np.arange(done + 1, done + BLOCK + 1)
        with np.errstate(over="ignore"):
            sums = weights + np.cumsum(ratio ** (k - 1.0))
        square = ((1 - b1) / (1 - b1**k)) ** 2 * (1 - b2**k) / (1 - b2) * sums
        reach = travelled + np.cumsum(np.sqrt(square))
        if reach[-1] >= distance:
            return done + int(np.searchsorted(reach, distance)) + 1 if distance > 0 else 0
        travelled, done, weights = float(reach[-1]), done + BLOCK, float(sums[-1])
