"""What is trained and how: specification, network, settings. numpy only, shared by all engines.

Seed contract: a network's initial weights, its training sequences and its evaluation sequences come from three
counter-based generators (Philox) keyed by (seed, architecture, task), so that a network is the same whichever others
train beside it, up to floating-point rounding, and networks of different specification are independent at equal seed.
All three are the same for every engine and any number of threads or processes; settings do not enter them.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

import numpy as np

from linmem.checks import check_choice, check_finite, check_integer, check_positive
from linmem.trained.architecture import Architecture
from linmem.trained.task import MemoryTask
from linmem.trained.weights import NetworkWeights, initial_weights

_STREAMS = {"weights": 0, "training": 1, "evaluation": 2}


@dataclass(frozen=True)
class NetworkSpec:
    """What is trained: an architecture on a task.

    Raises
    ------
    TypeError : if ``architecture`` is no Architecture or ``task`` no MemoryTask.

    >>> NetworkSpec(Architecture(cells=3), MemoryTask(2)).state_size
    3
    """

    architecture: Architecture
    task: MemoryTask

    def __post_init__(self) -> None:
        if not isinstance(self.architecture, Architecture):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"architecture must be an Architecture, got {self.architecture!r}; pass e.g. Architecture(cells=3)"
            )
        if not isinstance(self.task, MemoryTask):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"task must be a MemoryTask, got {self.task!r}; pass e.g. MemoryTask.definition_1(3)")

    @property
    def state_size(self) -> int:
        """Number of cells in all layers, ``c l`` (N in Illium)."""
        return self.architecture.cells * self.architecture.layers

    @property
    def key(self) -> tuple[int, ...]:
        """Whole numbers that name this specification in the seeds of its networks.

        Cells, position and lengths; then, for whatever differs from the defaults, the number of the field and its
        value (as a hash), so that a new option changes no network that does without it.
        """
        a, task = self.architecture, self.task
        numbers = [a.cells, task.position, task.min_length, task.max_length]
        extras: list[int] = []
        for owner, skip in ((a, {"cells"}), (task, {"position", "min_length", "max_length"})):
            for name, default in ((f.name, f.default) for f in dataclasses.fields(owner)):
                value = getattr(owner, name)
                if name not in skip and value != default:
                    digest = hashlib.sha256(f"{type(owner).__name__}.{name}={value!r}".encode()).digest()
                    extras.append(int.from_bytes(digest[:4], "little"))
        return (*numbers, *extras)


@dataclass(frozen=True)
class Network:
    """One network of a training: its specification and its seed."""

    spec: NetworkSpec
    seed: int

    def generator(self, stream: str) -> np.random.Generator:
        """The network's generator for ``stream``: "weights", "training" or "evaluation".

        >>> network = Network(NetworkSpec(Architecture(cells=2), MemoryTask(1)), seed=5)
        >>> float(network.generator("weights").random()) == float(network.generator("weights").random())
        True
        """
        purpose, key = _STREAMS[check_choice("stream", stream, _STREAMS)], self.spec.key
        spawn_key = (*key[:4], purpose, *key[4:])
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(self.seed, spawn_key=spawn_key)))

    def initial_weights(self) -> NetworkWeights:
        """The weights the training starts from (:func:`linmem.trained.weights.initial_weights`)."""
        return initial_weights(self.spec.architecture, self.generator("weights"))


@dataclass(frozen=True)
class TrainingSettings:
    """How the networks are trained and evaluated; the fields are keyword arguments of :func:`~linmem.trained.train`.

    >>> TrainingSettings(optimiser="sgd", truncation=0)
    Traceback (most recent call last):
    ...
    ValueError: truncation must be >= 1, got 0; pass 1 or more
    """

    steps: int = 50_000
    batch_size: int = 8
    rate: float = 0.03
    schedule: str = "linear"
    evaluation_size: int = 12_288
    records: int = 100
    dtype: str = "float32"
    optimiser: str = "sgd"
    momentum: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    truncation: int | None = None

    def __post_init__(self) -> None:
        check_integer("steps", self.steps, minimum=0)
        check_integer("batch_size", self.batch_size, minimum=1)
        check_positive("rate", self.rate)
        check_choice("schedule", self.schedule, ("linear", "constant"))
        check_integer("evaluation_size", self.evaluation_size, minimum=1)
        check_integer("records", self.records, minimum=1)
        check_choice("dtype", self.dtype, ("float32", "float64"))
        check_choice("optimiser", self.optimiser, ("sgd", "adam"))
        check_positive("epsilon", self.epsilon)
        if len(self.betas) != 2:
            raise ValueError(f"betas must be two numbers, got {self.betas!r}; pass e.g. (0.9, 0.999)")
        for name, value in (("momentum", self.momentum), ("betas[0]", self.betas[0]), ("betas[1]", self.betas[1])):
            if not 0.0 <= check_finite(name, value) < 1.0:
                raise ValueError(f"{name} must lie in [0, 1), got {value!r}; pass e.g. 0.9")
        if self.optimiser == "adam" and self.momentum:
            raise ValueError(f"momentum belongs to sgd, got {self.momentum!r} with adam; set betas[0] instead")
        if self.truncation is not None:
            check_integer("truncation", self.truncation, minimum=1)

    def rate_at(self, step: int) -> float:
        """Learning rate of step k = 0, 1, ..: ``rate`` if constant, ``rate (1 - k/steps)`` if linear.

        >>> TrainingSettings(steps=4, rate=0.5).rate_at(3)
        0.125
        """
        return self.rate if self.schedule == "constant" else self.rate * (1.0 - step / max(self.steps, 1))

    @property
    def record_ends(self) -> list[int]:
        """Step counts at which a record of the loss ends: at most ``records``, evenly spread, the last one ``steps``.

        >>> TrainingSettings(steps=10, records=4).record_ends
        [2, 5, 7, 10]
        """
        count = min(self.records, self.steps)
        return [(k + 1) * self.steps // count for k in range(count)]
