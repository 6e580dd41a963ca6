"""The linearisation of a network at the fixed point that a constant input leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike

from linmem.analysis.model import state_model
from linmem.analysis.state import StateModel
from linmem.capacity.linear import exact_curve
from linmem.capacity.result import MemoryCurve
from linmem.checks import check_array, check_integer, check_positive
from linmem.citations import cites

_WIDTH = 2.0**-11  # of finite differences: (w h)^4 from truncation, 2^-52/h from rounding, w the size of the weights
_DISAGREE = 1e-3
_NEWTON = 50
_LARGE = 1e4


@dataclass(frozen=True, eq=False)
class Linearisation:
    """``dx_t = A dx_{t-1} + B du_t``, ``dy_t = c . dx_t``: small deviations from a fixed point x* = step(x*, u*).

    Attributes
    ----------
    A : (n, n) derivatives of the step by the state.
    B : (n, d) derivatives by the input.
    c : (n,) derivatives of the answer by the state; None for a network without an answer.
    input : (d,) u*.
    state : (n,) x*.
    residual : largest entry of |step(x*, u*) - x*|.
    jacobian_error : largest difference of A and B from finite differences (central, one Richardson step), over the
        largest entry. For a model without exact derivatives A and B are the finite differences, and this is what the
        Richardson step changed.
    eigenvalues : (n,) of A.
    name, labels : of the network and its states.
    """

    A: Float[np.ndarray, "n n"]
    B: Float[np.ndarray, "n d"]
    c: Float[np.ndarray, "n"] | None
    input: Float[np.ndarray, "d"]
    state: Float[np.ndarray, "n"]
    residual: float
    jacobian_error: float
    eigenvalues: Complex[np.ndarray, "n"]
    name: str
    labels: tuple[str, ...]

    @property
    def radius(self) -> float:
        """Spectral radius of A as computed."""
        return float(np.abs(self.eigenvalues).max())

    @property
    def stable(self) -> bool:
        """Whether deviations die out: radius < 1 - n 2^-52, as rounding cannot tell more."""
        return self.radius < 1.0 - len(self.A) * 2.0**-52

    def kernel(self, count: int) -> Float[np.ndarray, "count"] | Float[np.ndarray, "count d"]:
        """``c^T A^k B`` for k = 0, .., count - 1: how the answer changes with the input k steps before.

        Returns
        -------
        (count,) for one input, (count, d) for several.

        Raises
        ------
        ValueError : for a network without an answer.

        Cost: count products with A.

        >>> linearise(([[0.5]], [1.0], [2.0])).kernel(3).tolist()
        [2.0, 1.0, 0.5]
        """
        steps = check_integer("count", count, minimum=1)
        if self.c is None:
            raise ValueError(
                f"a kernel needs an answer, and {self.name} gives none; pass readout= to linearise, a vector of "
                f"{len(self.A)} numbers"
            )
        rows, found = self.c, np.empty((steps, self.B.shape[1]))
        for k in range(steps):
            found[k] = rows @ self.B
            rows = rows @ self.A
        return found[:, 0] if found.shape[1] == 1 else found

    def memory_curve(self, max_lag: int) -> MemoryCurve:
        """Exact memory of the linear network (A, B), for one input: :func:`linmem.capacity.linear.exact_curve`.

        Raises
        ------
        ValueError : for several inputs, or a spectral radius of 1 or more.

        >>> linearise(([[0.5]], [1.0])).memory_curve(2).values.tolist()
        [0.75, 0.1875, 0.046875]
        """
        return exact_curve(self.A, self.B, max_lag)


@cites("linmem", "linearisation at the fixed point of a constant input")
def linearise(
    model: object,
    operating_point: ArrayLike = 0.5,
    *,
    readout: object = None,
    steps: int = 2000,
    tol: float = 1e-10,
) -> Linearisation:
    """A, B and c of a network where a constant input has led it.

    The network runs under the constant input from its initial state until a step moves it by less than ``tol``, or
    ``steps`` times; Newton's method takes it from there. The derivatives are those of one whole step of all layers,
    so that links of the same step are part of A and B. They come from closed formulas (stacks, reservoirs, systems) or
    from torch's automatic differentiation (other modules), and are checked against finite differences.

    Parameters
    ----------
    model, readout : as in :func:`linmem.analysis.state_model`.
    operating_point : u*, a number or (d,); 0.5 is the mean of inputs on [0, 1].
    steps : steps before Newton's method takes over, >= 1.
    tol : largest residual |step(x) - x| of what counts as a fixed point, relative to |x| where that lies in 1 .. 10^4.

    Raises
    ------
    ValueError : if no fixed point is found; if the derivatives disagree with finite differences (a kink of relu at the
        fixed point). A fixed point that is not stable is no error: ``stable`` says so. Where deviations grow, another
        initial state may lead to another fixed point; the one found is the one nearest to where the run had ended.

    Cost: the run; 4 (n + d) steps, done at once, for the check; the eigenvalues of A, 10 n^3 flops.

    >>> import torch
    >>> found = linearise(torch.nn.LSTM(1, 3))
    >>> found.A.shape, found.B.shape, found.stable, found.residual < 1e-10, found.jacobian_error < 1e-6
    ((6, 6), (6, 1), True, True, True)
    """
    network = state_model(model, readout=readout)
    n, d = network.state_size, network.input_size
    point = check_array("operating_point", operating_point)
    u = np.full(d, point) if point.ndim == 0 else check_array("operating_point", point, shape=(d,))
    limit = check_positive("tol", tol)
    x = _fixed_point(network, u, check_integer("steps", steps, minimum=1), limit)
    by_differences, change = _differences(lambda both: network.step(both[:, :n], both[:, n:]), np.concatenate([x, u]))
    slopes, error = by_differences, change
    if network.jacobian is not None:
        slopes = np.concatenate(network.jacobian(x, u), axis=1)
        error = _relative(slopes, by_differences)
    if not error <= _DISAGREE:
        raise ValueError(
            f"the step of {network.name} must have derivatives at its fixed point, but those by formula and by "
            f"differences disagree by {error:.1g} of the largest; choose another operating_point (a relu has a kink), "
            "or check the jacobian of your StateModel"
        )
    A = np.array(slopes[:, :n], dtype=np.float64)
    return Linearisation(
        A,
        np.array(slopes[:, n:], dtype=np.float64),
        _gradient(network, x),
        u,
        x,
        float(np.abs(_residual(network, x, u)).max()),
        error,
        np.linalg.eigvals(A).astype(np.complex128),
        network.name,
        network.labels,
    )


def _size(x: Float[np.ndarray, "n"]) -> float:
    """What residuals are relative to; a state that runs off to infinity comes no nearer to a fixed point by that."""
    return float(np.clip(np.abs(x).max(), 1.0, _LARGE))


def _residual(model: StateModel, x: Float[np.ndarray, "n"], u: Float[np.ndarray, "d"]) -> Float[np.ndarray, "n"]:
    """step(x, u) - x."""
    return model.step(x[None], u[None])[0] - x


def _jacobian(model: StateModel, x: Float[np.ndarray, "n"], u: Float[np.ndarray, "d"]) -> Float[np.ndarray, "n n"]:
    """Derivatives of the step by the state."""
    if model.jacobian is not None:
        return model.jacobian(x, u)[0]
    return _differences(lambda many: model.step(many, np.tile(u, (len(many), 1))), x)[0]


def _fixed_point(model: StateModel, u: Float[np.ndarray, "d"], steps: int, tol: float) -> Float[np.ndarray, "n"]:
    """A state that the step leaves where it is."""
    x, total, count = np.array(model.initial), np.zeros(model.state_size), 0
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(0 if model.linear else steps):
            change = _residual(model, x, u)
            if not np.isfinite(change).all():
                x = np.array(model.initial)
                break
            if np.abs(change).max() <= 0.1 * tol * _size(x):
                break
            x = x + change
            if 2 * k >= steps:
                total, count = total + x, count + 1
    best, error = x, np.inf
    for start in (x, total / max(count, 1)):
        found = _newton(model, start, u)
        move = float(np.abs(_residual(model, found, u)).max()) / _size(found)
        if move < error:
            best, error = found, move
        if error <= tol:
            return best
    if model.linear and model.jacobian is not None:
        return np.zeros(model.state_size)  # no fixed point (an eigenvalue 1); A and B are the same everywhere
    raise ValueError(
        f"no fixed point of {model.name} was found for the constant input {u.tolist()}: the best state moves by "
        f"{error:.2g}; choose another operating_point, lower the recurrent weights, or raise steps or tol"
    )


def _newton(model: StateModel, x: Float[np.ndarray, "n"], u: Float[np.ndarray, "d"]) -> Float[np.ndarray, "n"]:
    """Newton's method for step(x) = x with halved steps where a whole one does not help."""
    change, identity = _residual(model, x, u), np.eye(len(x))
    for _ in range(_NEWTON):
        size = float(np.abs(change).max())
        if size <= 2.0**-52 * _size(x):
            break
        try:
            move = np.linalg.solve(identity - _jacobian(model, x, u), change)
        except np.linalg.LinAlgError:
            break
        for halvings in range(20):
            tried = x + move * 0.5**halvings
            after = _residual(model, tried, u)
            if np.abs(after).max() < size:
                x, change = tried, after
                break
        else:
            break
    return x


def _gradient(model: StateModel, x: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"] | None:
    """Derivatives of the answer at x."""
    if model.answer is None:
        return None
    if model.gradient is not None:
        return np.array(model.gradient(x), dtype=np.float64)
    answer = model.answer
    return _differences(lambda many: answer(many)[:, None], x)[0][0]


def _differences(
    function: Callable[[np.ndarray], np.ndarray], point: Float[np.ndarray, "k"]
) -> tuple[Float[np.ndarray, "m k"], float]:
    """Derivatives of a function of rows by central differences with one Richardson step, and what this step changed.

    ``(4 D(h/2) - D(h)) / 3`` with ``D(h) = (f(x + h e) - f(x - h e)) / 2h``; h = 2^-11 max(1, |x|), entry by entry.
    """
    width = _WIDTH * np.maximum(1.0, np.abs(point))

    def central(h: Float[np.ndarray, "k"]) -> Float[np.ndarray, "m k"]:
        shift = np.diag(h)
        return ((function(point + shift) - function(point - shift)) / (2 * h[:, None])).T

    wide, narrow = central(width), central(width / 2)
    found = (4.0 * narrow - wide) / 3.0
    return found, _relative(found, narrow)


def _relative(found: Float[np.ndarray, "m k"], other: Float[np.ndarray, "m k"]) -> float:
    """Largest difference over the largest entry; 0 if both are zero."""
    size = float(np.abs(found).max())
    error = float(np.abs(found - other).max())
    return error / size if size > 0 else error
