"""Second-order flows theta'' + gamma(t) theta' = -grad J(theta): heavy ball (constant gamma), Nesterov (gamma = 3/t).

All start at rest. Along a flow E = J + |theta'|^2/2 obeys dE/dt = -gamma |theta'|^2; the dissipated part is integrated
with the state and the balance J(0) - J(t) = |theta'|^2/2 + int_0^t gamma |theta'|^2 is reported.

The amplitudes swing at frequencies of order 1. With constant friction the swinging dies out and the slow motion along
the plateau is stiff: Radau IIA with the exact Hessian, a hundred steps for any length. Without friction, or with
gamma = strength/t, it goes on for the whole plateau and changes its length by a factor (the mean of a^2 is not the
square of the mean), so every swing must be resolved: the explicit method of order 8 by Dormand and Prince.

gamma = r/t is singular at t = 0. The regular solution starts as theta_0 + a_2 t^2 + a_4 t^4 with
a_2 = -grad J/(2(1 + r)) and a_4 = -Hessian a_2/(12 + 4 r), which is used up to t = tolerance^{1/4}/|Hessian|^{1/2}.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.integrate import DOP853, Radau
from scipy.optimize import brentq

from linmem.checks import check_array, check_nonnegative, check_positive
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

SAMPLES = 100  # states at which a long run compares its energies


@cites("su2016", "Equation (3)")
@dataclass(frozen=True)
class VanishingFriction:
    """gamma(t) = strength/t; strength 3 is the limit of Nesterov's method with momentum k/(k + 3)."""

    strength: float = 3.0

    def __post_init__(self) -> None:
        check_positive("strength", self.strength)


Friction = float | VanishingFriction


@dataclass(frozen=True)
class MomentumTrajectory:
    """States of a second-order flow.

    times : shape (T,). deviations : shape (T, 2n), theta - theta_0 = (da, dw). velocities : shape (T, 2n).
    drops : shape (T,), J(theta(0)) - J(theta(t)). dissipated : shape (T,), int_0^t gamma |theta'|^2.
    """

    times: Float[np.ndarray, "T"]
    deviations: Float[np.ndarray, "T p"]
    velocities: Float[np.ndarray, "T p"]
    drops: Float[np.ndarray, "T"]
    dissipated: Float[np.ndarray, "T"]

    @property
    def energy_defect(self) -> float:
        """max over t of |drop - |theta'|^2/2 - dissipated| / max |drop|: an error estimate of the integration."""
        largest = float(np.abs(self.drops).max())
        kinetic = (self.velocities**2).sum(1) / 2
        return float(np.abs(self.drops - kinetic - self.dissipated).max()) / largest if largest else 0.0


@cites("li2021", "Section 4")
def momentum_flow(
    problem: DeviationLoss,
    times: ArrayLike,
    friction: Friction,
    start: ArrayLike | None = None,
    relative_tolerance: float = 1e-8,
) -> MomentumTrajectory:
    """States of theta'' + gamma theta' = -grad J at the given times, from rest.

    Parameters
    ----------
    problem : the loss around an exact fit.
    times : shape (T,), >= 0, strictly increasing.
    friction : gamma >= 0 in 1/time, or VanishingFriction(strength).
    start : theta(0) - theta_0, shape (2n,); None is the exact fit itself.
    relative_tolerance : local error of the solver; absolute errors are kept below 1e-3 of it times |grad J(start)|.

    Raises ValueError for a friction < 0 or times that do not increase, FlowAccuracyError when the solver gives up.
    Cost: without constant friction some ms per unit of time (every swing is resolved), else below a second.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(centre=6.0))
    >>> flow = momentum_flow(problem, [0.0, 1.0, 2.0], friction=0.0)
    >>> bool(flow.drops[-1] > flow.drops[1] > 0), flow.energy_defect < 1e-7
    (True, True)
    """
    points = check_array("times", times, ndim=1)
    if not points.size or points[0] < 0 or np.any(np.diff(points) <= 0):
        raise ValueError(f"times must be >= 0 and strictly increasing, got {points.tolist()[:5]}...; sort them")
    origin = _checked(problem, friction, start, relative_tolerance)
    _, states = _integrate(problem, origin, float(points[-1]), friction, relative_tolerance, (), points)
    return _trajectory(problem, origin, points, states)


@cites("li2021", "Section 4")
def momentum_hitting_times(
    problem: DeviationLoss,
    events: tuple[Displacement | LossDrop, ...],
    friction: Friction,
    end_time: float,
    start: ArrayLike | None = None,
    relative_tolerance: float = 1e-5,
) -> tuple[HittingTime, ...]:
    """First times at which the second-order flow meets each event, with an error estimate.

    As `hitting_times` of the gradient flow: two runs, at `relative_tolerance` and a hundredth of it; the finer one is
    returned, the difference is its error estimate; the energy balance of the finer run is checked. An event that is
    met and lost again between two neighbouring solver steps (a fraction of a swing) goes unseen.

    Parameters
    ----------
    events : what to watch. end_time : the run is given up then; there is no default, since a run in which the swinging
        never dies out costs some ms per unit of time. Others as in `momentum_flow`.

    Raises FlowAccuracyError when a solver gives up before the last event, when the two runs differ by more than 1 %, or
    when the energy balance of the finer run is off by more than 1 %.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(centre=12.0))
    >>> [hit] = momentum_hitting_times(problem, (Displacement(0.1),), VanishingFriction(), end_time=100.0)
    >>> hit.reached, round(hit.time, 3), hit.error < 1e-4
    (True, 9.246, True)
    """
    if not events:
        raise ValueError("events must hold a Displacement or LossDrop, got none; pass e.g. (Displacement(0.1),)")
    for event in cast(tuple[object, ...], events):
        if not isinstance(event, Displacement | LossDrop):
            raise TypeError(f"events must be Displacement or LossDrop, got {type(event).__name__}; build one of them")
    check_positive("end_time", end_time)
    origin = _checked(problem, friction, start, relative_tolerance)
    first, _ = _integrate(problem, origin, end_time, friction, relative_tolerance, events, None)
    second, states = _integrate(problem, origin, end_time, friction, relative_tolerance / 100, events, None)
    chosen = np.unique(np.linspace(0, len(states) - 1, SAMPLES).round().astype(int))
    defect = _trajectory(problem, origin, chosen.astype(float), states[chosen]).energy_defect
    if defect > ACCURACY:
        raise FlowAccuracyError(f"the energy balance is off by {defect:.1e}; lower relative_tolerance or end_time")
    return tuple(hitting_time(event, *pair) for event, *pair in zip(events, first, second, strict=True))


def _checked(
    problem: DeviationLoss, friction: Friction, start: ArrayLike | None, tolerance: float
) -> Float[np.ndarray, "p"]:
    if not isinstance(friction, VanishingFriction):
        check_nonnegative("friction", friction)
    check_positive("relative_tolerance", tolerance)
    origin = np.zeros(2 * problem.size) if start is None else check_array("start", start, shape=(2 * problem.size,))
    problem.parameters(origin)
    return origin


def _trajectory(
    problem: DeviationLoss, origin: Float[np.ndarray, "p"], times: Float[np.ndarray, "T"], states: np.ndarray
) -> MomentumTrajectory:
    base, p = problem.drop(origin), origin.size
    drops = np.array([problem.drop(state[:p]) - base for state in states])
    return MomentumTrajectory(times, states[:, :p], states[:, p:-1], drops, states[:, -1])


def _integrate(
    problem: DeviationLoss,
    origin: Float[np.ndarray, "p"],
    end_time: float,
    friction: Friction,
    tolerance: float,
    events: tuple[Displacement | LossDrop, ...],
    points: Float[np.ndarray, "T"] | None,
) -> tuple[list[float], Float[np.ndarray, "T q"]]:
    """Hitting times, and states (d, theta', dissipated) at the points, or at the steps of the solver."""
    p, steepness = origin.size, float(np.linalg.norm(problem.gradient(origin)))
    rest = np.concatenate([origin, np.zeros(p + 1)])
    hits = [np.inf] * len(events)
    if steepness == 0 or end_time == 0:
        return hits, np.tile(rest, (2 if points is None else points.size, 1))
    first_time, state = _start(problem, origin, friction, tolerance, end_time)
    solver = _solver(problem, friction, first_time, state(first_time), end_time, tolerance, steepness)
    base, target = problem.drop(origin), problem.start_loss - problem.drop(origin)

    def excess(event: Displacement | LossDrop, state: np.ndarray) -> float:
        if isinstance(event, Displacement):
            return float(np.linalg.norm(state[:p] - origin)) / event.delta - 1
        return (problem.drop(state[:p]) - base) / (event.fraction * target) - 1

    def excess_at(event: Displacement | LossDrop, path: Any, t: float) -> float:
        return excess(event, path(t))

    states = [rest] if points is None else [state(t) for t in points[points <= first_time]]
    waiting = list(range(len(events)))
    while solver.status == "running" and (waiting or not events):
        message = solver.step()
        if message is not None:
            raise FlowAccuracyError(
                f"the solver gave up after t = {solver.t:.6g}, before all events or times were met: {message} "
                "Ask for earlier ones, or change relative_tolerance"
            )
        met = [index for index in waiting if excess(events[index], solver.y) >= 0]
        inside = np.empty(0) if points is None else points[(points > solver.t_old) & (points <= solver.t)]
        if met or inside.size:
            between = solver.dense_output()
            for index in met:
                hits[index] = brentq(partial(excess_at, events[index], between), solver.t_old, solver.t)
            states += [between(t) for t in inside]
            waiting = [index for index in waiting if index not in met]
        if points is None:
            states.append(solver.y)
    return hits, np.array(states)


def _start(
    problem: DeviationLoss, origin: Float[np.ndarray, "p"], friction: Friction, tolerance: float, end_time: float
) -> tuple[float, Any]:
    """(t_1, state as a function of t <= t_1): the series at a singular friction, else t_1 = 0."""
    r = friction.strength if isinstance(friction, VanishingFriction) else 0.0
    hessian = problem.hessian(origin)
    second = -problem.gradient(origin) / (2 * (1 + r))
    fourth = -hessian @ second / (12 + 4 * r)

    def state(t: float) -> Float[np.ndarray, "q"]:
        velocity = 2 * t * second + 4 * t**3 * fourth
        lost = r * (2 * t**2 * (second @ second) + 4 * t**4 * (second @ fourth))
        return np.concatenate([origin + t**2 * second + t**4 * fourth, velocity, [lost]])

    if not r:
        return 0.0, state
    return min(tolerance**0.25 / float(np.linalg.norm(hessian, 2)) ** 0.5, end_time / 2), state


def _solver(
    problem: DeviationLoss,
    friction: Friction,
    time: float,
    state: Float[np.ndarray, "q"],
    end_time: float,
    tolerance: float,
    steepness: float,
) -> Any:
    """A scipy solver of the first-order system in (d, theta', dissipated); NaN outside w > 0 shortens its steps."""
    n, p = problem.size, 2 * problem.size
    outside, positive = np.full(2 * p + 1, np.nan), np.array(problem.fit.rates)

    def gamma(t: float) -> float:
        return friction.strength / t if isinstance(friction, VanishingFriction) else friction

    def velocity(t: float, y: np.ndarray) -> np.ndarray:
        if not np.all(positive + y[n:p] > 0):
            return outside
        v, damping = y[p:-1], gamma(t)
        return np.concatenate([v, -problem.gradient(y[:p]) - damping * v, [damping * (v @ v)]])

    def jacobian(t: float, y: np.ndarray) -> np.ndarray:
        full = np.zeros((2 * p + 1, 2 * p + 1))
        full[:p, p:-1] = np.eye(p)
        full[p:-1, :p] = -problem.hessian(y[:p])
        full[p:-1, p:-1] = -gamma(t) * np.eye(p)
        full[-1, p:-1] = 2 * gamma(t) * y[p:-1]
        return full

    absolute = np.append(np.full(2 * p, 1e-3 * tolerance * steepness), np.inf)  # the energy only watches
    options: dict[str, Any] = {"rtol": tolerance, "atol": absolute}
    if isinstance(friction, VanishingFriction) or friction == 0:
        return DOP853(velocity, time, state, end_time, **options)
    return Radau(velocity, time, state, end_time, jac=jacobian, **options)
