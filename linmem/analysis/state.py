"""A network as a state map: one step, one answer, and what its states are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer

Step = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(batch, n) states and (batch, d) inputs to (batch, n) states, float64."""
Answer = Callable[[np.ndarray], np.ndarray]
"""(batch, n) states to (batch,) answers, float64."""
Jacobian = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""State (n,) and input (d,) to the derivatives of the step there: (n, n) by the state, (n, d) by the input."""
Gradient = Callable[[np.ndarray], np.ndarray]
"""State (n,) to the derivatives (n,) of the answer there."""


@dataclass(frozen=True, eq=False)
class StateModel:
    """``x_t = step(x_{t-1}, u_t)``, ``y_t = answer(x_t)``: any network, with n state variables and d inputs.

    The state holds everything that is carried from one step to the next, and the answer is read after the input.
    :func:`linmem.analysis.state_model` makes one of torch modules, reservoirs, and linear systems. For another network
    build it directly; everything but ``name``, ``state_size``, ``input_size`` and ``step`` may be left out.

    Attributes
    ----------
    name : what a report calls the network.
    state_size : n, number of state variables (N in Illium, M in Charles, m in Li).
    input_size : d, number of inputs.
    step : (batch, n) states before, (batch, d) inputs to (batch, n) states after, float64; a function of these two
        alone.
    kind : "rnn", "lstm", "gru", "system", "reservoir", "module" or another word.
    layers, cells : layers of a stack and cells in each; None if it has none.
    links : "same-step" or "delayed", how layers read each other; None if there is one layer, or none.
    parameters : number of trainable numbers; None if unknown.
    answer : (batch, n) states to (batch,) answers; None if the network gives none.
    initial : (n,) state before the first input; zero unless given.
    linear : whether step is linear in (x, u).
    labels : n names of the states, such as "h1[3]" (output of cell 3 of layer 1) or "s2[0]" (cell state); layers
        count from 1, cells from 0.
    jacobian : derivatives of the step at a state and an input, exact up to rounding; None: by finite differences.
    gradient : derivatives of the answer at a state; None: finite differences.

    Raises
    ------
    ValueError, TypeError : if the sizes do not agree or ``step`` cannot be called.

    >>> decay = StateModel("decay", 1, 1, lambda x, u: 0.5 * x + u)
    >>> decay.run([1.0, 0.0, 0.0]).ravel().tolist()
    [1.0, 0.5, 0.25]
    """

    name: str
    state_size: int
    input_size: int
    step: Step
    kind: str = "map"
    layers: int | None = None
    cells: int | None = None
    links: str | None = None
    parameters: int | None = None
    answer: Answer | None = None
    initial: Float[np.ndarray, "n"] = field(default_factory=lambda: np.zeros(0))
    linear: bool = False
    labels: tuple[str, ...] = ()
    jacobian: Jacobian | None = field(default=None, repr=False)
    gradient: Gradient | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        n = check_integer("state_size", self.state_size, minimum=1)
        check_integer("input_size", self.input_size, minimum=1)
        for name, function in (("step", self.step), ("answer", self.answer)):
            if not callable(function) and not (name == "answer" and function is None):
                raise TypeError(f"{name} must be a function of arrays, got {type(function).__name__}; pass a callable")
        if np.size(self.initial) == 0:
            object.__setattr__(self, "initial", np.zeros(n))
        start = np.array(check_array("initial", self.initial, shape=(n,)))
        start.setflags(write=False)
        object.__setattr__(self, "initial", start)
        if not self.labels:
            object.__setattr__(self, "labels", tuple(f"x[{i}]" for i in range(n)))
        if len(self.labels) != n:
            raise ValueError(f"labels must hold {n} names, one for each state, got {len(self.labels)}; add the others")

    def run(
        self, inputs: ArrayLike, initial: ArrayLike | None = None
    ) -> Float[np.ndarray, "T n"] | Float[np.ndarray, "batch T n"]:
        """States after each input.

        Parameters
        ----------
        inputs : (T, d), or (T,) for one input; or (batch, T, d): many series, each from the start. Oldest first.
        initial : (n,) or (batch, n) state before the first input; default ``self.initial``.

        Returns
        -------
        (T, n), or (batch, T, n).

        Raises
        ------
        ValueError : for another shape, or states that are not finite.

        Cost: T calls of ``step``; many series at once cost little more than one.

        >>> total = StateModel("sum", 1, 2, lambda x, u: x + u.sum(axis=1, keepdims=True))
        >>> total.run(np.ones((2, 3, 2)))[:, -1].tolist()
        [[6.0], [6.0]]
        """
        n, d = self.state_size, self.input_size
        given = check_array("inputs", inputs)
        series = given[:, None] if given.ndim == 1 and d == 1 else given
        if series.ndim not in (2, 3) or series.shape[-1] != d or 0 in series.shape:
            raise ValueError(
                f"inputs must have shape (timesteps, {d}) or (batch, timesteps, {d}), none of them 0, "
                f"got {given.shape}; the last axis holds the {d} input(s) of {self.name}"
            )
        many = series if series.ndim == 3 else series[None]
        start = self.initial if initial is None else check_array("initial", initial)
        if start.shape not in ((n,), (len(many), n)):
            raise ValueError(f"initial must have shape ({n},) or ({len(many)}, {n}), got {start.shape}; pass one state")
        x = np.array(np.broadcast_to(start, (len(many), n)))
        states = np.empty((*many.shape[:2], n))
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(many.shape[1]):
                x = self.step(x, many[:, t])
                if x.shape != (len(many), n):
                    raise ValueError(
                        f"step must return states of shape ({len(many)}, {n}), got {x.shape}; keep one row a series"
                    )
                states[:, t] = x
        if not np.isfinite(states).all():
            row = int(np.argwhere(~np.isfinite(states))[0][1])
            raise ValueError(f"the states must be finite, got NaN or infinity at step {row}; is {self.name} unstable?")
        return states if series.ndim == 3 else states[0]

    def answers(self, states: ArrayLike) -> Float[np.ndarray, "..."]:
        """Answers at states (.., n), with the axes before the last kept.

        Raises
        ------
        ValueError : if the network gives no answer; the message says how to give it one.

        >>> StateModel("id", 1, 1, lambda x, u: u, answer=lambda x: 2 * x[:, 0]).answers([[[1.0], [3.0]]]).tolist()
        [[2.0, 6.0]]
        """
        if self.answer is None:
            raise ValueError(f"{self.name} gives no answer; pass readout= (a vector of {self.state_size} numbers)")
        x = check_array("states", states)
        if x.ndim == 0 or x.shape[-1] != self.state_size:
            raise ValueError(f"states must have {self.state_size} entries in the last axis, got shape {x.shape}")
        return self.answer(x.reshape(-1, self.state_size)).reshape(x.shape[:-1])
