"""The random memorisation task: recall the p-th-from-last number of a random sequence of random length.

Definition 1 of Illium et al. (2022): ``q ~ U{10..15}``, ``x_1..x_q ~ U[0, 1]`` independent, target ``x_{q+1-p}``, loss
``|x_{q+1-p} - R(x)|``. Definition 2 fixes ``q = 10``. The long control (ours) draws ``q ~ U{30..35}``: it takes away
the help that short sequences give (see :attr:`MemoryTask.target_indices`). Any other finite law of q will do as well.

The paper plots p up to 20 with q <= 15, where the target ``x_{q+1-p}`` does not always exist, and does not say what the
target is then. Three rules are offered, and which one holds is part of the task: "extend" (longer sequences,
``q ~ U{p..p+5}``), "zero" (the target is 0 where p > q) and "refuse" (no such task).

This module needs numpy only, so that any engine can draw its data from it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from linmem.checks import check_array, check_choice, check_finite, check_generator, check_integer
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
    law : probabilities of the lengths min_length, .., max_length; None is the uniform law. Scaled to sum to one.
    absent : what happens if p > q: "refuse" (no such sequence may occur) or "zero" (its target is 0).

    Raises
    ------
    ValueError : unless 1 <= min_length <= max_length and, with "refuse", position <= min_length; for a law that is not
        as long as the range, negative, or zero at an end of the range. :meth:`definition_1` and :meth:`long_control`
        know a third rule, "extend", which makes the sequences longer.

    >>> MemoryTask.definition_1(3)
    MemoryTask(position=3, min_length=10, max_length=15, law=None, absent='refuse')
    >>> batch = MemoryTask.definition_1(3).sample(4, rng=0)
    >>> batch.inputs.shape, bool((batch.targets == batch.inputs[:, -3, 0]).all())
    ((4, 15, 1), True)
    """

    position: int
    min_length: int = 10
    max_length: int = 15
    law: tuple[float, ...] | None = None
    absent: str = "refuse"

    def __post_init__(self) -> None:
        check_integer("position", self.position, minimum=1)
        check_integer("min_length", self.min_length, minimum=1)
        check_integer("max_length", self.max_length, minimum=self.min_length)
        check_choice("absent", self.absent, ("refuse", "zero"))
        if self.law is not None:
            weights = check_array("law", self.law, shape=(self.max_length - self.min_length + 1,))
            if weights.min() < 0 or weights[0] == 0 or weights[-1] == 0:
                raise ValueError(
                    f"law must be >= 0, and > 0 at both ends, got {self.law!r}; "
                    "drop lengths of probability zero at the ends from the range"
                )
            object.__setattr__(self, "law", tuple(float(w) for w in weights / weights.sum()))
        if self.position > self.min_length and self.absent == "refuse":
            raise ValueError(
                f"position must be <= min_length, got position={self.position} with min_length={self.min_length}: the "
                "target would not exist in the shortest sequences; use MemoryTask.definition_1(position), which shifts "
                "the lengths, or raise min_length, or state absent='zero'"
            )

    @classmethod
    def definition_1(cls, position: int, beyond: str | None = None) -> MemoryTask:
        """Definition 1 of the paper: ``q ~ U{10..15}``.

        Parameters
        ----------
        position : p.
        beyond : rule for p > 10. "extend": lengths are shifted to ``U{p..p+5}``; "zero": the lengths stay, the target
            is 0 where p > q; "refuse". None extends with a warning.

        >>> MemoryTask.definition_1(10).max_length, MemoryTask.definition_1(20, beyond="extend").max_length
        (15, 25)
        """
        return cls._ranged(position, 10, "definition 1", beyond)

    @classmethod
    def definition_2(cls, position: int, beyond: str = "refuse") -> MemoryTask:
        """Definition 2 of the paper: ``q = 10`` always, so that the network may count from the start.

        ``beyond`` is the rule for p > 10: "refuse", "zero", or "extend" to ``q = p``.

        >>> MemoryTask.definition_2(10).target_indices
        (1,)
        """
        position = check_integer("position", position, minimum=1)
        rule = check_choice("beyond", beyond, ("refuse", "zero", "extend"))
        length = max(10, position) if rule == "extend" else 10
        return cls.fixed(position, length, "zero" if rule == "zero" else "refuse")

    @classmethod
    def long_control(cls, position: int, beyond: str | None = None) -> MemoryTask:
        """Our control: ``q ~ U{30..35}``; the rules for ``p > 30`` are those of :meth:`definition_1` for p > 10.

        >>> MemoryTask.long_control(10).target_indices
        (21, 22, 23, 24, 25, 26)
        """
        return cls._ranged(position, 30, "the long control", beyond)

    @classmethod
    def fixed(cls, position: int, length: int, absent: str = "refuse") -> MemoryTask:
        """Sequences of one length q.

        >>> MemoryTask.fixed(3, 40).target_indices
        (38,)
        """
        return cls(position, length, length, absent=absent)

    @classmethod
    def with_lengths(cls, position: int, probabilities: Mapping[int, float], absent: str = "refuse") -> MemoryTask:
        """Lengths q by any finite law, given as length: probability (scaled to sum to one).

        >>> MemoryTask.with_lengths(2, {5: 1.0, 7: 3.0}).law
        (0.25, 0.0, 0.75)
        """
        lengths = sorted(check_integer("length", q, minimum=1) for q, w in probabilities.items() if w != 0)
        if not lengths:
            raise ValueError(f"probabilities must name at least one length, got {probabilities!r}; pass e.g. {{10: 1}}")
        law = tuple(probabilities.get(q, 0.0) for q in range(lengths[0], lengths[-1] + 1))
        return cls(position, lengths[0], lengths[-1], law, absent)

    @classmethod
    def _ranged(cls, position: int, shortest: int, name: str, beyond: str | None) -> MemoryTask:
        position = check_integer("position", position, minimum=1)
        rule = "extend" if beyond is None else check_choice("beyond", beyond, ("extend", "zero", "refuse"))
        low = max(shortest, position) if rule == "extend" else shortest
        if low > shortest and beyond is None:
            warnings.warn(
                f"{name} has lengths {shortest}..{shortest + 5}, too short for position {position}: "
                f"lengths are shifted to {low}..{low + 5}; state beyond='extend' or another rule",
                UserWarning,
                stacklevel=3,
            )
        return cls(position, low, low + 5, absent="zero" if rule == "zero" else "refuse")

    @property
    def timesteps(self) -> int:
        """Length of the time axis of a batch, ``max_length``."""
        return self.max_length

    @property
    def lengths(self) -> dict[int, float]:
        """The lengths q that occur, with their probabilities.

        >>> MemoryTask(1, 3, 4).lengths
        {3: 0.5, 4: 0.5}
        """
        count = self.max_length - self.min_length + 1
        law = (1.0 / count,) * count if self.law is None else self.law
        return {self.min_length + k: w for k, w in enumerate(law) if w > 0}

    @property
    def target_indices(self) -> tuple[int, ...]:
        """The i for which ``x_i`` can be the target: ``q + 1 - p`` for every length q >= p that occurs.

        This is what definition 1 leaks: at p = 10 the target is always one of x_1 .. x_6, which a network that starts
        from a zero state can tell from the rest.

        >>> MemoryTask.definition_1(10).target_indices
        (1, 2, 3, 4, 5, 6)
        """
        return tuple(q + 1 - self.position for q in self.lengths if q >= self.position)

    def constant_predictor_error(self, constant: float = 0.5) -> float:
        """Mean absolute error of the network that always answers ``a``: ``E|x - a|`` for ``x ~ U[0, 1]``.

        ``1/4 + (a - 1/2)^2`` for a in [0, 1] and ``|a - 1/2|`` outside; the least value, 1/4, is at ``a = 1/2`` only.
        Where the target is 0 (p > q, rule "zero") the error is ``|a|``.

        >>> MemoryTask(1).constant_predictor_error(), MemoryTask(1).constant_predictor_error(-1)
        (0.25, 1.5)
        """
        a = check_finite("constant", constant)
        error = 0.25 + (a - 0.5) ** 2 if 0.0 <= a <= 1.0 else abs(a - 0.5)
        missing = sum(w for q, w in self.lengths.items() if q < self.position)
        return (1.0 - missing) * error + missing * abs(a) if missing else error

    def draw(
        self, batch_size: int, rng: np.random.Generator | int
    ) -> tuple[Float[np.ndarray, "batch timesteps"], Int[np.ndarray, "batch"]]:
        """Numbers (batch, max_length) float32 and lengths (batch,): a batch whose mask has not been applied yet.

        Every sequence uses ``max_length + 1`` float32 uniforms of the generator, in order, so that two draws of n and m
        sequences are one draw of n + m. Sequence i is the last ``lengths[i]`` entries of row i. The first uniform
        chooses the length; it is a multiple of 2^-24, which bounds the error of each probability.

        >>> numbers, lengths = MemoryTask(1).draw(2, rng=0)
        >>> numbers.shape, lengths.shape
        ((2, 15), (2,))
        """
        size = check_integer("batch_size", batch_size, minimum=1)
        u = check_generator("rng", rng).random((size, self.timesteps + 1), dtype=np.float32)
        return u[:, 1:], self.lengths_from(u[:, 0])

    def lengths_from(self, u: Float[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """The lengths that uniforms on [0, 1), float32, choose: the inverse of the law's distribution function.

        >>> MemoryTask(1, 3, 4).lengths_from(np.array([0.2, 0.7], dtype=np.float32)).tolist()
        [3, 4]
        """
        count = self.max_length - self.min_length + 1
        if self.law is None:  # u < 1, but count * u may round up to count: the minimum guards that
            steps = (u * np.float32(count)).astype(np.int64)
        else:
            steps = np.searchsorted(np.cumsum(self.law)[:-1], u.astype(np.float64), side="right")
        return self.min_length + np.minimum(steps, count - 1)

    def targets(
        self, numbers: Float[np.ndarray, "batch timesteps"], lengths: Int[np.ndarray, "batch"]
    ) -> Float[np.ndarray, "batch"]:
        """The targets of sequences as :meth:`draw` gives them: the p-th number from the end, or 0 where p > q."""
        if self.position > self.timesteps:
            return np.zeros(len(numbers), dtype=numbers.dtype)
        chosen = numbers[:, self.timesteps - self.position]
        return np.where(lengths >= self.position, chosen, np.zeros((), dtype=numbers.dtype))

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
        return Batch(inputs[:, :, None], mask, self.targets(numbers, lengths), lengths)
