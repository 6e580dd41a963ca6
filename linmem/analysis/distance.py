"""How far back a network remembers, from its states in the course of a long series: by its own answer, or at best.

Position p is the p-th newest input, ``x_{t-p+1}``. The network may be asked at any step, long after its start: nothing
can be read from how a sequence began (a sequence of known length from the zero state gives away more).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from linmem.analysis.drive import Sample
from linmem.analysis.halves import halves
from linmem.checks import check_choice, check_integer, check_positive
from linmem.citations import cites
from linmem.statistics import Interval, mean_interval

_BLOCKS = 20  # pieces of the series, each much longer than a memory, that count as independent


@dataclass(frozen=True, eq=False)
class StateDistance:
    """Errors of the recall of the positions 1, 2, .. and the distance they amount to.

    Attributes
    ----------
    errors : mean absolute error at position p in entry p - 1, with its interval.
    threshold : error below which a position counts as recalled.
    readout : "own" or "fitted".
    channel : the input that is recalled, from 0.
    """

    errors: tuple[Interval, ...]
    threshold: float
    readout: str
    channel: int = 0

    @property
    def value(self) -> int:
        """The largest position whose error is below the threshold; 0 if there is none."""
        return _largest([e.value < self.threshold for e in self.errors])

    @property
    def low(self) -> int:
        """The largest position whose whole interval is below the threshold."""
        return _largest([e.high < self.threshold for e in self.errors])

    @property
    def high(self) -> int:
        """The largest position whose interval reaches below the threshold."""
        return _largest([e.low < self.threshold for e in self.errors])

    @property
    def best(self) -> int:
        """The position of the smallest error."""
        return 1 + int(np.argmin([e.value for e in self.errors]))

    def to_frame(self) -> pd.DataFrame:
        """One row for each position: channel, readout, position, error, low, high."""
        return pd.DataFrame(
            {
                "channel": self.channel,
                "readout": self.readout,
                "position": np.arange(1, len(self.errors) + 1),
                "error": [e.value for e in self.errors],
                "low": [e.low for e in self.errors],
                "high": [e.high for e in self.errors],
            }
        )

    def __int__(self) -> int:
        return self.value


def _largest(recalled: list[bool]) -> int:
    return max((p for p, flag in enumerate(recalled, start=1) if flag), default=0)


@cites("illium2022", "Section 4")
def state_distance(
    sample: Sample,
    max_position: int,
    *,
    readout: str = "fitted",
    threshold: float | None = None,
    columns: list[int] | None = None,
    channel: int = 0,
    level: float = 0.95,
) -> StateDistance:
    """Largest position p at which ``E |x_{t-p+1} - read-out of the state at t|`` is below a threshold.

    Parameters
    ----------
    sample : states on a series, from :func:`~linmem.analysis.drive.sample_states`.
    max_position : P, largest position; at most washout + 1.
    readout : "own": the network's answer, the same for each p; "fitted": for each p the least-squares read-out with
        intercept, fitted on one half of the series and judged on the other, both ways.
    threshold : default 12 % of the error of the best constant answer (0.03 for uniform numbers on [0, 1]).
    columns : states that a fitted read-out may use; default all n.
    channel : the input to recall.
    level : confidence of each interval: Student's, over 20 pieces of the series.

    Raises
    ------
    ValueError : without an answer for "own"; for positions beyond the washout, or a series too short to fit.

    Cost: a few passes over the sample; for "fitted" the factorisations of the two halves, ``2 T n^2`` flops, done once
    for all calls with all states, and ``6 T n P`` for the read-outs.

    >>> from linmem.analysis.drive import draw_drive, sample_states
    >>> from linmem.analysis.model import state_model
    >>> shift = state_model((np.eye(3, k=-1), [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]))  # holds 3 inputs, answers the second
    >>> sample = sample_states(shift, draw_drive("uniform01", 4000, 1, rng=0), washout=20)
    >>> state_distance(sample, 6).value, state_distance(sample, 6, readout="own").value
    (3, 2)
    """
    kind = check_choice("readout", readout, ("own", "fitted"))
    P = check_integer("max_position", max_position, minimum=1, maximum=sample.washout + 1)
    d = sample.drive.values.shape[1]
    i = check_integer("channel", channel, minimum=0, maximum=d - 1)
    limit = sample.drive.threshold if threshold is None else check_positive("threshold", threshold)
    targets = np.column_stack([sample.lagged(i, lag) for lag in range(P)])
    if kind == "own":
        if sample.answers is None:
            raise ValueError(
                "the network gives no answer of its own; pass readout= when you make it, or use readout='fitted' here"
            )
        recalled = sample.answers[:, None]
    else:
        used = sample.halves if columns is None else halves(sample.states[:, columns])
        recalled = used.fitted(targets)
    errors = np.abs(recalled - targets)
    pieces = np.array([block.mean(axis=0) for block in np.array_split(errors, _BLOCKS)])
    return StateDistance(tuple(mean_interval(pieces[:, p], level) for p in range(P)), limit, kind, i)
