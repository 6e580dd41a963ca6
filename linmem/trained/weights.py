"""Weights of one network in torch's layout, with numpy alone: what every engine starts from and gives back.

Rows are gates in torch's order (lstm: i, f, g, o; gru: r, z, n), c rows each. An engine may keep them otherwise inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from linmem.checks import check_array, check_generator
from linmem.citations import cites
from linmem.trained.architecture import Architecture


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """Weights of one layer: the tensors of ``torch.nn.RNN``, ``LSTM`` or ``GRU`` under torch's names.

    Attributes
    ----------
    weight_ih : (g c, m) W, from the m inputs.
    weight_hh : (g c, c) U, from the layer's own outputs one step earlier.
    bias_ih, bias_hh : (g c,) b and d; zero for an architecture without bias. Only their sum acts, but for the n rows of
        a gru.
    """

    weight_ih: Float[np.ndarray, "rows inputs"]
    weight_hh: Float[np.ndarray, "rows cells"]
    bias_ih: Float[np.ndarray, "rows"]
    bias_hh: Float[np.ndarray, "rows"]

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The four arrays: weight_ih, weight_hh, bias_ih, bias_hh."""
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh


@dataclass(frozen=True, eq=False)
class NetworkWeights:
    """All weights of one network; float32 from every engine, float64 where training was asked for in float64.

    Attributes
    ----------
    architecture : what they are the weights of.
    layers : one entry a layer, lowest first.
    readout_weight : (c,) weights of a linear read-out; ones for a sum.
    readout_bias : its bias; 0 for a sum.

    Raises
    ------
    ValueError : if a shape does not fit the architecture. Entries that are not finite are allowed: that is how the
        weights of a training that diverged look.

    >>> weights = initial_weights(Architecture("gru", cells=2, layers=2), 0)
    >>> [layer.weight_ih.shape for layer in weights.layers]
    [(6, 1), (6, 2)]
    """

    architecture: Architecture
    layers: tuple[LayerWeights, ...]
    readout_weight: Float[np.ndarray, "cells"] = field(default_factory=lambda: np.ones(0, dtype=np.float32))
    readout_bias: float = 0.0

    def __post_init__(self) -> None:
        a = self.architecture
        c, rows = a.cells, a.gates * a.cells
        if a.readout == "sum" and self.readout_weight.size == 0:
            object.__setattr__(self, "readout_weight", np.ones(c, dtype=np.float32))
        if len(self.layers) != a.layers:
            raise ValueError(f"layers must have {a.layers} entries, got {len(self.layers)}; pass one for each layer")
        wanted: list[tuple[str, np.ndarray, tuple[int, ...]]] = [("readout_weight", self.readout_weight, (c,))]
        for i, layer in enumerate(self.layers):
            shapes = ((rows, a.inputs(i)), (rows, c), (rows,), (rows,))
            names = (f"{name}[{i}]" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            wanted += zip(names, layer.arrays, shapes, strict=True)
        for name, array, shape in wanted:
            if array.shape != shape:
                raise ValueError(f"{name} must have shape {shape} for {a}, got {array.shape}; transpose or reshape it")

    def arrays(self) -> Iterator[np.ndarray]:
        """Every array of the layers, lowest layer first, then the read-out's weights and bias."""
        for layer in self.layers:
            yield from layer.arrays
        yield self.readout_weight
        yield np.asarray(self.readout_bias)

    @property
    def largest(self) -> float:
        """Largest absolute value of any weight; NaN if one is NaN."""
        return float(max((np.abs(a).max() for a in self.arrays()), key=lambda v: math.inf if np.isnan(v) else float(v)))


@cites("illium2022", "Section 4, initial weights as in torch")
def initial_weights(architecture: Architecture, rng: np.random.Generator | int) -> NetworkWeights:
    """Initial weights, drawn with numpy; torch's global generator is not touched.

    - "torch": every entry of every tensor is ``U(-1/sqrt(c), 1/sqrt(c))``, torch's default law.
    - "orthogonal": each gate's (c, c) block of ``weight_hh`` is Haar orthogonal, ``weight_ih`` is Glorot uniform,
      ``U(-a, a)`` with ``a = sqrt(6 / (m + g c))``, the biases are zero but for the forget gate of an lstm (1).

    A linear read-out has torch's law in both. The order of the draws is: for each layer weight_hh, weight_ih, bias_ih,
    bias_hh (those that the law draws), then the read-out's weights and bias.

    Parameters
    ----------
    architecture : shapes and law.
    rng : generator or seed.

    Returns
    -------
    NetworkWeights in float32: float64 draws, rounded once.

    >>> layer = initial_weights(Architecture(cells=3), rng=0).layers[0]
    >>> layer.weight_hh.shape, layer.weight_hh.dtype
    ((3, 3), dtype('float32'))
    """
    a, generator = architecture, check_generator("rng", rng)
    c, rows, k = a.cells, a.gates * a.cells, 1.0 / math.sqrt(a.cells)

    def uniform(bound: float, *shape: int) -> np.ndarray:
        return generator.uniform(-bound, bound, shape).astype(np.float32)

    layers: list[LayerWeights] = []
    for i in range(a.layers):
        m, bias_ih, bias_hh = a.inputs(i), np.zeros(rows, np.float32), np.zeros(rows, np.float32)
        if a.initialisation == "torch":
            weight_hh, weight_ih = uniform(k, rows, c), uniform(k, rows, m)
            if a.bias:
                bias_ih, bias_hh = uniform(k, rows), uniform(k, rows)
        else:
            weight_hh = np.concatenate([_haar(c, generator) for _ in range(a.gates)]).astype(np.float32)
            weight_ih = uniform(math.sqrt(6.0 / (m + rows)), rows, m)
            if a.bias and a.cell == "lstm":
                bias_ih[c : 2 * c] = 1.0
        layers.append(LayerWeights(weight_ih, weight_hh, bias_ih, bias_hh))
    if a.readout == "sum":
        return NetworkWeights(a, tuple(layers), np.ones(c, np.float32))
    return NetworkWeights(a, tuple(layers), uniform(k, c), float(uniform(k, 1)[0]))


def _haar(c: int, generator: np.random.Generator) -> Float[np.ndarray, "c c"]:
    """Haar-distributed orthogonal matrix: QR of a Gaussian one, with the signs of R's diagonal taken out."""
    q, r = np.linalg.qr(generator.standard_normal((c, c)))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


def check_weights(weights: object, finite: bool = True) -> NetworkWeights:
    """Return ``weights`` if they are NetworkWeights, with finite entries if asked."""
    if not isinstance(weights, NetworkWeights):
        raise TypeError(
            f"weights must be NetworkWeights, got {type(weights).__name__}; pass initial_weights(architecture, seed)"
        )
    if finite:
        for array in weights.arrays():
            check_array("weights", array)
    return weights
