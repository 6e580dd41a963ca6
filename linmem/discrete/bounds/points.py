"""Measured points of a scaling law: nodes needed for sparse or low-rank input of given sizes, a table row each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from linmem.citations import cites
from linmem.discrete.bounds.lowrank import nuclear_statistical_dimension
from linmem.discrete.bounds.sparse import statistical_dimension
from linmem.discrete.bounds.transition import find_transition
from linmem.discrete.bounds.trials import recovery_success
from linmem.discrete.model import BasisLike
from linmem.statistics import Interval


@dataclass(frozen=True)
class ScalingPoint:
    """Nodes at which one half of the inputs of a kind are recovered.

    Attributes
    ----------
    structure : "sparse" or "low rank".
    complexity : number of non-zeros K, or rank R.
    streams, steps : L and N.
    nodes : M50, the transition.
    low, high, level : its confidence interval.
    dimension : statistical dimension of the same structure: the transition of a Gaussian map.
    scale : scale of the success curve in ln M.
    trials : number of decided trials.
    undecided : number of trials whose solver missed its gap.
    gap : largest relative duality gap of the decided trials.
    """

    structure: str
    complexity: int
    streams: int
    steps: int
    nodes: float
    low: float
    high: float
    level: float
    dimension: float
    scale: float
    trials: int
    undecided: int
    gap: float

    @property
    def interval(self) -> Interval:
        """M50 as an interval."""
        return Interval(self.nodes, self.low, self.high, self.level, self.trials)


@cites("linmem", "nodes needed, by adaptive search")
def scaling_point(
    *,
    streams: int,
    steps: int,
    nonzeros: int | None = None,
    rank: int | None = None,
    trials: int,
    rng: np.random.Generator | int,
    basis: BasisLike = None,
    support: str = "random",
    temporal: str | ArrayLike = "gaussian",
    spectrum: str | ArrayLike = "iid",
    level: float = 0.95,
    jobs: int = 1,
) -> ScalingPoint:
    """M50 of one kind of input: :func:`find_transition` of :func:`recovery_success`, beside the statistical dimension.

    The search starts between 0.7 and 1.4 times the statistical dimension, where random input without structure in
    time has its transition, and leaves this range where the trials say so.

    Parameters
    ----------
    streams, steps : L and N.
    nonzeros, rank : K or R; exactly one of them.
    trials : number of trials, >= 8 (and 2 or more for the bracket).
    rng : seed or generator.
    basis, support, temporal, spectrum : as for :func:`recovery_success`.
    level : confidence level.
    jobs : worker processes.

    Raises
    ------
    ValueError : as the two functions.

    Cost: about ``trials`` recoveries near the transition, where they are slowest.

    >>> point = scaling_point(streams=4, steps=10, nonzeros=2, trials=16, rng=0)
    >>> point.low < point.nodes < point.high, round(point.dimension, 1), point.gap <= 1e-6
    (True, 8.2, True)
    """
    structure = "low rank" if nonzeros is None else "sparse"
    trial = partial(
        recovery_success,
        streams=streams,
        steps=steps,
        nonzeros=nonzeros,
        rank=rank,
        basis=basis,
        support=support,
        temporal=temporal,
        spectrum=spectrum,
    )
    if rank is None and nonzeros is not None:
        complexity, dimension = nonzeros, statistical_dimension(nonzeros, streams * steps)
    elif rank is not None and nonzeros is None:
        complexity, dimension = rank, nuclear_statistical_dimension(rank, steps, streams)
    else:
        raise ValueError(f"give nonzeros (sparse) or rank (low rank), got {nonzeros} and {rank}; leave one of them out")
    low, high = 2 * max(math.floor(0.35 * dimension), 1), 2 * math.ceil(0.7 * dimension)
    found = find_transition(trial, low, high, trials=trials, rng=rng, level=level, jobs=jobs)
    return ScalingPoint(
        structure=structure,
        complexity=complexity,
        streams=streams,
        steps=steps,
        nodes=found.value,
        low=found.interval.low,
        high=found.interval.high,
        level=level,
        dimension=dimension,
        scale=found.scale,
        trials=found.interval.n,
        undecided=found.undecided,
        gap=found.gap,
    )
