"""The random memorisation task: recall the p-th-from-last number of a random sequence of random length.

Definition 1 of Illium et al. (2022): ``q ~ U{10..15}``, ``x_1..x_q ~ U[0, 1]`` independent, target ``x_{q+1-p}``, loss
``|x_{q+1-p} - R(x)|``. Definition 2 fixes ``q = 10``. The long control (ours) draws ``q ~ U{30..35}``: it takes away
the help that short sequences give (see :attr:`MemoryTask.target_indices`).

This module needs numpy only, so that any engine can draw its data from it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from linmem.checks import check_finite, check_generator, check_integer
from linmem.citations import cites


@dataclass(frozen=True)
class Batch:
    """Sequences of one task, right-aligned: the newest number stands in the last time step.

    Attributes
    ----------
    inputs : (batch, timesteps, 1) float32; zero where there is no input yet.
    mask : (batch, timesteps) True where there is an input.
    targets : (batch,) float32, the number to recall.
    lengths : (batch,) the lengths q.
    """

    inputs: Float[np.ndarray, "batch timesteps 1"]
    mask: Bool[np.ndarray, "batch timesteps"]
    targets: Float[np.ndarray, "batch"]
    lengths: Int[np.ndarray, "batch"]


@cites("illium2022", "Definitions 1 and 2")
@dataclass(frozen=True)
class MemoryTask:
    """Recall ``x_{q+1-p}`` after reading ``x_1`` to ``x_q``, with ``q ~ U{min_length..max_length}`` uniform ``x_i``.

    Parameters
    ----------
    position : p, counted from the last number (p = 1 is the newest; the lag is p - 1).
    min_length, max_length : range of the sequence length q, ends included.

    Raises
    ------
    ValueError : unless 1 <= position <= min_length <= max_length. The paper plots p up to 20 with q <= 15, where the
        target does not exist; :meth:`definition_1` and :meth:`long_control` shift the lengths in that case.

    >>> MemoryTask.definition_1(3)
    MemoryTask(position=3, min_length=10, max_length=15)
    >>> batch = MemoryTask.definition_1(3).sample(4, rng=0)
    >>> batch.inputs.shape, bool((batch.targets == batch.inputs[:, -3, 0]).all())
    ((4, 15, 1), True)
    """

    position: int
    min_length: int = 10
    max_length: int = 15

    def __post_init__(self) -> None:
        check_integer("position", self.position, minimum=1)
        check_integer("min_length", self.min_length, minimum=1)
        check_integer("max_length", self.max_length, minimum=self.min_length)
        if self.position > self.min_length:
            raise ValueError(
                f"position must be <= min_length, got position={self.position} with min_length={self.min_length}: the "
                "target would not exist in the shortest sequences; use MemoryTask.definition_1(position), which shifts "
                "the lengths, or raise min_length"
            )

    @classmethod
    def definition_1(cls, position: int) -> MemoryTask:
        """Definition 1 of the paper: ``q ~ U{10..15}``; for ``p > 10`` shifted to ``U{p..p+5}``, with a warning.

        >>> MemoryTask.definition_1(10).max_length
        15
        """
        return cls._ranged(position, 10, "definition 1")

    @classmethod
    def definition_2(cls, position: int) -> MemoryTask:
        """Definition 2 of the paper: ``q = 10`` always, so that the network may count from the start; p <= 10.

        >>> MemoryTask.definition_2(10).target_indices
        (1,)
        """
        return cls(position, 10, 10)

    @classmethod
    def long_control(cls, position: int) -> MemoryTask:
        """Our control: ``q ~ U{30..35}``; for ``p > 30`` shifted to ``U{p..p+5}``, with a warning.

        >>> MemoryTask.long_control(10).target_indices
        (21, 22, 23, 24, 25, 26)
        """
        return cls._ranged(position, 30, "the long control")

    @classmethod
    def _ranged(cls, position: int, shortest: int, name: str) -> MemoryTask:
        position = check_integer("position", position, minimum=1)
        low = max(shortest, position)
        if low > shortest:
            warnings.warn(
                f"{name} has lengths {shortest}..{shortest + 5}, too short for position {position}: "
                f"lengths are shifted to {low}..{low + 5}",
                UserWarning,
                stacklevel=3,
            )
        return cls(position, low, low + 5)

    @property
    def timesteps(self) -> int:
        """Length of the time axis of a batch, ``max_length``."""
        return self.max_length

    @property
    def target_indices(self) -> tuple[int, ...]:
        """The i for which ``x_i`` can be the target: ``min_length+1-p .. max_length+1-p``.

        This is what definition 1 leaks: at p = 10 the target is always one of x_1 .. x_6, which a network that starts
        from a zero state can tell from the rest.

        >>> MemoryTask.definition_1(10).target_indices
        (1, 2, 3, 4, 5, 6)
        """
        return tuple(range(self.min_length + 1 - self.position, self.max_length + 2 - self.position))

    def constant_predictor_error(self, constant: float = 0.5) -> float:
        """Mean absolute error of the network that always answers ``a``: ``E|x - a|`` for ``x ~ U[0, 1]``.

        ``1/4 + (a - 1/2)^2`` for a in [0, 1] and ``|a - 1/2|`` outside; the least value, 1/4, is at ``a = 1/2`` only.

        >>> MemoryTask(1).constant_predictor_error(), MemoryTask(1).constant_predictor_error(-1)
        (0.25, 1.5)
        """
        a = check_finite("constant", constant)
        return 0.25 + (a - 0.5) ** 2 if 0.0 <= a <= 1.0 else abs(a - 0.5)

    def draw(
        self, batch_size: int, rng: np.random.Generator | int
    ) -> tuple[Float[np.ndarray, "batch timesteps"], Int[np.ndarray, "batch"]]:
        """Numbers (batch, max_length) float32 and lengths (batch,): a batch whose mask has not been applied yet.

        Every sequence uses ``max_length + 1`` float32 uniforms of the generator, in order, so that two draws of n and m
        sequences are one draw of n + m. Sequence i is the last ``lengths[i]`` entries of row i.

        >>> numbers, lengths = MemoryTask(1).draw(2, rng=0)
        >>> numbers.shape, lengths.shape
        ((2, 15), (2,))
        """
        size = check_integer("batch_size", batch_size, minimum=1)
        u = check_generator("rng", rng).random((size, self.timesteps + 1), dtype=np.float32)
        # u < 1, but count * u may round up to count: the minimum guards that
        count = self.max_length - self.min_length + 1
        lengths = self.min_length + np.minimum((u[:, 0] * np.float32(count)).astype(np.int64), count - 1)
        return u[:, 1:], lengths

    def sample(self, batch_size: int, rng: np.random.Generator | int) -> Batch:
        """Draw sequences as a right-aligned, masked batch; the same numbers as :meth:`draw`.

        Parameters
        ----------
        batch_size : number of sequences.
        rng : generator, or an integer seed.

        >>> MemoryTask(1).sample(2, rng=0).lengths.shape
        (2,)
        """
        numbers, lengths = self.draw(batch_size, rng)
        T = self.timesteps
        mask = np.arange(T) >= T - lengths[:, None]
        inputs = np.where(mask, numbers, np.float32(0.0))
        return Batch(inputs[:, :, None], mask, inputs[:, T - self.position].copy(), lengths)
