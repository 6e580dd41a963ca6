"""Evidence: measurements with intervals, each set against a bound, and the verdict computed from them.

A verdict is never written by hand. A measurement with interval [low, high] *holds* against ``relation bound`` if every
point of the interval satisfies the relation, *fails* if none does, and is *inconclusive* otherwise. Evidence holds if
all its measurements hold, fails if one of them fails, and is inconclusive otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from linmem.checks import check_choice, check_finite, check_integer
from linmem.statistics import Interval, check_level, mean_interval, proportion_interval

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
RELATIONS = ("<", "<=", ">", ">=", "==", "in")
_POINT = float("nan")  # recognised by identity: "no interval given"; a NaN that was computed is another object


class Scale(StrEnum):
    """Size of the computations: ``quick`` (the suite takes minutes) or ``paper`` (the paper's sizes).

    >>> Scale("quick").pick(quick=10, paper=1000)
    10
    """

    QUICK = "quick"
    PAPER = "paper"

    def pick(self, *, quick: T, paper: T) -> T:
        """The value that belongs to this scale."""
        return quick if self is Scale.QUICK else paper

    @classmethod
    def of(cls, name: str) -> Scale:
        """The scale of that name; ``ValueError`` for an unknown one."""
        return cls(check_choice("scale", name, [scale.value for scale in cls]))


class Verdict(StrEnum):
    """What a check came to. ``error`` means that it could not be judged (exception, non-finite number)."""

    HOLDS = "holds"
    FAILS = "fails"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True)
class Measurement:
    """One measured quantity, its interval, and the bound it is set against.

    Parameters
    ----------
    name : what is measured, in words.
    value : the point value (finite).
    relation : "<", "<=", ">", ">=", "==" or "in".
    bound : a number, or a (low, high) pair for "in".
    low, high : the interval (default: the point ``value``).
    unit : unit of value and bound.
    level : confidence level, for a random quantity.
    n : number of independent samples, for a random quantity.

    Raises
    ------
    ValueError : for a number that is not finite, an unknown relation, or an interval that misses the value.

    >>> Measurement("relative error", 2e-16, "<=", 1e-15).verdict
    <Verdict.HOLDS: 'holds'>
    """

    name: str
    value: float
    relation: str
    bound: float | tuple[float, float]
    low: float = _POINT
    high: float = _POINT
    unit: str = ""
    level: float | None = None
    n: int | None = None

    def __post_init__(self) -> None:
        check_choice(f"relation of {self.name!r}", self.relation, RELATIONS)
        value = _number(f"value of {self.name!r}", self.value)
        point = self.low is _POINT and self.high is _POINT
        low = value if point else _number(f"low of {self.name!r}", self.low)
        high = value if point else _number(f"high of {self.name!r}", self.high)
        if not low <= value <= high:
            raise ValueError(f"the interval of {self.name!r} must contain its value, got {value} and [{low}, {high}]")
        if self.level is not None:
            check_level(self.level)
        if self.n is not None:
            check_integer("n", self.n, minimum=1)
        for attribute, entry in (("value", value), ("low", low), ("high", high), ("bound", self._checked_bound())):
            object.__setattr__(self, attribute, entry)

    def _checked_bound(self) -> float | tuple[float, float]:
        if self.relation != "in":
            return _number(f"bound of {self.name!r}", self.bound)
        if not isinstance(self.bound, Sequence) or len(self.bound) != 2:
            raise ValueError(f"relation 'in' needs a (low, high) pair, got {self.bound!r} for {self.name!r}")
        first, last = (_number(f"bound of {self.name!r}", end) for end in self.bound)
        if first > last:
            raise ValueError(f"bound of {self.name!r} must be ordered, got {self.bound!r}; swap the ends")
        return first, last

    @classmethod
    def from_interval(
        cls, name: str, interval: Interval, relation: str, bound: float | tuple[float, float], unit: str = ""
    ) -> Measurement:
        """A random quantity, with the interval that :mod:`linmem.statistics` gave."""
        return cls(name, interval.value, relation, bound, interval.low, interval.high, unit, interval.level, interval.n)

    @classmethod
    def of_mean(
        cls, name: str, samples: ArrayLike, relation: str, bound: float | tuple[float, float], level: float = 0.95
    ) -> Measurement:
        """Mean of independent samples, with Student's interval.

        >>> Measurement.of_mean("error", [0.1, 0.2, 0.3], "<", 0.5).verdict
        <Verdict.HOLDS: 'holds'>
        """
        return cls.from_interval(name, mean_interval(samples, level), relation, bound)

    @classmethod
    def of_share(
        cls, name: str, hits: ArrayLike, relation: str, bound: float | tuple[float, float], level: float = 0.95
    ) -> Measurement:
        """Share of true values among independent ones, with the Clopper-Pearson interval; TypeError for other values.

        >>> Measurement.of_share("solved", [True] * 9 + [False], ">", 0.5).verdict
        <Verdict.HOLDS: 'holds'>
        """
        flags = np.asarray(hits)
        if flags.dtype != bool or flags.ndim != 1:
            raise TypeError(
                f"hits of {name!r} must be a list of True and False, got {flags.dtype} of {flags.ndim} dimensions"
            )
        return cls.from_interval(name, proportion_interval(int(flags.sum()), flags.size, level), relation, bound)

    @classmethod
    def enclosed(
        cls, name: str, ends: tuple[float, float], relation: str, bound: float | tuple[float, float], unit: str = ""
    ) -> Measurement:
        """A certified enclosure (low, high); widened by 1e-14 of its ends for quotients and sums of doubles.

        >>> Measurement.enclosed("error over its bound", (0.2, 0.3), "<=", 1.0).verdict
        <Verdict.HOLDS: 'holds'>
        """
        low, high = ends[0] - abs(ends[0]) * 1e-14, ends[1] + abs(ends[1]) * 1e-14
        return cls(name, (low + high) / 2, relation, bound, low, high, unit)

    @property
    def verdict(self) -> Verdict:
        """Holds, fails or inconclusive: see the module's first lines."""
        low, high, bound = self.low, self.high, self.bound
        if isinstance(bound, tuple):
            inside, outside = bound[0] <= low and high <= bound[1], high < bound[0] or low > bound[1]
        else:
            inside, outside = {
                "<": (high < bound, low >= bound),
                "<=": (high <= bound, low > bound),
                ">": (low > bound, high <= bound),
                ">=": (low >= bound, high < bound),
                "==": (low == high == bound, not low <= bound <= high),
            }[self.relation]
        return Verdict.HOLDS if inside else Verdict.FAILS if outside else Verdict.INCONCLUSIVE


def _number(name: str, value: object) -> float:
    try:
        return check_finite(name, value)
    except TypeError:
        return check_finite(name, float(value))  # type: ignore[arg-type]  # sympy and flint numbers


@dataclass(frozen=True)
class Evidence:
    """What a claim's computation found.

    Parameters
    ----------
    measurements : at least one, with distinct names.
    table : optional data frame that the claim's figure draws.
    note : optional remark for the report.

    >>> Evidence([Measurement("error", 1.0, "<", 0.5)]).verdict
    <Verdict.FAILS: 'fails'>
    """

    measurements: Sequence[Measurement]
    table: pd.DataFrame | None = field(default=None, compare=False)
    note: str = ""

    def __post_init__(self) -> None:
        items = tuple(self.measurements)
        if not items:
            raise ValueError("evidence needs at least one measurement, got none; measure what the claim states")
        names = [item.name for item in items]
        if len(set(names)) < len(names):
            raise ValueError(f"measurements need distinct names, got {names}; rename the repeated one")
        object.__setattr__(self, "measurements", items)

    @property
    def verdict(self) -> Verdict:
        """Holds if all measurements hold, fails if one fails, otherwise inconclusive."""
        verdicts = {item.verdict for item in self.measurements}
        if Verdict.FAILS in verdicts:
            return Verdict.FAILS
        return Verdict.HOLDS if verdicts == {Verdict.HOLDS} else Verdict.INCONCLUSIVE
