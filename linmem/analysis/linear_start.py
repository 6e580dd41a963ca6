"""Weights from which linear networks descend: the linear part of tanh networks, or drawn by torch's law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from linmem.checks import check_generator, check_integer
from linmem.trained.architecture import Architecture
from linmem.trained.weights import NetworkWeights, initial_weights


@dataclass(frozen=True, eq=False)
class LinearStart:
    """Weights of linear networks, all of one size: A (network, n, n), b, beta and c (network, n each)."""

    A: Float[np.ndarray, "S n n"]
    b: Float[np.ndarray, "S n"]
    beta: Float[np.ndarray, "S n"]
    c: Float[np.ndarray, "S n"]


def linear_starts(weights: Sequence[NetworkWeights]) -> LinearStart:
    """The linear part of one-layer tanh networks of one size: ``tanh(u) -> u``; both biases are added.

    Raises
    ------
    ValueError : for another cell, several layers, different sizes, or no network.

    >>> linear_starts([initial_weights(Architecture(cells=3), 0)]).A.shape
    (1, 3, 3)
    """
    kinds = {(w.architecture.cell, w.architecture.layers, w.architecture.cells) for w in weights}
    if len(kinds) != 1 or next(iter(kinds))[:2] != ("rnn", 1):
        raise ValueError(f"weights must be of tanh networks of one layer and one size, got {kinds}; pass such weights")
    layers = [w.layers[0] for w in weights]
    return LinearStart(
        np.array([layer.weight_hh for layer in layers], dtype=np.float64),
        np.array([layer.weight_ih[:, 0] for layer in layers], dtype=np.float64),
        np.array([layer.bias_ih + layer.bias_hh for layer in layers], dtype=np.float64),
        np.array([w.readout_weight for w in weights], dtype=np.float64),
    )


def random_starts(state_size: int, networks: int, *, rng: np.random.Generator | int) -> LinearStart:
    """Starts of torch's law: entries uniform on ``(-1/sqrt n, 1/sqrt n)``, the read-out a sum.

    >>> random_starts(2, 3, rng=0).b.shape
    (3, 2)
    """
    generator = check_generator("rng", rng)
    n, count = check_integer("state_size", state_size, minimum=1), check_integer("networks", networks, minimum=1)
    return linear_starts([initial_weights(Architecture(cells=n), generator) for _ in range(count)])
