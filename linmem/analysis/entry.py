"""What a caller hands to a report, made ready: tensors on the host, a model that can be run, or the reason why not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from linmem.analysis.model import StateModel, state_model

_BATCH = 3
_INPUT = 0.5


def on_host(value: object) -> object:
    """A tensor of any device, precision or gradient as a numpy array; anything else as it is.

    >>> import torch
    >>> on_host(torch.ones(2, dtype=torch.bfloat16, requires_grad=True)), on_host("normal")
    (array([1., 1.]), 'normal')
    """
    if not (hasattr(value, "detach") and hasattr(value, "cpu")):
        return value
    tensor = cast(Any, value).detach().cpu()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()


def ready_model(model: object, readout: object = None) -> StateModel:
    """``model`` as :func:`~linmem.analysis.model.state_model` gives it, after one trial step of three states.

    Raises
    ------
    TypeError : for a path, a state dict, or a class: the message says what to pass.
    ValueError : if torch cannot run the module; if the step or the answer cannot be computed, have another shape than
        they must, or are not finite.

    >>> ready_model(StateModel("halves", 2, 1, lambda x, u: x[:, :1]))
    Traceback (most recent call last):
    ...
    ValueError: the step of halves must return states of shape (3, 2) for 3 states, got (3, 1); return (batch, n)
    """
    if isinstance(model, str | os.PathLike):
        path = os.fspath(cast(str, model))
        raise TypeError(f"model must be a network, got the path {path!r}; pass linmem.analysis.load_model({path!r})")
    if isinstance(model, Mapping):
        raise TypeError(
            "model must be a network, got a dict of weights; pass the module itself after load_state_dict, or save "
            "the dict and pass linmem.analysis.load_model(path)"
        )
    if isinstance(model, type):
        raise TypeError(f"model must be a network, got the class {model.__name__}; pass an instance of it")
    if isinstance(model, tuple | list):
        model = tuple(on_host(part) for part in cast("tuple[object, ...]", model))
    try:
        found = state_model(model, readout=on_host(readout) if _is_tensor(readout) else readout)
    except RuntimeError as error:  # torch's word for shapes that do not fit
        raise ValueError(
            f"model must be a network whose state can be found by running it, got {type(model).__name__}, which fails "
            f"({error}); build a linmem.analysis.StateModel with its step"
        ) from error
    _try(found)
    return found


def _is_tensor(value: object) -> bool:
    return hasattr(value, "detach") and hasattr(value, "is_floating_point")


def _try(model: StateModel) -> None:
    """One step and one answer of a few states."""
    x = np.tile(np.asarray(model.initial, dtype=np.float64), (_BATCH, 1))
    u = np.full((_BATCH, model.input_size), _INPUT)
    after = _result(f"the step of {model.name}", lambda: model.step(x, u))
    if after.shape != x.shape:
        raise ValueError(
            f"the step of {model.name} must return states of shape {x.shape} for {_BATCH} states, got {after.shape}; "
            "return (batch, n)"
        )
    if not np.isfinite(after).all():
        raise ValueError(
            f"the step of {model.name} must be finite, got NaN or infinity after one step from its initial state; "
            "check its weights and its initial state"
        )
    answer = model.answer
    if answer is None:
        return
    said = _result(f"the answer of {model.name}", lambda: answer(after))
    if said.shape != (_BATCH,):
        raise ValueError(
            f"the answer of {model.name} must be one number for each of {_BATCH} states, got shape {said.shape}; "
            "return (batch,), e.g. y[:, 0]"
        )


def _result(what: str, compute: Any) -> np.ndarray:
    """A result as an array of floats."""
    try:
        found = compute()
    except Exception as error:
        raise ValueError(
            f"{what} must work on rows, states (batch, n) and inputs (batch, d), but raised {type(error).__name__}: "
            f"{error}; let it take and return arrays with the batch first"
        ) from error
    if _is_tensor(found):
        raise ValueError(f"{what} must return a numpy array, got a torch tensor; return y.detach().cpu().numpy()")
    array = np.asarray(found)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{what} must return real numbers, got dtype {array.dtype}; return an array of floats")
    return array
