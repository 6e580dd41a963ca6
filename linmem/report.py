"""One memory report for any network: what three theories say about it, measured and bounded, side by side.

>>> import numpy as np
>>> report = memory_report((np.eye(4, k=-1), [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]))  # a delay line of four steps
>>> report.value("distance.fitted"), report.value("distance.own"), report.value("capacity.linear")
(4.0, 4.0, 4.0)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from linmem.analysis.catalogue import row
from linmem.analysis.comparison import Comparison, compare
from linmem.analysis.drive import draw_drive, sample_states
from linmem.analysis.entry import ready_model
from linmem.analysis.linear import Linearisation, linearise
from linmem.analysis.linear_measures import measure_kernel, measure_response, measure_spectrum
from linmem.analysis.measures import measure_capacity, measure_distance, measure_information, measure_state
from linmem.analysis.model import StateModel
from linmem.analysis.record import SECTIONS, Row
from linmem.analysis.result import FORMAT, MemoryReport
from linmem.analysis.setting import Found, Setting, budget_of, longest_lag
from linmem.analysis.structured_measures import measure_structured
from linmem.analysis.training_measures import measure_training
from linmem.analysis.words import describe
from linmem.capacity.linear.spectrum import refuse_unstable
from linmem.checks import check_choice, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.statistics import check_level
from linmem.threads import one_thread
from linmem.version import __version__

__all__ = ["FORMAT", "PARTS", "Comparison", "MemoryReport", "Progress", "compare", "memory_report"]

Progress = Callable[[str, int, int], object]
"""Called with the name of the part that begins, its number, and the number of parts."""

PARTS: tuple[tuple[str, Callable[[Setting], Found], tuple[str, ...]], ...] = (
    ("state", measure_state, ("state.rank",)),
    ("distance", measure_distance, ("distance.own", "distance.fitted")),
    ("capacity", measure_capacity, ("capacity.total", "capacity.jaeger")),
    ("spectrum", measure_spectrum, ("kernel.radius", "kernel.time", "capacity.linear", "capacity.linear_jaeger")),
    ("information", measure_information, ("capacity.information", "capacity.nonlinear")),
    ("kernel", measure_kernel, ("kernel.peak", "kernel.decay")),
    ("response", measure_response, ("kernel.response",)),
    ("training", measure_training, ("training.full", "training.growth")),
    ("structured", measure_structured, ("structured.sparse", "structured.any", "structured.tones")),
)
"""Name, function and rows of each part; what a part refuses is noted in its rows.

:meta private:
"""

_ONE_THREAD = 256  # states; the matrices of smaller networks are too small to share between threads


@cites("linmem", "memory report")
@cites("jaeger2001short", "memory capacity, as commonly quoted")
@cites("dambre2012", "capacities of orthogonal functions of the input (abstract)")
@cites("illium2022", "Section 4, memory distance")
@cites("wang2024", "memory function")
@cites("charles2018", "recovery of structured inputs")
def memory_report(
    model: object,
    inputs: str | ArrayLike = "uniform01",
    *,
    readout: object = None,
    rng: np.random.Generator | int = 0,
    progress: Progress | None = None,
    budget: str = "quick",
    threshold: float | None = None,
    level: float = 0.95,
    parts: Collection[str] | None = None,
    name: str | None = None,
) -> MemoryReport:
    """Measure the memory of a network by the means of all theories that apply, beside the bounds they set.

    Parameters
    ----------
    model : anything that :func:`linmem.analysis.state_model` takes: torch RNN, LSTM, GRU stacks and modules that
        contain one, reservoirs of linmem and reservoirpy, linear systems (A, B, C), scipy state spaces.
    inputs : what drives it: "uniform01", "normal", "rademacher", or a series (T,) or (T, d) of at least some 20,000
        steps. Bounds that need white or continuous inputs are left out where a series is neither.
    readout : how its answer is read from the state, see :func:`linmem.analysis.state_model`.
    rng : seed or generator; same seed, same report.
    progress : called with (part, number, parts) when a part begins.
    budget : "quick" (20,000 states, seconds) or "full" (100,000 states, degree 4, larger networks, minutes).
    threshold : mean absolute error below which an input counts as recalled; default 12 % of the error of the best
        constant answer: 0.03 for uniform numbers on [0, 1].
    level : confidence of each interval (not of all together).
    parts : only these of "state", "distance", "capacity", "spectrum", "information", "kernel", "response", "training",
        "structured"; default all.
    name : what the report calls the network; default its own name, such as "LSTM of 64 cells".

    Returns
    -------
    :class:`MemoryReport`. A part that is refused or too slow leaves rows without value, and ``note`` says why.

    Raises
    ------
    TypeError, ValueError : for a model that is none, a network that diverges, and bad arguments.

    Linear algebra runs on one thread up to 256 states and as it is set for larger networks.

    Cost: a few hundred batched steps of the network, ``T n (4 n + 4 max_lag)`` flops and the parts' own; seconds up to
    n = 100.
    """
    start = time.perf_counter()
    if isinstance(parts, str):
        raise TypeError(f"parts must be a list of names, got {parts!r}; pass [{parts!r}]")
    if parts is not None and not parts:
        raise ValueError(f"parts must name one part or more, got {parts!r}; leave it out for all")
    if progress is not None and not callable(progress):  # pyright: ignore[reportUnnecessaryComparison]
        raise TypeError(f"progress must be a function of (part, number, parts), got {progress!r}; pass one or None")
    if name is not None and not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"name must be a string, got {name!r}; pass e.g. {str(name)!r}")
    network, work = ready_model(model, readout), budget_of(budget)
    network = network if name is None else replace(network, name=name)
    generator = check_generator("rng", rng)
    confidence = check_level(level)
    known = [name for name, _, _ in PARTS]
    wanted = known if parts is None else [check_choice("parts", part, known) for part in parts]
    chosen = [part for part in PARTS if part[0] in wanted]
    count = len(chosen) + 1

    def begin(part: str, number: int) -> None:
        if progress is not None:
            progress(part, number, count)

    with one_thread if network.state_size <= _ONE_THREAD else nullcontext():
        begin("run", 1)
        lags = longest_lag(network.state_size, work)
        washout = lags + 200
        drive = draw_drive(inputs, work.rows + washout, network.input_size, generator)
        linear, refusal = _linearised(network, drive.operating_point)
        eps = drive.threshold if threshold is None else check_positive("threshold", threshold)
        sample = sample_states(network, drive, washout)
        setting = Setting(network, sample, linear, refusal, eps, work, confidence, generator)
        rows: list[Row] = []
        tables: dict[str, pd.DataFrame] = {}
        for number, (part, measure, keys) in enumerate(chosen, start=2):
            begin(part, number)
            try:
                found = measure(setting)
            except ValueError as error:
                found = Found(tuple(row(key, note=str(error)) for key in keys), {})
            rows.extend(found.rows)
            for key, table in found.tables.items():
                tables[key] = pd.concat([tables[key], table], ignore_index=True) if key in tables else table
    order = list(SECTIONS)
    rows.sort(key=lambda item: order.index(item.section))
    facts = {
        "name": network.name,
        "kind": network.kind,
        "state_size": network.state_size,
        "input_size": network.input_size,
        "layers": network.layers,
        "cells": network.cells,
        "links": network.links,
        "parameters": network.parameters,
        "inputs": drive.name,
        "threshold": eps,
        "constant_error": drive.constant_error,
        "states": len(sample.states),
        "washout": washout,
        "level": confidence,
        "budget": budget,
        "seed": check_integer("rng", rng) if not isinstance(rng, np.random.Generator) else None,
        "seconds": round(time.perf_counter() - start, 2),
        "version": __version__,
    }
    return MemoryReport(facts, tuple(rows), tables, describe(facts, rows))


def _linearised(network: StateModel, point: np.ndarray) -> tuple[Linearisation | None, str]:
    """The linearisation, or why there is none; a linear network that is unstable is refused."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # a network that grows is refused by what follows
            found = linearise(network, point)
    except ValueError as error:
        if network.linear:
            raise
        return None, str(error)
    if network.linear:
        refuse_unstable(network.state_size, found.radius)
    return found, ""
