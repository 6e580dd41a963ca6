"""Reservoirs and linear systems as state maps: linmem's own, reservoirpy's nodes, scipy.signal, tuples of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.analysis.readout import with_vector
from linmem.analysis.state import StateModel
from linmem.capacity.linear import input_mask, square_matrix
from linmem.capacity.models import TanhReservoir, linear_system
from linmem.capacity.models.linear_system import activation_name, check_node_step, node_weights
from linmem.checks import check_array


def _tanh_slope(p: np.ndarray) -> np.ndarray:
    return 1.0 - np.tanh(p) ** 2


def _relu_slope(p: np.ndarray) -> np.ndarray:
    return (p > 0).astype(np.float64)


_SLOPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": _tanh_slope,
    "identity": np.ones_like,
    "relu": _relu_slope,
}
_ELSE = "build a linmem.analysis.StateModel with its step"


def system_model(
    A: ArrayLike,
    B: ArrayLike,
    C: ArrayLike | None = None,
    *,
    name: str = "linear system",
    kind: str = "system",
    answered: bool = True,
) -> StateModel:
    """``x_t = A x_{t-1} + B u_t``, ``y_t = C x_t``.

    Parameters
    ----------
    A, B : (n, n) and (n,) or (n, d).
    C : (n,) or (1, n); None or ``answered=False``: no answer.

    Raises
    ------
    ValueError, TypeError : for shapes that do not fit, complex entries, B all zero, or a C of several rows. The
        message says how to write a complex system as a real one.

    >>> system_model([[0.5]], [1.0], [2.0]).run([1.0, 0.0]).ravel().tolist()
    [1.0, 0.5]
    """
    for letter, matrix in (("A", A), ("B", B), ("C", C)):
        if matrix is not None and np.iscomplexobj(matrix):
            raise TypeError(
                f"{letter} must be real, got complex entries; pass the real system of twice the size, "
                "A -> [[Re A, -Im A], [Im A, Re A]], B -> [Re B; Im B], C -> [Re C, -Im C] (2 C first, if of each "
                "conjugate pair only one is there)"
            )
    recurrent = square_matrix("A", A)
    inward = input_mask("B", B, len(recurrent), "many")
    n, d = inward.shape

    def jacobian(_x: np.ndarray, _u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return recurrent.copy(), inward.copy()

    model = StateModel(
        name, n, d, lambda x, u: x @ recurrent.T + u @ inward.T, kind=kind, linear=True, jacobian=jacobian
    )
    if C is None or not answered:
        return model
    c = check_array("C", C)
    c = c[None] if c.ndim == 1 else c
    if c.ndim != 2 or c.shape[1] != n:
        raise ValueError(f"C must have shape ({n},) or (1, {n}), one weight for each state, got {np.shape(C)}")
    if len(c) != 1:
        raise ValueError(
            f"C must have one row (one answer), got {len(c)}; pass that row as readout=, e.g. readout=C[0]"
        )
    return with_vector(model, c[0])


def tuple_model(parts: tuple[Any, ...], answered: bool = True) -> StateModel:
    """(A, B), (A, B, C) or (A, B, C, D) as a linear system; D, the direct path, holds no memory and is left out.

    >>> tuple_model(([[0.5]], [1.0], [1.0], 0.3)).answers([[4.0]]).tolist()
    [4.0]
    """
    if not 2 <= len(parts) <= 4:
        raise ValueError(f"a linear system must be (A, B), (A, B, C) or (A, B, C, D), got {len(parts)} part(s)")
    if len(parts) == 4:
        check_array("D", parts[3])
    return system_model(*parts[:3], answered=answered)


def signal_model(system: Any, answered: bool = True) -> StateModel:
    """A discrete-time scipy.signal system; its answer is C x after the input was read, D is left out.

    scipy's own output at step t is ``C x_t + D u_t`` with the state BEFORE u_t: this answer is its next output without
    the direct path.

    >>> import scipy.signal
    >>> signal_model(scipy.signal.dlti([1.0], [1.0, -0.5], dt=1)).run([1.0, 0.0]).ravel().tolist()
    [1.0, 0.5]
    """
    A, B = linear_system(system)
    return system_model(A, B, system.to_ss().C, name=type(system).__name__, answered=answered)


def tanh_reservoir_model(reservoir: TanhReservoir) -> StateModel:
    """A :class:`~linmem.capacity.models.TanhReservoir`, without an answer.

    >>> tanh_reservoir_model(TanhReservoir([[0.5]], [1.0])).run([1.0, 0.0]).ravel().round(6).tolist()
    [0.761594, 0.363399]
    """
    r = reservoir
    return _leaky(r.A, r.C, r.bias, r.leak, "tanh", np.tanh, "TanhReservoir")


def node_model(node: Any) -> StateModel:
    """A reservoirpy ``Reservoir`` that has its weights, linear or not, without an answer.

    Raises
    ------
    ValueError : for a node that was not run yet, or that steps by another rule than the Reservoir of reservoirpy
        0.4; it is compared with 10 steps of ``run`` on a copy.
    """
    name = f"{type(node).__name__} {getattr(node, 'name', None) or ''}".strip()
    probe = np.linspace(-2.0, 2.0, 9)
    W, Win, bias, rate = node_weights(node)
    if np.array_equal(np.asarray(node.activation(probe)), probe) and not bias.any():
        return system_model(*linear_system(node), name=name, kind="reservoir")
    model = _leaky(W, Win, bias, rate, activation_name(node), node.activation, name)
    check_node_step(
        node,
        lambda x, u: model.step(x[None], u[None])[0],
        Win.shape[1],
        f"x <- (1 - lr) x + lr f(W x + Win u + bias), {_ELSE}",
    )
    return model


def _leaky(
    W: Float[np.ndarray, "n n"],
    Win: Float[np.ndarray, "n d"],
    bias: Float[np.ndarray, "n"],
    rate: Float[np.ndarray, "n"],
    activation: str,
    function: Any,
    name: str,
) -> StateModel:
    """``x <- (1 - a) x + a f(W x + Win u + b)`` with f of one entry at a time."""
    slope = _SLOPES.get(activation)

    def step(x: np.ndarray, u: np.ndarray) -> np.ndarray:
        drive = x @ W.T + u @ Win.T + bias
        after = np.stack([np.asarray(function(row), dtype=np.float64) for row in drive]) if slope is None else None
        return (1.0 - rate) * x + rate * (np.asarray(function(drive), dtype=np.float64) if after is None else after)

    def jacobian(x: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        s = rate * _SLOPES[activation](W @ x + Win @ u + bias)
        return np.diag(1.0 - rate) + s[:, None] * W, s[:, None] * Win

    return StateModel(name, len(W), Win.shape[1], step, kind="reservoir", jacobian=None if slope is None else jacobian)
