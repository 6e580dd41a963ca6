"""The error at which the training of a network that is too small is expected to stall.

Trained tanh networks that cannot solve a position p > n stop near what the best linear network of n states leaves.
"""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from linmem.capacity.linear.optimal import optimal_linear_recall
from linmem.checks import check_array, check_integer
from linmem.citations import cites


@cites("linmem")
def predicted_stall_error(state_size: int, position: int, recall: ArrayLike | None = None) -> float:
    """Error at which training is expected to stall for ``p > n``: ``sqrt(2/pi) sqrt((1 - MC*_n(p-1)) / 12)``.

    Residual variance of the best linear recall of uniform input (variance 1/12), residual taken as Gaussian; 0 for
    p <= n. The Gaussian residual is an assumption, poor for n = 1.

    Parameters
    ----------
    state_size, position : n and p.
    recall : MC*_n(p-1) if known, otherwise computed by :func:`~linmem.capacity.linear.optimal.optimal_linear_recall`.

    >>> round(predicted_stall_error(2, 3), 3)
    0.173
    """
    p = check_integer("position", position, minimum=1)
    best = optimal_linear_recall(state_size, p - 1) if recall is None else float(check_array("recall", recall, ndim=0))
    if not 0.0 <= best <= 1.0:
        raise ValueError(f"recall must lie in [0, 1], got {best}; pass a squared correlation")
    return math.sqrt(2.0 / math.pi * (1.0 - best) / 12.0)
