"""Training by iterations: gradient descent, heavy ball, Nesterov and Adam, many problems at once.

With the gradient g_k at the iterate d_k (k = 0, 1, ...) and the step h:

* gradient descent  d_{k+1} = d_k - h g_k;
* heavy ball        b_{k+1} = beta_k b_k + g_k,  d_{k+1} = d_k - h b_{k+1},  b_0 = 0;
* Nesterov          b_{k+1} = beta_k b_k + g_k,  d_{k+1} = d_k - h (g_k + beta_{k+1} b_{k+1});
* Adam              m_{k+1} = b1 m_k + (1 - b1) g_k,  v_{k+1} = b2 v_k + (1 - b2) g_k^2,
                    d_{k+1} = d_k - h (m_{k+1}/(1 - b1^{k+1})) / (sqrt(v_{k+1}/(1 - b2^{k+1})) + eps).

These are the forms of torch.optim (Nesterov's d is the point where the gradient is taken). With beta = 1 - gamma s and
h = s^2, heavy ball and Nesterov follow d'' + gamma d' = -grad J at t = k s, with beta_k = k/(k + 3) gamma = 3/t (Su,
Boyd and Candes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer
from linmem.citations import cites
from linmem.continuous.dynamics.batch import DeviationBatch
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.events import Displacement, LossDrop
from linmem.continuous.learning import DivergenceError

Update = Callable[[int, np.ndarray], np.ndarray]  # (k, g_k) -> d_k - d_{k+1}


@cites("su2016", "Section 2")
@dataclass(frozen=True)
class GradientDescent:
    """Gradient descent; heavy ball with ``momentum``; Nesterov's method with ``momentum`` and ``nesterov``.

    step : h > 0, one number or one for each problem. momentum : beta in [0, 1), or "increasing" for k/(k + 3).
    nesterov : whether the gradient is taken at the extrapolated point.

    Raises ValueError for a step <= 0, a momentum outside [0, 1), or Nesterov without momentum.
    """

    step: ArrayLike
    momentum: float | Literal["increasing"] = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        _positive("step", self.step)
        if self.momentum != "increasing":
            _fraction("momentum", self.momentum)
        if self.nesterov and self.momentum == 0.0:
            raise ValueError('nesterov needs a momentum, got 0.0; pass a number below 1 or "increasing"')

    def updates(self, shape: tuple[int, int]) -> Update:
        """The iteration as a function of step number and gradient, for K problems with p parameters."""
        step = _per_problem("step", self.step, shape[0])
        buffer = np.zeros(shape)

        def beta(k: int) -> float:
            return k / (k + 3) if isinstance(self.momentum, str) else self.momentum

        def update(k: int, gradient: np.ndarray) -> np.ndarray:
            np.add(beta(k) * buffer, gradient, out=buffer)
            return step * (gradient + beta(k + 1) * buffer) if self.nesterov else step * buffer

        return update


@cites("kingma2015", "Algorithm 1")
@dataclass(frozen=True)
class Adam:
    """Adam with exact bias correction.

    step : h > 0; epsilon : eps > 0; each one number or one for each problem. betas : (b1, b2), both in [0, 1).

    eps = 0 is refused: a neuron of amplitude 0 has dJ/dw = 0 exactly, and Adam's step would be 0/0.
    """

    step: ArrayLike = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: ArrayLike = 1e-8

    def __post_init__(self) -> None:
        _positive("step", self.step)
        _positive("epsilon", self.epsilon)
        for name, beta in zip(("first beta", "second beta"), self.betas, strict=True):
            _fraction(name, beta)

    def updates(self, shape: tuple[int, int]) -> Update:
        """The iteration as a function of step number and gradient, for K problems with p parameters."""
        step, epsilon = (_per_problem(n, x, shape[0]) for n, x in (("step", self.step), ("epsilon", self.epsilon)))
        b1, b2 = self.betas
        first, second = np.zeros(shape), np.zeros(shape)

        def update(k: int, gradient: np.ndarray) -> np.ndarray:
            np.add(b1 * first, (1 - b1) * gradient, out=first)
            np.add(b2 * second, (1 - b2) * gradient * gradient, out=second)
            scale = np.sqrt(second / (1 - b2 ** (k + 1)))
            return (step / (1 - b1 ** (k + 1))) * first / (scale + epsilon)

        return update


@dataclass(frozen=True)
class Descent:
    """What an iteration did with K problems.

    steps : shape (T,), the recorded step numbers, 0 first. deviations : shape (T, K, 2n), d = theta - theta_0 there.
    drops : shape (T, K), J(theta(0)) - J(theta). hits : shape (E, K), the first step at which each event had happened,
    inf if it had not within the run. A problem that has met every event rests there: later records repeat its state.
    """

    steps: Int[np.ndarray, "T"]
    deviations: Float[np.ndarray, "T K p"]
    drops: Float[np.ndarray, "T K"]
    hits: Float[np.ndarray, "E K"]


@cites("li2021", "Section 4")
def descend(
    problems: DeviationLoss | Sequence[DeviationLoss],
    method: GradientDescent | Adam,
    steps: int,
    events: tuple[Displacement | LossDrop, ...] = (),
    start: ArrayLike | None = None,
    records: int = 50,
) -> Descent:
    """Run an iteration on one or several problems, for `steps` steps or until every problem has met every event.

    Parameters
    ----------
    problems : K losses around exact fits, all with n neurons.
    method : `GradientDescent` (also heavy ball and Nesterov) or `Adam`.
    steps : the largest number of steps.
    events : watched at every step; loss drops are seen to an absolute error of a few eps |a| P_0(w).
    start : theta(0) - theta_0, shape (2n,) or (K, 2n); None is the exact fit itself.
    records : about how many states are kept, evenly spaced in the logarithm of the step number.

    Raises DivergenceError when a rate leaves (0, inf) or a number is not finite. Cost: 0.1 ms a step for up to some
    hundred problems of two neurons together.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> fit = ExponentialSum([1.0, 0.0], [1.0, 0.5])
    >>> run = descend(DeviationLoss(fit, GaussianBump(6.0)), GradientDescent(0.01), 1000, (Displacement(0.1),))
    >>> run.hits.tolist(), bool(run.drops[-1, 0] > 0)
    ([[45.0]], True)
    """
    batch = DeviationBatch([problems] if isinstance(problems, DeviationLoss) else list(problems))
    for event in cast(tuple[object, ...], events):
        if not isinstance(event, Displacement | LossDrop):
            raise TypeError(f"events must be Displacement or LossDrop, got {type(event).__name__}; build one of them")
    last, kept = check_integer("steps", steps, minimum=1), check_integer("records", records, minimum=2)
    shape = (len(batch.problems), 2 * batch.size)
    origin = np.zeros(shape) if start is None else _starts(start, shape)
    for problem, row in zip(batch.problems, origin, strict=True):
        problem.parameters(row)
    base = np.array([problem.drop(row) for problem, row in zip(batch.problems, origin, strict=True)])
    losses = np.array([problem.start_loss for problem in batch.problems]) - base
    update = method.updates(shape)
    marks = {0, last, *np.unique(np.geomspace(1, last, kept - 1).round().astype(int)).tolist()}
    hits = np.full((len(events), shape[0]), np.inf)
    active, states, numbers = np.ones((shape[0], 1)), list[np.ndarray](), list[int]()
    d = origin.copy()
    for k in range(last + 1):
        if not (batch.rates(d) > 0).all() or not np.isfinite(d).all():
            raise DivergenceError(_divergence(batch, d, k))
        gradient, drop = batch.evaluate(d)
        for row, event in zip(hits, events, strict=True):
            if isinstance(event, Displacement):
                excess = np.linalg.norm(d - origin, axis=1) - event.delta
            else:
                excess = drop - base - event.fraction * losses
            row[(excess >= 0) & (row > k)] = k
        if events:
            active = np.any(np.isinf(hits), axis=0).astype(float).reshape(-1, 1)
        finished = k == last or not active.any()
        if k in marks or finished:
            states.append(d.copy())
            numbers.append(k)
        if finished:
            break
        d = d - active * update(k, gradient)
    drops = np.array([[p.drop(row) for p, row in zip(batch.problems, state, strict=True)] for state in states]) - base
    return Descent(np.array(numbers), np.array(states), drops, hits)


def _starts(start: ArrayLike, shape: tuple[int, int]) -> Float[np.ndarray, "K p"]:
    array = check_array("start", start)
    if array.shape not in (shape, shape[1:]):
        raise ValueError(f"start must have shape {shape[1:]} or {shape}, got {array.shape}; give (da, dw)")
    return np.broadcast_to(array, shape).copy()


def _divergence(batch: DeviationBatch, d: Float[np.ndarray, "K p"], k: int) -> str:
    broken = ~(np.isfinite(d).all(1) & (batch.rates(d) > 0).all(1))
    index = int(np.flatnonzero(broken)[0])
    return (
        f"after step {k} problem {index} has the rates {batch.rates(d)[index].tolist()}, which must be finite and > 0; "
        "take a smaller step, or an event that ends the run before"
    )


def _positive(name: str, value: ArrayLike) -> None:
    array = check_array(name, value)
    if array.ndim > 1 or array.min() <= 0:
        raise ValueError(f"{name} must be > 0, a number or one for each problem, got {value!r}; pass positive numbers")


def _fraction(name: str, value: object) -> None:
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value!r}; pass e.g. 0.9")


def _per_problem(name: str, value: ArrayLike, count: int) -> Float[np.ndarray, "K 1"]:
    array = check_array(name, value)
    if array.ndim == 1 and array.size != count:
        raise ValueError(f"{name} must be one number or {count}, one for each problem, got {array.size}")
    return np.broadcast_to(array, (count,))[:, None]
