"""Trials that share one network: a row of recoveries, of inputs of growing sparsity or rank.

What depends on the network alone (the operator and A^T A) is made once for the row; every recovery draws an input and
noise of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.discrete.model import BasisLike, RandomNetwork, low_rank_signal, relative_noise, sparse_signal
from linmem.discrete.operators import normal_operator, sequence_operator
from linmem.discrete.recovery.lasso import lasso
from linmem.discrete.recovery.nuclear import nuclear
from linmem.discrete.recovery.result import Recovery, relative_error


@dataclass(frozen=True)
class RecoveryTrial:
    """Outcome of one recovery of a row.

    Attributes
    ----------
    nodes, streams, steps : the sizes M, L, N.
    complexity : number of non-zeros K, or rank R.
    trial : number of the row, to tell trials apart.
    rmse : ``||S_hat - S||_F^2 / ||S||_F^2``.
    noise_rmse : ``||e||^2 / ||S||_F^2``, the energy of the noise in the state over that of the input.
    objective : of the estimate, over ``||x[N]||^2 / 2``, its value at a zero estimate.
    gap : relative duality gap: the least objective is above ``(1 - gap)`` times the one reached.
    iterations : of the solver.
    """

    nodes: int
    streams: int
    steps: int
    complexity: int
    trial: int
    rmse: float
    noise_rmse: float
    objective: float
    gap: float
    iterations: int


def _recovered(
    network: RandomNetwork,
    S: Float[np.ndarray, "N L"],
    complexity: int,
    solve: Callable[[Float[np.ndarray, "M"], float], Recovery],
    level: float,
    rng: np.random.Generator,
    trial: int,
) -> RecoveryTrial:
    """Run the network, add noise, solve and compare; ``solve`` takes the state and the standard deviation."""
    clean = network.simulate(S)
    noise = relative_noise(clean, level, rng=rng)
    state = clean + noise
    found = solve(state, float(np.linalg.norm(noise)) / np.sqrt(network.M))
    return RecoveryTrial(
        nodes=network.M,
        streams=network.L,
        steps=len(S),
        complexity=complexity,
        trial=trial,
        rmse=relative_error(found.estimate, S),
        noise_rmse=float(noise @ noise) / float((S**2).sum()),
        objective=2 * found.objective / float(state @ state),
        gap=found.gap,
        iterations=found.iterations,
    )


@cites("charles2018", "Simulations, Figure 2, sparse inputs")
def sparse_row(
    network: RandomNetwork,
    N: int,
    nonzeros: Sequence[int],
    *,
    rng: np.random.Generator | int,
    basis: BasisLike = None,
    support: str = "random",
    normalised: bool = False,
    level: float = 1e-2,
    tol: float = 1e-6,
    max_iter: int = 50_000,
    trial: int = 0,
) -> list[RecoveryTrial]:
    """One sparse input for each number of non-zeros, recovered by the LASSO from a state of the same network.

    Parameters
    ----------
    network : the network that all share.
    N : time steps.
    nonzeros : numbers K >= 1.
    rng : seed or generator; input and noise are drawn from it, one K after the other.
    basis, support : as for :func:`linmem.discrete.sparse_signal`.
    normalised : penalise ``sum_i ||A_i|| |c_i|``, A_i the columns: the LASSO on columns scaled to unit length.
    level : relative noise ``||e|| / ||A(S)||``, > 0 (it sets the penalty).
    tol, max_iter : as for :func:`linmem.discrete.lasso`.
    trial : number of the row; it has no effect on the computation.

    Returns
    -------
    One :class:`RecoveryTrial` for each K, in this order.

    Raises
    ------
    ValueError : as the functions it calls, or if the level is not positive.

    Warns
    -----
    NotConvergedWarning : for each recovery that stopped at the cap; its gap is in the row.

    >>> network = RandomNetwork(M=60, L=5, seed=0)
    >>> [trial.rmse < 1e-3 for trial in sparse_row(network, 20, [1, 4], rng=0)]
    [True, True]
    """
    generator = check_generator("rng", rng)
    check_positive("level", level)
    operator = sequence_operator(network, N, basis=basis)
    normal = normal_operator(network, N, basis=basis)
    weights = np.sqrt(normal.diagonal()).reshape(N, network.L) if normalised else None

    def solve(state: Float[np.ndarray, "M"], sigma: float) -> Recovery:
        return lasso(operator, state, noise=sigma, weights=weights, normal=normal, tol=tol, max_iter=max_iter)

    row: list[RecoveryTrial] = []
    for K in nonzeros:
        signal = sparse_signal(
            N, network.L, check_integer("nonzeros", K, minimum=1), basis, support=support, rng=generator
        )
        row.append(_recovered(network, signal.sequence, K, solve, level, generator, trial))
    return row


@cites("charles2018", "Simulations, Figure 2, low-rank inputs")
def low_rank_row(
    network: RandomNetwork,
    N: int,
    ranks: Sequence[int],
    *,
    rng: np.random.Generator | int,
    temporal: str | ArrayLike = "gaussian",
    level: float = 1e-2,
    tol: float = 1e-6,
    max_iter: int = 50_000,
    trial: int = 0,
) -> list[RecoveryTrial]:
    """One low-rank input for each rank, recovered by nuclear-norm minimisation from a state of the same network.

    Parameters
    ----------
    network, N, rng, level, tol, max_iter, trial : as for :func:`sparse_row`.
    ranks : numbers R >= 1.
    temporal : temporal factors, as for :func:`linmem.discrete.low_rank_signal`.

    Returns
    -------
    One :class:`RecoveryTrial` for each R, in this order.

    Raises
    ------
    ValueError : as the functions it calls, or if the level is not positive.

    Warns
    -----
    NotConvergedWarning : for each recovery that stopped at the cap; its gap is in the row.

    >>> network = RandomNetwork(M=120, L=8, seed=0)
    >>> low_rank_row(network, 20, [1], rng=0)[0].rmse < 1e-3
    True
    """
    generator = check_generator("rng", rng)
    check_positive("level", level)
    operator, normal = sequence_operator(network, N), normal_operator(network, N)

    def solve(state: Float[np.ndarray, "M"], sigma: float) -> Recovery:
        return nuclear(operator, state, noise=sigma, normal=normal, tol=tol, max_iter=max_iter)

    row: list[RecoveryTrial] = []
    for R in ranks:
        signal = low_rank_signal(N, network.L, R, temporal, rng=generator)
        row.append(_recovered(network, signal.sequence, R, solve, level, generator, trial))
    return row
