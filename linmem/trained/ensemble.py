"""Ensembles of one-layer tanh networks, trained together: one tensor operation serves all networks.

Each network is ``h_t = tanh(U h_{t-1} + w x_t + b)``, ``h = 0`` before the first input, and its output is the SUM of
the cells of the last step (Illium et al. 2022, Section 4; there is no trained read-out).

Layout: the network is the LAST axis of every tensor (``cell_out cell_in network``; ``time batch cell network``), so
that products with weights are elementwise along contiguous memory; for a few cells this is faster than batched matrix
products, and the gradient by hand is faster than automatic differentiation (measured: 1.8 to 6 times).
Networks of different size share an ensemble: absent cells have zero weights and no share in the output, and their
gradient is exactly zero, so they stay absent.

torch keeps two bias vectors per layer, of which only the sum b acts. Plain SGD moves both by the same step, so b moves
at twice the rate; :meth:`Ensemble.step` does the same and follows ``torch.nn.RNN`` under ``torch.optim.SGD`` exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from linmem.checks import check_array, check_finite, check_generator, check_integer
from linmem.citations import cites

_BIAS_VECTORS = 2


@dataclass(frozen=True)
class NetworkWeights:
    """Weights of one tanh layer with c cells and one input: ``h_t = tanh(recurrent h_{t-1} + input x_t + bias)``.

    Attributes
    ----------
    recurrent : (c, c) U.
    input : (c,) w.
    bias : (c,) b, the sum of torch's two bias vectors.
    """

    recurrent: NDArray[np.float64]
    input: NDArray[np.float64]
    bias: NDArray[np.float64]

    @property
    def state_size(self) -> int:
        """Number of cells c."""
        return int(self.input.shape[0])


def default_weights(state_size: int, rng: np.random.Generator | int) -> NetworkWeights:
    """Weights with torch's default law: every entry of the four tensors of ``nn.RNN`` is ``U(-1/sqrt(c), 1/sqrt(c))``.

    Parameters
    ----------
    state_size : number of cells c (N in Illium, for one layer).
    rng : generator or seed; c^2 + 3c uniforms are drawn, torch's global generator is not touched.

    >>> default_weights(3, rng=0).recurrent.shape
    (3, 3)
    """
    c = check_integer("state_size", state_size, minimum=1)
    generator = check_generator("rng", rng)
    k = 1.0 / math.sqrt(c)
    u = generator.uniform(-k, k, c * c + 3 * c)
    return NetworkWeights(
        recurrent=u[: c * c].reshape(c, c), input=u[c * c : c * c + c], bias=u[c * c + c :].reshape(2, c).sum(axis=0)
    )


def to_module(weights: NetworkWeights, dtype: torch.dtype = torch.float32) -> torch.nn.RNN:
    """The network as a ``torch.nn.RNN`` (``batch_first``); b goes to ``bias_ih_l0``, ``bias_hh_l0`` is zero.

    The network's answer is ``module(inputs)[0][:, -1].sum(-1)``. torch's global generator is left as it was.

    >>> to_module(default_weights(2, rng=0))
    RNN(1, 2, batch_first=True)
    """
    c = weights.state_size
    with torch.random.fork_rng(devices=[]):
        module = torch.nn.RNN(1, c, batch_first=True, dtype=dtype)
    values = {
        "weight_ih_l0": weights.input[:, None],
        "weight_hh_l0": weights.recurrent,
        "bias_ih_l0": weights.bias,
        "bias_hh_l0": np.zeros(c),
    }
    module.load_state_dict({name: torch.tensor(value, dtype=dtype) for name, value in values.items()})
    return module


@dataclass(frozen=True)
class Gradient:
    """Gradient of each network's mean absolute error, absent cells zero.

    Attributes
    ----------
    loss : (network,) mean absolute error over the batch.
    recurrent : (cell_out, cell_in, network) dLoss/dU.
    input, bias : (cell, network) dLoss/dw, dLoss/db.
    """

    loss: Float[Tensor, "network"]
    recurrent: Float[Tensor, "cell cell network"]
    input: Float[Tensor, "cell network"]
    bias: Float[Tensor, "cell network"]


class _Workspace:
    """Buffers of one (time, batch) shape, with their per-step views made once."""

    def __init__(self, timesteps: int, batch: int, cells: int, networks: int, like: Tensor) -> None:
        shape = (timesteps, batch, cells, networks)
        self.shape = (timesteps, batch)
        self.states, self.slopes, self.deltas = (like.new_empty(shape) for _ in range(3))
        self.scratch = like.new_empty(shape)
        self.error = like.new_empty((batch, cells, networks))
        self.h, self.s, self.d = (list(a.unbind(0)) for a in (self.states, self.slopes, self.deltas))
        self.h_cells = [list(h.split(1, dim=1)) for h in self.h]
        self.d_cells = [list(d.split(1, dim=1)) for d in self.d]


@cites("illium2022", "Section 4")
class Ensemble:
    """E one-layer tanh networks with summed outputs, run and trained side by side.

    Parameters
    ----------
    weights : the networks; sizes may differ.
    dtype : ``torch.float32`` or ``torch.float64``.

    Raises
    ------
    ValueError : if there is no network, or the weights do not fit together or are not finite.

    Notes
    -----
    A training step of T time steps, batch B, c = the largest size costs ``O(T B c^2 E)`` operations in
    ``O(T c)`` tensor calls.

    >>> ensemble = Ensemble([default_weights(2, rng=0), default_weights(3, rng=1)])
    >>> inputs, mask = torch.rand(4, 5, 2), torch.ones(4, 5, 2, dtype=torch.bool)
    >>> ensemble.outputs(inputs, mask).shape
    torch.Size([4, 2])
    """

    def __init__(self, weights: Sequence[NetworkWeights], dtype: torch.dtype = torch.float32) -> None:
        if not weights:
            raise ValueError("weights must hold at least one network, got none; pass e.g. [default_weights(3, 0)]")
        self.state_sizes = tuple(network.state_size for network in weights)
        c, E = max(self.state_sizes), len(weights)
        recurrent, inputs, bias, readout = np.zeros((c, c, E)), np.zeros((c, E)), np.zeros((c, E)), np.zeros((c, E))
        for e, (network, n) in enumerate(zip(weights, self.state_sizes, strict=True)):
            recurrent[:n, :n, e] = check_array("recurrent", network.recurrent, shape=(n, n))
            inputs[:n, e] = check_array("input", network.input, shape=(n,))
            bias[:n, e] = check_array("bias", network.bias, shape=(n,))
            readout[:n, e] = 1.0
        self.recurrent, self.input, self.bias, self.readout = (
            torch.tensor(a, dtype=dtype) for a in (recurrent, inputs, bias, readout)
        )
        self._columns = list(self.recurrent.unbind(1))  # views: they follow the in-place updates
        self._rows = list(self.recurrent.unbind(0))
        self._workspace: _Workspace | None = None

    def __len__(self) -> int:
        return len(self.state_sizes)

    def weights(self) -> list[NetworkWeights]:
        """Copies of the weights, absent cells removed."""
        tensors = (self.recurrent, self.input, self.bias)
        u, w, b = (t.detach().to(torch.float64).numpy() for t in tensors)
        return [
            NetworkWeights(u[:n, :n, e].copy(), w[:n, e].copy(), b[:n, e].copy())
            for e, n in enumerate(self.state_sizes)
        ]

    def _check(self, inputs: Tensor, mask: Tensor, targets: Tensor | None = None) -> None:
        if inputs.ndim != 3 or inputs.shape[2] != len(self) or inputs.shape[0] < 1 or inputs.shape[1] < 1:
            raise ValueError(
                f"inputs must have shape (batch, timesteps, networks={len(self)}), got {tuple(inputs.shape)}; "
                "stack one batch of each network along the last axis"
            )
        if mask.shape != inputs.shape:
            raise ValueError(
                f"mask must have the shape of inputs {tuple(inputs.shape)}, got {tuple(mask.shape)}; "
                "pass one flag per input"
            )
        if targets is not None and targets.shape != (inputs.shape[0], inputs.shape[2]):
            raise ValueError(
                f"targets must have shape (batch, networks) = {(inputs.shape[0], inputs.shape[2])}, "
                f"got {tuple(targets.shape)}; stack one target row of each network along the last axis"
            )

    def outputs(self, inputs: Tensor, mask: Tensor) -> Float[Tensor, "batch network"]:
        """Answers of all networks after the last step; the state stays zero while ``mask`` is False.

        Parameters
        ----------
        inputs : (batch, timesteps, networks).
        mask : same shape, True where there is an input (right-aligned, see :class:`linmem.trained.task.Batch`).
        """
        self._check(inputs, mask)
        x, m = (t.to(self.recurrent).permute(1, 0, 2).unsqueeze(2) for t in (inputs, mask))
        return self.outputs_of(x, m)

    def outputs_of(
        self, x: Float[Tensor, "time batch 1 network"], m: Float[Tensor, "masked batch 1 network"]
    ) -> Float[Tensor, "batch network"]:
        """The same in the engine's own layout; ``m`` covers the first ``masked`` steps only."""
        h = x.new_zeros((x.shape[1], *self.input.shape))
        for t in range(x.shape[0]):
            drive = torch.addcmul(self.bias, self.input, x[t])
            for k, column in enumerate(self._columns):
                drive = drive.addcmul_(column, h[:, k : k + 1])
            h = drive.tanh_()
            if t < m.shape[0]:
                h = h.mul_(m[t])
        return (h * self.readout).sum(dim=1)

    def gradient(self, inputs: Tensor, mask: Tensor, targets: Tensor) -> Gradient:
        """Mean absolute error of each network and its gradient (backpropagation through all time steps).

        Parameters
        ----------
        inputs, mask : as in :meth:`outputs`.
        targets : (batch, networks).
        """
        self._check(inputs, mask, targets)
        x, m = (t.to(self.recurrent).permute(1, 0, 2).unsqueeze(2).contiguous() for t in (inputs, mask))
        return self.gradient_of(x, m, targets.to(self.recurrent))

    def gradient_of(
        self,
        x: Float[Tensor, "time batch 1 network"],
        m: Float[Tensor, "masked batch 1 network"],
        y: Float[Tensor, "batch network"],
    ) -> Gradient:
        """The same in the engine's own layout; ``m`` covers the first ``masked`` steps only."""
        T, B, masked_steps = x.shape[0], x.shape[1], m.shape[0]
        c, E = self.input.shape
        space = self._workspace
        if space is None or space.shape != (T, B):
            space = self._workspace = _Workspace(T, B, c, E, self.recurrent)
        masks = list(m.unbind(0))
        # forward: h_t = tanh(U h_{t-1} + w x_t + b); the input's share for all steps at once
        drive = torch.mul(self.input, x, out=space.scratch).add_(self.bias)
        for t, pre in enumerate(drive.unbind(0)):
            if t > 0:
                for column, h_k in zip(self._columns, space.h_cells[t - 1], strict=True):
                    pre.addcmul_(column, h_k)
            torch.tanh(pre, out=space.h[t])
            if t < masked_steps:
                space.h[t].mul_(masks[t])
        residual = (space.h[-1] * self.readout).sum(dim=1) - y
        loss = residual.abs().mean(dim=0)
        # backward: delta_t = (dL/dh_t) (1 - h_t^2), dL/dh_{t-1} = U^T delta_t
        torch.mul(space.states, space.states, out=space.slopes).neg_().add_(1.0)
        if masked_steps:
            space.slopes[:masked_steps].mul_(m)
        torch.mul(residual.sign_().div_(B).unsqueeze(1), self.readout, out=space.error)
        for t in range(T - 1, -1, -1):
            torch.mul(space.error, space.s[t], out=space.d[t])
            if t > 0:
                torch.mul(self._rows[0], space.d_cells[t][0], out=space.error)
                for row, d_k in zip(self._rows[1:], space.d_cells[t][1:], strict=True):
                    space.error.addcmul_(row, d_k)
        # weights: dL/dU = sum over t, batch of delta_t h_{t-1}^T
        deltas, later, before = space.deltas.flatten(0, 1), space.deltas[1:], space.states[:-1]
        product = space.scratch[1:]
        recurrent = torch.stack(
            [torch.mul(later, before[:, :, k : k + 1], out=product).flatten(0, 1).sum(dim=0) for k in range(c)], dim=1
        )
        inputs = torch.mul(space.deltas, x, out=space.scratch).flatten(0, 1).sum(dim=0)
        return Gradient(loss, recurrent, inputs, deltas.sum(dim=0))

    def step(self, inputs: Tensor, mask: Tensor, targets: Tensor, rate: float) -> Float[Tensor, "network"]:
        """One step of plain SGD, as ``torch.optim.SGD`` on ``torch.nn.RNN``: U and w by ``rate``, b by twice that.

        Returns the loss of each network before the step.
        """
        gradient = self.gradient(inputs, mask, targets)
        self.descend(gradient, check_finite("rate", rate))
        return gradient.loss

    def descend(self, gradient: Gradient, rate: float) -> None:
        """Move the weights against ``gradient``: U and w by ``rate`` times it, b by twice that."""
        self.recurrent.sub_(gradient.recurrent, alpha=rate)
        self.input.sub_(gradient.input, alpha=rate)
        self.bias.sub_(gradient.bias, alpha=_BIAS_VECTORS * rate)
