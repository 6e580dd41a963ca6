"""Networks as torch modules, and back: ``torch.nn.RNN``, ``LSTM``, ``GRU``; delayed links as a module of our own."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor, nn

from linmem.checks import check_array
from linmem.trained.architecture import Architecture
from linmem.trained.weights import LayerWeights, NetworkWeights, check_weights

MODULES: dict[str, type[nn.RNN] | type[nn.LSTM] | type[nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class DelayedStack(nn.Module):
    """A stack whose layers read the layer below one step late: layer i at step t reads layer i - 1 at step t - 1.

    Every layer is a one-layer torch module; its input sequence is the output sequence below, moved on by one step, with
    zero in front. Called as ``torch.nn.RNN(batch_first=True)``: (batch, time, 1) to a pair of the top layer's
    outputs (batch, time, cells) and the tuple of the layers' final states.

    >>> DelayedStack(Architecture(cells=3, layers=2, links="delayed"))(torch.zeros(2, 5, 1))[0].shape
    torch.Size([2, 5, 3])
    """

    def __init__(self, architecture: Architecture, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        a = architecture
        kind = MODULES[a.cell]
        self.layers = nn.ModuleList(
            kind(a.inputs(i), a.cells, bias=a.bias, batch_first=True, dtype=dtype) for i in range(a.layers)
        )

    def forward(self, inputs: Float[Tensor, "batch time 1"]) -> tuple[Tensor, tuple[object, ...]]:
        values, finals = inputs, []
        for i, layer in enumerate(self.layers):
            if i > 0:
                values = torch.cat([torch.zeros_like(values[:, :1]), values[:, :-1]], dim=1)
            values, final = layer(values)
            finals.append(final)
        return values, tuple(finals)


Recurrent = nn.RNN | nn.LSTM | nn.GRU | DelayedStack


def to_module(weights: NetworkWeights, dtype: torch.dtype = torch.float32) -> Recurrent:
    """The recurrent part as a torch module (``batch_first``), exactly: same weights, same outputs up to rounding.

    The network's answer to inputs (batch, time, 1) of one length is
    ``module(inputs)[0][:, -1] @ weights.readout_weight + weights.readout_bias``. torch's global generator is left as it
    was.

    Parameters
    ----------
    weights : the network.
    dtype : of the module's tensors.

    Returns
    -------
    ``torch.nn.RNN``, ``LSTM`` or ``GRU``; for several layers with delayed links, which torch does not have, a
    :class:`DelayedStack`.

    >>> from linmem.trained.weights import initial_weights
    >>> to_module(initial_weights(Architecture("gru", cells=2, layers=2), rng=0))
    GRU(1, 2, num_layers=2, batch_first=True)
    """
    a = check_weights(weights, finite=False).architecture
    with torch.random.fork_rng(devices=[]):
        if a.links == "delayed" and a.layers > 1:
            module: Recurrent = DelayedStack(a, dtype)
        else:
            module = MODULES[a.cell](1, a.cells, a.layers, bias=a.bias, batch_first=True, dtype=dtype)
    with torch.no_grad():
        for i, layer in enumerate(weights.layers):
            for name, array in zip(NAMES if a.bias else NAMES[:2], layer.arrays, strict=False):
                _tensor(module, i, name).copy_(torch.tensor(array, dtype=dtype))
    return module


def from_module(
    module: nn.Module, readout_weight: ArrayLike | None = None, readout_bias: float = 0.0
) -> NetworkWeights:
    """The weights of a ``torch.nn.RNN``, ``LSTM``, ``GRU`` or :class:`DelayedStack`, copied to numpy.

    Parameters
    ----------
    module : one input, tanh for nn.RNN, one direction, no projection. Dropout is ignored: it acts in training only.
    readout_weight, readout_bias : (c,) and number of a linear read-out; None is the summed read-out.

    Raises
    ------
    TypeError : for any other module (train it with :func:`linmem.trained.single.train_module`).
    ValueError : for a setting that an :class:`Architecture` does not have.

    >>> from_module(torch.nn.LSTM(1, 4)).architecture.parameter_count
    96
    """
    if isinstance(module, DelayedStack):
        first = cast("nn.RNN | nn.LSTM | nn.GRU", module.layers[0])
        layers, links = len(module.layers), "delayed"
    elif isinstance(module, nn.RNN | nn.LSTM | nn.GRU):
        first, layers, links = module, module.num_layers, "same-step"
    else:
        raise TypeError(
            "module must be a torch.nn.RNN, LSTM, GRU or DelayedStack, got "
            f"{type(module).__name__}; train other modules with train_module"
        )
    for rule, broken, received, fix in (
        ("read one input", first.input_size != 1, f"input_size={first.input_size}", "input_size=1"),
        ("run one way", first.bidirectional, "bidirectional=True", "bidirectional=False"),
        ("have no projection", first.proj_size > 0, f"proj_size={first.proj_size}", "proj_size=0"),
        ("use tanh", first.mode == "RNN_RELU", "nonlinearity='relu'", "nonlinearity='tanh'"),
    ):
        if broken:
            raise ValueError(f"module must {rule}, got {received}; build it with {fix}")
    cell = next(name for name, kind in MODULES.items() if isinstance(first, kind))
    readout = "sum" if readout_weight is None else "linear"
    a = Architecture(cell, first.hidden_size, layers, links, readout, bool(first.bias))
    found = layer_weights(module)
    kind = found[0].weight_hh.dtype
    if readout_weight is None:
        return NetworkWeights(a, found, np.ones(a.cells, dtype=kind))
    weight = check_array("readout_weight", readout_weight, shape=(a.cells,)).astype(kind)
    return NetworkWeights(a, found, weight, float(readout_bias))


def layer_weights(module: Recurrent) -> tuple[LayerWeights, ...]:
    """Weights of each layer, lowest first, copied to numpy; a bias that the module lacks is zero.

    Parameters
    ----------
    module : any number of inputs, one direction, no projection.

    >>> [layer.weight_ih.shape for layer in layer_weights(nn.GRU(3, 2, num_layers=2))]
    [(6, 3), (6, 2)]
    """
    if isinstance(module, DelayedStack):
        first, count = cast("nn.RNN | nn.LSTM | nn.GRU", module.layers[0]), len(module.layers)
    else:
        first, count = module, module.num_layers
    found: list[LayerWeights] = []
    for i in range(count):
        tensors = [_tensor(module, i, name).detach().cpu() for name in (NAMES if first.bias else NAMES[:2])]
        arrays = [tensor.numpy().copy() for tensor in tensors]
        arrays += [np.zeros(len(arrays[0]), dtype=arrays[0].dtype) for _ in range(4 - len(arrays))]
        found.append(LayerWeights(*arrays))
    return tuple(found)


def _tensor(module: nn.Module, layer: int, name: str) -> Tensor:
    owner, index = (module.layers[layer], 0) if isinstance(module, DelayedStack) else (module, layer)
    return cast(Tensor, getattr(owner, f"{name}_l{index}"))
