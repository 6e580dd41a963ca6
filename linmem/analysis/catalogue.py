"""The quantities of a memory report: what each is called, what it says in plain words, and the claim it rests on."""

from __future__ import annotations

import math

from linmem.analysis.record import Row
from linmem.checks import nearest

QUANTITIES: dict[str, tuple[str, str, str]] = {
    "state.size": ("state variables, n", "Numbers that the network carries from one step to the next.", ""),
    "state.parameters": ("parameters", "Trainable numbers.", ""),
    "state.rank": (
        "independent states",
        "Directions of state space in which this input moves the state at all, as far as rounding lets one see.",
        "dambre2012/total-capacity",
    ),
    "state.effective": (
        "effective dimension",
        "How many directions hold most of the motion: participation ratio of the principal components.",
        "",
    ),
    "state.forgetting": (
        "trace of the start",
        "Difference between the states that two different pasts leave after the warm-up, relative to their spread.",
        "jaeger2001/echo-state-conditions",
    ),
    "distance.own": (
        "distance of the network's answer",
        "Oldest input that the network's own output gives back with an error below the threshold; 0 if none.",
        "linmem/topological-limit",
    ),
    "distance.top": (
        "distance of the top layer",
        "Oldest input that the best linear read-out of the top layer gives back.",
        "linmem/topological-limit",
    ),
    "distance.fitted": (
        "distance of the whole state",
        "Oldest input that the best linear read-out of all state variables gives back.",
        "linmem/topological-limit",
    ),
    "distance.stack": (
        "limit of linear stacks",
        "Oldest input that a stack of linear layers of this shape can give back exactly, with any weights.",
        "linmem/linear-stack-distance",
    ),
    "distance.next_error": (
        "error one step beyond",
        "Mean absolute error of the best linear read-out of the state, at the first position beyond the distance.",
        "illium2022/constant-predictor",
    ),
    "distance.floor": (
        "best error at position n + 1",
        "Mean absolute error that the best linear network of n states leaves one step beyond its size.",
        "linmem/stall-levels-predicted",
    ),
    "capacity.total": (
        "memory capacity",
        "Sum over all lags, newest input included, of the share of each past input that is linear in the state.",
        "jaeger2001/capacity-bound",
    ),
    "capacity.jaeger": (
        "memory capacity from lag 1",
        "The same without the newest input, as Jaeger and reservoirpy count.",
        "jaeger2001/capacity-bound",
    ),
    "capacity.reach": (
        "half-memory lag",
        "Largest lag at which at least half of the input's variance can be read from the state.",
        "linmem/capacity-closed-form",
    ),
    "capacity.noisy": (
        "memory capacity with noise",
        "The memory capacity if noise of 1 % of its own spread is added to each state variable: what is robust.",
        "jaeger2001/capacity-bound",
    ),
    "capacity.linear": (
        "linearised capacity",
        "The same sum for the network linearised at rest, in exact arithmetic: the states that the input reaches.",
        "linmem/capacity-closed-form",
    ),
    "capacity.linear_jaeger": (
        "linearised capacity from lag 1",
        "The same without the newest input.",
        "linmem/capacity-closed-form",
    ),
    "capacity.information": (
        "information-processing capacity",
        "Adds what the state holds of products and powers of past inputs, up to the degree and lags given.",
        "dambre2012/total-capacity",
    ),
    "capacity.nonlinear": (
        "of which nonlinear",
        "Part of that total in degree two and above: memory spent on functions of the inputs, not on the inputs.",
        "dambre2012/total-capacity",
    ),
    "kernel.radius": (
        "spectral radius",
        "Factor by which the slowest mode of the linearised network shrinks in a step; stable below 1.",
        "jaeger2001/echo-state-conditions",
    ),
    "kernel.time": (
        "slowest time constant",
        "Steps in which the slowest mode of the linearised network shrinks by the factor e.",
        "li2021/kernel-norm",
    ),
    "kernel.peak": (
        "strongest lag",
        "Lag of the past input that the network's answer weighs most, near rest (its state, if it has no answer).",
        "linmem/trained-network-is-a-delay-line",
    ),
    "kernel.decay": (
        "decay of the kernel",
        "How the weight of older inputs falls in the answer: the rate of an exponential, the exponent of a power of "
        "the lag, or the number of lags that have any weight, as the verdict beside it says.",
        "wang2024/memory-function",
    ),
    "kernel.response": (
        "reach of a step input",
        "Steps until the answer of the network itself has settled within 1 % of its fastest change after a jump.",
        "wang2024/memory-function",
    ),
    "training.full": (
        "steps to learn position n",
        "Predicted steps of gradient descent that teach a network of this size the oldest input that it can hold.",
        "linmem/solve-time-grows-geometrically",
    ),
    "training.growth": (
        "growth for each position",
        "Factor by which these steps grow from one position to the next.",
        "linmem/solve-time-grows-geometrically",
    ),
    "structured.sparse": (
        "sparse inputs recovered",
        "Longest input sequence with few non-zero numbers that is recovered from one state of the linearisation.",
        "linmem/structured-inputs-beat-n",
    ),
    "structured.any": (
        "any inputs recovered",
        "Longest input sequence without any structure that the best linear estimate recovers, under the same noise.",
        "linmem/structured-inputs-beat-n",
    ),
    "structured.tones": (
        "tones recovered",
        "Longest input sequence made of few tones that is recovered from one state of the linearisation.",
        "linmem/structured-inputs-beat-n",
    ),
}
"""Key: (name, meaning, id of the claim behind it)."""


def row(
    key: str,
    value: float | None = None,
    *,
    channel: int | None = None,
    low: float | None = None,
    high: float | None = None,
    bound: float | None = None,
    basis: str | None = None,
    error: str = "",
    note: str = "",
) -> Row:
    """The row of a quantity of :data:`QUANTITIES`; ``channel`` marks one input of several.

    A value or an end that is not finite is left out; ``note`` then says why. ``basis`` defaults to the quantity's own.

    >>> row("state.size", 5).quantity
    'state variables, n'
    """
    if key not in QUANTITIES:
        hint = ", ".join(nearest(key, QUANTITIES)) or "linmem.analysis.catalogue"
        raise ValueError(f"key must be one of the quantities of a report, got {key!r}; see {hint}")
    quantity, meaning, own = QUANTITIES[key]
    mark, words = ("", "") if channel is None else (f"[{channel}]", f" (input {channel})")
    basis = own if basis is None else basis
    ends = (_finite(value), _finite(low), _finite(high))
    return Row(key + mark, quantity + words, meaning, *ends, _finite(bound), basis, error, note)


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)
