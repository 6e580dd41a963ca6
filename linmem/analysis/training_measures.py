"""What a report predicts of training: steps of gradient descent until a network of this size has learned a position."""

from __future__ import annotations

import math

import pandas as pd

from linmem.analysis.catalogue import row
from linmem.analysis.record import Row
from linmem.analysis.setting import Found, Setting

_SEEDS = 5
_STEPS = 20_000
_KEYS = ("training.full", "training.growth")


def measure_training(setting: Setting) -> Found:
    """Steps for the positions 1 .. n, predicted by gradient descent on the delay kernel without noise."""
    model, most = setting.model, setting.budget.training_states
    n = model.state_size
    reason = ""
    if model.kind != "rnn" or model.layers != 1 or model.input_size != 1:
        reason = "predicted for one layer of tanh cells with one input"
    elif n > most:
        reason = f"skipped above {most} states at this budget: too slow"
    if reason:
        return Found(tuple(row(key, note=reason) for key in _KEYS), {})
    from linmem.analysis.delay_flow import predicted_solve_steps

    found = predicted_solve_steps(n, seeds=range(_SEEDS), steps=_STEPS)
    medians = [float(value) for value in found.medians]
    words = ", ".join(f"{value:,.0f}" if math.isfinite(value) else f"over {_STEPS:,}" for value in medians)
    how = "SGD at rate 0.01 from torch's initial weights, medians of 5 networks"
    listed = f"positions 1 to {n}: {words}" if n > 1 else ""
    solved = math.isfinite(medians[-1])
    note = listed if solved else f"not within {_STEPS:,}; {listed}"
    rows: list[Row] = [row(_KEYS[0], medians[-1], error=how, note=note)]
    if n >= 3 and all(math.isfinite(value) for value in medians):
        growth = found.growth(setting.level)
        low, value, high = (math.exp(end) for end in (growth.low, growth.value, growth.high))
        words = f"{100 * setting.level:.3g} % interval of the slope"
        rows.append(row(_KEYS[1], value, low=low, high=high, error=words))
    table = pd.DataFrame({"position": found.positions, "steps": medians})
    return Found(tuple(rows), {"training": table})
