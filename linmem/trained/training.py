"""Train many small networks on memorisation tasks, and measure what each of them remembers.

>>> from linmem.trained import Architecture, MemoryTask, NetworkSpec, train
>>> spec = NetworkSpec(Architecture(cells=2), MemoryTask.definition_1(1))
>>> training = train(spec, seeds=[0, 1], steps=20, evaluation_size=1000)
>>> len(training.networks), training.errors.shape, training.losses.shape
(2, (2,), (20, 2))
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linmem.checks import check_integer
from linmem.citations import cites
from linmem.trained.engines import chosen_engine, run_engine
from linmem.trained.result import Training
from linmem.trained.spec import Network, NetworkSpec, TrainingSettings


@cites("illium2022", "Section 4")
def train(
    specs: NetworkSpec | Sequence[NetworkSpec],
    seeds: Sequence[int],
    *,
    engine: str = "auto",
    steps: int = 50_000,
    batch_size: int = 8,
    rate: float = 0.03,
    schedule: str = "linear",
    optimiser: str = "sgd",
    momentum: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    truncation: int | None = None,
    evaluation_size: int = 12_288,
    records: int = 100,
    dtype: str = "float32",
    threads: int = 1,
    device: str = "cpu",
) -> Training:
    """Train every specification with every seed on fresh sequences, then measure its error.

    Parameters
    ----------
    specs : one specification, or several; networks are ordered by specification, then by seed.
    seeds : integers >= 0, distinct.
    engine : "native" (where it was built), "torch", or "auto", the faster one that is there and can do what is asked
        (:mod:`linmem.trained.engines`). ``Training.engine`` says which one it was.
    steps : steps of the optimiser; each takes ``batch_size`` fresh sequences. 0 evaluates the untrained networks.
    batch_size : sequences per step and network.
    rate : learning rate at the start.
    schedule : "linear" (``rate (1 - k/steps)`` at step k) or "constant"; the threshold of ``solved`` depends on it.
    optimiser : "sgd" or "adam", as in torch.optim.
    momentum : of sgd.
    betas, epsilon : of adam.
    truncation : backpropagate through the last so many steps only; None is all. (The paper trains by "truncated
        backpropagation" and gives no length.)
    evaluation_size : fresh sequences for the final error. Absolute errors in [0, 1] of mean e have variance at most
        e (1 - e): with 12,288 sequences the standard error at the threshold e = 0.03 is below 0.0016.
    records : number of points of the loss curve.
    dtype : "float32" or "float64"; the sequences are the same in both.
    threads : networks trained at the same time by the native engine; threads inside torch, whose former number is set
        again at the end.
    device : where torch computes; anything but "cpu" is for the torch engine only.

    Raises
    ------
    ValueError, TypeError : for a bad argument. Divergence is no error: it is recorded in ``Training.diverged``, and
        stops no other network.

    Notes
    -----
    A step costs ``O(T B l g c^2)`` operations a network. On the torch engine the fixed cost of the tensor calls
    dominates for less than about a hundred networks of one kind, so train many at once (``benchmarks/training.py``
    measures it).

    >>> from linmem.trained import Architecture, MemoryTask
    >>> untrained = train(NetworkSpec(Architecture(), MemoryTask(1)), seeds=[0], steps=0, evaluation_size=100)
    >>> bool(untrained.solved[0])
    False
    """
    settings = TrainingSettings(
        steps,
        batch_size,
        rate,
        schedule,
        evaluation_size,
        records,
        dtype,
        optimiser,
        momentum,
        betas,
        epsilon,
        truncation,
    )
    wanted = [specs] if isinstance(specs, NetworkSpec) else list(specs)
    numbers = [check_integer("seed", seed, minimum=0) for seed in seeds]
    if not wanted or not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"specs and seeds must not be empty and seeds must be distinct, got {len(wanted)} specs, "
            f"seeds={numbers!r}; pass at least one NetworkSpec and e.g. seeds=range(5)"
        )
    networks = [Network(spec, seed) for spec in wanted for seed in numbers]
    return train_networks(networks, settings, engine=engine, threads=threads, device=device)


def train_networks(
    networks: Sequence[Network],
    settings: TrainingSettings,
    *,
    engine: str = "auto",
    threads: int = 1,
    device: str = "cpu",
) -> Training:
    """As :func:`train`, for an explicit list of networks (each with its own seed)."""
    if not networks:
        raise ValueError("networks must hold at least one network, got none; pass e.g. [Network(spec, seed=0)]")
    name = chosen_engine(engine, settings.dtype, device)
    found = run_engine(name, networks, settings, threads=threads, device=device)
    ends = np.array(settings.record_ends, dtype=np.int64)
    return Training(tuple(networks), settings, ends, found.losses, found.errors, tuple(found.weights), name)
