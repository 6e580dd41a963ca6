"""Weights of many networks as the few tensors that an ensemble works with, and back.

Layer i of E networks is one array (network, row, column), columns ``[U | W | b]``, see :mod:`linmem.trained.layers`.
Networks with fewer cells than the largest are filled up: an absent cell has zero weights, so its output is exactly 0
in all three cell types, and its MULTIPLICITY is 0, so it never moves.

The multiplicity of an entry is the number of torch's parameters that it stands for. Two bias vectors b + d of which
only the sum acts have the same gradient and, under any update rule that acts entry by entry, the same step: their sum
moves by twice it. Entries that torch does not have (absent cells, zero blocks of a gru, biases that were left out)
stand for none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linmem.trained.architecture import Architecture
from linmem.trained.layers import BLOCKS
from linmem.trained.weights import LayerWeights, NetworkWeights

Packed = np.ndarray  # (network, row, column)


def _places(a: Architecture) -> list[tuple[int, int, bool, bool]]:
    """(gate in torch's order, block of rows here, reads the state, reads the input) of every block."""
    if a.cell != "gru":
        return [(gate, gate, True, True) for gate in range(a.gates)]
    return [(0, 0, True, True), (1, 1, True, True), (2, 2, False, True), (2, 3, True, False)]


def pack(networks: Sequence[NetworkWeights], cells: int) -> list[tuple[Packed, Packed]]:
    """(weights, multiplicity) of each layer, then of a linear read-out, for networks of up to ``cells`` cells.

    The networks agree in cell type, layers and read-out. The read-out is (network, 1, cells + 1): weights, bias.
    """
    first, E = networks[0].architecture, len(networks)
    packed: list[tuple[Packed, Packed]] = []
    for i in range(first.layers):
        m = 1 if i == 0 else cells
        values, counts = np.zeros((2, E, BLOCKS[first.cell] * cells, cells + m + 1))
        for e, network in enumerate(networks):
            a, layer, c = network.architecture, network.layers[i], network.architecture.cells
            for gate, block, state, read in _places(a):
                theirs, mine = slice(gate * c, (gate + 1) * c), slice(block * cells, block * cells + c)
                if state:
                    values[e, mine, :c], counts[e, mine, :c] = layer.weight_hh[theirs], 1.0
                    values[e, mine, -1] += layer.bias_hh[theirs]
                if read:
                    width = a.inputs(i)
                    values[e, mine, cells : cells + width] = layer.weight_ih[theirs]
                    counts[e, mine, cells : cells + width] = 1.0
                    values[e, mine, -1] += layer.bias_ih[theirs]
                counts[e, mine, -1] = (state + read) * a.bias
        packed.append((values, counts))
    if first.readout == "linear":
        values, counts = np.zeros((2, E, 1, cells + 1))
        for e, network in enumerate(networks):
            c = network.architecture.cells
            values[e, 0, :c], values[e, 0, -1] = network.readout_weight, network.readout_bias
            counts[e, 0, :c] = counts[e, 0, -1] = 1.0
        packed.append((values, counts))
    return packed


def unpack(
    packed: Sequence[Packed], starts: Sequence[NetworkWeights], cells: int, gradient: bool = False
) -> list[NetworkWeights]:
    """The weights of each network in torch's layout, absent cells removed.

    ``starts`` are the weights that were packed: where a sum of two biases has moved, each of the two gets half of the
    move, as under torch's optimisers. With ``gradient`` the arrays are derivatives, and both biases have the same one.
    """
    found: list[NetworkWeights] = []
    for e, start in enumerate(starts):
        a, c = start.architecture, start.architecture.cells
        layers: list[LayerWeights] = []
        for i, before in enumerate(start.layers):
            values = packed[i][e]
            W, U, b, d = (np.zeros(array.shape, dtype=values.dtype) for array in before.arrays)
            for gate, block, state, read in _places(a):
                theirs, mine = slice(gate * c, (gate + 1) * c), slice(block * cells, block * cells + c)
                was_b = np.zeros(c, values.dtype) if gradient or not read else before.bias_ih[theirs]
                was_d = np.zeros(c, values.dtype) if gradient or not state else before.bias_hh[theirs]
                total = (np.float64(0) + was_b + was_d).astype(values.dtype)
                move = (values[mine, -1] - total) / (1 if gradient else state + read)
                if state:
                    U[theirs], d[theirs] = values[mine, :c], was_d + move
                if read:
                    W[theirs], b[theirs] = values[mine, cells : cells + a.inputs(i)], was_b + move
            if not a.bias:
                b[:], d[:] = 0.0, 0.0
            layers.append(LayerWeights(W, U, b, d))
        if a.readout == "linear":
            row = packed[-1][e, 0]
            found.append(NetworkWeights(a, tuple(layers), row[:c].copy(), float(row[-1])))
        else:
            ones = np.zeros if gradient else np.ones
            found.append(NetworkWeights(a, tuple(layers), ones(c, dtype=packed[0].dtype)))
    return found
