"""Outputs and gradients of the native engine on given sequences.

Sequences are right-aligned: sequence i is the last ``lengths[i]`` entries of row i of ``inputs`` (batch, timesteps), as
:meth:`linmem.trained.task.MemoryTask.draw` gives them. What stands before is never read.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int32
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer
from linmem.trained.architecture import GATES, Architecture
from linmem.trained.native.layout import pack, unpack
from linmem.trained.native.library import check_instruction_set, engine
from linmem.trained.weights import NetworkWeights, check_weights

_CELLS = tuple(GATES)  # rnn, lstm, gru: the numbers of enum Cell in src/engine.hpp


def shape_numbers(
    architecture: Architecture, batch_size: int, timesteps: int, truncation: int | None = None
) -> list[int]:
    """The engine's ``Shape``: cell, layers, cells, batch, timesteps, delayed, truncation.

    The engine takes up to 64 layers of 4096 cells.
    """
    check_integer("cells", architecture.cells, 1, 4096)
    check_integer("layers", architecture.layers, 1, 64)
    batch = check_integer("batch_size", batch_size, 1, 1 << 20)
    steps = check_integer("timesteps", timesteps, 1, 1 << 20)
    kept = steps if truncation is None else min(steps, check_integer("truncation", truncation, minimum=1))
    delayed = int(architecture.links == "delayed")
    return [_CELLS.index(architecture.cell), architecture.layers, architecture.cells, batch, steps, delayed, kept]


def sequence_arrays(
    inputs: ArrayLike, lengths: ArrayLike, targets: ArrayLike | None
) -> tuple[Float32[np.ndarray, "sample time"], Int32[np.ndarray, "sample"], Float32[np.ndarray, "sample"]]:
    """The sequences in the types of the engine; targets are zero where none are given."""
    x = np.ascontiguousarray(check_array("inputs", inputs, ndim=2), dtype=np.float32)
    samples, T = x.shape
    q = check_array("lengths", lengths, shape=(samples,))
    if samples < 1 or T < 1 or not ((q >= 1) & (q <= T) & (q == np.floor(q))).all():
        raise ValueError(
            f"inputs must have shape (batch, timesteps), both >= 1, and lengths be integers from 1 to timesteps, got "
            f"inputs of shape {x.shape} and lengths {lengths!r}; pass one length for each row"
        )
    y = np.zeros(samples) if targets is None else check_array("targets", targets, shape=(samples,))
    return x, q.astype(np.int32), y.astype(np.float32)


def outputs(
    weights: NetworkWeights, inputs: ArrayLike, lengths: ArrayLike, *, instruction_set: str | None = None
) -> Float32[np.ndarray, "sample"]:
    """Answers of one network after the last step of each sequence.

    Parameters
    ----------
    weights : the network; entries that are not finite give answers that are not finite.
    inputs : (batch, timesteps), right-aligned.
    lengths : (batch,) integers from 1 to timesteps.
    instruction_set : one of :func:`linmem.trained.native.instruction_sets`; the fastest by default.

    Raises
    ------
    ValueError, TypeError : for weights or sequences that do not fit.
    RuntimeError : if the engine was not built.
    """
    isa, (x, q, _) = check_instruction_set(instruction_set), sequence_arrays(inputs, lengths, None)
    values, answers = pack(check_weights(weights, finite=False)), np.empty(len(q), dtype=np.float32)
    if not np.isfinite(values).all():  # tanh makes an infinite sum finite
        return np.full(len(q), np.nan, dtype=np.float32)
    engine().outputs(isa, shape_numbers(weights.architecture, len(x), x.shape[1]), x, q, values, answers)
    return answers


def gradients(
    weights: NetworkWeights,
    inputs: ArrayLike,
    lengths: ArrayLike,
    targets: ArrayLike,
    *,
    truncation: int | None = None,
    instruction_set: str | None = None,
) -> tuple[float, NetworkWeights]:
    """Mean absolute error over the batch, and its derivatives by all weights (backpropagation through time, float32).

    Parameters
    ----------
    weights, inputs, lengths, instruction_set : as in :func:`outputs`.
    targets : (batch,).
    truncation : let gradients flow through the last ``truncation`` steps only; the states before count as constant.

    Returns
    -------
    The error, and the derivatives in the shape of the weights; also by biases and a read-out that are not trained.

    Raises
    ------
    As :func:`outputs`.

    Notes
    -----
    The subgradient of ``|e|`` at 0 is 0, as in torch. About ``6 T B`` operations per weight.
    """
    isa, (x, q, y) = check_instruction_set(instruction_set), sequence_arrays(inputs, lengths, targets)
    values = pack(check_weights(weights, finite=False))
    slopes = np.empty_like(values)
    shape = shape_numbers(weights.architecture, len(x), x.shape[1], truncation)
    loss = engine().gradient(isa, shape, x, q, y, values, slopes)
    return loss, unpack(weights.architecture, slopes)
