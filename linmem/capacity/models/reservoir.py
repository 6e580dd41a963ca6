"""A tanh reservoir: the standard nonlinear network of reservoir computing, with leak and bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.capacity.linear import check_system
from linmem.checks import check_array
from linmem.citations import cites


def input_columns(inputs: ArrayLike, d: int | None = None) -> Float[np.ndarray, "T d"]:
    """A series as float64 (T, d): a scalar series (T,) becomes one column.

    A torch tensor is taken from any device, without its gradient. ValueError if there are not d columns.

    >>> input_columns([1.0, 2.0]).shape
    (2, 1)
    """
    if callable(getattr(inputs, "detach", None)):
        tensor: Any = inputs
        inputs = tensor.detach().cpu().double().numpy()
    series = check_array("inputs", inputs)
    series = series[:, None] if series.ndim == 1 else series
    if series.ndim != 2 or 0 in series.shape:
        raise ValueError(
            f"inputs must have shape (timesteps,) or (timesteps, features), none of them 0, got {np.shape(inputs)}; "
            "pass one series, oldest step first"
        )
    if d is not None and series.shape[1] != d:
        raise ValueError(
            f"inputs must have {d} feature(s), as the model was built for, got {series.shape[1]}; "
            "pass one column for each input of the model"
        )
    return series


@cites("jaeger2001", "Equation (1)")
@dataclass(frozen=True, init=False, eq=False)
class TanhReservoir:
    """``x_t = (1 - a) x_{t-1} + a tanh(A x_{t-1} + C z_t + b)``, x = 0 before the first input.

    Parameters
    ----------
    A : (N, N) recurrent weights; any spectral radius.
    C : (N,) or (N, d) input weights, kept as (N, d).
    bias : b, a number or (N,).
    leak : a in (0, 1], a number or (N,); 1 is the network of Jaeger.

    Raises
    ------
    ValueError : for wrong shapes, entries that are not finite, C all zero, or a leak outside (0, 1].

    The arrays are copies and read-only.

    >>> reservoir = TanhReservoir([[0.5, 0.0], [1.0, 0.0]], [1.0, 0.0])
    >>> reservoir.run([1.0, 0.0]).round(6).tolist()
    [[0.761594, 0.0], [0.363399, 0.642015]]
    """

    A: Float[np.ndarray, "N N"]
    C: Float[np.ndarray, "N d"]
    bias: Float[np.ndarray, "N"]
    leak: Float[np.ndarray, "N"]

    def __init__(self, A: ArrayLike, C: ArrayLike, bias: ArrayLike = 0.0, leak: ArrayLike = 1.0) -> None:
        recurrent, mask = check_system(A, C, stable=False, inputs="many")
        arrays = {"A": recurrent, "C": mask}
        for name, value in (("bias", bias), ("leak", leak)):
            entry = check_array(name, value)
            arrays[name] = np.full(len(recurrent), entry) if entry.ndim == 0 else entry
            check_array(name, arrays[name], shape=(len(recurrent),))
        if not ((arrays["leak"] > 0) & (arrays["leak"] <= 1)).all():
            raise ValueError(f"leak must lie in (0, 1], got {leak!r}; pass 1 for a network without leak")
        for name, array in arrays.items():
            array = np.array(array)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def state_size(self) -> int:
        """Number of states N."""
        return len(self.A)

    @property
    def inputs(self) -> int:
        """Number of inputs d."""
        return self.C.shape[1]

    def run(self, inputs: ArrayLike, start: ArrayLike | None = None) -> Float[np.ndarray, "T N"]:
        """States after each input row.

        Parameters
        ----------
        inputs : (T,) or (T, d), oldest first.
        start : (N,) state before the first input; zero unless given.

        Cost: T products with A.
        """
        series = input_columns(inputs, self.inputs)
        N, a, kept = self.state_size, self.leak, 1.0 - self.leak
        x = np.zeros(N) if start is None else check_array("start", start, shape=(N,))
        states = series @ self.C.T + self.bias
        for row in states:
            row += self.A @ x
            np.tanh(row, out=row)
            if kept.any():
                row *= a
                row += kept * x
            x = row
        return states
