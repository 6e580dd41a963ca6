"""One Monte-Carlo trial of sparse recovery: draw network, input and noise, recover the input, compare with oracle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from linmem.checks import check_generator, check_nonnegative
from linmem.citations import cites
from linmem.discrete.model.bases import BasisLike
from linmem.discrete.model.network import RandomNetwork
from linmem.discrete.model.noise import relative_noise
from linmem.discrete.model.signals import sparse_signal
from linmem.discrete.operators import sequence_operator
from linmem.discrete.recovery.lasso import lasso
from linmem.discrete.recovery.oracle import oracle_error
from linmem.discrete.recovery.result import relative_error


@dataclass(frozen=True)
class SparseTrial:
    """Outcome of one trial.

    Attributes
    ----------
    nodes, streams, steps, nonzeros : the sizes M, L, N, K.
    trial : number of the trial within its cell.
    rmse : ``||S_hat - S||_F^2 / ||S||_F^2`` of the LASSO.
    oracle_rmse : expected value of the same for least squares on the known support; infinite if K >= M.
    noise_rmse : ``||e||^2 / ||S||_F^2``, the energy of the noise in the state over that of the input.
    gap : relative duality gap of the LASSO.
    iterations : of the LASSO.
    """

    nodes: int
    streams: int
    steps: int
    nonzeros: int
    trial: int
    rmse: float
    oracle_rmse: float
    noise_rmse: float
    gap: float
    iterations: int


@cites("charles2018", "Simulations, Figure 2")
def sparse_trial(
    M: int,
    L: int,
    N: int,
    K: int,
    *,
    rng: np.random.Generator | int,
    spectrum: str | ArrayLike = "iid",
    level: float = 1e-2,
    basis: BasisLike = None,
    tol: float = 1e-6,
    trial: int = 0,
) -> SparseTrial:
    """Run one trial: x[N] = A(S) + e by the step-by-step simulation, then the LASSO at its default penalty.

    Parameters
    ----------
    M, L, N, K : nodes, streams, time steps, non-zeros (K >= 1).
    rng : seed or generator; network, input and noise are drawn from it in this order.
    spectrum : as for :class:`linmem.discrete.RandomNetwork`.
    level : relative noise ``||e|| / ||A(S)||``, > 0.
    basis : temporal basis of the input.
    tol : relative duality gap to reach.
    trial : a number to tell the trials of a cell apart; it has no effect on the computation.

    Raises
    ------
    ValueError : as the functions it calls, and if the level is zero (the penalty is set by the noise).

    >>> trial = sparse_trial(M=60, L=5, N=20, K=4, rng=0)
    >>> trial.gap <= 1e-6, trial.rmse < 1e-3
    (True, True)
    """
    generator = check_generator("rng", rng)
    if check_nonnegative("level", level) == 0.0:
        raise ValueError("level must be > 0 (the penalty is set by the noise), got 0; pass e.g. 0.01")
    network = RandomNetwork(M, L, spectrum, seed=generator)
    signal = sparse_signal(N, L, K, basis, rng=generator)
    clean = network.simulate(signal.sequence)
    noise = relative_noise(clean, level, rng=generator)
    sigma = float(np.linalg.norm(noise)) / np.sqrt(M)
    operator = sequence_operator(network, N, basis=basis)
    recovery = lasso(operator, clean + noise, noise=sigma, tol=tol)
    energy = float((signal.sequence**2).sum())
    return SparseTrial(
        nodes=M,
        streams=L,
        steps=N,
        nonzeros=K,
        trial=trial,
        rmse=relative_error(recovery.estimate, signal.sequence),
        oracle_rmse=oracle_error(operator, signal.support, sigma) / energy if K < M else float("inf"),
        noise_rmse=float(noise @ noise) / energy,
        gap=recovery.gap,
        iterations=recovery.iterations,
    )
