"""One yes-or-no trial of recovery: is the input got back from one state, within a given error?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from linmem.checks import check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.discrete.bounds.transition import TrialOutcome
from linmem.discrete.model import (
    BasisLike,
    LowRankSignal,
    RandomNetwork,
    SparseSignal,
    low_rank_signal,
    relative_noise,
    sparse_signal,
)
from linmem.discrete.recovery import lasso, nuclear, relative_error


def _signal(
    L: int,
    N: int,
    nonzeros: int | None,
    rank: int | None,
    basis: BasisLike,
    support: str,
    temporal: str | ArrayLike,
    rng: np.random.Generator,
) -> SparseSignal | LowRankSignal:
    """A sparse or a low-rank input, whichever size is given."""
    if (nonzeros is None) == (rank is None):
        raise ValueError(f"give nonzeros (sparse) or rank (low rank), got {nonzeros} and {rank}; leave one of them out")
    if nonzeros is not None:
        return sparse_signal(N, L, check_integer("nonzeros", nonzeros, minimum=1), basis, support=support, rng=rng)
    return low_rank_signal(N, L, check_integer("rank", rank, minimum=1), temporal, rng=rng)


@cites("charles2018", "Simulations")
def recovery_success(
    M: int,
    rng: np.random.Generator | int,
    *,
    streams: int,
    steps: int,
    nonzeros: int | None = None,
    rank: int | None = None,
    basis: BasisLike = None,
    support: str = "random",
    temporal: str | ArrayLike = "gaussian",
    spectrum: str | ArrayLike = "iid",
    level: float = 1e-3,
    threshold: float = 1e-2,
    tol: float = 1e-6,
    max_iter: int = 50_000,
) -> TrialOutcome:
    """Whether a network of M nodes returns its input: ``||S_hat - S||_F^2 < threshold ||S||_F^2``.

    Network, input and noise are drawn; the state is x[N] = A(S) + e with ``||e|| = level ||A(S)||``; S_hat is the
    LASSO's for a sparse input and the nuclear-norm estimate for a low-rank one, at the default penalty for that noise.
    The default threshold is 1e4 times the noise energy: an error of order 1, not one of the noise, is a failure.

    Parameters
    ----------
    M : nodes, even.
    rng : seed or generator; network, input and noise are drawn from it in this order.
    streams, steps : L and N.
    nonzeros, rank : K or R; exactly one of them.
    basis, support : of a sparse input, as for :func:`linmem.discrete.sparse_signal`.
    temporal : temporal factors of a low-rank input, as for :func:`linmem.discrete.low_rank_signal`.
    spectrum : as for :class:`linmem.discrete.RandomNetwork`.
    level : relative noise, > 0 (it sets the penalty).
    threshold : largest relative mean squared error of a success.
    tol, max_iter : relative duality gap to reach, and the cap on iterations within which to reach it.

    Returns
    -------
    :class:`TrialOutcome`; undecided (None) if the gap was missed, with a warning from the solver.

    Raises
    ------
    ValueError : as the functions it calls; if both or none of nonzeros and rank are given; if the level is zero.

    Use with :func:`find_transition`: ``functools.partial(recovery_success, streams=20, steps=50, nonzeros=40)``.

    >>> recovery_success(60, 0, streams=5, steps=20, nonzeros=4).success
    True
    >>> recovery_success(8, 0, streams=5, steps=20, nonzeros=4).success
    False
    """
    generator = check_generator("rng", rng)
    check_positive("level", level)
    check_positive("threshold", threshold)
    network = RandomNetwork(M, streams, spectrum, seed=generator)
    signal = _signal(streams, steps, nonzeros, rank, basis, support, temporal, generator)
    clean = network.simulate(signal.sequence)
    noise = relative_noise(clean, level, rng=generator)
    sigma = float(np.linalg.norm(noise)) / np.sqrt(M)
    if nonzeros is not None:
        found = lasso(network, clean + noise, steps, basis, noise=sigma, tol=tol, max_iter=max_iter)
    else:
        found = nuclear(network, clean + noise, steps, noise=sigma, tol=tol, max_iter=max_iter)
    error = relative_error(found.estimate, signal.sequence)
    return TrialOutcome(error < threshold if found.converged else None, found.gap, error)
