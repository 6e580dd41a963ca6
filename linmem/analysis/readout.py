"""The answer of a network: a vector, a torch head or a function of its state, made into (batch, n) -> (batch,)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.analysis.state import Answer, Gradient, StateModel
from linmem.capacity.models.states import is_module
from linmem.checks import check_array

if TYPE_CHECKING:
    from torch import Tensor, nn

_PROBE = 3


def with_readout(model: StateModel, readout: object) -> StateModel:
    """``model`` with another answer; ``None`` leaves it as it is.

    Parameters
    ----------
    readout : a vector c (the answer is c . x; n entries, or one for each output of the top layer), a
        ``torch.nn.Linear`` with one output or any other torch head of the state or the top layer, or a function
        (batch, n) -> (batch,).

    Raises
    ------
    ValueError, TypeError : for a vector of another length, a head of several outputs, or an object of another kind.

    >>> twice = with_readout(StateModel("id", 1, 1, lambda x, u: u), [2.0])
    >>> twice.answers([[3.0]]).tolist()
    [6.0]
    """
    if readout is None:
        return model
    if is_module(readout):
        return _torch_head(model, cast("nn.Module", readout))
    if callable(getattr(readout, "detach", None)):
        readout = cast("Tensor", readout).detach().cpu().double().numpy()
    elif callable(readout):
        return dataclasses.replace(model, answer=_checked(model, cast(Answer, readout)), gradient=None)
    if isinstance(readout, str):
        raise TypeError(f"readout must be a vector, a torch module or a function of states, got {readout!r}")
    c = check_array("readout", cast(Any, readout)).squeeze()
    return with_vector(model, np.atleast_1d(c))


def with_vector(model: StateModel, c: ArrayLike, bias: float = 0.0) -> StateModel:
    """``model`` with the answer ``c . x + bias``; c may be for the top layer alone."""
    weights = _placed(model, check_array("readout", c))

    def answer(x: np.ndarray) -> np.ndarray:
        return x @ weights + bias

    def gradient(_: np.ndarray) -> np.ndarray:
        return weights

    return dataclasses.replace(model, answer=answer, gradient=gradient)


def top_layer(model: StateModel) -> list[int]:
    """Positions in the state of what the top layer of a stack gives out; empty for other networks.

    >>> top_layer(StateModel("stack", 2, 1, lambda x, u: x, layers=2, labels=("h1[0]", "h2[0]")))
    [1]
    """
    return [i for i, label in enumerate(model.labels) if model.layers and label.startswith(f"h{model.layers}[")]


def _placed(model: StateModel, c: np.ndarray) -> Float[np.ndarray, "n"]:
    """c as a vector of the whole state."""
    n, top = model.state_size, top_layer(model)
    if c.ndim == 1 and len(c) == n:
        return c
    if c.ndim == 1 and top and len(c) == len(top):
        whole = np.zeros(n)
        whole[top] = c
        return whole
    wanted = f"{n} entries, one for each state" + (
        f", or {len(top)}, one for each output of the top layer" if top else ""
    )
    raise ValueError(f"readout must be one vector of {wanted}, got shape {c.shape}; pass one answer's weights")


def _torch_head(model: StateModel, head: nn.Module) -> StateModel:
    """The answer of a torch head; of a Linear as a vector and a number."""
    import copy

    import torch
    from torch import nn

    head = copy.deepcopy(head).to("cpu", torch.float64).eval().requires_grad_(False)
    if isinstance(head, nn.Linear):
        if head.out_features != 1:
            raise ValueError(
                f"readout must have one output, got a Linear with out_features={head.out_features}; "
                "pass the row of weights of one of them, e.g. readout=head.weight[0]"
            )
        bias = 0.0 if head.bias is None else float(head.bias)  # pyright: ignore[reportUnnecessaryComparison]
        return with_vector(model, head.weight[0].numpy(), bias)
    top, found = top_layer(model), RuntimeError("no features")
    for columns in ([top] if top else []) + [list(range(model.state_size))]:

        def answer(x: np.ndarray, columns: list[int] = columns) -> np.ndarray:
            with torch.no_grad():
                return head(torch.from_numpy(x[:, columns])).squeeze(-1).numpy()

        try:
            answer(np.zeros((_PROBE, model.state_size)))
        except RuntimeError as error:
            found = error
            continue
        gradient = _torch_gradient(head, columns, model.state_size)
        return dataclasses.replace(model, answer=_checked(model, answer), gradient=gradient)
    raise ValueError(
        f"readout must read the state ({model.state_size})"
        + (f" or the top layer ({len(top)})" if top else "")
        + f", but {type(head).__name__} refused both ({found}); pass a function of states (batch, {model.state_size})"
    ) from found


def _torch_gradient(head: nn.Module, columns: list[int], n: int) -> Gradient:
    import torch

    def gradient(x: np.ndarray) -> np.ndarray:
        given = torch.tensor(x[None, columns], requires_grad=True)
        (slope,) = torch.autograd.grad(head(given).sum(), given)
        whole = np.zeros(n)
        whole[columns] = slope[0].numpy()
        return whole

    return gradient


def _checked(model: StateModel, answer: Answer) -> Answer:
    """``answer`` if it gives one finite number for each state of a batch."""
    probe = np.random.default_rng(0).uniform(-0.5, 0.5, (_PROBE, model.state_size))
    found = np.asarray(answer(probe))
    if found.shape != (_PROBE,):
        raise ValueError(
            f"readout must give one number for each state, ({_PROBE},) for {_PROBE} states, got shape {found.shape}; "
            "return one answer of several, e.g. y[:, 0]"
        )
    return lambda x: np.asarray(answer(x), dtype=np.float64)
