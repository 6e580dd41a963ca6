"""Networks in torch, float64, by themselves: the reference of the native engine's tests."""

import numpy as np
import torch
from torch import Tensor

from linmem.trained import NetworkWeights

MODULES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
CELLS = {"rnn": torch.nn.RNNCell, "lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def named(weights: NetworkWeights) -> dict[str, np.ndarray]:
    """What is trained of the weights (or their derivatives), by torch's names."""
    a, found = weights.architecture, {}
    for l, layer in enumerate(weights.layers):
        found |= {f"{name}_l{l}": array for name, array in zip(NAMES, layer.arrays, strict=True)}
    if not a.bias:
        found = {name: array for name, array in found.items() if name.startswith("weight")}
    if a.readout == "linear":
        found |= {"readout_weight": weights.readout_weight, "readout_bias": np.array([weights.readout_bias])}
    return found


def is_recurrent(name: str) -> bool:
    return not name.startswith("readout")


class Reference(torch.nn.Module):
    """A network of ``torch.nn.RNN``, ``LSTM`` or ``GRU``; stepped cell by cell where torch has no such links."""

    def __init__(self, weights: NetworkWeights, stepped: bool | None = None) -> None:
        super().__init__()
        a = self.architecture = weights.architecture
        self.stepped = a.links == "delayed" if stepped is None else stepped
        tensors = {name: torch.tensor(array, dtype=torch.float64) for name, array in named(weights).items()}
        self.weight = torch.nn.Parameter(torch.tensor(weights.readout_weight, dtype=torch.float64))
        self.bias = torch.nn.Parameter(torch.tensor([weights.readout_bias], dtype=torch.float64))
        if a.readout == "sum":
            self.weight.requires_grad_(False)
            self.bias.requires_grad_(False)
        options = {"bias": a.bias, "dtype": torch.float64}
        if self.stepped:
            self.cells = torch.nn.ModuleList(CELLS[a.cell](a.inputs(l), a.cells, **options) for l in range(a.layers))
            for l, cell in enumerate(self.cells):
                cell.load_state_dict({name: tensors[f"{name}_l{l}"] for name in cell.state_dict()})
        else:
            self.stack = MODULES[a.cell](1, a.cells, a.layers, batch_first=True, **options)
            self.stack.load_state_dict({name: tensor for name, tensor in tensors.items() if is_recurrent(name)})

    def forward(self, x: Tensor, truncation: int | None = None) -> Tensor:
        """Answers to sequences of one length, (batch, timesteps)."""
        if not self.stepped:
            assert truncation is None
            return self.stack(x[:, :, None])[0][:, -1] @ self.weight + self.bias
        zero, T = x.new_zeros(len(x), self.architecture.cells), x.shape[1]
        states = [(zero, zero) if self.architecture.cell == "lstm" else (zero,) for _ in self.cells]
        for t in range(T):
            if truncation is not None and t == T - truncation:
                states = [tuple(part.detach() for part in state) for state in states]
            before, read = [state[0] for state in states], x[:, t : t + 1]
            for l, cell in enumerate(self.cells):
                found = cell(read, states[l] if len(states[l]) == 2 else states[l][0])
                states[l] = found if isinstance(found, tuple) else (found,)
                read = before[l] if self.architecture.links == "delayed" else states[l][0]
        return states[-1][0] @ self.weight + self.bias

    def answers(self, x: np.ndarray, lengths: np.ndarray, truncation: int | None = None) -> Tensor:
        """Answers to right-aligned sequences, without any padding."""
        found = torch.zeros(len(x), dtype=torch.float64)
        for q in np.unique(lengths):
            chosen = np.flatnonzero(lengths == q)
            part = self(torch.tensor(x[chosen, -q:], dtype=torch.float64), truncation)
            found = found.index_put((torch.tensor(chosen),), part)
        return found

    def loss(self, x: np.ndarray, lengths: np.ndarray, y: np.ndarray, truncation: int | None = None) -> Tensor:
        return (self.answers(x, lengths, truncation) - torch.tensor(y, dtype=torch.float64)).abs().mean()

    def tensors(self, gradient: bool = False) -> dict[str, np.ndarray]:
        """What is trained, or its derivatives, by torch's names."""
        found = {}
        for name, parameter in self.named_parameters():
            parts = name.split(".")
            key = f"{parts[2]}_l{parts[1]}" if parts[0] == "cells" else parts[-1]
            key = {"weight": "readout_weight", "bias": "readout_bias"}.get(key, key)
            if parameter.requires_grad:
                value = parameter.grad if gradient else parameter.detach()
                found[key] = np.zeros(parameter.shape) if value is None else value.numpy().copy()
        return found
