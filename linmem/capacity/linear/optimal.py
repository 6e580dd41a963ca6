"""The best that any linear network of n states can recall of one past input, also beyond its n steps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import optimize, signal

from linmem.checks import check_generator, check_integer
from linmem.citations import cites


def _denominators(reflections: Float[np.ndarray, "n"]) -> list[Float[np.ndarray, "k"]]:
    """The polynomials ``a_0, .., a_n`` of the Levinson step-up; their zeros stay on the stable side."""
    found = [np.ones(1)]
    for k in reflections:
        a = found[-1]
        found.append(np.append(a, 0.0) + k * np.append(0.0, a[::-1]))
    return found


def _missed(parameters: Float[np.ndarray, "n"], tau: int) -> tuple[float, Float[np.ndarray, "n"]]:
    """``f = sum_{m <= tau} b_m^2`` of the all-pass with reflection coefficients tanh(parameters), with its gradient.

    With B = z^n a_n(1/z) / a_n(z), and r_k = z^k a_k(1/z):
    ``dB/dk_j = z^(n-j) prod_{i>j} (1 - k_i^2) (a_{j-1}^2 - z^2 r_{j-1}^2) / a_n^2``.
    """
    reflections = np.tanh(parameters)
    n, a = len(reflections), _denominators(reflections)
    impulse = np.zeros(tau + 1)
    impulse[0] = 1.0
    b = np.asarray(signal.lfilter(a[n][::-1], a[n], impulse), dtype=np.float64)
    # <b, z^i / a_n^2> for all i at once: the filter 1/a_n^2 run backwards over b
    weights = np.asarray(signal.lfilter([1.0], np.convolve(a[n], a[n]), b[::-1]), dtype=np.float64)[::-1]
    gradient, later = np.zeros(n), 1.0
    for j in range(n, 0, -1):
        square = np.convolve(a[j - 1], a[j - 1])
        numerator = np.append(square, [0.0, 0.0]) - np.append([0.0, 0.0], square[::-1])
        part = weights[n - j : n - j + len(numerator)]
        gradient[j - 1] = 2.0 * later * float(numerator[: len(part)] @ part)
        later *= 1.0 - reflections[j - 1] ** 2
    return float(b @ b), gradient * (1.0 - reflections**2)


def optimal_reflections(
    state_size: int, lag: int, starts: int = 12, rng: np.random.Generator | int = 0
) -> tuple[float, Float[np.ndarray, "n"]]:
    """The value of :func:`optimal_linear_recall` and the reflection coefficients k_1 .. k_n of the all-pass found.

    ``B_k = (z B_{k-1} + k_k) / (1 + k_k z B_{k-1})``, B_0 = 1, B = B_n; all zero for a delay line (lag < n).

    >>> recall, reflections = optimal_reflections(1, 1)
    >>> round(recall, 6), round(float(reflections[0] ** 2), 6)  # a^2 = tau / (tau + 1)
    (0.25, 0.5)
    """
    n = check_integer("state_size", state_size, minimum=1)
    tau = check_integer("lag", lag, minimum=0)
    count = check_integer("starts", starts, minimum=1)
    generator = check_generator("rng", rng)
    if tau < n:
        return 1.0, np.zeros(n)
    best, chosen = np.inf, np.zeros(n)
    scale = min(1.0, (8.0 / n) ** 0.5)  # reflection coefficients of the optima fall as 1/sqrt(n)
    for _ in range(count):
        draw = scale * np.sort(generator.uniform(0.0, generator.uniform(0.5, 3.0), n))[::-1]
        found = optimize.minimize(_missed, draw, args=(tau,), method="BFGS", jac=True, options={"gtol": 1e-9})
        if found.fun < best:
            best, chosen = float(found.fun), np.tanh(found.x)
    if tau > 2 * n:
        followed = _followed(optimal_reflections(n, 2 * n, count, generator)[1], 2 * n, tau)
        if followed.fun < best:
            best, chosen = float(followed.fun), np.tanh(followed.x)
    return 1.0 - best, chosen


def _followed(reflections: Float[np.ndarray, "n"], lag: int, tau: int) -> optimize.OptimizeResult:
    """The optimum near that of a smaller lag, which grows by a quarter at a time while the poles near the circle."""
    last = np.arctanh(np.clip(reflections, -1 + 1e-15, 1 - 1e-15))
    while True:
        lag = min(lag + max(lag // 4, 1), tau)
        found = optimize.minimize(_missed, last, args=(lag,), method="BFGS", jac=True, options={"gtol": 1e-9})
        if lag == tau:
            return found
        last = found.x


@cites("linmem")
def optimal_linear_recall(state_size: int, lag: int, starts: int = 12, rng: np.random.Generator | int = 0) -> float:
    """Best squared correlation with which a linear network of n states recalls white input of ``lag`` steps ago.

    ``MC*_n(tau) = max over real all-passes B of degree n of sum_{m > tau} b_m^2``, B(z) = sum b_m z^m; 1 for tau < n
    (delay line), ``tau^tau / (tau+1)^(tau+1)`` for n = 1. Found by multistart over the n reflection coefficients, which
    cover all stable real B: a lower bound of the maximum, in practice the maximum (n <= 10, lag <= 12: four starts in
    ten or more arrive at the best value known). Starts are positive and falling, the shape of every optimum found up to
    B(z) -> B(-z), which does not change the recall. Beyond lag 2 n few starts arrive: there the optimum of lag 2 n is
    followed as well, and the better of the two is taken (n = 8, lag 60: 0.087, best known 0.091). Cost: O(n^2 + n tau)
    an evaluation; 10 ms a start at n = 8, a tenth of a second at n = 64.

    Parameters
    ----------
    state_size : n (N in Illium).
    lag : tau >= 0; position p is lag p - 1.
    starts : number of random starts.
    rng : generator or seed of the starts.

    >>> round(optimal_linear_recall(1, 1), 6), optimal_linear_recall(3, 2)
    (0.25, 1.0)
    """
    return optimal_reflections(state_size, lag, starts, rng)[0]
