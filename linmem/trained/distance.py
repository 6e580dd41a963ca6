"""When a position counts as memorised, and how far a memory reaches.

``solved := mean absolute error < 0.03`` for a network trained with the rate going to zero; ``< 0.05`` for one single
cell, whose error cannot fall below 0.038 (:func:`single_cell_floor`); ``< 0.06`` if the rate is constant. The constant
answer 1/2 has error 0.25.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Float
from scipy import optimize

from linmem.checks import check_choice, check_finite, check_integer
from linmem.citations import cites
from linmem.statistics import Interval, proportion_interval


def solved_threshold(state_size: int, schedule: str = "linear") -> float:
    """Mean absolute error below which a position counts as memorised: 0.03; 0.05 for one cell; 0.06 at a constant rate.

    Parameters
    ----------
    state_size : number of cells in all layers.
    schedule : of the learning rate, "linear" (to zero) or "constant" (the weights, and the error, keep moving).

    >>> solved_threshold(1), solved_threshold(5), solved_threshold(5, "constant")
    (0.05, 0.03, 0.06)
    """
    check_integer("state_size", state_size, minimum=1)
    if check_choice("schedule", schedule, ("linear", "constant")) == "constant":
        return 0.06
    return 0.05 if state_size == 1 else 0.03


@cites("linmem")
def single_cell_floor(grid: int = 20_000) -> float:
    """Least error of one tanh cell: ``min over w, b of integral_0^1 |tanh(w x + b) - x| dx``, about 0.038.

    It is the floor at p = 1. No recurrent weight helps there: given the past, ``u h_{q-1}`` only moves b, so that the
    error given any past is at least this minimum.

    Parameters
    ----------
    grid : points of the midpoint rule, whose error is O(1/grid^2).

    >>> round(single_cell_floor(), 3)
    0.038
    """
    points = check_integer("grid", grid, minimum=10)
    x = (np.arange(points) + 0.5) / points

    def error(parameters: Float[np.ndarray, "2"]) -> float:
        return float(np.abs(np.tanh(parameters[0] * x + parameters[1]) - x).mean())

    found = optimize.minimize(error, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    return float(found.fun)


def _grouped(
    groups: Sequence[Hashable], positions: Sequence[int], solved: Sequence[bool]
) -> dict[tuple[Hashable, int], list[bool]]:
    if not len(groups) == len(positions) == len(solved):
        raise ValueError(
            "groups, positions and solved must have one entry per network, got lengths "
            f"{len(groups)}, {len(positions)}, {len(solved)}; pass columns of one table"
        )
    found: dict[tuple[Hashable, int], list[bool]] = {}
    for group, p, flag in zip(groups, positions, solved, strict=True):
        found.setdefault((group, check_integer("position", p, minimum=1)), []).append(bool(flag))
    return found


def solved_fractions(
    groups: Sequence[Hashable], positions: Sequence[int], solved: Sequence[bool], level: float = 0.95
) -> dict[tuple[Hashable, int], Interval]:
    """Fraction of solved networks for each (group, position p), with its Clopper-Pearson interval.

    Parameters
    ----------
    groups : one entry per trained network: number of cells, (layers, cells), an Architecture, ...
    positions, solved : likewise.
    level : coverage of each interval.

    Returns
    -------
    In order of first appearance.

    >>> solved_fractions([1, 1, 1], [1, 1, 2], [True, True, False])[1, 1].value
    1.0
    """
    cells = _grouped(groups, positions, solved)
    return {key: proportion_interval(sum(flags), len(flags), level) for key, flags in cells.items()}


@cites("illium2022", "Section 4")
def solved_distance(
    groups: Sequence[Hashable], positions: Sequence[int], solved: Sequence[bool], fraction: float = 0.5
) -> dict[Hashable, int]:
    """Largest position p that more than ``fraction`` of the networks of a group solve, for each group; 0 if none.

    The distance of ONE network is :func:`linmem.trained.recall.memory_distance`.

    >>> solved_distance([1, 1, 2, 2], [1, 2, 1, 2], [True, False, True, True])
    {1: 1, 2: 2}
    """
    share = check_finite("fraction", fraction)
    if not 0.0 <= share < 1.0:
        raise ValueError(f"fraction must lie in [0, 1), got {fraction!r}; pass e.g. 0.5")
    reach: dict[Hashable, int] = {}
    for (group, p), flags in _grouped(groups, positions, solved).items():
        reach[group] = max(reach.get(group, 0), p if sum(flags) > share * len(flags) else 0)
    return reach
