"""The experiments of Figure 1 of Li et al., and what is read off a training curve.

A curve is the loss relative to that of a trivial answer (no answer, or the best constant), against the step of the
optimiser. `waiting_steps` says when it first falls to a level: on a plateau, late.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.continuous.learning.linear_training import LinearTraining, SampledLoss, random_networks, train_linear
from linmem.continuous.learning.lorenz import lorenz96_data
from linmem.continuous.learning.tanh_training import SequenceTask, TanhTraining, random_tanh_networks, train_tanh
from linmem.kernels import Kernel

TIME_STEP = 0.2  # of the tanh networks and of their data
LEG = 50  # steps between two looks at the level
WINDOW = 10  # steps over which the losses of small batches are averaged


def running_mean(losses: ArrayLike, window: int) -> Float[np.ndarray, "r S"]:
    """Means over the last `window` records, fewer at the start; losses (r, S).

    >>> running_mean([[1.0], [3.0], [5.0]], 2).ravel().tolist()
    [1.0, 2.0, 4.0]
    """
    values, w = check_array("losses", losses, ndim=2), check_integer("window", window, minimum=1)
    first = values[: w - 1].cumsum(axis=0) / np.arange(1, len(values[: w - 1]) + 1)[:, None]
    if len(values) < w:
        return first
    return np.concatenate([first, np.lib.stride_tricks.sliding_window_view(values, w, axis=0).mean(axis=-1)])


def waiting_steps(steps: ArrayLike, losses: ArrayLike, level: float, window: int = 1) -> Float[np.ndarray, "S"]:
    """First recorded step at which the running mean of the loss is <= level; infinity where there is none.

    Parameters
    ----------
    steps : (r,), as a training recorded them.
    losses : (r, S).
    level : of the relative loss.
    window : records in the running mean; losses of small batches of data need more than one. It must be full: the
        answer is at least the step of record number `window`.

    >>> waiting_steps([0, 10, 20], [[1.0, 1.0], [0.4, 0.9], [0.1, 0.8]], level=0.5).tolist()
    [10.0, inf]
    """
    values = running_mean(losses, window)
    moments = check_array("steps", steps, shape=(len(values),))
    below = values <= check_positive("level", level)
    below[: window - 1] = False
    return np.where(below.any(axis=0), moments[below.argmax(axis=0)], np.inf)


@cites("li2021", "Figure 1")
def kernel_curves(
    kernel: Kernel,
    seeds: Sequence[int | np.random.Generator],
    steps: int,
    level: float | None = None,
    state_size: int = 16,
) -> LinearTraining:
    """Gradient descent (rate 0.05) of random linear networks on 256 samples of a kernel, 0.1 apart.

    Parameters
    ----------
    kernel : the target.
    seeds : one network for each.
    steps : at most so many steps.
    level : stop, within 50 steps, when the loss of every network has reached this.
    state_size : n (m in Li et al.).

    The loss is recorded at every step. Cost about 1 ms a step for ten networks of n = 16.

    >>> from linmem.kernels import ExponentialSum
    >>> training = kernel_curves(ExponentialSum([1.0], [0.5]), [0, 1], steps=1000, level=0.5, state_size=4)
    >>> bool((training.losses[-1] <= 0.5).all()), int(training.steps[-1]) < 1000
    (True, True)
    """
    count = check_integer("steps", steps, minimum=1)
    objective, networks = SampledLoss.of(kernel), random_networks(state_size, seeds)
    if level is None:
        return train_linear(networks, objective, count)
    training = train_linear(networks, objective, min(LEG, count))
    while training.steps[-1] < count and np.isinf(waiting_steps(training.steps, training.losses, level)).any():
        training = train_linear(training, objective, min(LEG, count - int(training.steps[-1])))
    return training


@cites("li2021", "Figure 1")
def lorenz_curves(
    sites: int,
    output: int,
    seeds: Sequence[int | np.random.Generator],
    steps: int,
    level: float | None = None,
    state_size: int = 24,
    sequences: int = 256,
    batch_size: int = 4,
    samples: int = 160,
    skip: int = 80,
) -> TanhTraining:
    """Adam (rate 0.002) of random tanh networks on the output of a driven Lorenz-96 ring, each on sequences of its own.

    Parameters
    ----------
    sites, output : the ring and the site that is read (linmem.continuous.learning.lorenz); the lag grows with `output`.
    seeds : one network and one set of sequences for each.
    steps : at most so many steps.
    level : stop, within 50 steps, when the running mean over 10 steps of every network has reached this.
    state_size : n (m in Li et al.).
    sequences, samples : of the data, 0.2 time units apart, from rest.
    batch_size : sequences per step.
    skip : samples at the start of a sequence that the loss leaves out; at least the lag.

    The loss is recorded at every step. Cost about 3 ms a step for ten networks.

    >>> lorenz_curves(8, 1, [0, 1], steps=3, sequences=4, samples=20, skip=5).losses.shape
    (4, 2)
    """
    starts, inputs, targets = [], [], []
    for seed in seeds:
        weights, data = check_generator("seed", seed).spawn(2)
        found = lorenz96_data(sites, output, sequences, samples, data, step=TIME_STEP)
        starts.append(weights)
        inputs.append(found.inputs[..., 0])
        targets.append(found.outputs[..., 0])
    task = SequenceTask(np.stack(inputs), np.stack(targets), TIME_STEP, skip)
    count, networks = check_integer("steps", steps, minimum=1), random_tanh_networks(state_size, starts)
    if level is None:
        return train_tanh(networks, task, count, batch_size=batch_size)
    training = train_tanh(networks, task, min(LEG, count), batch_size=batch_size)
    while training.steps[-1] < count and np.isinf(waiting_steps(training.steps, training.losses, level, WINDOW)).any():
        leg = min(LEG, count - int(training.steps[-1]))
        training = train_tanh(training, task, leg, batch_size=batch_size)
    return training


def curve_rows(
    training: LinearTraining | TanhTraining, window: int = 1, per_decade: int = 24, **columns: object
) -> list[dict[str, object]]:
    """Rows of a table: for every network (number `seed`) the running mean of the loss at log-spaced steps.

    >>> training = train_linear(random_networks(2, [0]), SampledLoss(np.ones(4), 0.1), steps=2)
    >>> [(row["step"], row["target"]) for row in curve_rows(training, target="one")]
    [(0, 'one'), (1, 'one'), (2, 'one')]
    """
    values = running_mean(training.losses, window)
    last = int(training.steps[-1])
    exponents = np.arange(per_decade * np.log10(max(last, 1)) + 1) / per_decade
    wanted: Int[np.ndarray, "k"] = np.unique(np.append(0, np.append(np.minimum(10**exponents, last).astype(int), last)))
    rows = np.flatnonzero(np.isin(training.steps, wanted))
    return [
        {**columns, "seed": s, "step": int(training.steps[r]), "loss": float(values[r, s])}
        for s in range(values.shape[1])
        for r in rows
    ]
