"""Gradient descent on the sampled kernel error of full linear networks, many networks at once.

A network dh/dt = W h + U x, y = c.h answers a unit impulse by rhohat(t) = c^T e^{Wt} U. Its loss on the samples
t_k = k dt, k = 0..K-1, and what is reported, the share of the target that is missing, are

    J(W, U, c) = dt sum_k (rhohat(t_k) - rho(t_k))^2,    J / (dt sum_k rho(t_k)^2).

All K samples come from two small matrices, one with the rows c^T E^{qa}, one with the columns E^b U, E = e^{W dt}:
sample qa + b is entry (a, b) of their product. Both are built by doubling, in log2(K) matrix products in place of K
matrix-vector products. The gradient runs through the same products backwards, and through the exponential by the
adjoint of its Frechet derivative, the off-diagonal block of exp([[A^T, G], [0, A^T]]), A = W dt. n is the state size
(m in Li et al.).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from scipy.linalg import expm

from linmem.checks import check_array, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.kernels import Kernel

Square = Float[np.ndarray, "S n n"]
Vectors = Float[np.ndarray, "S n"]


class DivergenceError(ArithmeticError):
    """A training left the stable networks or the finite numbers; the message says when and what to change."""


@dataclass(frozen=True)
class LinearNetworks:
    """A batch of S linear networks with one input.

    Attributes
    ----------
    W : (S, n, n), U : (S, n), c : (S, n).

    ValueError for shapes that do not fit together.
    """

    W: Square
    U: Vectors
    c: Vectors

    def __init__(self, W: ArrayLike, U: ArrayLike, c: ArrayLike) -> None:
        matrices = check_array("W", W, ndim=3)
        S, n = matrices.shape[:2]
        object.__setattr__(self, "W", check_array("W", matrices, shape=(S, n, n)))
        object.__setattr__(self, "U", check_array("U", U, shape=(S, n)))
        object.__setattr__(self, "c", check_array("c", c, shape=(S, n)))

    def __len__(self) -> int:
        return len(self.W)


def random_networks(state_size: int, seeds: Sequence[int | np.random.Generator]) -> LinearNetworks:
    """W = G/(2 sqrt n) - I, U = g/sqrt n, c = g'/sqrt n with standard Gaussian G, g, g': one network for each seed.

    A network depends on its own seed alone, whichever others stand beside it.

    >>> random_networks(4, [0, 1]).W.shape
    (2, 4, 4)
    """
    n = check_integer("state_size", state_size, minimum=1)
    if not len(seeds):
        raise ValueError("seeds must hold at least one seed, got none; pass e.g. range(10)")
    root = np.sqrt(n)
    draws = [check_generator("seed", seed).standard_normal((n + 2, n)) for seed in seeds]
    stack = np.stack(draws) / root
    return LinearNetworks(0.5 * stack[:, :n] - np.eye(n), stack[:, n], stack[:, n + 1])


@cites("li2021", "Figure 1")
@dataclass(frozen=True)
class SampledLoss:
    """The loss J of batches of networks on the samples of one target, and its exact gradient.

    Parameters
    ----------
    target : (K,), the kernel's values rho(k dt), not all 0.
    step : dt, in time units.

    >>> from linmem.kernels import ExponentialSum
    >>> objective = SampledLoss.of(ExponentialSum([1.0], [1.0]), step=0.1, points=256)
    >>> value, gradient = objective.value_and_gradient(LinearNetworks([[[-1.0]]], [[1.0]], [[2.0]]))
    >>> value.round(6).tolist(), gradient.c.round(6).tolist()
    ([0.551666], [[1.103331]])
    """

    target: Float[np.ndarray, "K"]
    step: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", check_array("target", self.target, ndim=1))
        object.__setattr__(self, "step", check_positive("step", self.step))
        if not np.any(self.target):
            raise ValueError("target must not be all zero, got no other value; its size is the unit of the loss")

    @classmethod
    def of(cls, kernel: Kernel, step: float = 0.1, points: int = 256) -> SampledLoss:
        """The loss on t = 0, dt, ..., (points - 1) dt."""
        count = check_integer("points", points, minimum=1)
        return cls(kernel(check_positive("step", step) * np.arange(count)), step)

    @property
    def unit(self) -> float:
        """dt sum_k rho(t_k)^2: the loss of the network that answers nothing."""
        return float(self.step * self.target @ self.target)

    def values(self, networks: LinearNetworks) -> Float[np.ndarray, "S"]:
        """J of every network."""
        return self.value_and_gradient(networks)[0]

    def value_and_gradient(self, networks: LinearNetworks) -> tuple[Float[np.ndarray, "S"], LinearNetworks]:
        """J and (dJ/dW, dJ/dU, dJ/dc) of every network, the latter in the shape of networks.

        Rounding: a few eps * K * ||e^{W t}||^2 terms relative to the size of the samples. Cost O(n^3 (20 + log K)) a
        network: about 1 ms for ten networks of n = 16 and K = 256.
        """
        value, gradient = _evaluate(self, networks.W, networks.U, networks.c)
        return value, LinearNetworks(*gradient)


def _evaluate(
    objective: SampledLoss, W: Square, U: Vectors, c: Vectors
) -> tuple[Float[np.ndarray, "S"], tuple[Square, Vectors, Vectors]]:
    """J and its gradient without checks, for the loop of gradient descent."""
    dt, K = objective.step, objective.target.size
    inner = (int(K - 1).bit_length() + 1) // 2  # doublings of X, to q = 2^inner columns
    outer = int(K - 1).bit_length() - inner
    E = [np.asarray(expm(W * dt))]
    columns, rows = U[:, :, None], c[:, None, :]
    for i in range(inner):
        columns = np.concatenate([columns, E[i] @ columns], axis=2)
        E.append(E[i] @ E[i])
    for i in range(inner, inner + outer):
        rows = np.concatenate([rows, rows @ E[i]], axis=1)
        if i + 1 < inner + outer:
            E.append(E[i] @ E[i])
    samples = rows @ columns
    missing = np.zeros(samples.shape)
    missing.reshape(len(W), -1)[:, :K] = samples.reshape(len(W), -1)[:, :K] - objective.target
    value = dt * np.einsum("sab,sab->s", missing, missing)
    G = 2 * dt * missing
    g_columns, g_rows = rows.mT @ G, G @ columns.mT
    g_power: Square = np.zeros_like(W)  # with respect to E[i]
    for i in reversed(range(inner + outer)):
        power = E[i].mT
        if i + 1 < inner + outer:
            g_power = g_power @ power + power @ g_power
        if i >= inner:
            half = rows.shape[1] // 2
            rows, late, g_rows = rows[:, :half], g_rows[:, half:], g_rows[:, :half]
            g_power = g_power + rows.mT @ late
            g_rows = g_rows + late @ power
        else:
            half = columns.shape[2] // 2
            columns, late, g_columns = columns[:, :, :half], g_columns[:, :, half:], g_columns[:, :, :half]
            g_power = g_power + late @ columns.mT
            g_columns = g_columns + power @ late
    return value, (dt * _frechet_adjoint(W * dt, g_power), g_columns[:, :, 0], g_rows[:, 0])


def _frechet_adjoint(A: Square, G: Square) -> Square:
    """The gradient with respect to A of <G, e^A>: upper right block of exp([[A^T, G], [0, A^T]]).

    The block depends on G linearly; it is scaled to norm 1 so that it does not enlarge the matrix.
    """
    S, n, _ = A.shape
    size = np.linalg.norm(G, axis=(1, 2), keepdims=True) + np.finfo(float).tiny
    block = np.zeros((S, 2 * n, 2 * n))
    block[:, :n, :n] = block[:, n:, n:] = A.mT
    block[:, :n, n:] = G / size
    return np.asarray(expm(block))[:, :n, n:] * size


@dataclass(frozen=True)
class LinearTraining:
    """Gradient descent on a batch of linear networks.

    Attributes
    ----------
    steps : (r,), the steps at which the loss was recorded, counted from the start of the first leg.
    losses : (r, S), J at these steps over the loss of the network that answers nothing.
    networks : the networks after the last step; pass the whole object on to `train_linear` to go on.
    """

    steps: Int[np.ndarray, "r"]
    losses: Float[np.ndarray, "r S"]
    networks: LinearNetworks


@cites("li2021", "Figure 1")
def train_linear(
    start: LinearNetworks | LinearTraining,
    objective: SampledLoss,
    steps: int,
    rate: float = 0.05,
    record_every: int = 1,
) -> LinearTraining:
    """Plain gradient descent theta <- theta - rate * dJ/dtheta on every network of the batch.

    Parameters
    ----------
    start : networks, or an earlier training, which is then continued: two legs give what one gives.
    objective : the loss.
    steps : number of steps.
    rate : learning rate.
    record_every : the loss is recorded before step 0, record_every, ..., and after the last step.

    DivergenceError if a loss overflows. Nothing is random, and the networks do not influence each other (the shape of
    the batch may change last digits). Cost: about 1 ms a step for ten networks of n = 16 and 256 samples.

    >>> from linmem.kernels import ExponentialSum
    >>> objective = SampledLoss.of(ExponentialSum([1.0], [0.5]))
    >>> training = train_linear(random_networks(8, [0, 1]), objective, steps=200, record_every=100)
    >>> training.steps.tolist(), training.losses.shape, bool((training.losses[-1] < 0.02).all())
    ([0, 100, 200], (3, 2), True)
    """
    count = check_integer("steps", steps, minimum=0)
    every = check_integer("record_every", record_every, minimum=1)
    eta = check_positive("rate", rate)
    past = start if isinstance(start, LinearTraining) else None
    networks = start.networks if isinstance(start, LinearTraining) else start
    weights, drives, reads = networks.W, networks.U, networks.c
    first = int(past.steps[-1]) if past else 0
    end = first + count
    when: list[int] = []
    losses: list[Float[np.ndarray, "S"]] = []
    for k in range(first, end + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = _evaluate(objective, weights, drives, reads)
        if not np.isfinite(value).all():
            raise DivergenceError(
                f"gradient descent must stay finite, got a loss of {value.max()} at step {k} with rate {eta}; "
                "pass a smaller rate"
            )
        if (k % every == 0 or k == end) and not (past and k == first):  # an earlier leg ends with a record
            when.append(k)
            losses.append(value / objective.unit)
        if k < end:
            weights = weights - eta * gradient[0]
            drives, reads = drives - eta * gradient[1], reads - eta * gradient[2]
    recorded, curve = np.array(when, dtype=np.int64), np.array(losses).reshape(-1, len(weights))
    if past:
        recorded, curve = np.concatenate([past.steps, recorded]), np.concatenate([past.losses, curve])
    return LinearTraining(recorded, curve, LinearNetworks(weights, drives, reads))
