"""The input that a network is driven with, and the states it leaves: one sample for all measurements of a report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.analysis.entry import on_host
from linmem.analysis.halves import Halves, halves
from linmem.checks import check_array, check_choice, check_generator, check_integer

if TYPE_CHECKING:
    from linmem.analysis.model import StateModel

LAWS = ("uniform01", "normal", "rademacher")
_RELATIVE_THRESHOLD = 0.12  # 0.03 of the constant answer's 0.25 for uniform numbers in [0, 1]
_DISCRETE = 100  # so few different values in a series are taken as a discrete law
_DIVERGED = 1e100
_SMALL = 256  # states up to which a step of many pieces costs no more than one of few
_LAGS = 20  # lags at which a series is tested for correlation


@dataclass(frozen=True, eq=False)
class Drive:
    """An input series and what is known of its law.

    Attributes
    ----------
    name : "uniform01", "normal", "rademacher" or "array".
    values : (T, d) the series, oldest first.
    discrete : whether it takes few values only: limits that rest on continuity do not apply then.
    correlated : whether it is correlated in time or between channels: limits that rest on white input do not apply.
    centre, constant_error : median, and mean absolute error of the best constant answer, of each step's law.
    """

    name: str
    values: Float[np.ndarray, "T d"]
    discrete: bool
    correlated: bool
    centre: float
    constant_error: float

    @property
    def threshold(self) -> float:
        """Mean absolute error below which an input counts as recalled: 12 % of the constant answer's (0.03 of 0.25)."""
        return _RELATIVE_THRESHOLD * self.constant_error

    @property
    def operating_point(self) -> Float[np.ndarray, "d"]:
        """The mean of each channel: where the network is linearised."""
        means = {"uniform01": 0.5, "normal": 0.0, "rademacher": 0.0}
        return np.full(self.values.shape[1], means[self.name]) if self.name in means else self.values.mean(axis=0)


def draw_drive(inputs: str | ArrayLike, steps: int, channels: int, rng: np.random.Generator | int) -> Drive:
    """A series of independent numbers of a law, or the series that the caller passes.

    Parameters
    ----------
    inputs : "uniform01" (on [0, 1]), "normal" (0, 1), "rademacher" (-1 or 1), or an array (T,) or (T, d).
    steps : number of steps T of a law; at least so many are needed of an array, of which the last ``steps`` are taken.
    channels : d.
    rng : seed or generator.

    Raises
    ------
    ValueError : for another law, an array that is too short, has the wrong number of channels, or is constant.

    >>> drive = draw_drive("uniform01", 1000, 1, rng=0)
    >>> drive.values.shape, drive.threshold
    ((1000, 1), 0.03)
    """
    T, d = check_integer("steps", steps, minimum=2 * _LAGS), check_integer("channels", channels, minimum=1)
    generator = check_generator("rng", rng)
    if isinstance(inputs, str):
        name = check_choice("inputs", inputs, LAWS)
        if name == "uniform01":
            return Drive(name, generator.random((T, d)), False, False, 0.5, 0.25)
        if name == "normal":
            return Drive(name, generator.standard_normal((T, d)), False, False, 0.0, math.sqrt(2 / math.pi))
        return Drive(name, generator.choice([-1.0, 1.0], size=(T, d)), True, False, 0.0, 1.0)
    if inputs is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise TypeError(f"inputs must be one of {', '.join(map(repr, LAWS))} or a series, got None; leave it out")
    x = check_array("inputs", cast(ArrayLike, on_host(inputs)))
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or x.shape[1] != d:
        raise ValueError(
            f"inputs must have shape (T,{f' {d}' if d > 1 else ''}) for a network of {d} input(s), got {x.shape}; "
            "put time in rows"
        )
    if len(x) < T:
        raise ValueError(
            f"inputs must have at least {T} steps for this network, got {len(x)}; pass a longer series or a law, "
            "e.g. inputs='uniform01'"
        )
    x = x[-T:]
    if not (np.ptp(x, axis=0) > 0).all():
        raise ValueError(
            "every channel of inputs must vary, got a constant one; leave it out of the network or vary it"
        )
    centre = float(np.median(x))
    constant = float(np.abs(x - np.median(x, axis=0)).mean())
    if constant == 0:
        raise ValueError("inputs must not equal one value half of the time, got that; pass a series that varies more")
    few = any(len(np.unique(column)) <= _DISCRETE for column in x.T)
    return Drive("array", x, few, _correlated(x), centre, constant)


def _correlated(x: Float[np.ndarray, "T d"]) -> bool:
    """Whether a correlation between channels at one step, or at lags up to 20, exceeds six standard errors."""
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    limit = 6 / math.sqrt(len(z))
    for lag in range(_LAGS + 1):
        R = np.abs(z[lag:].T @ z[: len(z) - lag]) / len(z)
        if lag == 0:
            np.fill_diagonal(R, 0.0)
        if R.max() > limit:
            return True
    return False


@dataclass(frozen=True, eq=False)
class Sample:
    """States of a network on a series, in the order of time.

    Attributes
    ----------
    drive : the input, with ``washout`` steps before the first state.
    washout : number of those steps.
    states : (T, n) row t is the state after input ``washout + t`` was read.
    answers : (T,) the network's own answer after each step; None if it has none.
    forgetting : root mean square difference between the states that two different pasts leave after ``washout`` steps
        of the same input, relative to the standard deviation of the states.
    """

    drive: Drive
    washout: int
    states: Float[np.ndarray, "T n"]
    answers: Float[np.ndarray, "T"] | None
    forgetting: float

    @cached_property
    def halves(self) -> Halves:
        """The states in two factorised halves, computed once."""
        return halves(self.states)

    def channel(self, i: int) -> Float[np.ndarray, "T"]:
        """Input of channel i, one number for each state."""
        return self.drive.values[self.washout :, i]

    def lagged(self, i: int, lag: int) -> Float[np.ndarray, "T"]:
        """Input of channel i, ``lag <= washout`` steps before each state."""
        end = len(self.drive.values) - lag
        return self.drive.values[self.washout - lag : end, i]


def sample_states(model: StateModel, drive: Drive, washout: int, chunks: int | None = None) -> Sample:
    """States on the series of a drive, computed in ``chunks`` parallel pieces; default 64, above 256 states 16.

    Each piece starts from the network's initial state ``washout`` steps before its own part of the series, so that
    every state has read at least ``washout`` inputs, and states at the joins are computed twice, from two pasts: that
    is what ``forgetting`` compares.

    Raises
    ------
    ValueError : if the states are not finite, or grow without limit.

    Cost: ``washout + T / chunks`` steps of a batch of ``chunks``; memory T n numbers.
    """
    rows = len(drive.values) - washout
    if chunks is None:  # each piece costs a warm-up; small networks cost less by the step than numpy does
        chunks = 64 if model.state_size <= _SMALL else 16
    L = -(-rows // chunks)
    starts = np.minimum(np.arange(chunks) * L, rows - L)
    states, answers = np.empty((rows, model.state_size)), np.empty(rows)
    state = np.tile(np.asarray(model.initial, dtype=np.float64), (chunks, 1))
    fresh = state
    for t in range(washout + L):
        with np.errstate(over="ignore", invalid="ignore"):
            state = np.asarray(model.step(state, drive.values[starts + t]), dtype=np.float64)
        if t == washout - 1:
            fresh = state
        if t >= washout:
            states[starts + t - washout] = state
            if model.answer is not None:
                answers[starts + t - washout] = model.answer(state)
    largest = float(np.abs(states).max())
    if not largest < _DIVERGED:
        raise ValueError(
            f"the states must stay below {_DIVERGED:g}, got {largest:g}: the network diverges on this input; "
            "lower its spectral radius or the size of the input"
        )
    joined = (starts[:-1] + L == starts[1:]) & (washout > 0)
    spread = states.std(axis=0)
    scale = float(np.sqrt(np.mean(spread**2))) or 1.0
    apart = (state[:-1] - fresh[1:])[joined]
    gap = float(np.sqrt(np.mean(apart**2))) / scale if apart.size else 0.0
    return Sample(drive, washout, states, None if model.answer is None else answers, gap)
