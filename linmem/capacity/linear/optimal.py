"""The best that any linear network of n states can recall of one past input, also beyond its n steps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import optimize, signal

from linmem.checks import check_generator, check_integer
from linmem.citations import cites


def _allpass_head(reflections: Float[np.ndarray, "n"], count: int) -> Float[np.ndarray, "count"]:
    """First ``count`` coefficients of ``z^n A(1/z) / A(z)`` with A from reflection coefficients in (-1, 1)."""
    a = np.ones(1)
    for k in reflections:
        a = np.append(a, 0.0) + k * np.append(0.0, a[::-1])  # Levinson step-up: all zeros stay on the stable side
    impulse = np.zeros(count)
    impulse[0] = 1.0
    return np.asarray(signal.lfilter(a[::-1], a, impulse), dtype=np.float64)


@cites("linmem")
def optimal_linear_recall(state_size: int, lag: int, starts: int = 12, rng: np.random.Generator | int = 0) -> float:
    """Best squared correlation with which a linear network of n states recalls white input of ``lag`` steps ago.

    ``MC*_n(tau) = max over real all-passes B of degree n of sum_{m > tau} b_m^2``, B(z) = sum b_m z^m; 1 for tau < n
    (delay line), ``tau^tau / (tau+1)^(tau+1)`` for n = 1. Found by multistart over the n reflection coefficients, which
    cover all stable real B: a lower bound of the maximum, in practice the maximum (n <= 10, lag <= 12: four starts in
    ten or more arrive at the best value known). Starts are positive and falling, the shape of every optimum found up to
    B(z) -> B(-z), which does not change the recall.

    Parameters
    ----------
    state_size : n (N in Illium).
    lag : tau >= 0; position p is lag p - 1.
    starts : number of random starts.
    rng : generator or seed of the starts.

    >>> round(optimal_linear_recall(1, 1), 6), optimal_linear_recall(3, 2)
    (0.25, 1.0)
    """
    n = check_integer("state_size", state_size, minimum=1)
    tau = check_integer("lag", lag, minimum=0)
    count = check_integer("starts", starts, minimum=1)
    if tau < n:
        return 1.0

    def missed(parameters: Float[np.ndarray, "n"]) -> float:
        return float(np.sum(_allpass_head(np.tanh(parameters), tau + 1) ** 2))

    generator = check_generator("rng", rng)
    draws = (np.sort(generator.uniform(0.0, generator.uniform(0.5, 3.0), n))[::-1] for _ in range(count))
    found = [optimize.minimize(missed, draw, method="BFGS", options={"gtol": 1e-9}).fun for draw in draws]
    return 1.0 - float(min(found))
