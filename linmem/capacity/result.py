"""What every memory measurement returns: a curve over the lags, and its sum, each with a stated error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class MemoryCurve:
    """Memory of a network at the lags 0, 1, ..: the squared correlation of the best linear read-out of a past input.

    Attributes
    ----------
    values : (max_lag + 1,) MC_0, MC_1, .. (lag 0 is the newest input).
    low, high : (max_lag + 1,) ends of the interval at each lag; ``error`` says what they mean.
    method : name of the method that made it.
    states : state size N.
    rank : number of dimensions of the state space that the method takes into account.
    error : what the interval is, in one sentence.
    level : confidence level of each interval (not of all together); None where it is no confidence interval.
    condition : amplification of rounding errors that the interval is built from; NaN where the method has none.
    """

    values: Float[np.ndarray, "lags"]
    low: Float[np.ndarray, "lags"]
    high: Float[np.ndarray, "lags"]
    method: str
    states: int
    rank: int
    error: str
    level: float | None = None
    condition: float = float("nan")

    @property
    def max_lag(self) -> int:
        """The largest lag of the curve."""
        return len(self.values) - 1

    def to_frame(self) -> pd.DataFrame:
        """One row for each lag: lag, value, low, high, method."""
        return pd.DataFrame(
            {
                "lag": np.arange(len(self.values)),
                "value": self.values,
                "low": self.low,
                "high": self.high,
                "method": self.method,
            }
        )


@dataclass(frozen=True, eq=False)
class MemoryCapacity:
    """Sum of a memory curve over the lags ``first_lag .. last_lag``, with its own interval.

    Attributes
    ----------
    value, low, high : the sum and the ends of its interval.
    first_lag, last_lag : lags that are summed; ``last_lag`` None means all to infinity.
    remainder : what an exact curve still holds beyond ``last_lag``; NaN where the method cannot know it.
    curve : the curve that was summed.
    """

    value: float
    low: float
    high: float
    first_lag: int
    last_lag: int | None
    remainder: float
    curve: MemoryCurve

    def __float__(self) -> float:
        return self.value
