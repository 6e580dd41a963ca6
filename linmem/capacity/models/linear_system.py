"""The matrices (A, C) of a linear model, by duck typing: reservoirpy nodes, scipy.signal systems."""

from __future__ import annotations

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
    if all(hasattr(model, name) for name in ("W", "Win", "lr", "activation")):
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
        name = getattr(model.activation, "__name__", type(model.activation).__name__)
        raise ValueError(f"model must have the activation 'identity' (be linear), got {name!r}; {_INSTEAD}")
    if callable(model.W) or callable(model.Win) or callable(getattr(model, "bias", 0.0)):
        raise ValueError("model must have its weights, got a node that was not run yet; run it on one input row first")
    if np.any(_dense(getattr(model, "bias", 0.0))):
        raise ValueError("model must have bias 0 (be linear), got another; build the node with bias=0.0")
    W, Win = check_system(_dense(model.W), _dense(model.Win), stable=False, inputs="many")
    N = len(W)
    rate = check_array("lr", model.lr)
    rate = np.full(N, rate) if rate.ndim == 0 else check_array("lr", rate, shape=(N,))
    A, C = np.diag(1.0 - rate) + rate[:, None] * W, rate[:, None] * Win
    _check_node(model, A, C)
    return A, C


def _dense(weights: Any) -> Any:
    """Weights as an array: reservoirpy keeps sparse matrices."""
    return weights.toarray() if hasattr(weights, "toarray") else weights


def _check_node(model: object, A: Float[np.ndarray, "N N"], C: Float[np.ndarray, "N d"]) -> None:
    """Refuse a node whose run() is not x_t = A x_{t-1} + C z_t: another update rule behind the same attributes."""
    series = np.sin(np.arange(1.0, 10 * C.shape[1] + 1)).reshape(10, -1)
    states, x = collect_states(model, series), np.zeros(len(A))
    for found, z in zip(states, series, strict=True):
        size = np.abs(A) @ np.abs(x) + np.abs(C) @ np.abs(z)
        x = A @ x + C @ z
        if not (np.abs(found - x) <= 1e-4 * size.max()).all():  # single precision at most, of any summation
            raise ValueError(
                f"model must step by x <- A x + C z, got another rule in {type(model).__name__}; {_INSTEAD}"
            )
        x = found
