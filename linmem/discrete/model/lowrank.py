"""Low-rank input: all L streams are combinations of R temporal factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_choice, check_generator, check_integer
from linmem.citations import cites

FACTORS = ("gaussian", "sinusoidal")


@dataclass(frozen=True, eq=False)
class LowRankSignal:
    """A low-rank input sequence and its factors, ``sequence = temporal @ streams.T``.

    Attributes
    ----------
    sequence : (N, L) input, oldest step first, of rank at most R.
    temporal : (N, R) temporal factors.
    streams : (L, R) weights of the factors in each stream.
    """

    sequence: Float[np.ndarray, "N L"]
    temporal: Float[np.ndarray, "N R"]
    streams: Float[np.ndarray, "L R"]


@cites("charles2018", "Results, low-rank input model")
def low_rank_signal(
    N: int, L: int, R: int, temporal: str | ArrayLike = "gaussian", *, rng: np.random.Generator | int
) -> LowRankSignal:
    """Random input of rank R: ``S = T B^T`` with (N, R) temporal factors T and (L, R) weights B, iid N(0, 1).

    Parameters
    ----------
    N, L : time steps and input streams.
    R : rank, 1 <= R <= min(N, L).
    temporal : "gaussian" (iid N(0, 1) entries: incoherent with sinusoids), "sinusoidal" (``cos(w n + phase)`` with w
        uniform in (0, pi) and phase uniform in (0, 2 pi), the same generator: coherent, and off the grid of any DFT),
        or the (N, R) factors themselves.
    rng : seed or generator; the factors are drawn first, then the weights.

    Raises
    ------
    ValueError : if R > min(N, L), a size is not positive, the name is unknown, or the factors have another shape, are
        not finite, or are linearly dependent.

    >>> signal = low_rank_signal(N=20, L=6, R=2, temporal="sinusoidal", rng=0)
    >>> signal.sequence.shape, int(np.linalg.matrix_rank(signal.sequence))
    ((20, 6), 2)
    """
    steps, streams = check_integer("N", N, minimum=1), check_integer("L", L, minimum=1)
    rank = check_integer("R", R, minimum=1)
    if rank > min(steps, streams):
        raise ValueError(f"R must be <= min(N, L) = {min(steps, streams)}, got {rank}; ask for a smaller rank")
    generator = check_generator("rng", rng)
    if not isinstance(temporal, str):
        factors = check_array("temporal", temporal, shape=(steps, rank))
        found = int(np.linalg.matrix_rank(factors))
        if found < rank:
            raise ValueError(f"temporal must have R = {rank} independent columns, got rank {found}; remove the others")
    elif check_choice("temporal", temporal, FACTORS) == "gaussian":
        factors = generator.standard_normal((steps, rank))
    else:
        frequency, phase = generator.uniform(0.0, np.pi, rank), generator.uniform(0.0, 2 * np.pi, rank)
        factors = np.cos(np.multiply.outer(np.arange(steps), frequency) + phase)
    B = generator.standard_normal((streams, rank))
    return LowRankSignal(factors @ B.T, factors, B)
