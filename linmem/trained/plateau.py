"""When training leaves its plateau: the first window of the loss curve under a level.

Losses are noisy means over windows, and many networks are still on their plateau when training ends, so times are
given as order statistics with "not yet" as the largest value, and the share that has left as a proportion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_finite, check_integer
from linmem.statistics import Interval, proportion_interval
from linmem.trained.result import Training


def first_below(
    loss_steps: ArrayLike, losses: ArrayLike, level: float, window: int = 1
) -> Float[np.ndarray, "network"]:
    """Steps done at the end of the first window whose mean loss is below ``level``; infinity where there is none.

    Parameters
    ----------
    loss_steps : (record,) steps done at the end of each record, increasing.
    losses : (record, network) mean loss over the steps of each record, as in :class:`~linmem.trained.result.Training`;
        records that are not finite are above every level.
    level : e.g. 0.05.
    window : number of consecutive records that are averaged, weighted by their steps.

    >>> first_below([10, 20, 30, 40], [[0.3], [0.04], [0.2], [0.01]], level=0.05).tolist()
    [20.0]
    >>> first_below([10, 20, 30, 40], [[0.3], [0.04], [0.2], [0.01]], level=0.05, window=2).tolist()
    [inf]
    """
    ends = check_array("loss_steps", loss_steps, ndim=1)
    values, bound = np.asarray(losses, dtype=np.float64), check_finite("level", level)
    if values.ndim != 2 or len(values) != len(ends):
        raise ValueError(
            f"losses must have shape (record, network) with {len(ends)} records, got {values.shape}; "
            "pass training.losses"
        )
    count = check_integer("window", window, minimum=1, maximum=max(1, len(ends)))
    steps = np.diff(ends, prepend=0.0)
    if (steps <= 0).any():
        raise ValueError("loss_steps must increase from above zero; pass training.loss_steps")
    if len(ends) == 0:
        return np.full(values.shape[1], np.inf)
    with np.errstate(invalid="ignore", over="ignore"):
        parts = np.lib.stride_tricks.sliding_window_view(np.where(np.isfinite(values), values, np.inf), count, axis=0)
        share = np.lib.stride_tricks.sliding_window_view(steps, count)
        means = (parts * share[:, None, :]).sum(axis=2) / share.sum(axis=1)[:, None]
    below = means < bound
    found = ends[count - 1 :][np.argmax(below, axis=0)]
    return np.where(below.any(axis=0), found, np.inf)


@dataclass(frozen=True, eq=False)
class PlateauStatistics:
    """When the networks of a training first came under a level.

    Attributes
    ----------
    level : the level of the loss.
    steps : (network,) steps until then; infinity if never.
    left : share of networks that came under it, with its Clopper-Pearson interval.
    """

    level: float
    steps: Float[np.ndarray, "network"]
    left: Interval

    def quantile(self, share: float) -> float:
        """Steps after which at least ``share`` of all networks had come under the level; infinity if they never had.

        >>> statistics = PlateauStatistics(0.05, np.array([10.0, 30.0, np.inf]), proportion_interval(2, 3))
        >>> statistics.quantile(0.5), statistics.quantile(1.0)
        (30.0, inf)
        """
        wanted = check_finite("share", share)
        if not 0.0 < wanted <= 1.0:
            raise ValueError(f"share must lie in (0, 1], got {share!r}; pass e.g. 0.5 for the median")
        return float(np.sort(self.steps)[int(np.ceil(wanted * len(self.steps))) - 1])


def plateau_statistics(
    training: Training, level: float, window: int = 1, confidence: float = 0.95
) -> PlateauStatistics:
    """Plateau statistics of all networks of ``training``; ``level`` and ``window`` as in :func:`first_below`."""
    steps = first_below(training.loss_steps, training.losses, level, window)
    left = proportion_interval(int(np.isfinite(steps).sum()), len(steps), confidence)
    return PlateauStatistics(float(level), steps, left)
