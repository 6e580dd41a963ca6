"""Training and evaluation of single networks by the native engine.

Seed contract: a network starts from ``Network.initial_weights()``, and its sequences are those that
:meth:`linmem.trained.task.MemoryTask.draw` gives for its generator "training", bit for bit. That generator is numpy's
Philox, counter-based: the engine takes its key and computes any part of the stream on its own. So a network's data
depend on its specification and seed alone: not on the engine, the instruction set, other networks or the number of
threads. Weights agree between instruction sets up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_integer
from linmem.citations import cites
from linmem.trained.native.layout import moved, pack, step_scale
from linmem.trained.native.library import check_instruction_set, engine
from linmem.trained.native.passes import sequence_arrays, shape_numbers
from linmem.trained.spec import Network, TrainingSettings
from linmem.trained.task import MemoryTask
from linmem.trained.weights import NetworkWeights, check_weights

_SGD, _MOMENTUM, _ADAM = range(3)  # enum Method in src/engine.hpp
_EVALUATION_BATCH = 32


class NativeTrainer:
    """One network under training; every call of :meth:`run` or :meth:`run_on` goes on where the last one stopped.

    Parameters
    ----------
    weights : the network at the start.
    settings : optimiser, rate and its schedule (which ends at ``settings.steps``), batch size, truncation.
    timesteps : length of the time axis, the longest sequence.
    instruction_set : one of :func:`linmem.trained.native.instruction_sets`; the fastest by default.

    Raises
    ------
    ValueError, TypeError : for arguments that do not fit, and for ``dtype="float64"``: the engine computes in float32.
    RuntimeError : if the engine was not built.
    """

    def __init__(
        self,
        weights: NetworkWeights,
        settings: TrainingSettings,
        *,
        timesteps: int,
        instruction_set: str | None = None,
    ) -> None:
        if settings.dtype != "float32":
            raise ValueError(
                f"dtype must be 'float32' for the native engine, got {settings.dtype!r}; use the torch engine for it"
            )
        self.start, self.settings = check_weights(weights, finite=False), settings
        self.steps_done, self.finite = 0, True
        architecture = weights.architecture
        self._isa = check_instruction_set(instruction_set)
        self._shape = shape_numbers(architecture, settings.batch_size, timesteps, settings.truncation)
        self._values, self._scale = pack(weights), step_scale(architecture)
        self._method = _ADAM if settings.optimiser == "adam" else _MOMENTUM if settings.momentum else _SGD
        self._first, self._second = (
            np.zeros(self._values.size if self._method > i else 0, dtype=np.float32) for i in range(2)
        )

    @property
    def weights(self) -> NetworkWeights:
        """The network as it is now, a copy."""
        return moved(self.start, self._values)

    def _update(self) -> tuple[object, ...]:
        s = self.settings
        numbers = [s.rate, s.momentum, *s.betas, s.epsilon]
        horizon = max(s.steps, 1) if s.schedule == "linear" else 0
        return self._method, numbers, horizon, self._values, self._scale, self._first, self._second

    def _check_room(self, count: int) -> None:
        if self.settings.schedule == "linear" and self.steps_done + count > self.settings.steps:
            raise ValueError(
                f"steps must not go beyond settings.steps={self.settings.steps}, where the linear rate is zero, got "
                f"{count} more after {self.steps_done}; raise settings.steps or pass schedule='constant'"
            )

    def _account(self, steps: int, done: int, total: float) -> float:
        self.steps_done += done
        self.finite = self.finite and bool(np.isfinite(total)) and bool(np.isfinite(self._values).all())
        return total / steps if self.finite else float("nan")

    def run(self, task: MemoryTask, stream: np.random.Generator, steps: int, *, one_length: bool = False) -> float:
        """Do ``steps`` steps on fresh sequences of ``task``; returns the mean of their losses, NaN after divergence.

        Parameters
        ----------
        stream : the network's generator as it was made (see :func:`stream_key`); it is not advanced. Step k uses
            sequences ``k B .. (k+1) B - 1`` of it.
        one_length : whether all sequences of a batch have the length of its first one.

        After a loss that is not finite the network stays as it is: nothing more is computed.
        """
        count, key = check_integer("steps", steps, minimum=1), stream_key(stream)
        if task.timesteps != self._shape[4]:
            raise ValueError(
                f"task must have the trainer's {self._shape[4]} timesteps, got {task.timesteps}; "
                "make the trainer with timesteps=task.timesteps"
            )
        if not self.finite:
            return float("nan")
        self._check_room(count)
        numbers, law = task_numbers(task, one_length)
        done, total = engine().train(self._isa, self._shape, numbers, law, key, *self._update(), self.steps_done, count)
        return self._account(count, done, total)

    def run_on(self, inputs: ArrayLike, lengths: ArrayLike, targets: ArrayLike) -> float:
        """Do one step per batch on given sequences; returns the mean of the losses, NaN after divergence.

        Parameters
        ----------
        inputs : (batches, batch_size, timesteps), right-aligned.
        lengths, targets : (batches, batch_size).
        """
        batch, timesteps = self._shape[3:5]
        given = np.asarray(inputs)
        if given.ndim != 3 or given.shape[0] < 1 or given.shape[1:] != (batch, timesteps):
            raise ValueError(
                f"inputs must have shape (batches, {batch}, {timesteps}), got {given.shape}; pass whole batches"
            )
        x, q, y = sequence_arrays(
            given.reshape(-1, timesteps), np.asarray(lengths).reshape(-1), np.asarray(targets).reshape(-1)
        )
        if not self.finite:
            return float("nan")
        count = len(given)
        self._check_room(count)
        done, total = engine().train_on(self._isa, self._shape, x, q, y, *self._update(), self.steps_done, count)
        return self._account(count, done, total)


def stream_key(stream: np.random.Generator) -> list[int]:
    """The key of a fresh Philox generator, which names its whole stream.

    Raises
    ------
    TypeError : unless the generator is ``np.random.Generator(np.random.Philox(..))``.
    ValueError : if numbers have been drawn from it.

    >>> len(stream_key(np.random.Generator(np.random.Philox(0))))
    2
    """
    bits = getattr(stream, "bit_generator", None)
    if not isinstance(bits, np.random.Philox):
        raise TypeError(
            f"stream must be a numpy Generator on Philox, got {stream!r}; pass np.random.Generator(np.random.Philox(0))"
        )
    state = bits.state
    if state["state"]["counter"].any() or state["buffer_pos"] != 4 or state["has_uint32"]:
        raise ValueError("stream must be fresh, got one that numbers were drawn from; make it anew from its seed")
    return [int(word) for word in state["state"]["key"]]


def task_numbers(task: MemoryTask, one_length: bool = False) -> tuple[list[int], Float[np.ndarray, "lengths"]]:
    """The engine's ``Task``: position, shortest and longest length, one_length; cumulative law of the lengths."""
    law = np.zeros(0) if task.law is None else np.cumsum(task.law)[:-1]
    return [task.position, task.min_length, task.max_length, int(bool(one_length))], law


@cites("illium2022", "Section 4")
def evaluate_native(
    weights: NetworkWeights,
    task: MemoryTask,
    stream: np.random.Generator,
    size: int = 12_288,
    *,
    instruction_set: str | None = None,
) -> float:
    """Mean absolute error on the first ``size`` sequences of ``stream``; NaN if it or a weight is not finite.

    Parameters
    ----------
    stream : a fresh generator, see :func:`stream_key`; e.g. ``network.generator("evaluation")``.
    size : with 12,288 sequences the standard error at an error of 0.03 is below 0.0016.
    """
    count, isa, key = check_integer("size", size, minimum=1), check_instruction_set(instruction_set), stream_key(stream)
    values = pack(check_weights(weights, finite=False))
    if not np.isfinite(values).all():
        return float("nan")
    shape, (numbers, law) = shape_numbers(weights.architecture, _EVALUATION_BATCH, task.timesteps), task_numbers(task)
    error = float(engine().evaluate(isa, shape, numbers, law, key, values, count)) / count
    return error if np.isfinite(error) else float("nan")


@dataclass(frozen=True, eq=False)
class NativeTrained:
    """What the engine returns, network last.

    Attributes
    ----------
    losses : (record, network) training loss averaged over the steps of each record; NaN from divergence on.
    errors : (network,) mean absolute error on ``settings.evaluation_size`` fresh sequences; NaN if not finite.
    weights : the trained weights, float32.
    """

    losses: Float[np.ndarray, "record network"]
    errors: Float[np.ndarray, "network"]
    weights: list[NetworkWeights]


@cites("illium2022", "Section 4")
def train_native(
    networks: Sequence[Network],
    settings: TrainingSettings,
    *,
    weights: Sequence[NetworkWeights] | None = None,
    one_length: bool = False,
    threads: int = 1,
    instruction_set: str | None = None,
) -> NativeTrained:
    """Train networks, each from its own weights and on its own stream of sequences, then measure their errors.

    Parameters
    ----------
    networks : what is trained; they need not agree in anything.
    settings : how; its ``steps`` may be 0.
    weights : where each network starts (None: at ``network.initial_weights()``).
    one_length : whether all sequences of a training batch have the length of its first one.
    threads : networks trained at the same time; no influence on the result. The GIL is free while the engine works.
    instruction_set : one of :func:`linmem.trained.native.instruction_sets`; the fastest by default.

    Raises
    ------
    ValueError, TypeError : for a bad argument. Divergence is no error: it is recorded.
    RuntimeError : if the engine was not built.

    >>> from linmem.trained import Architecture, MemoryTask, NetworkSpec
    >>> from linmem.trained.native import is_available
    >>> network = Network(NetworkSpec(Architecture(cells=2), MemoryTask(1)), seed=0)
    >>> if is_available():
    ...     assert train_native([network], TrainingSettings(steps=20)).losses.shape == (20, 1)
    """
    workers, ends = check_integer("threads", threads, minimum=1), settings.record_ends
    starts = [network.initial_weights() for network in networks] if weights is None else list(weights)
    if not networks or [w.architecture for w in starts] != [network.spec.architecture for network in networks]:
        raise ValueError(
            f"networks must not be empty, and weights be one for each, of its architecture; got {len(networks)} "
            f"networks and {len(starts)} weights; pass weights=None for the initial ones"
        )

    def one(index: int) -> tuple[list[float], float, NetworkWeights]:
        network = networks[index]
        task = network.spec.task
        trainer = NativeTrainer(starts[index], settings, timesteps=task.timesteps, instruction_set=instruction_set)
        stream = network.generator("training")
        losses = [
            trainer.run(task, stream, end - begin, one_length=one_length)
            for begin, end in zip([0, *ends], ends, strict=False)
        ]
        evaluation = network.generator("evaluation")
        error = evaluate_native(
            trainer.weights, task, evaluation, settings.evaluation_size, instruction_set=instruction_set
        )
        return losses, error if trainer.finite else float("nan"), trainer.weights

    indices = range(len(networks))
    if workers == 1:
        found = [one(index) for index in indices]
    else:
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(one, indices))
    losses = np.array([losses for losses, _, _ in found], dtype=np.float64).reshape(len(found), len(ends))
    return NativeTrained(losses.T, np.array([error for _, error, _ in found]), [w for _, _, w in found])
