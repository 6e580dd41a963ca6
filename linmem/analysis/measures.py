"""What a report reads from states: dimension, memory distance, memory capacity, information-processing capacity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.analysis.catalogue import row
from linmem.analysis.distance import StateDistance, state_distance
from linmem.analysis.drive import LAWS
from linmem.analysis.record import Row
from linmem.analysis.setting import Found, Setting
from linmem.capacity.estimators import SampledCurve, sampled_curve
from linmem.capacity.information import InformationCapacity, information_capacity

_FORGOTTEN = 1e-3
_KEPT = "the start is not forgotten: the numbers below depend on how the network is started"
_HALF = 0.5
_NOISE = 0.01  # standard deviation of added noise, relative to that of each state variable
_BLOCKS = 20
_FLOOR_STATES = 8  # the best linear filter is searched for up to this many states


def measure_state(setting: Setting) -> Found:
    """Size, parameters, independent and effective dimensions, trace of the start."""
    model, X = setting.model, setting.sample.states
    n = model.state_size
    C = np.cov(X.T).reshape(n, n)
    motion = float(np.trace(C))
    effective = motion**2 / float((C**2).sum()) if motion > 0 else 0.0  # (sum s)^2 / sum s^2 of the eigenvalues s
    rank, few = None, ""
    try:
        rank = setting.sample.halves.rank()
    except ValueError as error:
        few = str(error)
    past = setting.sample.forgetting
    steps = setting.sample.washout
    rows = (
        row("state.size", n, error="exact"),
        row("state.parameters", model.parameters, error="exact", note="" if model.parameters else "not known"),
        row("state.rank", rank, bound=n, error="numerical rank in double precision", note=few),
        row("state.effective", effective, bound=n, error="estimate"),
        row("state.forgetting", past, error=f"measured after {steps} steps", note="" if past < _FORGOTTEN else _KEPT),
    )  # fmt: skip
    return Found(rows, {})


def measure_distance(setting: Setting) -> Found:
    """Distances of the answer, of the top layer and of the whole state, the limits of theory, the error beyond."""
    model, sample, drive = setting.model, setting.sample, setting.drive
    n, eps = model.state_size, setting.threshold
    P = min(n + max(15, n // 4), setting.max_lag)
    reason = _no_limit(setting)
    rows: list[Row] = []
    tables: list[pd.DataFrame] = []
    top = _top_layer(setting)
    stack = _stack_limit(setting)
    for c in setting.channels:
        i = c or 0
        if model.answer is None:
            rows.append(row("distance.own", channel=c, note="the network gives no answer of its own; pass readout="))
        else:
            own = state_distance(sample, P, readout="own", threshold=eps, channel=i, level=setting.level)
            tables.append(own.to_frame())
            note = reason if own.value else _closest(own, drive.constant_error)
            limit, basis = (stack, "illium2022/distance-bound-stacked") if stack else (n, "linmem/topological-limit")
            rows.append(_distance_row("distance.own", own, c, None if reason else limit, basis, note))
        if top is not None:
            found = state_distance(sample, P, columns=top, threshold=eps, channel=i, level=setting.level)
            tables.append(found.to_frame().assign(readout="top"))
            rows.append(
                _distance_row("distance.top", found, c, None if reason else n, "linmem/topological-limit", reason)
            )
        found = state_distance(sample, P, threshold=eps, channel=i, level=setting.level)
        tables.append(found.to_frame())
        rows.append(
            _distance_row("distance.fitted", found, c, None if reason else n, "linmem/topological-limit", reason)
        )
        if found.value < P:
            beyond = found.errors[found.value]
            rows.append(
                row(
                    "distance.next_error", beyond.value, channel=c, low=beyond.low, high=beyond.high,
                    error=_interval(setting),
                    note=f"position {found.value + 1}; a constant leaves {drive.constant_error:.3g}",
                )
            )  # fmt: skip
    if stack:
        rows.append(row("distance.stack", stack, error="exact", note=_stack_words(setting)))
    found_tables = {"errors": pd.concat(tables, ignore_index=True)}
    if model.input_size == 1 and drive.name in LAWS and not reason:
        floor = _floor(setting, P)
        if len(floor):
            found_tables["floor"] = floor
            rows.append(
                row(
                    "distance.floor", float(floor["error"].iloc[0]), error="best filter of least squares that was found"
                )
            )
    return Found(tuple(rows), found_tables)


def _distance_row(key: str, found: StateDistance, channel: int | None, bound: int | None, basis: str, note: str) -> Row:
    level = f"{100 * found.errors[0].level:.3g} % at each position"
    return row(
        key,
        found.value,
        channel=channel,
        low=found.low,
        high=found.high,
        bound=bound,
        basis=basis,
        error=level,
        note=note,
    )


def _closest(own: StateDistance, constant: float) -> str:
    error = own.errors[own.best - 1].value
    if error > 0.98 * constant:
        return f"at no position better than a constant answer; closest at {own.best}, error {error:.3g}"
    return f"closest at position {own.best}, error {error:.3g}"


def _interval(setting: Setting) -> str:
    return f"{100 * setting.level:.3g} % interval"


def _no_limit(setting: Setting) -> str:
    """Why the limits on the distance do not apply to this input; empty if they do."""
    if setting.drive.discrete:
        return "no limit: an input of few values can be packed into any state"
    if setting.drive.correlated:
        return "no limit: the input is correlated, so that older numbers can be guessed from newer ones"
    return ""


def _top_layer(setting: Setting) -> list[int] | None:
    """Columns of what the top layer gives out; None if that is the whole state, or the network is no stack."""
    model = setting.model
    if model.layers is None:
        return None
    found = [i for i, label in enumerate(model.labels) if label.startswith(f"h{model.layers}[")]
    return found if 0 < len(found) < model.state_size else None


def _stack_limit(setting: Setting) -> int | None:
    """c l - (l - 1), or c l with delayed links: for stacks of tanh or linear layers of more than one layer."""
    model = setting.model
    if (
        model.layers is None
        or model.cells is None
        or model.layers < 2
        or model.state_size != model.layers * model.cells
    ):
        return None
    if model.kind != "rnn":
        return None
    return model.state_size - (0 if model.links == "delayed" else model.layers - 1)


def _stack_words(setting: Setting) -> str:
    model = setting.model
    n, shape = model.state_size, f"{model.layers} layers of {model.cells}"
    if model.links == "delayed":
        return f"{shape}, which read each other one step late: all {n}"
    return f"{shape}, which read each other at the same step: {n} - {(model.layers or 1) - 1}"


def _floor(setting: Setting, positions: int) -> pd.DataFrame:
    """Exact error of the best linear network of n states at the positions beyond n."""
    from linmem.analysis.recall import best_recall

    n = setting.model.state_size
    if n > _FLOOR_STATES:
        return pd.DataFrame({"position": [], "error": []})
    lags = range(n, min(positions, n + 5))
    errors = [best_recall(n, lag, setting.drive.name, starts=4).scaled_error.value for lag in lags]
    return pd.DataFrame({"position": [lag + 1 for lag in lags], "error": errors})


def measure_capacity(setting: Setting) -> Found:
    """Memory capacity from the states, for each input, with the bound n on the sum."""
    sample, n = setting.sample, setting.model.state_size
    correlated = setting.drive.correlated
    rows: list[Row] = []
    tables: list[pd.DataFrame] = []
    curves: list[SampledCurve] = []
    for c in setting.channels:
        curve = sampled_curve(
            sample.states, sample.channel(c or 0), setting.max_lag, level=setting.level, blocks=_BLOCKS
        )
        curves.append(curve)
        tables.append(curve.to_frame().assign(channel=c or 0, method="measured"))
        for first, key in ((0, "capacity.total"), (1, "capacity.jaeger")):
            total = curve.total(first)
            rows.append(
                row(
                    key, total.value, channel=c, low=total.low, high=total.high,
                    bound=None if correlated else n, error=_interval(setting),
                    note="no limit: the input is correlated" if correlated else f"lags to {curve.max_lag}",
                )
            )  # fmt: skip
        rows.append(_noisy_row(setting, c))
        recalled = [np.flatnonzero(ends >= _HALF) for ends in (curve.low, curve.values, curve.high)]
        low, value, high = (int(found[-1]) if len(found) else None for found in recalled)
        rows.append(
            row(
                "capacity.reach", value, channel=c, low=low, high=high,
                bound=2 * n - 1 if setting.model.linear and not correlated else None, error=_interval(setting),
                note="" if value is not None else "no lag reaches one half",
            )
        )  # fmt: skip
    if len(curves) > 1:
        pseudo = sum(curve.pseudo.sum(axis=1) for curve in curves)
        from linmem.statistics import mean_interval

        joint = mean_interval(pseudo, setting.level)
        rows.insert(
            0,
            row(
                "capacity.total", joint.value, low=joint.low, high=joint.high,
                bound=None if correlated else n, error=_interval(setting), note="all inputs together",
            ),
        )  # fmt: skip
    return Found(tuple(rows), {"memory": pd.concat(tables, ignore_index=True)})


def _noisy_row(setting: Setting, channel: int | None) -> Row:
    """Memory capacity of the states with noise added, which the read-out is fitted to as well."""
    if setting.model.state_size > setting.budget.noisy_states:
        note = f"skipped above {setting.budget.noisy_states} states at this budget: too slow; pass budget='full'"
        return row("capacity.noisy", channel=channel, note=note)
    X = setting.sample.states
    noisy = X + _NOISE * X.std(axis=0) * setting.rng.standard_normal(X.shape)
    z = setting.sample.channel(channel or 0)
    total = sampled_curve(noisy, z, setting.max_lag, level=setting.level, blocks=_BLOCKS).total(0)
    return row(
        "capacity.noisy", total.value, channel=channel, low=total.low, high=total.high,
        bound=None if setting.drive.correlated else setting.model.state_size, error=_interval(setting),
        note=f"noise of {100 * _NOISE:.3g} %",
    )  # fmt: skip


def measure_information(setting: Setting) -> Found:
    """Information-processing capacity by degree: what the states hold of products of past inputs."""
    n, budget = setting.model.state_size, setting.budget
    keys = ("capacity.information", "capacity.nonlinear")
    reason = ""
    if setting.model.input_size > 1:
        reason = "measured for networks of one input; fix the others in a StateModel of your own to measure one"
    elif n > budget.information_states:
        reason = f"skipped above {budget.information_states} states at this budget; pass budget='full' (up to 512)"
    elif setting.drive.correlated:
        reason = "needs independent inputs, and the series is correlated in time"
    if reason:
        return Found(tuple(row(key, note=reason) for key in keys), {})
    found = _information(setting)
    by_degree = found.by_degree
    total = found.total
    longest = ", ".join(str(lag) for lag in found.longest)
    note = f"lags to {longest} at degrees 1 to {len(found.longest)}" + (
        "" if found.complete else "; stopped at the budget: a lower estimate"
    )
    rows = [row(keys[0], total.value, low=total.low, high=total.high, bound=n, error=_interval(setting), note=note)]
    degrees = found.terms.total_degree
    if (degrees > 1).any():
        part = found.sum_of(degrees > 1)
        rows.append(row(keys[1], part.value, low=part.low, high=part.high, bound=n, error=_interval(setting)))
    return Found(tuple(rows), {"degrees": by_degree})


def _information(setting: Setting) -> InformationCapacity:
    sample, budget, drive = setting.sample, setting.budget, setting.drive
    z = sample.channel(0)
    laws = {"uniform01": (2 * z - 1, "uniform"), "normal": (z, "normal"), "rademacher": (z, "rademacher")}
    inputs, law = laws.get(drive.name, (z, "empirical"))
    most = int(np.clip(budget.flops / (2 * len(z) * setting.model.state_size), 200, 20_000))
    return information_capacity(
        sample.states, inputs, budget.degree, law=law, level=setting.level, blocks=_BLOCKS, max_functions=most
    )
