"""A linear network as a torch module, exact for inputs that are constant over each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linmem.checks import check_positive
from linmem.continuous.network.linear import LinearRNN
from linmem.continuous.network.response import respond

if TYPE_CHECKING:
    import torch


def to_module(network: LinearRNN, step: float) -> torch.nn.Module:
    """h_{k+1} = e^{WD} h_k + (int_0^D e^{Ws} ds U) x_k, y_{k+1} = c.h_{k+1}, D = step, in double precision.

    The module takes inputs (batch, time, d) and returns (outputs (batch, time, 1), last state (batch, n)), h = 0 at the
    start; output k is y at the end of step k. Its parameters `recurrent` (n, n), `drive` (d, n) and `read` (n,) are the
    discretised matrices, transposed for products from the right: training them is not training (W, U, c).

    >>> module = to_module(LinearRNN.diagonal([1.0], [1.0]), 0.5)
    >>> import torch
    >>> module(torch.ones(1, 2, 1, dtype=torch.float64))[0].detach().numpy().round(6).tolist()
    [[[0.393469], [0.632121]]]
    """
    import torch

    D, n, d = check_positive("step", step), network.state_size, network.inputs
    recurrent = respond(network, np.zeros((n, 1, d)), D, np.eye(n)).states[:, 1]
    drive = respond(network, np.eye(d)[:, None], D).states[:, 1]

    class Held(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, array in (("recurrent", recurrent), ("drive", drive), ("read", network.c)):
                self.register_parameter(name, torch.nn.Parameter(torch.tensor(np.array(array))))

        def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            E, F, c = (self.get_parameter(name) for name in ("recurrent", "drive", "read"))
            h = inputs.new_zeros(inputs.shape[0], n)
            states: list[torch.Tensor] = []
            for x in inputs.unbind(1):
                h = h @ E + x @ F
                states.append(h)
            return torch.stack(states, 1) @ c[:, None], h

    return Held()
