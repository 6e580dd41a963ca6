"""The matrices (A, C) of a linear model, by duck typing: reservoirpy nodes, scipy.signal systems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from linmem.capacity.linear import check_system
from linmem.capacity.models.reservoir import TanhReservoir
from linmem.capacity.models.states import collect_states
from linmem.checks import check_array
from linmem.citations import cites

_INSTEAD = "measure its memory with linmem.capacity.models.nonlinear_memory, or with method 'sample'"


@cites("reservoirpy2020", "nodes.Reservoir of version 0.4, run and parameters")
def linear_system(model: object) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N d"]]:
    """(A, C) with ``x_t = A x_{t-1} + C z_t`` of a linear model; ready for the exact memory curve.

    Parameters
    ----------
    model : one of

        - a reservoirpy ``Reservoir`` with activation "identity" and bias 0, once it has seen an input (so that its
          weights exist): ``A = diag(1 - lr) + diag(lr) W``, ``C = diag(lr) Win``;
        - a discrete-time ``scipy.signal`` system (``dlti``, ``StateSpace`` with a dt): A and B. Its state follows
          ``x_{t+1} = A x_t + B u_t``, one step later than here; as a set of states that changes nothing.

    Returns
    -------
    A (N, N), C (N, d). One input: C[:, 0].

    Raises
    ------
    ValueError : for another activation than the identity, a bias, a node without weights yet, a continuous-time system.
    TypeError : for a model of another kind (tanh reservoirs and torch modules are not linear).

    For a node the result is checked against 10 steps of ``run`` on a copy of it.

    >>> import scipy.signal
    >>> A, C = linear_system(scipy.signal.dlti([[0.5]], [[1.0]], [[1.0]], [[0.0]]))
    >>> A, C
    (array([[0.5]]), array([[1.]]))
    """
    if isinstance(model, TanhReservoir):
        raise TypeError(f"model must be linear, got a tanh reservoir; {_INSTEAD}")
    if type(model).__module__.split(".")[0] == "torch" or hasattr(model, "named_parameters"):
        raise TypeError(f"model must be linear, got the torch module {type(model).__name__}; {_INSTEAD}")
    if hasattr(model, "to_ss"):
        return _of_system(model)
    if is_node(model):
        return _of_node(model)
    raise TypeError(
        f"model must be a reservoirpy Reservoir or a scipy.signal system, got {type(model).__name__}; "
        "pass A and C themselves to the function you need"
    )


def _of_system(model: Any) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N d"]]:
    system = model.to_ss()
    if system.dt is None:
        raise ValueError("model must be a discrete-time system, got a continuous-time one; use its to_discrete(dt)")
    A, C = check_system(system.A, system.B, stable=False, inputs="many")
    return A, C


def _of_node(model: Any) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N d"]]:
    probe = np.linspace(-2.0, 2.0, 9)
    if not np.array_equal(np.asarray(model.activation(probe)), probe):
        raise ValueError(
            f"model must have the activation 'identity' (be linear), got {activation_name(model)!r}; {_INSTEAD}"
        )
    W, Win, bias, rate = node_weights(model)
    if bias.any():
        raise ValueError("model must have bias 0 (be linear), got another; build the node with bias=0.0")
    A, C = np.diag(1.0 - rate) + rate[:, None] * W, rate[:, None] * Win
    check_node_step(model, lambda x, z: A @ x + C @ z, C.shape[1], f"x <- A x + C z, {_INSTEAD}")
    return A, C


def is_node(model: object) -> bool:
    """Whether ``model`` has the attributes of a reservoirpy ``Reservoir``."""
    return all(hasattr(model, name) for name in ("W", "Win", "lr", "activation"))


def activation_name(model: Any) -> str:
    """Name of the node's activation."""
    return str(getattr(model.activation, "__name__", type(model.activation).__name__))


def node_weights(
    model: Any,
) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N d"], Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """W, Win, bias and lr of a reservoirpy ``Reservoir``, dense: ``x <- (1 - lr) x + lr f(W x + Win z + bias)``.

    ValueError for a node that has no weights yet.
    """
    if callable(model.W) or callable(model.Win) or callable(getattr(model, "bias", 0.0)):
        raise ValueError("model must have its weights, got a node that was not run yet; run it on one input row first")
    W, Win = check_system(_dense(model.W), _dense(model.Win), stable=False, inputs="many")
    rows: list[Float[np.ndarray, "N"]] = []
    for name, value in (("bias", _dense(getattr(model, "bias", 0.0))), ("lr", model.lr)):
        row = check_array(name, value)
        rows.append(np.full(len(W), row) if row.ndim == 0 else check_array(name, row.squeeze(), shape=(len(W),)))
    return W, Win, rows[0], rows[1]


def _dense(weights: Any) -> Any:
    """Weights as an array: reservoirpy keeps sparse matrices."""
    return weights.toarray() if hasattr(weights, "toarray") else weights


def check_node_step(
    model: object,
    step: Callable[[Float[np.ndarray, "N"], Float[np.ndarray, "d"]], Float[np.ndarray, "N"]],
    d: int,
    rule: str,
) -> None:
    """Refuse a node whose run() does not follow ``step``: another update rule behind the same attributes.

    ``rule`` says in the message what the step is, and after a comma what to do instead. Compared over 10 inputs of d
    entries, each step from the state that the node itself reached.
    """
    series = np.sin(np.arange(1.0, 10 * d + 1)).reshape(10, -1)
    states = collect_states(model, series)
    x = np.zeros(states.shape[1])
    for found, z in zip(states, series, strict=True):
        expected = step(x, z)
        size = max(float(np.abs(expected).max()), float(np.abs(x).max()), float(np.abs(found).max()))
        if not (np.abs(found - expected) <= 1e-4 * size).all():  # single precision at most, of any summation
            what, instead = rule.split(", ", 1)
            raise ValueError(f"model must step by {what}, got another rule in {type(model).__name__}; {instead}")
        x = found
