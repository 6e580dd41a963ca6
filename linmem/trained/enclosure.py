"""Trained networks in ball arithmetic: answers, states and their derivatives by single inputs, enclosed.

A :class:`Jet` is a ball that holds a number for every input in a box, with balls that hold its derivatives by the
inputs that vary. :class:`BallStack` runs the equations of :class:`~linmem.trained.architecture.Architecture` on jets:
the weights are taken as the exact binary numbers that they are. Work inside :func:`linmem.intervals.precision`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from linmem.intervals import ball
from linmem.trained.weights import NetworkWeights, check_weights


@dataclass(frozen=True, slots=True, eq=False)
class Jet:
    """A number that depends on k inputs, over a box of them.

    Attributes
    ----------
    value : ball that holds it on the whole box.
    slopes : k balls that hold its partial derivatives on the whole box; () if nothing varies.
    """

    value: arb
    slopes: tuple[arb, ...] = ()

    def __add__(self, other: Jet) -> Jet:
        return Jet(self.value + other.value, tuple(a + b for a, b in zip(self.slopes, other.slopes, strict=True)))

    def __sub__(self, other: Jet) -> Jet:
        return Jet(self.value - other.value, tuple(a - b for a, b in zip(self.slopes, other.slopes, strict=True)))

    def __mul__(self, other: Jet) -> Jet:
        x, y = self.value, other.value
        return Jet(x * y, tuple(a * y + x * b for a, b in zip(self.slopes, other.slopes, strict=True)))

    def tanh(self) -> Jet:
        """tanh is monotone, so that the ends of the ball give its range; its slope is ``1 - tanh^2``.

        >>> Jet(arb(0).union(arb(1)), (arb(1),)).tanh().slopes[0].contains(arb(1))
        True
        """
        y = self.value.lower().tanh().union(self.value.upper().tanh())
        slope = (1 - y.abs_lower() ** 2).union(1 - y.abs_upper() ** 2)
        return Jet(y, tuple(slope * a for a in self.slopes))

    def logistic(self) -> Jet:
        """``sigma(x) = (1 + tanh(x / 2)) / 2``."""
        half = Jet(self.value / 2, tuple(a / 2 for a in self.slopes)).tanh()
        return Jet((1 + half.value) / 2, tuple(a / 2 for a in half.slopes))


@dataclass(frozen=True, eq=False)
class BallState:
    """Outputs h and cells s of every layer, lowest first; the cells stay 0 but for an lstm."""

    outputs: tuple[tuple[Jet, ...], ...]
    cells: tuple[tuple[Jet, ...], ...]

    def varying(self, count: int) -> BallState:
        """The same numbers, independent of ``count`` inputs that vary from now on."""
        zeros = (arb(0),) * count

        def lifted(layers: tuple[tuple[Jet, ...], ...]) -> tuple[tuple[Jet, ...], ...]:
            return tuple(tuple(Jet(jet.value, zeros) for jet in layer) for layer in layers)

        return BallState(lifted(self.outputs), lifted(self.cells))


class BallStack:
    """A trained network whose every step encloses the exact one.

    Parameters
    ----------
    weights : the network; float32 and float64 entries are exact balls.

    Raises
    ------
    TypeError, ValueError : if ``weights`` are no finite NetworkWeights.

    >>> from linmem.trained import Architecture, initial_weights
    >>> stack = BallStack(initial_weights(Architecture("gru", cells=2), rng=0))
    >>> state = stack.step(stack.start(), Jet(ball(0.5)))
    >>> float(stack.answer(state).value.rad()) < 1e-12
    True
    """

    def __init__(self, weights: NetworkWeights) -> None:
        self.architecture = check_weights(weights).architecture
        self._layers = [tuple(_exact(array) for array in layer.arrays) for layer in weights.layers]
        self._readout = [ball(float(w)) for w in weights.readout_weight]
        self._offset = ball(float(weights.readout_bias))

    def start(self) -> BallState:
        """The zero state."""
        zero = ((Jet(arb(0)),) * self.architecture.cells,) * self.architecture.layers
        return BallState(zero, zero)

    def step(self, state: BallState, x: Jet) -> BallState:
        """The state after the input x."""
        below: Sequence[Jet] = (x,)
        outputs: list[tuple[Jet, ...]] = []
        cells: list[tuple[Jet, ...]] = []
        for i in range(self.architecture.layers):
            if i > 0:
                below = state.outputs[i - 1] if self.architecture.links == "delayed" else outputs[i - 1]
            h, s = self._layer(i, below, state.outputs[i], state.cells[i])
            outputs.append(h)
            cells.append(s)
        return BallState(tuple(outputs), tuple(cells))

    def run(self, state: BallState, inputs: Sequence[float]) -> BallState:
        """The state after inputs that do not vary."""
        count = len(state.outputs[0][0].slopes)
        for x in inputs:
            state = self.step(state, Jet(ball(float(x)), (arb(0),) * count))
        return state

    def answer(self, state: BallState) -> Jet:
        """What the read-out gives: the weighted sum of the top layer's outputs."""
        return _affine(self._readout, self._offset, state.outputs[-1])

    def variables(self, state: BallState) -> list[Jet]:
        """All state variables, in the order of :func:`~linmem.trained.states.collect_states`."""
        kept = [*state.outputs, *state.cells] if self.architecture.cell == "lstm" else list(state.outputs)
        return [jet for layer in kept for jet in layer]

    def _layer(
        self, index: int, x: Sequence[Jet], h: tuple[Jet, ...], s: tuple[Jet, ...]
    ) -> tuple[tuple[Jet, ...], tuple[Jet, ...]]:
        (W, U, b, d), c = self._layers[index], self.architecture.cells
        of_input = [_affine(row, bias[0], x) for row, bias in zip(W, b, strict=True)]
        of_state = [_affine(row, bias[0], h) for row, bias in zip(U, d, strict=True)]
        if self.architecture.cell == "gru":
            new: list[Jet] = []
            for j in range(c):
                r, z = (of_input[k] + of_state[k] for k in (j, c + j))
                n = (of_input[2 * c + j] + r.logistic() * of_state[2 * c + j]).tanh()
                new.append(n + z.logistic() * (h[j] - n))
            return tuple(new), s
        drive = [one + two for one, two in zip(of_input, of_state, strict=True)]
        if self.architecture.cell == "rnn":
            return tuple(a.tanh() for a in drive), s
        i, f, g, o = (drive[k * c : (k + 1) * c] for k in range(4))
        s = tuple(f[j].logistic() * s[j] + i[j].logistic() * g[j].tanh() for j in range(c))
        return tuple(o[j].logistic() * s[j].tanh() for j in range(c)), s


def _exact(array: np.ndarray) -> list[list[arb]]:
    """Rows of exact balls; a vector is a column."""
    return [[ball(float(w)) for w in np.atleast_1d(row)] for row in array]


def _affine(row: Sequence[arb], bias: arb, jets: Sequence[Jet]) -> Jet:
    """``row . jets + bias``."""
    value, slopes = bias, [arb(0)] * len(jets[0].slopes)
    for w, jet in zip(row, jets, strict=True):
        value += w * jet.value
        for k, slope in enumerate(jet.slopes):
            slopes[k] += w * slope
    return Jet(value, tuple(slopes))
