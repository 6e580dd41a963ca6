"""Train many small networks on memorisation tasks by plain SGD, and measure what each of them remembers.

>>> from linmem.trained import MemoryTask, NetworkSpec, train
>>> spec = NetworkSpec(state_size=2, task=MemoryTask.definition_1(1))
>>> training = train(spec, seeds=[0, 1], steps=20, evaluation_size=1000)
>>> len(training.networks), training.errors.shape, training.losses.shape
(2, (2,), (20, 2))

Seed contract: a network's initial weights, its training sequences and its evaluation sequences come from three
counter-based generators (Philox) keyed by (seed, cells, task), so that a network is the same whichever others train
beside it, up to floating-point rounding, and networks of different specification are independent at equal seed.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from linmem.checks import check_choice, check_integer, check_positive
from linmem.citations import cites
from linmem.trained.distance import solved_threshold
from linmem.trained.ensemble import Ensemble, NetworkWeights, default_weights, to_module
from linmem.trained.task import MemoryTask

_CHUNK = 64  # steps of data drawn at once; no influence on the data
_EVALUATION_CHUNK = 512
_BAND = 8  # networks of 1-8, 9-16, ... cells share an ensemble: measured no slower than one ensemble per size
_LARGEST_WEIGHT = 100.0
_STREAMS = {"weights": 0, "training": 1, "evaluation": 2}


@dataclass(frozen=True)
class NetworkSpec:
    """What is trained: a one-layer tanh network of ``state_size`` cells (N in Illium) on ``task``.

    Raises
    ------
    ValueError, TypeError : if state_size is not an integer >= 1, or task is not a MemoryTask.
    """

    state_size: int
    task: MemoryTask

    def __post_init__(self) -> None:
        check_integer("state_size", self.state_size, minimum=1)
        if not isinstance(self.task, MemoryTask):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"task must be a MemoryTask, got {self.task!r}; pass e.g. MemoryTask.definition_1(3)")


@dataclass(frozen=True)
class Network:
    """One network of a training: its specification and its seed."""

    spec: NetworkSpec
    seed: int

    def generator(self, stream: str) -> np.random.Generator:
        """The network's generator for ``stream``: "weights", "training" or "evaluation".

        >>> network = Network(NetworkSpec(2, MemoryTask(1)), seed=5)
        >>> float(network.generator("weights").random()) == float(network.generator("weights").random())
        True
        """
        task, purpose = self.spec.task, _STREAMS[check_choice("stream", stream, _STREAMS)]
        key = (self.spec.state_size, task.position, task.min_length, task.max_length, purpose)
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(self.seed, spawn_key=key)))

    def initial_weights(self) -> NetworkWeights:
        """The weights the training starts from (:func:`linmem.trained.ensemble.default_weights`)."""
        return default_weights(self.spec.state_size, self.generator("weights"))


@dataclass(frozen=True)
class TrainingSettings:
    """How the networks are trained and evaluated; the fields are the keyword arguments of :func:`train`."""

    steps: int = 50_000
    batch_size: int = 8
    rate: float = 0.03
    schedule: str = "linear"
    evaluation_size: int = 12_288
    records: int = 100
    dtype: str = "float32"

    def __post_init__(self) -> None:
        check_integer("steps", self.steps, minimum=0)
        check_integer("batch_size", self.batch_size, minimum=1)
        check_positive("rate", self.rate)
        check_choice("schedule", self.schedule, ("linear", "constant"))
        check_integer("evaluation_size", self.evaluation_size, minimum=1)
        check_integer("records", self.records, minimum=1)
        check_choice("dtype", self.dtype, ("float32", "float64"))

    def rate_at(self, step: int) -> float:
        """Learning rate of step k = 0, 1, ..: ``rate`` if constant, ``rate (1 - k/steps)`` if linear.

        >>> TrainingSettings(steps=4, rate=0.5).rate_at(3)
        0.125
        """
        return self.rate if self.schedule == "constant" else self.rate * (1.0 - step / max(self.steps, 1))


@dataclass(frozen=True)
class Training:
    """Trained networks with their evidence.

    Attributes
    ----------
    networks : specification and seed of each network; the network is the last axis of every array.
    settings : how they were trained.
    loss_steps : (record,) number of steps done at the end of each record.
    losses : (record, network) training loss averaged over the steps of each record.
    errors : (network,) mean absolute error on ``settings.evaluation_size`` fresh sequences; NaN if not finite.
    weights : the trained weights.
    """

    networks: tuple[Network, ...]
    settings: TrainingSettings
    loss_steps: Int[np.ndarray, "record"]
    losses: Float[np.ndarray, "record network"]
    errors: Float[np.ndarray, "network"]
    weights: tuple[NetworkWeights, ...]

    @property
    def diverged(self) -> Bool[np.ndarray, "network"]:
        """A weight or the error is not finite, or a weight is beyond 100 in size.

        The cells are bounded, so that a rate far too large saturates them, and the gradient vanishes, long before
        anything overflows. Inputs are O(1) and so are the weights of every solution.
        """
        largest = np.array([max(np.abs(a).max() for a in (w.recurrent, w.input, w.bias)) for w in self.weights])
        return ~(np.isfinite(self.errors) & (largest <= _LARGEST_WEIGHT))

    @property
    def solved(self) -> Bool[np.ndarray, "network"]:
        """Error below :func:`linmem.trained.distance.solved_threshold` of the network's size."""
        limits = np.array([solved_threshold(network.spec.state_size) for network in self.networks])
        with np.errstate(invalid="ignore"):
            return self.errors < limits

    def module(self, index: int) -> torch.nn.RNN:
        """Network ``index`` as a ``torch.nn.RNN``; its answer is ``module(inputs)[0][:, -1].sum(-1)``."""
        return to_module(self.weights[check_integer("index", index, 0, len(self.networks) - 1)])

    def rows(self) -> list[dict[str, int | float | bool]]:
        """One row per network, ready for a table: state_size, position, lengths, seed, error, solved, diverged."""
        return [
            {
                "state_size": network.spec.state_size,
                "position": network.spec.task.position,
                "min_length": network.spec.task.min_length,
                "max_length": network.spec.task.max_length,
                "seed": network.seed,
                "error": float(error),
                "solved": bool(solved),
                "diverged": bool(diverged),
            }
            for network, error, solved, diverged in zip(
                self.networks, self.errors, self.solved, self.diverged, strict=True
            )
        ]


@contextmanager
def torch_threads(count: int) -> Generator[None]:
    """Run the body with ``count`` torch threads and set the former number again, whatever happens.

    >>> before = torch.get_num_threads()
    >>> with torch_threads(1):
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """
    wanted, before = check_integer("count", count, minimum=1), torch.get_num_threads()
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _draw_steps(
    tasks: Sequence[MemoryTask], generators: Sequence[np.random.Generator], steps: int, batch: int, dtype: torch.dtype
) -> tuple[
    Float[Tensor, "step time batch 1 network"],
    Float[Tensor, "step masked batch 1 network"],
    Float[Tensor, "step batch network"],
]:
    """Inputs, mask (1 or 0) of the time steps that not every sequence has, and targets, in the layout of Ensemble."""
    E, T = len(tasks), max(task.timesteps for task in tasks)
    numbers, lengths = np.zeros((E, steps, batch, T), dtype=np.float32), np.empty((E, steps, batch), dtype=np.int64)
    targets = np.empty((E, steps, batch), dtype=np.float32)
    for e, (task, generator) in enumerate(zip(tasks, generators, strict=True)):
        drawn, counts = task.draw(steps * batch, generator)
        numbers[e, :, :, T - task.timesteps :] = drawn.reshape(steps, batch, task.timesteps)
        lengths[e] = counts.reshape(steps, batch)
        targets[e] = numbers[e, :, :, T - task.position]
    x = torch.from_numpy(numbers).permute(1, 3, 2, 0).contiguous().unsqueeze(3).to(dtype)
    y = torch.from_numpy(targets).permute(1, 2, 0).contiguous().to(dtype)
    starts = T - torch.from_numpy(lengths).permute(1, 2, 0).contiguous()
    masked_steps = T - min(task.min_length for task in tasks)
    m = torch.arange(masked_steps)[None, :, None, None, None] >= starts[:, None, :, None, :]
    return x, m.to(dtype), y


def _train_group(
    networks: Sequence[Network], settings: TrainingSettings
) -> tuple[Float[np.ndarray, "record network"], Float[np.ndarray, "network"], list[NetworkWeights]]:
    """Losses per record, final errors and weights of networks that share one ensemble."""
    dtype = torch.float32 if settings.dtype == "float32" else torch.float64
    ensemble = Ensemble([network.initial_weights() for network in networks], dtype=dtype)
    tasks = [network.spec.task for network in networks]
    ends, E = _record_ends(settings), len(networks)
    losses, total = np.empty((len(ends), E)), torch.zeros(E, dtype=dtype)
    generators = [network.generator("training") for network in networks]
    record, done = 0, 0
    while done < settings.steps:
        steps = min(_CHUNK, settings.steps - done)
        x, m, y = _draw_steps(tasks, generators, steps, settings.batch_size, dtype)
        for k in range(steps):
            gradient = ensemble.gradient_of(x[k], m[k], y[k])
            ensemble.descend(gradient, settings.rate_at(done))
            total += gradient.loss
            done += 1
            if done == ends[record]:
                losses[record] = total.numpy() / (done - (ends[record - 1] if record else 0))
                total.zero_()
                record += 1
    return losses, _evaluate(ensemble, networks, settings.evaluation_size), ensemble.weights()


def _record_ends(settings: TrainingSettings) -> list[int]:
    """Step counts at which a record of the loss ends: at most ``records``, evenly spread, the last one ``steps``."""
    count = min(settings.records, settings.steps)
    return [(k + 1) * settings.steps // count for k in range(count)]


def _evaluate(ensemble: Ensemble, networks: Sequence[Network], size: int) -> Float[np.ndarray, "network"]:
    """Mean absolute error of each network on ``size`` sequences of its evaluation stream; NaN where not finite."""
    tasks = [network.spec.task for network in networks]
    generators, total = [network.generator("evaluation") for network in networks], np.zeros(len(networks))
    for start in range(0, size, _EVALUATION_CHUNK):
        drawn = _draw_steps(tasks, generators, 1, min(_EVALUATION_CHUNK, size - start), ensemble.recurrent.dtype)
        x, m, y = (tensor[0] for tensor in drawn)
        total += (ensemble.outputs_of(x, m) - y).abs().sum(dim=0, dtype=torch.float64).numpy()
    errors = total / size
    finite = [
        bool(np.isfinite(w.recurrent).all() and np.isfinite(w.input).all() and np.isfinite(w.bias).all())
        for w in ensemble.weights()
    ]
    return np.where(np.isfinite(errors) & np.array(finite), errors, np.nan)


@cites("illium2022", "Section 4")
def train(
    specs: NetworkSpec | Sequence[NetworkSpec],
    seeds: Sequence[int],
    *,
    steps: int = 50_000,
    batch_size: int = 8,
    rate: float = 0.03,
    schedule: str = "linear",
    evaluation_size: int = 12_288,
    records: int = 100,
    dtype: str = "float32",
    threads: int = 1,
) -> Training:
    """Train every specification with every seed by plain SGD on fresh sequences, then measure its error.

    Parameters
    ----------
    specs : one specification, or several; networks are ordered by specification, then by seed.
    seeds : integers >= 0, distinct.
    steps : SGD steps; each takes ``batch_size`` fresh sequences. 0 evaluates the untrained networks.
    batch_size : sequences per step and network.
    rate : learning rate at the start.
    schedule : "linear" (``rate (1 - k/steps)`` at step k) or "constant". The thresholds of ``solved`` presume "linear".
    evaluation_size : fresh sequences for the final error. Absolute errors in [0, 1] of mean e have variance at most
        e (1 - e): with 12,288 sequences the standard error at the threshold e = 0.03 is below 0.0016.
    records : number of points of the loss curve.
    dtype : "float32" or "float64"; the sequences are the same in both.
    threads : torch threads inside; the former number is set again at the end.

    Raises
    ------
    ValueError, TypeError : for a bad argument. Divergence is no error: it is recorded in ``Training.diverged``.

    Notes
    -----
    A step costs ``O(T B c^2)`` operations a network; for less than about a hundred networks the fixed cost of the
    tensor calls dominates, so train many at once (``benchmarks/ensembles.py`` measures it). Networks whose longest
    sequences are equally long share an ensemble, whatever their sizes up to 8 cells.

    >>> untrained = train(NetworkSpec(1, MemoryTask(1)), seeds=[0], steps=0, evaluation_size=100)
    >>> bool(untrained.solved[0])
    False
    """
    settings = TrainingSettings(steps, batch_size, rate, schedule, evaluation_size, records, dtype)
    wanted = [specs] if isinstance(specs, NetworkSpec) else list(specs)
    numbers = [check_integer("seed", seed, minimum=0) for seed in seeds]
    if not wanted or not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"specs and seeds must not be empty and seeds must be distinct, got {len(wanted)} specs, "
            f"seeds={numbers!r}; pass at least one NetworkSpec and e.g. seeds=range(5)"
        )
    return train_networks([Network(spec, seed) for spec in wanted for seed in numbers], settings, threads=threads)


def train_networks(networks: Sequence[Network], settings: TrainingSettings, *, threads: int = 1) -> Training:
    """As :func:`train`, for an explicit list of networks (each with its own seed)."""
    if not networks:
        raise ValueError("networks must hold at least one network, got none; pass e.g. [Network(spec, seed=0)]")
    groups: dict[tuple[int, int], list[int]] = {}
    for index, network in enumerate(networks):
        groups.setdefault((network.spec.task.timesteps, (network.spec.state_size - 1) // _BAND), []).append(index)
    ends = np.array(_record_ends(settings), dtype=np.int64)
    losses, errors = np.empty((ends.size, len(networks))), np.empty(len(networks))
    weights: list[NetworkWeights | None] = [None] * len(networks)
    with torch_threads(threads), torch.no_grad():
        for members in groups.values():
            losses[:, members], errors[members], trained = _train_group([networks[i] for i in members], settings)
            for index, network_weights in zip(members, trained, strict=True):
                weights[index] = network_weights
    return Training(tuple(networks), settings, ends, losses, errors, tuple(w for w in weights if w is not None))
