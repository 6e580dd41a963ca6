"""Stacks of tanh, relu, lstm and gru layers as state maps in float64, with the exact derivatives of a step.

The state is h of all layers, lowest first, then for an lstm s of all layers. A layer reads the layer below at the same
step, or one step late (``links="delayed"``). The derivative of a whole step follows from those of the layers by the
chain rule, lowest first, so that links of the same step are resolved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from linmem.analysis.state import StateModel
from linmem.checks import check_array
from linmem.trained.states import layer_step
from linmem.trained.weights import LayerWeights


@dataclass(frozen=True, eq=False)
class Stack:
    """Layers of one cell type ("rnn", "relu", "lstm", "gru"), lowest first, and how they read each other."""

    cell: str
    layers: tuple[LayerWeights, ...]
    links: str = "same-step"

    @property
    def cells(self) -> int:
        """c, cells in each layer."""
        return self.layers[0].weight_hh.shape[1]

    @property
    def parts(self) -> int:
        """Blocks of c state variables: l, or 2 l for an lstm."""
        return len(self.layers) * (2 if self.cell == "lstm" else 1)

    def step(self, x: Float[np.ndarray, "batch n"], u: Float[np.ndarray, "batch d"]) -> Float[np.ndarray, "batch n"]:
        """States after the step."""
        blocks = np.split(x, self.parts, axis=1)
        count = len(self.layers)
        h, s, below = blocks[:count], blocks[count:] or [np.zeros((len(x), 0))] * count, u
        for i, layer in enumerate(self.layers):
            if i > 0:
                below = blocks[i - 1] if self.links == "delayed" else h[i - 1]
            h[i], s[i] = layer_step(self.cell, layer, below, h[i], s[i])
        return np.concatenate([*h, *s], axis=1)

    def jacobian(
        self, x: Float[np.ndarray, "n"], u: Float[np.ndarray, "d"]
    ) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "n d"]]:
        """Derivatives of the step at the state x and the input u, by x and by u."""
        c, count, n, d = self.cells, len(self.layers), len(x), len(u)
        blocks, lstm = x.reshape(self.parts, c), self.cell == "lstm"
        by_all = np.zeros((self.parts, c, n + d))  # each block after the step, by (x, u)
        unit = np.eye(n + d)
        held = unit[:n].reshape(self.parts, c, n + d)
        below, slope, now = u, unit[n:], x
        for i, layer in enumerate(self.layers):
            if i > 0:
                below, slope = (blocks[i - 1], held[i - 1]) if self.links == "delayed" else (now, by_all[i - 1])
            s = blocks[count + i] if lstm else np.zeros(0)
            now = layer_step(self.cell, layer, below[None], blocks[i][None], s[None])[0][0]
            rows = layer_slopes(self.cell, layer, below, blocks[i], s)
            for row, place in zip(rows, (i, count + i), strict=False):
                by_all[place] = row[0] @ slope + row[1] @ held[i]
                if lstm:
                    by_all[place] += row[2][:, None] * held[count + i]
        flat = by_all.reshape(n, n + d)
        return flat[:, :n].copy(), flat[:, n:].copy()


Slopes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Derivatives of a layer's output, or cell state, by its input (c, m), its h (c, c) and, diagonal, its s (c,)."""


def layer_slopes(
    cell: str, layer: LayerWeights, x: Float[np.ndarray, "m"], h: Float[np.ndarray, "c"], s: Float[np.ndarray, "k"]
) -> tuple[Slopes, ...]:
    """Derivatives of one layer's step: of h' alone, or of h' and s' for an lstm. a is what enters a gate.

    rnn: ``dh' = (1 - h'^2) da``; relu: ``dh' = [a > 0] da``;
    lstm: ``ds' = f ds + s f(1-f) da_f + i (1-g^2) da_g + g i(1-i) da_i``,
    ``dh' = o (1 - tanh(s')^2) ds' + tanh(s') o(1-o) da_o``;
    gru: ``dh' = (1-z) (1-n^2) [W_n dx + r U_n dh + (U_n h + d_n) r(1-r) da_r] + (h-n) z(1-z) da_z + z dh``.

    >>> unit = LayerWeights(*(np.array(a) for a in ([[1.0]], [[2.0]], [0.0], [0.0])))
    >>> by_input, by_state, _ = layer_slopes("rnn", unit, np.zeros(1), np.zeros(1), np.zeros(0))[0]
    >>> by_input.item(), by_state.item()
    (1.0, 2.0)
    """
    W, U, none = layer.weight_ih, layer.weight_hh, np.zeros(0)
    a_x, a_h = W @ x + layer.bias_ih, U @ h + layer.bias_hh
    if cell in ("rnn", "relu"):
        slope = 1.0 - np.tanh(a_x + a_h) ** 2 if cell == "rnn" else (a_x + a_h > 0).astype(np.float64)
        return ((slope[:, None] * W, slope[:, None] * U, none),)
    gates = 4 if cell == "lstm" else 3
    Ws, Us = np.split(W, gates), np.split(U, gates)

    def combine(factors: list[np.ndarray], parts: list[np.ndarray]) -> np.ndarray:
        return sum((f[:, None] * part for f, part in zip(factors, parts, strict=True)), np.zeros_like(parts[0]))

    if cell == "lstm":
        i, f, g, o = np.split(a_x + a_h, 4)
        i, f, g, o = expit(i), expit(f), np.tanh(g), expit(o)
        t = np.tanh(f * s + i * g)
        into_s = [g * i * (1 - i), s * f * (1 - f), i * (1 - g**2)]
        s_x, s_h, through = combine(into_s, Ws[:3]), combine(into_s, Us[:3]), o * (1 - t**2)
        last = t * o * (1 - o)
        by_h = (combine([through, last], [s_x, Ws[3]]), combine([through, last], [s_h, Us[3]]), through * f)
        return by_h, (s_x, s_h, f)
    (a_r, a_z, a_n), (h_r, h_z, q) = np.split(a_x, 3), np.split(a_h, 3)
    r, z = expit(a_r + h_r), expit(a_z + h_z)
    n = np.tanh(a_n + r * q)
    into_n = (1 - z) * (1 - n**2)
    into_r, into_z = into_n * q * r * (1 - r), (h - n) * z * (1 - z)
    by_h = combine([into_r, into_z, into_n * r], Us) + np.diag(z)
    return ((combine([into_r, into_z, into_n], Ws), by_h, none),)


def stack_model(stack: Stack, name: str, parameters: int | None = None) -> StateModel:
    """The stack as a state map without an answer.

    Raises
    ------
    ValueError : if a weight is not finite.

    >>> from linmem.trained import Architecture, initial_weights
    >>> model = stack_model(Stack("gru", initial_weights(Architecture("gru", 2, 2), 0).layers), "GRU")
    >>> model.labels, model.run([0.5, 0.1]).shape
    (('h1[0]', 'h1[1]', 'h2[0]', 'h2[1]'), (2, 4))
    """
    double = tuple(LayerWeights(*(check_array("weights", a) for a in layer.arrays)) for layer in stack.layers)
    exact = Stack(stack.cell, double, stack.links)
    count, c = len(double), exact.cells
    letters = ("h", "s") if stack.cell == "lstm" else ("h",)
    return StateModel(
        name,
        exact.parts * c,
        double[0].weight_ih.shape[1],
        exact.step,
        kind="rnn" if stack.cell == "relu" else stack.cell,
        layers=count,
        cells=c,
        links=stack.links if count > 1 else None,
        parameters=parameters,
        labels=tuple(f"{letter}{i + 1}[{j}]" for letter in letters for i in range(count) for j in range(c)),
        jacobian=exact.jacobian,
    )
