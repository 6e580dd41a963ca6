"""What a measurement of information-processing capacity returns: each function, each degree, the total."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy import stats

from linmem.capacity.information.moments import Capacities
from linmem.capacity.information.terms import Products
from linmem.citations import cites
from linmem.statistics import Interval


@cites("dambre2012", "total capacity of a dynamical system (abstract)")
@dataclass(frozen=True, eq=False)
class InformationCapacity:
    """Capacities of one network for many functions of its input history.

    Attributes
    ----------
    terms : the K functions, products of polynomials at different lags.
    measured : plug-in capacity and floor of each; see :class:`linmem.capacity.information.Capacities`.
    p_value : (K,) p-value of "this capacity is zero", one function at a time.
    critical : largest p-value that is significant; 0 if none is.
    threshold : (K,) the plug-in capacity that each function must exceed to be significant.
    states : number N of states passed.
    rank : number r of linearly independent ones.
    rows : number n of time steps used.
    blocks : number of blocks of time that floors and intervals rest on.
    law : law of the input.
    method, correction, level : how significance was decided.
    longest : largest lag measured at each degree 1, 2, ..
    complete : False if an adaptive search of the lags was stopped by a limit before the capacities vanished; None if
        the lags were given.
    """

    terms: Products
    measured: Capacities
    p_value: Float[np.ndarray, "K"]
    critical: float
    threshold: Float[np.ndarray, "K"]
    states: int
    rank: int
    rows: int
    blocks: int
    law: str
    method: str
    correction: str
    level: float
    longest: tuple[int, ...]
    complete: bool | None = None

    @cached_property
    def capacity(self) -> Float[np.ndarray, "K"]:
        """(K,) plug-in capacity minus floor: unbiased to first order in 1/n, so it may be negative."""
        return self.measured.plug_in - self.measured.floor

    @cached_property
    def significant(self) -> Bool[np.ndarray, "K"]:
        """(K,) whether each function passes the threshold."""
        return self.p_value <= self.critical

    def sum_of(self, chosen: Bool[np.ndarray, "K"]) -> Interval:
        """Sum of the corrected capacities of the chosen functions, with Student's interval from the blocks.

        The variance is that of the sum of the influences of each block, so it holds the correlation between functions.
        Where the sum is nothing but noise it is too large, by up to a factor 2 (the interval is then too wide).
        """
        B = self.blocks
        value = float(self.capacity[chosen].sum())
        block = self.measured.influence[chosen].sum(axis=0)
        half = float(stats.t.ppf((1 + self.level) / 2, B - 1) * np.sqrt(B / (B - 1) * (block @ block)))
        return Interval(value, value - half, value + half, self.level, B)

    @cached_property
    def total(self) -> Interval:
        """Capacity of all functions measured, significant or not.

        Every term is bias-corrected, so the sum needs no threshold and estimates the capacity of the whole function set
        without bias; what it lacks of the rank is capacity of functions outside the set (older inputs, higher degrees),
        or of no function of the input at all.
        """
        return self.sum_of(np.ones(len(self.terms), dtype=bool))

    @cached_property
    def significant_total(self) -> Interval:
        """Capacity of the significant functions only, the usual total; it misses what is spread over many functions.

        The interval takes the selection as given.
        """
        return self.sum_of(self.significant)

    @property
    def within_rank(self) -> bool:
        """The check on itself: the interval of the total reaches down to the rank or below.

        False means that the premise is broken: inputs that are not iid from the law, or not the inputs that were read.
        """
        return self.total.low <= self.rank

    @cached_property
    def by_degree(self) -> pd.DataFrame:
        """One row for each total degree.

        Columns: degree, functions (number measured), longest_lag, capacity, low, high (all functions), significant
        (number), significant_capacity (their sum).
        """
        degrees, significant = self.terms.total_degree, self.significant
        rows: list[dict[str, float]] = []
        for i, longest in enumerate(self.longest):
            chosen = degrees == i + 1
            total, kept = self.sum_of(chosen), chosen & significant
            rows.append(
                {
                    "degree": i + 1,
                    "functions": int(chosen.sum()),
                    "longest_lag": longest,
                    "capacity": total.value,
                    "low": total.low,
                    "high": total.high,
                    "significant": int(kept.sum()),
                    "significant_capacity": float(self.capacity[kept].sum()),
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def by_lag(self) -> pd.DataFrame:
        """One row for each degree and lag of the oldest input.

        Columns: degree, lag, functions (number), capacity (of all), significant_capacity.
        """
        frame = pd.DataFrame(
            {
                "degree": self.terms.total_degree,
                "lag": self.terms.longest_lag,
                "functions": 1,
                "capacity": self.capacity,
                "significant_capacity": np.where(self.significant, self.capacity, 0.0),
            }
        )
        return frame.groupby(["degree", "lag"], as_index=False).sum()

    def linear_curve(self) -> Float[np.ndarray, "lags"]:
        """Capacities of degree 1 at the lags 0, 1, ..: the memory curve, corrected for bias."""
        linear = self.terms.total_degree == 1
        curve = np.empty(int(linear.sum()))
        curve[self.terms.lags[linear, 0]] = self.capacity[linear]
        return curve

    def to_frame(self, significant_only: bool = False) -> pd.DataFrame:
        """One row for each function, the largest capacity first.

        Columns: degree, lags, degrees (tuples), capacity (corrected), plug_in, floor, threshold, p_value, significant.
        """
        lags, degrees = self.terms.tuples()
        frame = pd.DataFrame(
            {
                "degree": self.terms.total_degree,
                "lags": lags,
                "degrees": degrees,
                "capacity": self.capacity,
                "plug_in": self.measured.plug_in,
                "floor": self.measured.floor,
                "threshold": self.threshold,
                "p_value": self.p_value,
                "significant": self.significant,
            }
        )
        chosen = frame[frame["significant"]] if significant_only else frame
        return chosen.sort_values("capacity", ascending=False, kind="stable", ignore_index=True)
