"""Random admissible perturbations of a diagonal network: a lower bound on its largest change, by Monte Carlo."""

from __future__ import annotations

import numpy as np
from flint import arb
from jaxtyping import Float

from linmem.checks import check_choice, check_generator, check_integer, check_nonnegative
from linmem.citations import cites
from linmem.continuous.stability.change import WEIGHTS
from linmem.continuous.stability.parameterisation import rate_parameterisation
from linmem.kernels import ExponentialSum


@cites("wang2024", "perturbation error")
def sampled_changes(
    network: ExponentialSum,
    radius: float,
    rates: str = "direct",
    weights: str = "balanced",
    *,
    samples: int,
    rng: int | np.random.Generator,
) -> Float[np.ndarray, "samples"]:
    """L1 changes of the kernel under random perturbations on the boundary of the admissible set, in float arithmetic.

    Their maximum estimates `largest_change` from below; the names and sets are those of
    :func:`linmem.continuous.stability.largest_change`. Every rate parameter and, in the maximum norm, every weight
    moves by +-radius or uniformly in between (half of them each); balanced read-in and read-out move along random
    directions of length `radius`. An unstable network changes the kernel by inf. Cost O(n^2) a sample and more for each
    sign change.

    >>> changes = sampled_changes(ExponentialSum([1.0, 1.0], [1.0, 0.5]), 0.1, weights="fixed", samples=50, rng=0)
    >>> bool(changes.max() <= 1 / 0.9 + 1 / 0.4 - 3 + 1e-12)
    True
    """
    beta = check_nonnegative("radius", radius)
    check_choice("weights", weights, WEIGHTS)
    map_ = rate_parameterisation(rates)
    count, generator = check_integer("samples", samples, minimum=1), check_generator("rng", rng)
    a, w = np.array(network.amplitudes), np.array(network.rates)
    sign = np.where(a < 0, -1.0, 1.0)
    changes = np.empty(count)
    for index in range(count):
        moved = [map_.shifted(arb(x), arb(beta * s)) for x, s in zip(w, _signs(generator, w.size), strict=True)]
        moved_w = np.array([float(x) if x is not None else -1.0 for x in moved])
        if moved_w.min() <= 0:
            changes[index] = np.inf
            continue
        moved_a = a
        if weights == "amplitude":
            moved_a = a + beta * _signs(generator, a.size)
        elif weights == "balanced":
            read_in, read_out = (beta * _direction(generator, a.size) for _ in range(2))
            moved_a = sign * (np.sqrt(np.abs(a)) + read_in) * (np.sqrt(np.abs(a)) + read_out)
        elif weights == "log-mass":
            moved_a = a / w * moved_w * np.exp(beta * _signs(generator, a.size))
        difference = ExponentialSum(np.concatenate([moved_a, -a]), np.concatenate([moved_w, w]))
        changes[index] = difference.l1_norm()
    return changes


def _signs(rng: np.random.Generator, size: int) -> Float[np.ndarray, "n"]:
    """Half of the draws: a random corner of the cube; the others: uniform in the cube."""
    return rng.choice([-1.0, 1.0], size) if rng.random() < 0.5 else rng.uniform(-1.0, 1.0, size)


def _direction(rng: np.random.Generator, size: int) -> Float[np.ndarray, "n"]:
    """A unit vector: uniform on the sphere, or one axis (an axis of the slowest neuron costs most)."""
    if rng.random() < 0.5:
        vector = rng.standard_normal(size)
    else:
        vector = np.zeros(size)
        vector[rng.integers(size)] = rng.choice([-1.0, 1.0])
    return vector / np.linalg.norm(vector)
