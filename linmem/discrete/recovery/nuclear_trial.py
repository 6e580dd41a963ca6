"""One Monte-Carlo trial of low-rank recovery: draw network, input and noise, recover the input, compare with oracle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from linmem.checks import check_generator, check_positive
from linmem.citations import cites
from linmem.discrete.model.lowrank import low_rank_signal
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.model.noise import relative_noise
from linmem.discrete.recovery.nuclear import nuclear
from linmem.discrete.recovery.nuclear_oracle import low_rank_oracle_error
from linmem.discrete.recovery.result import relative_error


@dataclass(frozen=True)
class LowRankTrial:
    """Outcome of one trial.

    Attributes
    ----------
    nodes, streams, steps, rank : the sizes M, L, N, R.
    trial : number of the trial within its cell.
    rmse : ``||S_hat - S||_F^2 / ||S||_F^2`` of the nuclear-norm estimate.
    oracle_rmse : expected value of the same for least squares on the tangent space; infinite if R (N + L - R) >= M.
    noise_rmse : ``||e||^2 / ||S||_F^2``, the energy of the noise in the state over that of the input.
    gap : relative duality gap of the estimate.
    iterations : products with A^T A of the solver.
    """

    nodes: int
    streams: int
    steps: int
    rank: int
    trial: int
    rmse: float
    oracle_rmse: float
    noise_rmse: float
    gap: float
    iterations: int


@cites("charles2018", "Simulations, Figure 2")
def low_rank_trial(
    M: int,
    L: int,
    N: int,
    R: int,
    *,
    rng: np.random.Generator | int,
    temporal: str | ArrayLike = "gaussian",
    spectrum: str | ArrayLike = "iid",
    level: float = 1e-2,
    tol: float = 1e-6,
    trial: int = 0,
) -> LowRankTrial:
    """Run one trial: x[N] = A(S) + e by the step-by-step simulation, then :func:`nuclear` at its default penalty.

    Parameters
    ----------
    M, L, N, R : nodes, streams, time steps, rank (R >= 1).
    rng : seed or generator; network, input and noise are drawn from it in this order.
    temporal : temporal factors, as for :func:`linmem.discrete.model.low_rank_signal`.
    spectrum : as for :class:`linmem.discrete.RandomNetwork`.
    level : relative noise ``||e|| / ||A(S)||``, > 0 (the penalty is set by the noise).
    tol : relative duality gap to reach.
    trial : a number to tell the trials of a cell apart; it has no effect on the computation.

    Raises
    ------
    ValueError : as the functions it calls, and if the level is not positive.

    >>> trial = low_rank_trial(M=150, L=10, N=20, R=1, rng=0)
    >>> trial.gap <= 1e-6, trial.rmse < 1e-3
    (True, True)
    """
    generator = check_generator("rng", rng)
    check_positive("level", level)
    network = RandomNetwork(M, L, spectrum, seed=generator)
    signal = low_rank_signal(N, L, R, temporal, rng=generator)
    clean = network.simulate(signal.sequence)
    noise = relative_noise(clean, level, rng=generator)
    sigma = float(np.linalg.norm(noise)) / np.sqrt(M)
    recovery = nuclear(network, clean + noise, N, noise=sigma, tol=tol)
    energy = float((signal.sequence**2).sum())
    free = R * (N + L - R)
    return LowRankTrial(
        nodes=M,
        streams=L,
        steps=N,
        rank=R,
        trial=trial,
        rmse=relative_error(recovery.estimate, signal.sequence),
        oracle_rmse=low_rank_oracle_error(network, signal.sequence, sigma) / energy if free < M else float("inf"),
        noise_rmse=float(noise @ noise) / energy,
        gap=recovery.gap,
        iterations=recovery.iterations,
    )
