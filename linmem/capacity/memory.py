"""One interface to every way of computing the memory of a linear network, so that they can be compared.

================  ====================================================================================================
``"exact"``       closed form in the eigenvalues; error: bound on the rounding (the default)
``"algebraic"``   pseudo-inverse in double precision; error: what the numerical rank proves
``"osm"``         row norms of an orthonormal basis (Ballarin, Grigoryeva, Ortega); error: the same
``"osm+"``        its mean over random input masks
``"sample"``      simulation, bias removed; error: confidence interval
================  ====================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from linmem.capacity.estimators import (
    SampledCurve,
    algebraic_curve,
    averaged_orthogonal_curve,
    orthogonal_curve,
    sampled_curve,
    simulate_states,
    washout_length,
)
from linmem.capacity.linear import check_system, exact_capacity, exact_curve
from linmem.capacity.result import MemoryCapacity, MemoryCurve
from linmem.capacity.systems import input_series
from linmem.checks import check_choice, check_generator, check_integer, nearest
from linmem.citations import cites

_METHODS: dict[str, tuple[str, ...]] = {
    "exact": ("reachable",),
    "algebraic": ("form", "tolerance"),
    "osm": ("columns",),
    "osm+": ("rng", "masks", "mask", "columns"),
    "sample": ("rng", "length", "washout", "law", "level", "blocks"),
}
_RANDOM = ("osm+", "sample")
_SHORTEST = 10_000


@cites("jaeger2001short", "definition of the memory function")
def memory_curve(A: ArrayLike, C: ArrayLike, max_lag: int, method: str = "exact", **options: object) -> MemoryCurve:
    """Memory curve MC_0 .. MC_max_lag of ``x_t = A x_{t-1} + C z_t``, z white, by the method of choice.

    MC_tau is the squared correlation of z_{t-tau} and its best linear read-out from x_t.

    Parameters
    ----------
    A : (N, N) recurrent weights, spectral radius < 1.
    C : (N,) input weights.
    max_lag : largest lag, >= 0.
    method : "exact", "algebraic", "osm", "osm+" or "sample".
    options : of the method.

        - exact: ``reachable``, see :func:`linmem.capacity.linear.exact_curve`;
        - algebraic: ``form``, ``tolerance``, see :func:`linmem.capacity.estimators.algebraic_curve`;
        - osm: ``columns``, see :func:`linmem.capacity.estimators.orthogonal_curve`;
        - osm+: ``rng`` (needed), ``masks``, ``mask``, ``columns``, see
          :func:`linmem.capacity.estimators.averaged_orthogonal_curve`;
        - sample: ``rng`` (needed); ``length``, steps that are measured (the largest of 10000, 100 N and
          (2 blocks + 1) max_lag unless stated); ``washout``, steps before (until ``||A^w||`` is 1e-6 unless stated);
          ``law`` of the input (:func:`linmem.capacity.systems.input_series`, "uniform"); ``level``, ``blocks``, see
          :func:`linmem.capacity.estimators.sampled_curve`.

    Raises
    ------
    TypeError : for an option that the method does not know, or a missing ``rng``.
    ValueError : if A is unstable or not square, C has the wrong length, an argument is out of range, or the series is
        too short for the lags.

    >>> A, C = [[0.0, 0.5], [0.5, 0.0]], [1.0, 0.0]  # a ring of two
    >>> [memory_curve(A, C, 2, method).values.round(4).tolist() for method in ("exact", "algebraic")]
    [[0.9375, 0.9375, 0.0586], [0.9375, 0.9375, 0.0586]]
    >>> curve = memory_curve(A, C, 2, "sample", rng=0)
    >>> curve.method, curve.rank, curve.level
    ('sample', 2, 0.95)
    """
    check_choice("method", method, _METHODS)
    _check_options(method, options)
    run: dict[str, Callable[..., MemoryCurve]] = {
        "exact": exact_curve,
        "algebraic": algebraic_curve,
        "osm": orthogonal_curve,
        "osm+": averaged_orthogonal_curve,
        "sample": _sampled,
    }
    return run[method](A, C, max_lag, **options)


@cites("jaeger2001short", "definition of the memory capacity")
def memory_capacity(
    A: ArrayLike, C: ArrayLike, max_lag: int | None = None, first_lag: int = 1, method: str = "exact", **options: object
) -> MemoryCapacity:
    """Memory capacity ``sum_{tau = first_lag}^{max_lag} MC_tau`` with its error.

    Jaeger's sum, and reservoirpy's, starts at lag 1. Lag 0 adds ``1 - det(A)^2``.

    Parameters
    ----------
    A, C, method, options : as for :func:`memory_curve`.
    max_lag : last lag. None: for "exact", all lags to infinity, ``N - sum_{tau < first_lag} MC_tau`` (N the dimension
        that C reaches), nothing cut off; for the others 5 N lags.
    first_lag : first lag, >= 0.

    Returns
    -------
    MemoryCapacity. "sample": the interval of the sum at the level asked for, from the blocks of the series.
    "algebraic", "osm", "osm+": the sums of the ends of the curve's enclosure, at most N.

    Raises
    ------
    TypeError, ValueError : as :func:`memory_curve`; if max_lag < first_lag.

    >>> A, C = [[0.0, 0.5], [0.5, 0.0]], [1.0, 0.0]
    >>> capacity = memory_capacity(A, C)
    >>> capacity.value, capacity.last_lag, capacity.remainder  # 2 - MC_0 = 1 + 0.5^4
    (1.0625, None, 0.0)
    """
    check_choice("method", method, _METHODS)
    first = check_integer("first_lag", first_lag, minimum=0)
    if max_lag is not None:
        check_integer("max_lag", max_lag, minimum=first)
    if method == "exact":
        _check_options(method, options)
        run: Callable[..., MemoryCapacity] = exact_capacity
        return run(A, C, max_lag, first, **options)
    N = len(check_system(A, C)[0])
    last = max(5 * N, first) if max_lag is None else max_lag
    curve = memory_curve(A, C, last, method, **options)
    value = float(curve.values[first:].sum())
    if isinstance(curve, SampledCurve):
        total = curve.total(first)
        return MemoryCapacity(value, total.low, total.high, first, last, float("nan"), curve)
    low, high = float(curve.low[first:].sum()), min(float(N), float(curve.high[first:].sum()))
    return MemoryCapacity(value, low, high, first, last, float("nan"), curve)


def _check_options(method: str, options: dict[str, object]) -> None:
    """Refuse options that the method does not know, and random methods without ``rng``."""
    known = _METHODS[method]
    for name in options:
        if name not in known:
            owners = [other for other, names in _METHODS.items() if name in names]
            guess = nearest(name, known, 1)
            if owners:
                fix = f"it belongs to method {', '.join(map(repr, owners))}"
            else:
                fix = f"did you mean {guess[0]!r}?" if guess else "leave it out"
            raise TypeError(f"method {method!r} takes the options {', '.join(known)}, got {name!r}; {fix}")
    if method in _RANDOM and "rng" not in options:
        raise TypeError(f"method {method!r} is random and needs rng, a seed or a Generator, got none; pass e.g. rng=0")


def _sampled(
    A: ArrayLike,
    C: ArrayLike,
    max_lag: int,
    *,
    rng: int | np.random.Generator,
    length: int | None = None,
    washout: int | None = None,
    law: str = "uniform",
    level: float = 0.95,
    blocks: int = 20,
) -> SampledCurve:
    """Simulate the network on white input and measure its curve."""
    weights, mask = check_system(A, C)
    lags = check_integer("max_lag", max_lag, minimum=0)
    parts = check_integer("blocks", blocks, minimum=5)
    default = max(_SHORTEST, 100 * len(weights), (2 * parts + 1) * lags)
    T = default if length is None else check_integer("length", length, minimum=1)
    dropped = washout_length(weights) if washout is None else check_integer("washout", washout, minimum=0)
    series = input_series(T + dropped, law, rng=check_generator("rng", rng))
    states = simulate_states(weights, mask, series)
    return sampled_curve(states[dropped:], series[dropped:], lags, level=level, blocks=parts)
