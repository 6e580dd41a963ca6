"""States of a model on an input series, by duck typing: reservoirs, reservoirpy nodes, torch modules.

No library is imported for this: torch only when a torch module was passed, reservoirpy never.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.capacity.models.reservoir import TanhReservoir, input_columns
from linmem.checks import check_integer

if TYPE_CHECKING:
    import torch

_PROBE = 4


def collect_states(model: object, inputs: ArrayLike, washout: int = 0) -> Float[np.ndarray, "T N"]:
    """States of ``model`` on ``inputs``, from its zero state; row t is the state after input row t was read.

    Parameters
    ----------
    model : one of

        - a :class:`~linmem.capacity.models.TanhReservoir`;
        - an object with ``run(X)`` that returns the states (T, N), row t after row t of X was read, such as a node or a
          model of reservoirpy (several outputs are put side by side). It is copied, and the copy is reset() where it
          can be, so that the object itself is left as it was. What ``run`` returns is the state: pass the reservoir
          node, not one followed by a read-out;
        - a torch module for (batch, time, feature), or (time, batch, feature) where its ``batch_first`` is False, that
          returns ``(output, state)``. If the state is the last row of the output (``nn.RNN``, ``nn.GRU`` of one
          layer), the outputs are the states. Otherwise the module is run step by step, its state passed back as second
          argument, and the states are all tensors of it: h of all layers for stacks, h and c of all layers for
          ``nn.LSTM``. It runs without gradients, as in eval(), in its own precision on its own device.
    inputs : (T,) or (T, d), oldest first; a scalar series is one feature.
    washout : rows dropped from the beginning, 0 <= washout < T.

    Returns
    -------
    (T - washout, N) float64.

    Raises
    ------
    TypeError : for an object of another kind, or a torch module that does not return (output, state).
    ValueError : for a wrong number of features, a washout of T or more, states that are not finite, a bidirectional
        network (its states depend on later inputs), and parameters in half precision.

    Cost: one run of the model; step by step, a torch module takes 0.1 ms a step.

    >>> collect_states(TanhReservoir([[0.5]], [1.0]), [1.0, 0.0, 0.0], washout=1).round(6).tolist()
    [[0.363399], [0.179726]]
    """
    series = input_columns(inputs)
    dropped = check_integer("washout", washout, minimum=0)
    if dropped >= len(series):
        raise ValueError(f"washout must be < T = {len(series)}, got {dropped}; pass a longer series")
    if isinstance(model, TanhReservoir):
        states = model.run(series)
    elif is_module(model):
        states = _of_module(cast("torch.nn.Module", model), series)
    elif callable(getattr(model, "run", None)):
        states = _of_runner(model, series)
    else:
        raise TypeError(
            f"model must be a TanhReservoir, a torch module or an object with run(X), got {type(model).__name__}; "
            "give it a method run(X) that returns the states (timesteps, states)"
        )
    if not np.isfinite(states).all():
        row = int(np.argwhere(~np.isfinite(states))[0][0])
        raise ValueError(f"the states must be finite, got NaN or infinity at step {row}; lower the spectral radius")
    return states[dropped:]


def is_module(model: object) -> bool:
    """Whether the model is a torch module; torch is loaded already if it is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def _check_features(model: object, name: str, series: Float[np.ndarray, "T d"]) -> None:
    """Refuse a series with another number of features than the model says it takes."""
    if isinstance(d := getattr(model, name, None), int):
        input_columns(series, d)


def _of_runner(model: object, series: Float[np.ndarray, "T d"]) -> Float[np.ndarray, "T N"]:
    """States of a copy of an object with run(X)."""
    _check_features(model, "input_dim", series)
    if getattr(model, "trainable_nodes", None):
        raise ValueError(
            "model must return its states, got a reservoirpy model with a trainable read-out; pass the reservoir node"
        )
    runner: Any = copy.deepcopy(model)
    if callable(getattr(runner, "reset", None)) and getattr(runner, "initialized", True):
        runner.reset()
    found: object = runner.run(series)
    parts = list(cast("Mapping[object, object]", found).values()) if isinstance(found, Mapping) else [found]
    columns = [np.asarray(part, dtype=np.float64) for part in parts]
    columns = [part[:, None] if part.ndim == 1 else part for part in columns]
    for part in columns:
        if part.ndim != 2 or len(part) != len(series):
            raise ValueError(
                f"run(X) must return states (timesteps, states) with {len(series)} rows, got shape {part.shape}; "
                "return one row for each input row"
            )
    return np.concatenate(columns, axis=1)


def _of_module(module: torch.nn.Module, series: Float[np.ndarray, "T d"]) -> Float[np.ndarray, "T N"]:
    """States of a torch module; its training flags are put back afterwards."""
    import torch

    if getattr(module, "bidirectional", False):
        raise ValueError("model must be causal, got a bidirectional network; pass bidirectional=False")
    _check_features(module, "input_size", series)
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros((), dtype=torch.float64))
    if like.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"model must have parameters in single or double precision, got {like.dtype}; convert it with .double()"
        )
    axis = 1 if getattr(module, "batch_first", True) else 0
    x = torch.as_tensor(series, dtype=like.dtype, device=like.device).unsqueeze(1 - axis)
    flags = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            output, state = _call(module, x.narrow(axis, 0, min(_PROBE, len(series))))
            last = output.select(axis, output.shape[axis] - 1)
            if last.numel() == state.numel() and torch.equal(last.flatten(), state):
                found = _call(module, x)[0].squeeze(1 - axis)
            else:
                found = _stepped(module, x, axis)
    finally:
        for part, training in flags:
            part.training = training
    return found.cpu().double().numpy()


def _call(module: torch.nn.Module, x: torch.Tensor, *state: object) -> tuple[torch.Tensor, torch.Tensor]:
    """Output, and all tensors of the state as one vector."""
    output, after = _raw(module, x, *state)
    return output, _flat(after)


def _raw(module: torch.nn.Module, x: torch.Tensor, *state: object) -> tuple[torch.Tensor, object]:
    found: object = module(x, *state)
    if not isinstance(found, tuple) or len(cast("tuple[object, ...]", found)) != 2:
        raise TypeError(
            f"model must return (output, state), as torch.nn.RNN does, got {type(found).__name__}; "
            "return the state beside the output"
        )
    output, after = cast("tuple[torch.Tensor, object]", found)
    if output.ndim != 3:
        raise ValueError(f"model must return outputs (batch, time, feature), got shape {tuple(output.shape)}")
    return output, after


def _flat(state: object) -> torch.Tensor:
    """All entries of a tensor, or of a tuple or list of tensors, as a vector."""
    import torch

    if isinstance(state, torch.Tensor):
        return state.flatten()
    if isinstance(state, tuple | list) and state:
        return torch.cat([_flat(part) for part in cast("tuple[object, ...]", state)])
    raise TypeError(f"model must return a state of tensors, got {type(state).__name__}; return a tensor or a tuple")


def _stepped(module: torch.nn.Module, x: torch.Tensor, axis: int) -> torch.Tensor:
    """States by running the module step by step."""
    import torch

    parameters = list(inspect.signature(module.forward).parameters.values())
    if len(parameters) < 2 and not any(p.kind == p.VAR_POSITIONAL for p in parameters):
        raise TypeError(
            f"model must show its states: {type(module).__name__} returns outputs that are not its states, and takes "
            "no state as second argument; give forward(inputs, state=None) one"
        )
    rows: list[torch.Tensor] = []
    state: tuple[object, ...] = ()
    for step in x.split(1, dim=axis):
        _, after = _raw(module, step, *state)
        rows.append(_flat(after))
        state = (after,)
    return torch.stack(rows)
