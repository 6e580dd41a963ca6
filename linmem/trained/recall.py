"""How far back ONE network remembers: errors of its own answer, or of the best linear read-out of its states.

A network trained for position p answers p and nothing else: two positions under an error e would be within 2 e of each
other on average, and independent inputs are 1/3 apart. The fitted read-out asks what the states hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from linmem.checks import check_choice, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.statistics import Interval, mean_interval
from linmem.trained.distance import solved_threshold
from linmem.trained.states import collect_states
from linmem.trained.weights import NetworkWeights

if TYPE_CHECKING:
    from torch import nn

_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class MemoryDistance:
    """Errors of one network at the positions 1, 2, .. and the distance they amount to.

    Attributes
    ----------
    errors : mean absolute error at position p in entry p - 1, on fresh sequences, with its interval.
    threshold : error below which a position counts as remembered.
    readout : "own" or "fitted".
    """

    errors: tuple[Interval, ...]
    threshold: float
    readout: str

    @property
    def value(self) -> int:
        """The memory distance: largest position whose error is below the threshold; 0 if there is none."""
        return max((p for p, e in enumerate(self.errors, start=1) if e.value < self.threshold), default=0)

    @property
    def certain(self) -> bool:
        """Whether no interval of a position at or beyond the distance contains the threshold."""
        return all(self.threshold not in e for e in self.errors[max(self.value - 1, 0) :])

    def __int__(self) -> int:
        return self.value


@cites("illium2022", "Section 4")
def memory_distance(
    network: NetworkWeights | nn.Module,
    threshold: float | None = None,
    *,
    rng: np.random.Generator | int,
    readout: str = "own",
    max_position: int | None = None,
    size: int = 12_288,
    level: float = 0.95,
) -> MemoryDistance:
    """Largest position p that a network recalls with mean absolute error below ``threshold``.

    Sequences have lengths ``q ~ U{Q..Q+5}``, ``Q = max(10, max_position)``, and uniform numbers, so that every position
    exists in every sequence.

    Parameters
    ----------
    network : weights, or a torch module as in :mod:`linmem.trained.single`.
    threshold : default 0.03 (0.05 for one tanh cell alone), see :func:`~linmem.trained.distance.solved_threshold`.
    rng : generator or seed of the sequences.
    readout : "own" (the network's answer against x_{q+1-p} for each p) or "fitted" (for each p the least-squares
        read-out, with intercept, of what the top layer gives out; fitted on other sequences, as many).
    max_position : largest p that is tried; default state variables + 5, to be given for modules.
    size : number of sequences.
    level : confidence level of each interval.

    Raises
    ------
    ValueError, TypeError : for bad arguments, or if ``size`` is too small to fit the read-out.

    Cost: ``size`` sequences of length Q + 5 through the network (twice for "fitted").

    >>> from linmem.trained import Architecture, LayerWeights
    >>> shift = LayerWeights(*(np.array(a) for a in ([[0.01], [0.0]], [[0.0, 0.0], [1.0, 0.0]], [0.0] * 2, [0.0] * 2)))
    >>> chain = NetworkWeights(Architecture(cells=2), (shift,))  # hands x on by one cell a step, nearly linear
    >>> memory_distance(chain, rng=0, readout="fitted", size=500).value
    2
    """
    generator, kind = check_generator("rng", rng), check_choice("readout", readout, ("own", "fitted"))
    count = check_integer("size", size, minimum=2)
    known = network.architecture if isinstance(network, NetworkWeights) else None
    if max_position is None and known is None:
        raise ValueError("max_position must be given for a module, got None; pass e.g. twice its state size")
    P = check_integer("max_position", known.state_variables + 5 if max_position is None and known else max_position, 1)
    cells = known.cells * known.layers if known else 2
    bound = solved_threshold(cells) if threshold is None else check_positive("threshold", threshold)
    recalled, targets = _run(network, kind, P, count, generator)
    if kind == "fitted":
        known_rows, wanted = _run(network, kind, P, count, generator)
        if count < 3 * known_rows.shape[1]:
            raise ValueError(
                f"size must be at least 3 times the number of features {known_rows.shape[1]} - intercept included - to "
                f"fit a read-out, got {count}; raise size"
            )
        recalled = recalled @ np.linalg.lstsq(known_rows, wanted, rcond=None)[0]
    errors = np.abs(recalled - targets)
    return MemoryDistance(tuple(mean_interval(errors[:, p], level) for p in range(P)), bound, kind)


def _run(
    network: NetworkWeights | Any, kind: str, positions: int, size: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "size features"], Float[np.ndarray, "size positions"]]:
    """Answers (size, 1), or features with a column of ones, of fresh sequences; their last numbers, newest first."""
    shortest = max(10, positions)
    lengths = generator.integers(shortest, shortest + 6, size)
    numbers = generator.random((size, shortest + 5))
    features: list[np.ndarray] = []
    order: list[np.ndarray] = []
    for q in np.unique(lengths):
        members = np.flatnonzero(lengths == q)
        for part in np.array_split(members, -(-len(members) // _CHUNK)):
            top, own = _top(network, numbers[part, -q:])
            features.append(own[:, None] if kind == "own" else np.column_stack([top, np.ones(len(top))]))
            order.append(part)
    back = np.argsort(np.concatenate(order))
    return np.concatenate(features)[back], numbers[:, ::-1][:, :positions]


def _top(network: NetworkWeights | Any, sequences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the top layer gives out after the last step (batch, features), and the answer (batch,)."""
    if isinstance(network, NetworkWeights):
        top = collect_states(network, sequences, "top")[:, -1]
        return top, top @ network.readout_weight.astype(np.float64) + network.readout_bias
    import torch

    from linmem.trained.single import last_features

    with torch.no_grad():
        top = last_features(network, torch.tensor(sequences)[:, :, None]).double().cpu().numpy()
    return top, top.sum(axis=1)
