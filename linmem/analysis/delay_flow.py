"""How long a linear network needs to learn one delay: gradient descent on the kernel ``delta_{p-1}``, without noise.

The network ``s_t = A s_{t-1} + b x_t + beta``, answer c.s, starts from s = 0 and reads q independent inputs of mean mu
and variance v. With h_k = c^T A^k b and g_k = c^T A^k (mu b + beta) its error at ``x_{q+1-p}`` has the mean square

    L_q = v sum_{k<q} (h_k - [k = p-1])^2 + (sum_{k<q} g_k - mu)^2.

The first sum is the distance of the kernel from a delay, the second term the mean, which the networks of Illium et al.
have to fit too, for x ~ U[0, 1]: mu = 1/2, v = 1/12. "square" descends E_q L_q; "absolute" descends
``E_q sqrt(2 L_q / pi)``, the mean absolute error of a Gaussian residual, which is what those networks are trained on.
Left out: tanh, the noise of batches, and that a residual is not Gaussian.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from linmem.analysis.delay_gradient import VARIANCE, DelayLoss, gradient, krylov
from linmem.analysis.linear_start import LinearStart, linear_starts, random_starts
from linmem.checks import check_choice, check_finite, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.statistics import Interval, slope_interval
from linmem.trained.architecture import Architecture
from linmem.trained.plateau import first_below
from linmem.trained.spec import Network, NetworkSpec
from linmem.trained.task import MemoryTask

__all__ = [
    "LOSSES",
    "READOUTS",
    "DelayFlow",
    "LinearStart",
    "SolveSteps",
    "delay_flow",
    "linear_starts",
    "predicted_solve_steps",
    "random_starts",
]

LOSSES = ("absolute", "square")
READOUTS = ("sum", "trained")


@dataclass(frozen=True, eq=False)
class DelayFlow:
    """Descent of linear networks on one delay.

    Attributes
    ----------
    state_size, position : n and p.
    loss_steps : (record,) steps done.
    errors : (record, network) ``E_q sqrt(2 L_q / pi)`` after them, whichever loss was descended; infinite where the
        descent diverged.
    A, b : (network, n, n), (network, n) at the end; ``kernel`` gives h_k.
    c : (network, n) likewise.
    """

    state_size: int
    position: int
    loss_steps: Int[np.ndarray, "record"]
    errors: Float[np.ndarray, "record network"]
    A: Float[np.ndarray, "network n n"]
    b: Float[np.ndarray, "network n"]
    c: Float[np.ndarray, "network n"]

    def steps_to(self, level: float) -> Float[np.ndarray, "network"]:
        """Steps after which the error was first seen below ``level``; infinity where it never was."""
        return first_below(self.loss_steps, self.errors, level)

    def plateau_length(self, share: float = 0.9) -> Float[np.ndarray, "network"]:
        """Steps until the error is first seen below ``share`` of 0.2303, that of the constant answer (Gaussian)."""
        return self.steps_to(check_positive("share", share) * math.sqrt(2 * VARIANCE / math.pi))

    def kernel(self, count: int) -> Float[np.ndarray, "network lags"]:
        """``h_k = c^T A^k b`` of the final weights, k = 0 .. count - 1."""
        return np.einsum("si,sik->sk", self.c, krylov(self.A, self.b[:, :, None], count)[:, :, :, 0])


@cites("linmem")
def delay_flow(
    state_size: int,
    position: int,
    *,
    start: LinearStart | None = None,
    networks: int = 10,
    rng: np.random.Generator | int | None = None,
    task: MemoryTask | None = None,
    rate: float = 0.01,
    steps: int = 20_000,
    records: int = 200,
    loss: str = "absolute",
    readout: str = "sum",
    level: float | None = None,
) -> DelayFlow:
    """Gradient descent of linear networks on recalling ``x_{q+1-p}``, in expectation over inputs and lengths.

    Parameters
    ----------
    state_size, position : n and p.
    start : the networks, as from :func:`linear_starts`; without it ``networks`` of them by :func:`random_starts`.
    networks, rng : number of random starts, and their generator or seed (needed then).
    task : lengths q of the sequences; default definition 1 of Illium et al., longer for p > 10.
    rate : learning rate; the bias moves at twice this rate, for torch's networks hold it as a sum of two.
    steps : of the descent.
    records : number of records of the error.
    loss : "absolute" or "square", see the module.
    readout : "sum" (c stays as it is) or "trained".
    level : stop as soon as every network has been seen below this error.

    Raises
    ------
    ValueError, TypeError : for a bad argument. Networks that diverge are recorded with infinite errors.

    Cost: a step of 100 networks of n = 5 states takes 0.5 ms.

    >>> flow = delay_flow(2, 1, networks=2, rng=0, steps=2000)
    >>> bool((flow.errors[-1] < 0.05).all())
    True
    """
    n, p = check_integer("state_size", state_size, minimum=1), check_integer("position", position, minimum=1)
    check_positive("rate", rate)
    count, kept = check_integer("steps", steps, minimum=1), check_integer("records", records, minimum=1)
    wanted = MemoryTask.definition_1(p, beyond="extend") if task is None else task
    if wanted.position != p or min(wanted.lengths) < p:
        raise ValueError(f"task must be for position {p} and have lengths >= {p}, got {wanted}; pass another task")
    if start is None:
        start = random_starts(n, networks, rng=check_generator("rng", rng))
    if start.A.shape[1] != n:
        raise ValueError(f"start must hold networks of {n} states, got {start.A.shape[1]}; pass others")
    law = DelayLoss(wanted, check_choice("loss", loss, LOSSES))
    trained = check_choice("readout", readout, READOUTS) == "trained"
    bound = -math.inf if level is None else check_finite("level", level)
    ends = {(k + 1) * count // min(kept, count) for k in range(min(kept, count))}
    seen, errors = [], []
    reached = np.zeros(len(start.b), dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(count + 1):
            error, slope = gradient(law, start)
            if step in ends:
                seen.append(step)
                errors.append(np.where(np.isfinite(error), error, np.inf))
                reached |= errors[-1] < bound
            if step == count or reached.all():
                break
            start = LinearStart(
                start.A - rate * slope.A,
                start.b - rate * slope.b,
                start.beta - 2 * rate * slope.beta,
                start.c - rate * slope.c if trained else start.c,
            )
    return DelayFlow(n, p, np.array(seen), np.array(errors), start.A, start.b, start.c)


@dataclass(frozen=True, eq=False)
class SolveSteps:
    """Steps that linear networks need for the positions 1, 2, ..

    Attributes
    ----------
    state_size : n.
    positions : (position,) the p.
    level : error at which a position counts as solved.
    steps : (position, network) steps until then; infinity where the budget was too small.
    """

    state_size: int
    positions: Int[np.ndarray, "position"]
    level: float
    steps: Float[np.ndarray, "position network"]

    @property
    def medians(self) -> Float[np.ndarray, "position"]:
        """Median over the networks; infinity where fewer than half have solved."""
        return np.sort(self.steps, axis=1)[:, (self.steps.shape[1] - 1) // 2]

    def growth(self, level: float = 0.95) -> Interval:
        """Slope of ``log(median steps)`` against p: each position takes ``e^slope`` times as long as the one before.

        Raises
        ------
        ValueError : if a median is infinite, or there are fewer than three positions.
        """
        return slope_interval(self.positions, np.log(self.medians), level)


@cites("linmem")
def predicted_solve_steps(
    state_size: int,
    positions: Sequence[int] | None = None,
    *,
    seeds: Sequence[int] = tuple(range(10)),
    rate: float = 0.01,
    level: float = 0.05,
    steps: int = 20_000,
    resolution: int = 25,
    loss: str = "absolute",
) -> SolveSteps:
    """Steps that the linear parts of the networks of ``linmem.trained.train`` need at a constant rate, by position.

    The starts are those of ``train(NetworkSpec(Architecture(cells=n), MemoryTask.definition_1(p)), seeds)``, so that
    each network can be compared with the training of the same seed.

    Parameters
    ----------
    state_size : n.
    positions : default 1 .. n.
    seeds : of the networks.
    rate, loss : as for :func:`delay_flow`.
    level : error at which a position counts as solved.
    steps : budget.
    resolution : steps between two looks at the error.

    Cost: that of :func:`delay_flow` for each position, until all networks have solved it or the budget ends.

    >>> found = predicted_solve_steps(3, seeds=range(3))
    >>> bool((np.diff(found.medians) > 0).all())
    True
    """
    n = check_integer("state_size", state_size, minimum=1)
    wanted = [check_integer("position", p, minimum=1) for p in (range(1, n + 1) if positions is None else positions)]
    apart = check_integer("resolution", resolution, minimum=1)
    found = []
    for p in wanted:
        task = MemoryTask.definition_1(p, beyond="extend")
        spec = NetworkSpec(Architecture(cells=n), task)
        start = linear_starts([Network(spec, seed).initial_weights() for seed in seeds])
        records = -(-check_integer("steps", steps, minimum=1) // apart)
        flow = delay_flow(
            n, p, start=start, task=task, rate=rate, steps=records * apart, records=records, loss=loss, level=level
        )
        found.append(flow.steps_to(level))
    return SolveSteps(n, np.array(wanted), check_positive("level", level), np.array(found))
