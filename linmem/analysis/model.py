"""Any network as a :class:`StateModel`: what :func:`state_model` understands, and how it is told apart."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from linmem.analysis.nodes import node_model, signal_model, system_model, tanh_reservoir_model, tuple_model
from linmem.analysis.readout import with_readout
from linmem.analysis.state import StateModel
from linmem.capacity.models import TanhReservoir
from linmem.capacity.models.linear_system import is_node
from linmem.capacity.models.states import is_module
from linmem.citations import cites
from linmem.discrete.model.network import RandomNetwork
from linmem.trained.weights import NetworkWeights

__all__ = ["StateModel", "state_model"]


@cites("linmem", "state maps of networks")
def state_model(model: object, *, readout: object = None) -> StateModel:
    """``model`` as a state map ``x_t = step(x_{t-1}, u_t)``, ``y_t = answer(x_t)``, in float64 on the CPU.

    Parameters
    ----------
    model : one of

        - ``torch.nn.RNN`` (tanh, relu), ``LSTM``, ``GRU``: any layers, inputs, ``batch_first``; their cells; linmem's
          ``NetworkWeights`` and ``DelayedStack``. The state is h of all layers, and s (torch's c) of all layers;
        - a torch class of one's own that holds ONE of these and reads it by a head;
        - a torch module that returns (output, state), takes a state as second argument and starts from zero. Its layout
          is found by running it;
        - matrices (A, B), (A, B, C), (A, B, C, D) and discrete-time ``scipy.signal`` systems:
          ``x_t = A x_{t-1} + B u_t``, answer C x_t. The direct path D holds no memory and is left out;
        - a :class:`~linmem.capacity.models.TanhReservoir`, a :class:`~linmem.discrete.model.network.RandomNetwork`, a
          reservoirpy ``Reservoir`` that was run once;
        - a StateModel, as it is.
    readout : the answer, a function of the state after an input:

        - None: the sum of the top layer's outputs for torch's and linmem's stacks (their own read-out for
          NetworkWeights), the module's own answer for a class with a head, C for a system, none for a reservoir;
        - a vector of n numbers, or of one for each output of the top layer;
        - a ``torch.nn.Linear`` with one output, or another torch head;
        - a function of states (batch, n) that returns (batch,);
        - "none".

    Raises
    ------
    TypeError, ValueError : for a model whose state is not known, with several answers, bidirectional, in continuous
        time, or with weights that are not finite. The message says what to pass.

    torch modules of any precision and device are copied in double precision, with dropout off; the one passed is
    left as it was.

    >>> import torch
    >>> model = state_model(torch.nn.LSTM(1, 2, num_layers=2))
    >>> model.state_size, model.labels[0], model.labels[-1]
    (8, 'h1[0]', 's2[1]')
    >>> state_model(([[0.5]], [1.0]), readout=[2.0]).answers([[1.0]]).tolist()
    [2.0]
    """
    found = _converted(model, readout is None)
    if isinstance(readout, str) and readout == "none":
        return dataclasses.replace(found, answer=None, gradient=None)
    return with_readout(found, readout)


def _converted(model: object, answered: bool) -> StateModel:
    """The model, with its own answer if ``answered``."""
    if isinstance(model, StateModel):
        return model
    if is_module(model):
        from linmem.analysis.modules import module_model

        return module_model(cast(Any, model), answered)
    if isinstance(model, NetworkWeights):
        from linmem.analysis.modules import weights_model

        return weights_model(model)
    if isinstance(model, TanhReservoir):
        return tanh_reservoir_model(model)
    if isinstance(model, RandomNetwork):
        return system_model(model.W, model.Z, name="RandomNetwork", kind="reservoir")
    if isinstance(model, tuple | list):
        return tuple_model(tuple(cast("tuple[Any, ...]", model)), answered)
    if hasattr(model, "to_ss"):
        return signal_model(model, answered)
    if is_node(model):
        return node_model(model)
    raise TypeError(
        "model must be a torch module, linmem weights or reservoir, matrices (A, B[, C]), a scipy.signal system, a "
        f"reservoirpy Reservoir or a StateModel, got {type(model).__name__}; build a linmem.analysis.StateModel with "
        "its step (for a reservoirpy model pass the reservoir node)"
    )
