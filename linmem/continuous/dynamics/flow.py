"""Gradient flow d theta/dt = -grad J(theta) around an exact fit, and the times at which it reaches something.

The flow is stiff (amplitudes relax in O(1), the plateau lasts e^{2 w/omega}), so it is integrated by an implicit
Runge-Kutta method (Radau IIA, order 5) with the exact Hessian, in deviation variables and in units of time
1/|grad J(start)|^2. Along a gradient flow int_0^t |grad J|^2 = J(0) - J(t): the left side is integrated with the state,
and the difference is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from linmem.checks import check_array, check_positive
from linmem.citations import cites
from linmem.continuous.dynamics.deviation import DeviationLoss

ACCURACY = 1e-2  # a hitting time or an energy balance that is relatively less certain than this is refused


class FlowAccuracyError(RuntimeError):
    """The integration could not keep its accuracy; the message says where it stopped and what to change."""


@dataclass(frozen=True)
class Displacement:
    """Event: |theta(t) - theta(0)| reaches `delta` (Euclidean norm over all amplitudes and rates)."""

    delta: float

    def __post_init__(self) -> None:
        check_positive("delta", self.delta)


@dataclass(frozen=True)
class LossDrop:
    """Event: J(theta(0)) - J(theta(t)) reaches `fraction` * J(theta(0)), 0 < fraction < 1."""

    fraction: float

    def __post_init__(self) -> None:
        if check_positive("fraction", self.fraction) >= 1:
            raise ValueError(f"fraction must be < 1, got {self.fraction!r}; pass a share of the initial loss")


@dataclass(frozen=True)
class HittingTime:
    """When an event happened: `time` +- `error`; time is inf and `reached` False if it did not before the run ended."""

    event: Displacement | LossDrop
    time: float
    error: float
    reached: bool


@dataclass(frozen=True)
class Trajectory:
    """States of a gradient flow.

    times : shape (T,). deviations : shape (T, 2n), theta - theta_0 = (da, dw).
    drops : shape (T,), J(theta(0)) - J(theta(t)). dissipated : shape (T,), int_0^t |grad J|^2, equal to drops if exact
    (a state that rests at a minimum for very long accumulates |rounding noise|^2 t here).
    """

    times: Float[np.ndarray, "T"]
    deviations: Float[np.ndarray, "T p"]
    drops: Float[np.ndarray, "T"]
    dissipated: Float[np.ndarray, "T"]

    @property
    def energy_defect(self) -> float:
        """max over t of |dissipated - drop| / max(drop): an error estimate of the integration."""
        largest = float(np.abs(self.drops).max())
        return float(np.abs(self.dissipated - self.drops).max()) / largest if largest else 0.0


@cites("li2021", "Section 4")
def gradient_flow(
    problem: DeviationLoss, times: ArrayLike, start: ArrayLike | None = None, relative_tolerance: float = 1e-8
) -> Trajectory:
    """States of d theta/dt = -grad J at the given times.

    Parameters
    ----------
    problem : the loss around an exact fit.
    times : shape (T,), >= 0, strictly increasing.
    start : theta(0) - theta_0, shape (2n,); None is the exact fit itself.
    relative_tolerance : local error of the solver; absolute errors are kept below 1e-3 of it times |grad J(start)|.

    Raises ValueError for times that do not increase, FlowAccuracyError when the solver gives up. How well the energy
    balance holds is the trajectory's `energy_defect`. Cost: some hundred steps, each a few evaluations of the gradient
    and one of the Hessian, 0.1 ms each for two neurons.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(centre=6.0))
    >>> flow = gradient_flow(problem, [0.0, 1.0, 10.0])
    >>> bool(np.all(np.diff(flow.drops) > 0)), flow.energy_defect < 1e-5
    (True, True)
    """
    points = check_array("times", times, ndim=1)
    if not points.size or points[0] < 0 or np.any(np.diff(points) <= 0):
        raise ValueError(f"times must be >= 0 and strictly increasing, got {points.tolist()[:5]}...; sort them")
    origin = _start(problem, start)
    if points[-1] == 0:
        return Trajectory(points, origin[None, :], np.zeros(1), np.zeros(1))
    check_positive("relative_tolerance", relative_tolerance)
    solution = _integrate(problem, origin, float(points[-1]), relative_tolerance, (), points)
    return _trajectory(problem, origin, solution)


@cites("li2021", "Theorem 4.1")
def hitting_times(
    problem: DeviationLoss,
    events: tuple[Displacement | LossDrop, ...],
    end_time: float = 1e30,
    start: ArrayLike | None = None,
    relative_tolerance: float = 1e-5,
) -> tuple[HittingTime, ...]:
    """First times at which the gradient flow meets each event, with an error estimate.

    The flow is integrated at `relative_tolerance` and at a hundredth of it; the time of the finer run is returned, its
    error estimate is the difference of the two. The run ends when all events have happened, or at `end_time`.

    Raises FlowAccuracyError when a solver gives up before the last event, when the two runs differ by more than 1 %, or
    when the energy balance of the finer run is off by more than 1 %. Parameters as in `gradient_flow`.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(centre=10.0))
    >>> [hit] = hitting_times(problem, (Displacement(0.1),))
    >>> hit.reached, round(hit.time, 2), hit.error < 1e-3
    (True, 3.5, True)
    """
    if not events:
        raise ValueError("events must hold a Displacement or LossDrop, got none; pass e.g. (Displacement(0.1),)")
    for event in cast(tuple[object, ...], events):
        if not isinstance(event, Displacement | LossDrop):
            raise TypeError(f"events must be Displacement or LossDrop, got {type(event).__name__}; build one of them")
    check_positive("end_time", end_time)
    check_positive("relative_tolerance", relative_tolerance)
    origin = _start(problem, start)
    coarse, fine = (
        _integrate(problem, origin, end_time, tolerance, events, None)
        for tolerance in (relative_tolerance, relative_tolerance / 100)
    )
    defect = _trajectory(problem, origin, fine).energy_defect
    if defect > ACCURACY and not all(np.isinf(fine.hits)):  # a state at rest dissipates rounding noise until end_time
        raise FlowAccuracyError(f"the energy balance is off by {defect:.1e}; lower relative_tolerance or end_time")
    return tuple(_compare(event, coarse, fine, i) for i, event in enumerate(events))


@dataclass(frozen=True)
class _Solution:
    times: Float[np.ndarray, "T"]
    states: Float[np.ndarray, "T q"]
    hits: tuple[float, ...]


def _start(problem: DeviationLoss, start: ArrayLike | None) -> Float[np.ndarray, "p"]:
    origin = np.zeros(2 * problem.size) if start is None else check_array("start", start, shape=(2 * problem.size,))
    problem.parameters(origin)
    return origin


def _trajectory(problem: DeviationLoss, origin: Float[np.ndarray, "p"], solution: _Solution) -> Trajectory:
    base = problem.drop(origin)
    states = solution.states[:, :-1]
    drops = np.array([problem.drop(state) - base for state in states])
    return Trajectory(solution.times, states, drops, solution.states[:, -1])


def _compare(event: Displacement | LossDrop, coarse: _Solution, fine: _Solution, index: int) -> HittingTime:
    first, second = coarse.hits[index], fine.hits[index]
    if np.isinf(first) and np.isinf(second):
        return HittingTime(event, np.inf, 0.0, reached=False)
    error = abs(first - second)
    if not error <= ACCURACY * second:
        raise FlowAccuracyError(
            f"{event} is met at {first:.6g} with the coarse tolerance and at {second:.6g} with the fine one; "
            "lower relative_tolerance"
        )
    return HittingTime(event, second, error, reached=True)


def _integrate(
    problem: DeviationLoss,
    origin: Float[np.ndarray, "p"],
    end_time: float,
    tolerance: float,
    events: tuple[Displacement | LossDrop, ...],
    points: Float[np.ndarray, "T"] | None,
) -> _Solution:
    """Radau on the state (d, int |grad J|^2) in the time t/scale, scale = 1/|grad J(start)|^2."""
    first = problem.gradient(origin)
    steepness = float(np.linalg.norm(first))
    if steepness == 0:
        times = np.array([0.0, end_time]) if points is None else points
        states = np.tile(np.append(origin, 0.0), (times.size, 1))
        return _Solution(times, states, tuple(np.inf for _ in events))
    scale = steepness**-2
    base, target = problem.drop(origin), problem.start_loss - problem.drop(origin)
    outside = np.full(origin.size + 1, np.nan)  # Radau shortens the step when it meets NaN
    positive = np.array(problem.fit.rates)

    def velocity(_: float, state: np.ndarray) -> np.ndarray:
        if not np.all(positive + state[problem.size : -1] > 0):
            return outside
        gradient = problem.gradient(state[:-1])
        return scale * np.append(-gradient, gradient @ gradient)

    def jacobian(_: float, state: np.ndarray) -> np.ndarray:
        hessian = problem.hessian(state[:-1])
        full = np.zeros((state.size, state.size))
        full[:-1, :-1] = -hessian
        full[-1, :-1] = 2 * problem.gradient(state[:-1]) @ hessian
        return scale * full

    def excess(event: Displacement | LossDrop, state: np.ndarray) -> float:
        if isinstance(event, Displacement):
            return float(np.linalg.norm(state[:-1] - origin)) / event.delta - 1
        return (problem.drop(state[:-1]) - base) / (event.fraction * target) - 1

    cache: dict[float, list[float]] = {}  # the watches below ask for the same instant one after the other

    def excesses(time: float, state: np.ndarray) -> list[float]:
        if time not in cache:
            cache.clear()
            cache[time] = [excess(event, state) for event in events]
        return cache[time]

    def watch(index: int) -> Callable[[float, np.ndarray], float]:
        return lambda time, state: excesses(time, state)[index]

    watches: list[Any] = [watch(index) for index in range(len(events))]
    if events:

        def everything(time: float, state: np.ndarray) -> float:
            return min(excesses(time, state))

        everything.terminal = True  # pyright: ignore[reportFunctionMemberAccess]
        watches.append(everything)
    solution: Any = solve_ivp(
        velocity,
        (0.0, end_time / scale),
        np.append(origin, 0.0),
        method="Radau",
        jac=jacobian,
        events=watches or None,
        t_eval=None if points is None else points / scale,
        rtol=tolerance,
        atol=np.append(np.full(origin.size, 1e-3 * tolerance * steepness), np.inf),  # the energy only watches
    )
    if solution.status < 0:
        last = float(solution.t[-1]) * scale if len(solution.t) else 0.0
        raise FlowAccuracyError(
            f"the solver gave up after t = {last:.6g}, before all events or times were met: {solution.message} "
            "Ask for earlier ones, or change relative_tolerance"
        )
    times = solution.t * scale if points is None else points
    hits = tuple(float(t[0]) * scale if len(t) else np.inf for t in (solution.t_events or [])[: len(events)])
    return _Solution(times, solution.y.T, hits)
