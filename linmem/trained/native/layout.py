"""Weights of a network in the layout of the native engine, and back.

The layout (``Parameters`` in ``src/engine.hpp``): for each layer the input weights (input, row), the recurrent weights
(cell, row) and the biases (row); then the read-out's weights and bias. Rows are gates of c cells: of an lstm i, f, g,
o; of a gru n, r, z for the inputs, r, z, n for the recurrence, and n (input), r, z, n (recurrence) for the biases.
torch's two bias vectors are summed where only their sum acts.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Float32

from linmem.trained.architecture import Architecture
from linmem.trained.weights import LayerWeights, NetworkWeights

Flat: TypeAlias = Float[np.ndarray, "parameter"]


def pack(weights: NetworkWeights) -> Float32[np.ndarray, "parameter"]:
    """The weights as one array of float32."""
    a, c, parts = weights.architecture, weights.architecture.cells, list[np.ndarray]()
    with np.errstate(invalid="ignore", over="ignore"):
        for layer in weights.layers:
            inputs, recurrent, b, d = (np.asarray(array, dtype=np.float64) for array in layer.arrays)
            if a.cell == "gru":
                inputs = np.concatenate([inputs[2 * c :], inputs[: 2 * c]])
                bias = np.concatenate([b[2 * c :], (b + d)[: 2 * c], d[2 * c :]])
            else:
                bias = b + d
            parts += [inputs.T.ravel(), recurrent.T.ravel(), bias]
        parts += [np.asarray(weights.readout_weight, dtype=np.float64), np.array([weights.readout_bias])]
        return np.concatenate(parts).astype(np.float32)


def unpack(architecture: Architecture, flat: Flat) -> NetworkWeights:
    """A gradient (or any array in the layout) as tensors: both bias vectors get what their sum has."""
    a, c, at = architecture, architecture.cells, 0

    def take(*shape: int) -> Float[np.ndarray, "..."]:
        nonlocal at
        at += math.prod(shape)
        return flat[at - math.prod(shape) : at].reshape(shape)

    layers: list[LayerWeights] = []
    for i in range(a.layers):
        inputs, recurrent = take(a.inputs(i), a.gates * c).T, take(c, a.gates * c).T
        if a.cell == "gru":
            inputs = np.concatenate([inputs[c:], inputs[:c]])
            b_n, both, d_n = take(c), take(2 * c), take(c)
            b, d = np.concatenate([both, b_n]), np.concatenate([both, d_n])
        else:
            b = d = take(a.gates * c)
        layers.append(LayerWeights(inputs.copy(), recurrent.copy(), b.copy(), d.copy()))
    return NetworkWeights(a, tuple(layers), take(c).copy(), float(take(1)[0]))


def step_scale(architecture: Architecture) -> Float32[np.ndarray, "parameter"]:
    """What each parameter's step is multiplied by: 2 for the sum of two bias vectors, 0 for what is not trained.

    Under SGD, momentum and Adam alike both of torch's vectors move by the same step, so their sum moves by twice that.
    """
    a, c, parts = architecture, architecture.cells, list[np.ndarray]()
    one, both = (1.0, 2.0) if a.bias else (0.0, 0.0)
    for i in range(a.layers):
        parts.append(np.ones((a.inputs(i) + c) * a.gates * c))
        if a.cell == "gru":
            parts.append(np.concatenate([np.full(c, one), np.full(2 * c, both), np.full(c, one)]))
        else:
            parts.append(np.full(a.gates * c, both))
    parts.append(np.full(c + 1, float(a.readout == "linear")))
    return np.concatenate(parts).astype(np.float32)


def moved(start: NetworkWeights, flat: Float32[np.ndarray, "parameter"]) -> NetworkWeights:
    """The network that ``start`` has become, float32: two bias vectors with one sum have shared its step evenly."""
    a, end = start.architecture, flat.astype(np.float64)
    values = unpack(a, flat)
    with np.errstate(invalid="ignore", over="ignore"):
        steps = unpack(a, (end - pack(start)) / np.maximum(step_scale(a), 1.0))
        layers = tuple(
            LayerWeights(
                now.weight_ih,
                now.weight_hh,
                (before.bias_ih + step.bias_ih).astype(np.float32),
                (before.bias_hh + step.bias_hh).astype(np.float32),
            )
            for before, now, step in zip(start.layers, values.layers, steps.layers, strict=True)
        )
    return NetworkWeights(a, layers, values.readout_weight, values.readout_bias)
