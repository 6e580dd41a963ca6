"""Memory of a nonlinear network against the size of its input: memory capacity, and capacity by degree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from linmem.capacity.estimators import SampledCurve, sampled_curve
from linmem.capacity.information import InformationCapacity, information_capacity
from linmem.capacity.information.polynomials import Law
from linmem.capacity.models.states import collect_states
from linmem.capacity.systems.inputs import LAWS, input_series
from linmem.checks import check_array, check_choice, check_generator, check_integer
from linmem.citations import cites
from linmem.statistics import Interval


@dataclass(frozen=True, eq=False)
class NonlinearMemory:
    """Memory of one network at several input scales; one entry for each scale in every tuple.

    Attributes
    ----------
    scales : standard deviations of the input.
    curves : memory curves, with intervals.
    memory : memory capacities, sums of the curves from ``first_lag`` on, with intervals.
    information : information-processing capacities; empty if no degree was asked for.
    first_lag : first lag of the sums.
    law : law of the input.
    """

    scales: tuple[float, ...]
    curves: tuple[SampledCurve, ...]
    memory: tuple[Interval, ...]
    information: tuple[InformationCapacity, ...]
    first_lag: int
    law: str

    def to_frame(self) -> pd.DataFrame:
        """One row for each scale.

        Columns: scale, memory, low, high, states, rank; with a degree also capacity_1, capacity_2, .. (corrected for
        bias) and capacity_total, capacity_low, capacity_high.
        """
        rows: list[dict[str, float]] = []
        for i, (scale, curve, total) in enumerate(zip(self.scales, self.curves, self.memory, strict=True)):
            row: dict[str, float] = {
                "scale": scale,
                "memory": total.value,
                "low": total.low,
                "high": total.high,
                "states": curve.states,
                "rank": curve.rank,
            }
            if self.information:
                found = self.information[i]
                by_degree = found.by_degree
                for degree, capacity in zip(by_degree["degree"], by_degree["capacity"], strict=True):
                    row[f"capacity_{int(degree)}"] = float(capacity)
                whole = found.total
                row |= {"capacity_total": whole.value, "capacity_low": whole.low, "capacity_high": whole.high}
            rows.append(row)
        return pd.DataFrame(rows)


@cites("jaeger2001short", "memory capacity, as commonly quoted")
@cites("dambre2012", "capacities of orthogonal functions of the input (abstract)")
def nonlinear_memory(
    model: object,
    scale: float | Sequence[float] | ArrayLike,
    max_lag: int | None = None,
    *,
    law: str = "uniform",
    length: int = 20_000,
    washout: int = 500,
    first_lag: int = 1,
    degree: int | None = None,
    degree_lag: int | Sequence[int] | None = None,
    level: float = 0.95,
    blocks: int = 20,
    rng: int | np.random.Generator,
) -> NonlinearMemory:
    """Memory capacity of any network on the input ``scale * z_t``, z white of variance 1, for one or more scales.

    All scales read the same z, so that differences between scales are sharper than the intervals say. For small scales
    a tanh network is its linearisation; for N controllable states its curve sums to N from lag 0 on. For large scales
    the states become signs of the newest input: MC_0 tends to ``corr(z, sign z)^2``, which is 3/4 for uniform, 2/pi
    for normal and 1 for Rademacher input, and the older lags are lost.

    Parameters
    ----------
    model : a model of one input, as for :func:`~linmem.capacity.models.collect_states`.
    scale : positive number, or several: standard deviations of the input. (Uniform input on [-s, s] has s/sqrt 3.)
    max_lag : largest lag; None for 2 N, N the number of states.
    law : "uniform", "normal", "rademacher", "laplace" or "exponential".
    length : steps that are measured.
    washout : steps before them, in which the network forgets its start.
    first_lag : first lag of the sum, 1 as Jaeger, or 0.
    degree : largest degree of the information-processing capacity; None for none.
    degree_lag : its largest lag, or one for each degree; None to search for it.
    level, blocks : of the intervals, as for :func:`~linmem.capacity.estimators.sampled_curve`.
    rng : seed or generator of z.

    Raises
    ------
    ValueError : for a scale that is not positive, and what :func:`collect_states`, :func:`sampled_curve` and
        :func:`~linmem.capacity.information.information_capacity` refuse, such as a series too short for the lags.

    Cost: a run of the model and ``length N (4 N + 2 max_lag)`` flops for each scale, and the capacities.

    >>> from linmem.capacity.models import TanhReservoir
    >>> delay = TanhReservoir([[0.0, 0.0], [1.0, 0.0]], [1.0, 0.0])
    >>> found = nonlinear_memory(delay, [0.01, 10.0], first_lag=0, rng=0)
    >>> [round(total.value, 1) for total in found.memory]
    [2.0, 1.6]
    """
    scales = np.atleast_1d(check_array("scale", scale)) if np.size(scale) else np.zeros(0)
    if scales.ndim != 1 or scales.size == 0 or (scales <= 0).any():
        raise ValueError(f"scale must be one or more positive numbers, got {scale!r}; pass e.g. [0.01, 0.1, 1.0]")
    name, steps = check_choice("law", law, LAWS), check_integer("length", length, minimum=1)
    start, first = check_integer("washout", washout, minimum=0), check_integer("first_lag", first_lag, minimum=0)
    if max_lag is not None:
        max_lag = check_integer("max_lag", max_lag, minimum=first)
    series = input_series(start + steps, name, rng=check_generator("rng", rng))
    z = series[start:]
    factor, polynomials = _polynomial_law(name)
    curves: list[SampledCurve] = []
    information: list[InformationCapacity] = []
    for s in scales:
        states = collect_states(model, s * series, washout=start)
        longest = max(2 * states.shape[1], first) if max_lag is None else max_lag
        curves.append(sampled_curve(states, z, longest, level=level, blocks=blocks))
        if degree is not None:
            information.append(
                information_capacity(
                    states, factor * z, degree, degree_lag, law=polynomials, level=level, blocks=blocks
                )
            )
    return NonlinearMemory(
        scales=tuple(float(s) for s in scales),
        curves=tuple(curves),
        memory=tuple(curve.total(first) for curve in curves),
        information=tuple(information),
        first_lag=first,
        law=name,
    )


def _polynomial_law(law: str) -> tuple[float, Law]:
    """Factor and law of the polynomials for an input of variance 1."""
    laws: dict[str, tuple[float, Law]] = {
        "uniform": (1 / math.sqrt(3.0), "uniform"),
        "laplace": (1.0, stats.laplace(scale=math.sqrt(0.5))),
        "exponential": (1.0, stats.expon(loc=-1.0)),
    }
    return laws.get(law, (1.0, law))
