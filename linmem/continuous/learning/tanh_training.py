"""Adam on tanh networks in continuous time, many networks at once, each on sequences of its own.

The network dh/dt = tanh(W h + U x + b), y = c.h, started at h = 0, is integrated by Euler's method:

    h_{k+1} = h_k + dt tanh(W h_k + U x_k + b),    y_k = c.h_{k+1},

so that y_k depends on x_0..x_k. The loss of network s is the mean square of y_k - target_k over its sequences and the
times k >= skip; reported is its ratio to the variance of these targets, the loss of the best constant. The gradient is
written out (backpropagation through time); tests hold it to torch. n is the state size (m in Li et al.).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_integer, check_positive
from linmem.citations import cites
from linmem.continuous.learning.linear_training import DivergenceError, random_networks

FIRST_MOMENT, SECOND_MOMENT, EPSILON = 0.9, 0.999, 1e-8  # Adam's constants as published
Parameters = Float[np.ndarray, "S p"]


@dataclass(frozen=True)
class TanhNetworks:
    """A batch of S tanh networks with one input and one output.

    Attributes
    ----------
    W : (S, n, n), U : (S, n), b : (S, n), c : (S, n).

    ValueError for shapes that do not fit together.
    """

    W: Float[np.ndarray, "S n n"]
    U: Float[np.ndarray, "S n"]
    b: Float[np.ndarray, "S n"]
    c: Float[np.ndarray, "S n"]

    def __init__(self, W: ArrayLike, U: ArrayLike, b: ArrayLike, c: ArrayLike) -> None:
        matrices = check_array("W", W, ndim=3)
        S, n = matrices.shape[:2]
        object.__setattr__(self, "W", check_array("W", matrices, shape=(S, n, n)))
        for name, value in (("U", U), ("b", b), ("c", c)):
            object.__setattr__(self, name, check_array(name, value, shape=(S, n)))

    def __len__(self) -> int:
        return len(self.W)


def random_tanh_networks(state_size: int, seeds: Sequence[int | np.random.Generator]) -> TanhNetworks:
    """W = G/(2 sqrt n) - I, U = g/sqrt n, c = g'/sqrt n, b = 0 with standard Gaussian G, g, g': a network a seed.

    >>> random_tanh_networks(4, [0, 1]).W.shape
    (2, 4, 4)
    """
    linear = random_networks(state_size, seeds)
    return TanhNetworks(linear.W, linear.U, np.zeros(linear.U.shape), linear.c)


@dataclass(frozen=True)
class SequenceTask:
    """Sequences to learn: B of them for each of the S networks, T samples long.

    Parameters
    ----------
    inputs, targets : (S, B, T), or (B, T), the same for every network.
    step : dt.
    skip : samples at the start of every sequence that the loss leaves out.

    >>> SequenceTask(np.ones((2, 3, 5)), np.arange(30.0).reshape(2, 3, 5), step=0.2).variances.shape
    (2,)
    """

    inputs: Float[np.ndarray, "S B T"]
    targets: Float[np.ndarray, "S B T"]
    step: float
    skip: int

    def __init__(self, inputs: ArrayLike, targets: ArrayLike, step: float, skip: int = 0) -> None:
        x, y = check_array("inputs", inputs), check_array("targets", targets)
        x, y = (array[None] if array.ndim == 2 else array for array in (x, y))
        x, y = check_array("inputs", x, ndim=3), check_array("targets", y, shape=x.shape)
        object.__setattr__(self, "inputs", x)
        object.__setattr__(self, "targets", y)
        object.__setattr__(self, "step", check_positive("step", step))
        object.__setattr__(self, "skip", check_integer("skip", skip, minimum=0, maximum=x.shape[2] - 1))
        if not np.all(self.variances > 0):
            raise ValueError("targets must vary after the skipped samples, got a constant; their variance is the unit")

    @property
    def variances(self) -> Float[np.ndarray, "S"]:
        """Variance of the targets that count: the loss of the best constant answer."""
        return self.targets[:, :, self.skip :].var(axis=(1, 2))

    def value_and_gradient(self, networks: TanhNetworks) -> tuple[Float[np.ndarray, "S"], TanhNetworks]:
        """Mean square error of every network, and its gradient in the shape of networks.

        Cost O(S B T n^2), twice that of running the networks.
        """
        self.check_count(len(networks))
        every = np.arange(self.inputs.shape[1])
        value, gradient = _evaluate(self, _pack(networks), networks.W.shape[1], every)
        return value, _unpack(gradient, networks.W.shape[1])

    def check_count(self, networks: int) -> None:
        """ValueError unless the sequences are those of one network, then shared by all, or of this many."""
        if len(self.inputs) not in (1, networks):
            raise ValueError(
                f"the task must hold sequences for one or for all of {networks} networks, got {len(self.inputs)}; "
                "pass inputs of shape (S, B, T) or (B, T)"
            )


def _pack(networks: TanhNetworks) -> Parameters:
    S = len(networks)
    return np.concatenate([networks.W.reshape(S, -1), networks.U, networks.b, networks.c], axis=1)


def _unpack(theta: Parameters, n: int) -> TanhNetworks:
    square = n * n
    U, b, c = (theta[:, square + i * n : square + (i + 1) * n] for i in range(3))
    return TanhNetworks(theta[:, :square].reshape(-1, n, n), U, b, c)


def _evaluate(
    task: SequenceTask, theta: Parameters, n: int, chosen: Int[np.ndarray, "B"]
) -> tuple[Float[np.ndarray, "S"], Parameters]:
    """Loss on the chosen sequences, and its gradient, back through time; arrays run (time, network, sequence, unit)."""
    S, square, dt = len(theta), n * n, task.step
    W = theta[:, :square].reshape(S, n, n)
    U, b, c = (theta[:, None, square + i * n : square + (i + 1) * n] for i in range(3))
    x = np.moveaxis(task.inputs[:, chosen], 2, 0)[..., None]
    T, B = len(x), x.shape[2]
    slopes: Float[np.ndarray, "T S B n"] = x * U + b  # becomes tanh, then dt (1 - tanh^2), then the signal
    states = np.zeros((T + 1, S, B, n))
    transposed = np.ascontiguousarray(W.mT)
    for k in range(T):
        slopes[k] += states[k] @ transposed
        np.tanh(slopes[k], out=slopes[k])
        np.add(states[k], dt * slopes[k], out=states[k + 1])
    error = (states[1:] @ c.mT)[..., 0] - np.moveaxis(task.targets[:, chosen], 2, 0)
    error[: task.skip] = 0.0
    count = B * (T - task.skip)
    value = np.einsum("ksb,ksb->s", error, error) / count
    error *= 2 / count
    g_c = np.einsum("ksb,ksbn->sn", error, states[1:])
    np.multiply(slopes, slopes, out=slopes)
    np.subtract(1.0, slopes, out=slopes)
    slopes *= dt
    back = np.zeros((S, B, n))
    for k in reversed(range(T)):
        back += error[k, ..., None] * c
        slopes[k] *= back
        back += slopes[k] @ W
    signal = slopes.transpose(1, 3, 0, 2).reshape(S, n, T * B)
    g_W = signal @ states[:-1].transpose(1, 0, 2, 3).reshape(S, T * B, n)
    g_U = signal @ np.broadcast_to(x, (T, S, B, 1)).transpose(1, 0, 2, 3).reshape(S, T * B, 1)
    return value, np.concatenate([g_W.reshape(S, -1), g_U[..., 0], signal.sum(2), g_c], axis=1)


@dataclass(frozen=True)
class TanhTraining:
    """Adam on a batch of tanh networks.

    Attributes
    ----------
    steps : (r,), the steps at which the loss was recorded, counted from the start of the first leg.
    losses : (r, S), mean square error over the variance of the targets.
    networks : the networks after the last step; pass the whole object on to `train_tanh` to go on.
    moments : (2, S, p), Adam's running means of the gradient and of its square.
    """

    steps: Int[np.ndarray, "r"]
    losses: Float[np.ndarray, "r S"]
    networks: TanhNetworks
    moments: Float[np.ndarray, "2 S p"]


@cites("li2021", "Figure 1")
def train_tanh(
    start: TanhNetworks | TanhTraining,
    task: SequenceTask,
    steps: int,
    rate: float = 2e-3,
    record_every: int = 1,
    batch_size: int | None = None,
) -> TanhTraining:
    """Adam (0.9, 0.999, 1e-8) on every network of the batch, each with its own sequences.

    Parameters
    ----------
    start : networks, or an earlier training, which is then continued: two legs give what one gives.
    task : the sequences.
    steps : number of steps.
    rate : learning rate.
    record_every : the loss is recorded before step 0, record_every, ..., and after the last step.
    batch_size : sequences per step; step k takes number k batch_size, ..., (k + 1) batch_size - 1 of each network's
        sequences, modulo how many there are. The recorded loss is that of the step's sequences. None: all of them.

    DivergenceError if a loss overflows. Nothing is random, and networks do not influence each other.

    >>> x = np.random.default_rng(0).standard_normal((4, 30))
    >>> training = train_tanh(random_tanh_networks(4, [0, 1]), SequenceTask(x, np.cumsum(x, axis=1), 0.2), steps=50)
    >>> training.losses.shape, bool((training.losses[-1] < training.losses[0]).all())
    ((51, 2), True)
    """
    count = check_integer("steps", steps, minimum=0)
    every = check_integer("record_every", record_every, minimum=1)
    eta, sequences = check_positive("rate", rate), task.inputs.shape[1]
    size = sequences if batch_size is None else check_integer("batch_size", batch_size, 1, sequences)
    past = start if isinstance(start, TanhTraining) else None
    networks = start.networks if isinstance(start, TanhTraining) else start
    task.check_count(len(networks))
    n, theta = networks.W.shape[1], _pack(networks)
    mean, square = past.moments.copy() if past else np.zeros((2, *theta.shape))
    first = int(past.steps[-1]) if past else 0
    end, unit = first + count, task.variances
    recorded: list[int] = []
    losses: list[Float[np.ndarray, "S"]] = []
    for k in range(first, end + 1):
        chosen = np.arange(k * size, (k + 1) * size) % sequences
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = _evaluate(task, theta, n, chosen)
        if not np.isfinite(value).all():
            raise DivergenceError(
                f"Adam must stay finite, got a loss of {value.max()} at step {k} with rate {eta}; pass a smaller rate"
            )
        if (k % every == 0 or k == end) and not (past and k == first):  # an earlier leg ends with a record
            recorded.append(k)
            losses.append(value / unit)
        if k < end:
            mean = FIRST_MOMENT * mean + (1 - FIRST_MOMENT) * gradient
            square = SECOND_MOMENT * square + (1 - SECOND_MOMENT) * gradient**2
            root = np.sqrt(square / (1 - SECOND_MOMENT ** (k + 1))) + EPSILON
            theta = theta - eta * mean / (1 - FIRST_MOMENT ** (k + 1)) / root
    when, curve = np.array(recorded, dtype=np.int64), np.array(losses).reshape(-1, len(theta))
    if past:
        when, curve = np.concatenate([past.steps, when]), np.concatenate([past.losses, curve])
    return TanhTraining(when, curve, _unpack(theta, n), np.stack([mean, square]))
