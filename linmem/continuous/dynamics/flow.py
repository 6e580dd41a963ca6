"""Gradient flow d theta/dt = -grad J(theta) around an exact fit, and the times at which it reaches something.

The flow is stiff (amplitudes relax in O(1), the plateau lasts e^{2 w/omega}), so it is integrated by an implicit
Runge-Kutta method (Radau IIA, order 5) with the exact Hessian, in the coordinates of `linmem.continuous.dynamics.field`
and in units of time 1/|grad J(start)|^2. Where two neurons meet, the slow path bends so sharply that the long steps of
Radau are refused; after 250 steps a multistep method (LSODA, with the same Hessian) takes over, whose cheap short steps
pay there. Along a gradient flow int_0^t |grad J|^2 = J(0) - J(t): the left side is integrated with the state, and the
difference is reported.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.integrate import LSODA, Radau
from scipy.optimize import brentq

from linmem.checks import check_array, check_positive
from linmem.citations import cites
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.events import (
    ACCURACY,
    Displacement,
    FlowAccuracyError,
    HittingTime,
    LossDrop,
    hitting_time,
)
from linmem.continuous.dynamics.field import FlowField

__all__ = [
    "Displacement",
    "FlowAccuracyError",
    "HittingRun",
    "HittingTime",
    "LossDrop",
    "SolverStatistics",
    "Trajectory",
    "gradient_flow",
    "hitting_run",
    "hitting_times",
]

PATIENCE = 250  # steps after which the multistep method takes over from Radau
RESPITE = 20  # steps that Radau makes where the multistep method has failed
STEPS = 20_000  # a run that needs more steps has lost the flow to rounding noise


@dataclass(frozen=True)
class Trajectory:
    """States of a gradient flow.

    times : shape (T,). deviations : shape (T, 2n), theta - theta_0 = (da, dw).
    drops : shape (T,), J(theta(0)) - J(theta(t)). dissipated : shape (T,), int_0^t |grad J|^2, equal to drops if exact
    (a state that rests at a minimum accumulates |rounding noise|^2 t here, until the run is ended for it).
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


@dataclass(frozen=True)
class SolverStatistics:
    """What a measurement cost, over all its runs.

    method : "ode" or "reduced". steps : accepted steps. evaluations : of the gradient. hessians : of the Hessian.
    """

    method: str
    steps: int
    evaluations: int
    hessians: int


@dataclass(frozen=True)
class HittingRun:
    """Hitting times in the order of the events, and what they cost.

    coarse : cost of the coarser run alone; its hitting times are off by the errors of `hits`.
    energy_defect : of the finer run, see `Trajectory`. rounding : the mean over time of (bound on the rounding error of
    the gradient)/(speed of the parameters), the relative error of the times that rounding may cause; rounding divided
    by 2e-16 is the condition number of the measurement.
    """

    hits: tuple[HittingTime, ...]
    statistics: SolverStatistics
    coarse: SolverStatistics
    energy_defect: float
    rounding: float


@cites("li2021", "Section 4")
def gradient_flow(
    problem: DeviationLoss, times: ArrayLike, start: ArrayLike | None = None, relative_tolerance: float = 1e-8
) -> Trajectory:
    """States of d theta/dt = -grad J at the given times.

    Parameters
    ----------
    problem : the loss around an exact fit.
    times : shape (T,), >= 0, strictly increasing; np.geomspace gives a logarithmic time axis.
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
    relative_tolerance: float = 1e-4,
) -> tuple[HittingTime, ...]:
    """First times at which the gradient flow meets each event, with an error estimate.

    The flow is integrated at `relative_tolerance` and at a hundredth of it; the time of the finer run is returned, its
    error estimate is the difference of the two. The run ends when all events have happened, or at `end_time`.

    Raises FlowAccuracyError when a solver gives up before the last event, when the two runs differ by more than 1 %, or
    when in the finer run the energy balance is off by more than 1 % or rounding of the gradient may have changed the
    time by more than 1 %. Parameters as in `gradient_flow`.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(centre=10.0))
    >>> [hit] = hitting_times(problem, (Displacement(0.1),))
    >>> hit.reached, round(hit.time, 2), hit.error < 1e-3
    (True, 3.5, True)
    """
    return hitting_run(problem, events, end_time, start, relative_tolerance).hits


def hitting_run(
    problem: DeviationLoss,
    events: tuple[Displacement | LossDrop, ...],
    end_time: float = 1e30,
    start: ArrayLike | None = None,
    relative_tolerance: float = 1e-4,
) -> HittingRun:
    """`hitting_times` with the cost of the two runs and the accuracy check of the finer one."""
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
    if not all(np.isinf(fine.hits)):  # a state at rest dissipates rounding noise until end_time
        for name, size in (("the energy balance is off by", defect), ("rounding may change it by", fine.rounding)):
            if not size <= ACCURACY:
                raise FlowAccuracyError(
                    f"the hitting time is not certain: {name} {size:.1e} of its value; lower relative_tolerance, "
                    "end_time or 1/omega"
                )
    hits = tuple(hitting_time(event, *pair) for event, *pair in zip(events, coarse.hits, fine.hits, strict=True))
    cost = [first + second for first, second in zip(coarse.cost, fine.cost, strict=True)]
    return HittingRun(
        hits, SolverStatistics("ode", *cost), SolverStatistics("ode", *coarse.cost), defect, fine.rounding
    )


@dataclass(frozen=True)
class _Solution:
    times: Float[np.ndarray, "T"]
    states: Float[np.ndarray, "T p"]
    dissipated: Float[np.ndarray, "T"]
    hits: tuple[float, ...]
    rounding: float
    cost: tuple[int, int, int]


def _start(problem: DeviationLoss, start: ArrayLike | None) -> Float[np.ndarray, "p"]:
    origin = np.zeros(2 * problem.size) if start is None else check_array("start", start, shape=(2 * problem.size,))
    problem.parameters(origin)
    return origin


def _trajectory(problem: DeviationLoss, origin: Float[np.ndarray, "p"], solution: _Solution) -> Trajectory:
    base = problem.drop(origin)
    drops = np.array([problem.drop(state) - base for state in solution.states])
    return Trajectory(solution.times, solution.states, drops, solution.dissipated)


def _integrate(
    problem: DeviationLoss,
    origin: Float[np.ndarray, "p"],
    end_time: float,
    tolerance: float,
    events: tuple[Displacement | LossDrop, ...],
    points: Float[np.ndarray, "T"] | None,
) -> _Solution:
    """Radau on the state (y, int |grad J|^2) in the time t/scale, scale = 1/|grad J(start)|^2.

    The states at all steps are returned, or at `points` if they are given.
    """
    field = FlowField(problem, origin)
    square = field.velocity(field.start)[1]
    if square == 0:
        times = np.array([0.0, end_time]) if points is None else points
        states = np.tile(origin, (times.size, 1))
        return _Solution(times, states, np.zeros(times.size), tuple(np.inf for _ in events), 0.0, (0, 1, 0))
    scale = 1 / square
    size = field.start.size
    outside = np.full(size + 1, np.nan)  # Radau shortens the step when it meets NaN

    def velocity(_: float, state: np.ndarray) -> np.ndarray:
        if not field.inside(state[:-1]):
            return outside
        change, dissipation = field.velocity(state[:-1])
        return scale * np.append(change, dissipation)

    def jacobian(_: float, state: np.ndarray) -> np.ndarray:
        full = np.zeros((size + 1, size + 1))  # the energy only watches: its row stays 0
        full[:-1, :-1] = field.jacobian(state[:-1])
        return scale * full

    absolute = np.append(np.full(size, 1e-3 * tolerance * np.sqrt(square)), 1e300)
    options: Any = {"jac": jacobian, "rtol": tolerance, "atol": absolute}
    solver: Any = Radau(velocity, 0.0, np.append(field.start, 0.0), end_time / scale, **options)
    change = PATIENCE
    watches = [_watch(problem, field, origin, event) for event in events]
    hits = [np.inf] * len(events)
    times, states = [0.0], [solver.y]
    wanted = np.empty(0) if points is None else points / scale
    found = [solver.y] * int(np.sum(wanted == 0))
    while solver.status == "running" and not (events and all(np.isfinite(hits))):
        if len(times) == change:
            solver = LSODA(velocity, times[-1], states[-1], end_time / scale, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NaN refuses a step, and LSODA warns of what is handled below
            message = solver.step()
        if solver.status == "failed" and isinstance(solver, LSODA) and len(times) < STEPS:
            solver = Radau(velocity, times[-1], states[-1], end_time / scale, **options)
            change = len(times) + RESPITE
            continue
        if solver.status == "failed" or len(times) > STEPS:
            raise FlowAccuracyError(
                f"the solver gave up after t = {times[-1] * scale:.6g}, before all events or times were met: "
                f"{message or f'more than {STEPS} steps.'} Ask for earlier ones, or change relative_tolerance"
            )
        within: Any = None
        for i, watch in enumerate(watches):
            if np.isinf(hits[i]) and watch(solver.y) >= 0:
                within = within or solver.dense_output()
                hits[i] = _crossing(watch, within, solver.t_old, solver.t) * scale
        while len(found) < wanted.size and wanted[len(found)] <= solver.t:
            within = within or solver.dense_output()
            found.append(within(wanted[len(found)]))
        times.append(solver.t)
        states.append(solver.y)
        if len(times) % 10 == 0 and _at_rest(field, solver.y[:-1], solver.t * scale):
            times.append(end_time / scale)
            states.append(solver.y)
            found += [solver.y] * (wanted.size - len(found))
            break
    path = np.array(states if points is None else found)
    moments = np.array(times) * scale if points is None else points
    deviations = np.array([field.deviation(state) for state in path[:, :-1]])
    deviations[moments == 0] = origin  # exactly, without the rounding of the field's coordinates
    return _Solution(
        moments,
        deviations,
        path[:, -1],
        tuple(hits),
        _rounding(field, np.array(times) * scale, np.array(states)[:, :-1]) if any(np.isfinite(hits)) else 0.0,
        (len(times) - 1, field.evaluations, field.hessians),
    )


def _at_rest(field: FlowField, y: Float[np.ndarray, "q"], time: float) -> bool:
    """Whether the flow has come to a strict local minimum: positive curvature, much time passed, Newton at rest."""
    jacobian = field.jacobian(y)
    slowest = float(np.linalg.eigvals(-jacobian).real.min())
    if slowest * time < 100:
        return False
    newton = np.linalg.solve(jacobian, field.velocity(y)[0])
    return bool(np.linalg.norm(newton) <= 1e-6 * np.linalg.norm(y - field.start))


def _rounding(field: FlowField, times: Float[np.ndarray, "T"], states: Float[np.ndarray, "T q"]) -> float:
    """Mean over time of the gradient's rounding error over the speed, from at most 200 stretches of the run."""
    chosen = np.unique(np.linspace(0, times.size - 1, 201).astype(int))
    durations, moves = np.diff(times[chosen]), np.diff(states[chosen], axis=0)
    noise = np.array([field.rounding(state) for state in states[chosen[1:]]])
    speeds = np.linalg.norm(moves, axis=1) / durations
    return float((noise / np.maximum(speeds, 1e-300)) @ durations / times[-1])


def _watch(
    problem: DeviationLoss, field: FlowField, origin: Float[np.ndarray, "p"], event: Displacement | LossDrop
) -> Callable[[np.ndarray], float]:
    """How far a state is beyond the event, relative to it: -1 at the start, 0 when it happens."""
    if isinstance(event, Displacement):
        delta = event.delta
        return lambda state: float(np.linalg.norm(field.deviation(state[:-1]) - origin)) / delta - 1
    base = problem.drop(origin)
    wanted = event.fraction * (problem.start_loss - base)
    return lambda state: (problem.drop(field.deviation(state[:-1])) - base) / wanted - 1


def _crossing(watch: Callable[[np.ndarray], float], within: Any, left: float, right: float) -> float:
    """The time in the last step at which the event happened."""

    def excess(time: float) -> float:
        return watch(within(time))

    if excess(right) <= 0 or excess(left) >= 0:
        return right
    return float(brentq(excess, left, right, xtol=1e-300, rtol=1e-13))
