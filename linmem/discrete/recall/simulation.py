"""Monte Carlo of recall: a network that has read an input for ever, and what least squares and the LASSO make of it.

"For ever" is a run long enough that what came before it is below the rounding of the state: ``q^T <= 2^-53``. One state
serves all recall lengths, so that curves of error against length are paired. Both methods work on ``u = q^n s``, whose
columns all have the same length; the map on u is that of the same network with q = 1.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import qr, solve_triangular

from linmem.checks import check_choice, check_generator, check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.discrete.model.network import SPECTRA, RandomNetwork
from linmem.discrete.operators import sequence_operator
from linmem.discrete.recall.conditional import unscaled_columns
from linmem.discrete.recall.evolution import check_density, recall_penalty
from linmem.discrete.recall.formula import check_decay, check_sizes
from linmem.discrete.recovery import NotConvergedWarning, lasso

LONGEST_RUN = 100_000
"""Largest number of steps that stands for "for ever"; it admits q <= 0.9996."""


def run_length(q: float) -> int:
    """Steps after which an input has faded below the rounding of the state: the first T with ``q^T <= 2^-53``.

    >>> run_length(0.9)
    349
    """
    steps = math.ceil(53 * math.log(2) / -math.log(check_decay(q)))
    if steps > LONGEST_RUN:
        raise ValueError(
            f"q must be at most 0.9996 for a simulation (the run takes 53 ln 2 / ln(1/q) steps), got {q}: "
            f"{steps} steps; use the formulas instead"
        )
    return steps


@dataclass(frozen=True, eq=False)
class RecallTrial:
    """Errors of recall from one state, for each recall length.

    Attributes
    ----------
    lengths : (n,) recall lengths.
    least_squares : (n,) mean squared error over the recalled window relative to the inputs' variance; NaN where
        N L >= M - 1.
    lasso : (n,) the same error of the LASSO on u = q^n s; NaN if the LASSO was not asked for.
    gap : (n,) relative duality gap of the LASSO; NaN likewise.
    """

    lengths: Int[np.ndarray, "n"]
    least_squares: Float[np.ndarray, "n"]
    lasso: Float[np.ndarray, "n"]
    gap: Float[np.ndarray, "n"]


def _recalled(
    network: RandomNetwork, state: Float[np.ndarray, "M"], lengths: Sequence[int]
) -> list[Float[np.ndarray, "N L"]]:
    """Least squares for u on each window, oldest step first, from one factorisation."""
    L = network.L
    Q, R = qr(unscaled_columns(network, max(lengths)), mode="economic")
    y = Q.T @ state
    return [solve_triangular(R[: N * L, : N * L], y[: N * L]).reshape(N, L)[::-1] for N in lengths]


@cites("charles2018", "Figure 3")
def recall_trial(
    M: int,
    L: int,
    q: float,
    sigma: float,
    lengths: Sequence[int],
    *,
    s: float = 1.0,
    density: float = 1.0,
    sparse: bool = False,
    spectrum: str = "iid",
    tol: float = 1e-6,
    rng: np.random.Generator | int,
) -> RecallTrial:
    """Draw a network, an infinite input and noise; recall windows of several lengths from the one state.

    Parameters
    ----------
    M, L : nodes (even) and streams.
    q : spectral radius, in (0, 0.9996].
    sigma : standard deviation of the noise in each state entry, >= 0 (> 0 if ``sparse``).
    lengths : recall lengths, each >= 1.
    s : standard deviation of a non-zero input.
    density : probability p that an input is not zero; errors are relative to the variance p s^2.
    sparse : whether to solve the LASSO too, at the penalty :func:`recall_penalty`.
    spectrum : "iid" or "haar".
    tol : relative duality gap of the LASSO. A solve that misses it shows in ``gap`` instead of warning.
    rng : seed or generator; the network's seed, the input and the noise are drawn in this order.

    Raises
    ------
    ValueError : if a number is out of range, or there are no lengths.

    Cost: ``37 / ln(1/q)`` steps of the network, a QR of M x NL for the longest window of least squares, and a
    LASSO a length.

    >>> trial = recall_trial(100, 4, 0.9, 0.1, [1, 6, 20, 30], rng=0)
    >>> bool(trial.least_squares[2] > trial.least_squares[1]), bool(np.isnan(trial.least_squares[3]))
    (True, True)
    """
    check_sizes(M, L)
    steps = run_length(q)
    power = check_density(density) * check_positive("s", s) ** 2
    sigma = check_positive("sigma", sigma) if sparse else check_nonnegative("sigma", sigma)
    windows = np.array([check_integer("lengths", N, minimum=1) for N in lengths], dtype=np.int64)
    if not windows.size:
        raise ValueError("lengths must not be empty, got none; pass at least one recall length")
    check_choice("spectrum", spectrum, SPECTRA)
    generator = check_generator("rng", rng)
    seed = int(generator.integers(2**63))
    network = RandomNetwork(M, L, spectrum, q, seed=seed)
    steps = max(steps, int(windows.max()))
    nonzero = generator.random((steps, L)) < density
    S = s * nonzero * generator.standard_normal((steps, L))
    state = network.simulate(S) + sigma * generator.standard_normal(M)

    def error(u: Float[np.ndarray, "N L"]) -> float:
        N = len(u)
        decay = q ** np.arange(N - 1, -1, -1.0)[:, None]
        return float(np.mean((u / decay - S[-N:]) ** 2)) / power

    squares, found, gap = (np.full(windows.size, np.nan) for _ in range(3))
    short = np.flatnonzero(windows * L < M - 1)
    if short.size:
        fits = [int(N) for N in windows[short]]
        squares[short] = [error(u) for u in _recalled(network, state, fits)]
    if sparse:
        unscaled = RandomNetwork(M, L, spectrum, 1.0, seed=seed)  # the same angles and modes
        for i, N in enumerate(int(N) for N in windows):
            lam = recall_penalty(N, M, L, q, sigma, density, s, spectrum=spectrum)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotConvergedWarning)
                recovery = lasso(sequence_operator(unscaled, N), state, lam=lam, tol=tol)
            found[i], gap[i] = error(recovery.estimate), recovery.gap
    return RecallTrial(windows, squares, found, gap)
