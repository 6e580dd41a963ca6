"""Noise: added to the final state, or to the state at every step.

Noise eps[n] of each step is carried on by the recurrent weights, ``e = sum_n W^(N-1-n) eps[n]``. With W = q x
orthogonal and independent entries of variance sigma^2,

    cov e = sigma^2 sum_n W^(N-1-n) W^(N-1-n)^T = sigma^2 (1 + q^2 + .. + q^(2 (N-1))) I:

the noise that the final state is left with is white again, of variance ``sigma^2 (1 - q^(2N))/(1 - q^2)`` in each entry
(``sigma^2 N`` for q = 1). Noise of each step is therefore noise at the end of another size.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_generator, check_integer, check_nonnegative
from linmem.citations import cites
from linmem.discrete.model.network import RandomNetwork


def relative_noise(state: ArrayLike, level: float, *, rng: np.random.Generator | int) -> Float[np.ndarray, "M"]:
    """Noise e, uniform in direction, of length ``||e|| = level ||state||``.

    Each entry then has root mean square ``sigma = level ||state|| / sqrt(M)``, the number that
    :func:`linmem.discrete.lasso` takes as ``noise``.

    Parameters
    ----------
    state : (M,) noiseless state.
    level : relative noise, >= 0 (0.01 in the paper's setting).
    rng : seed or generator.

    Raises
    ------
    ValueError : if the level is negative or the state is not a finite vector.

    >>> float(round(np.linalg.norm(relative_noise([3.0, 4.0], 0.1, rng=0)), 12))
    0.5
    """
    x = check_array("state", state, ndim=1)
    level, generator = check_nonnegative("level", level), check_generator("rng", rng)
    direction = generator.standard_normal(x.size)
    return direction * (level * float(np.linalg.norm(x)) / float(np.linalg.norm(direction)))


@cites("charles2018", "Equation (1), noise eps[n]")
def step_noise(
    network: RandomNetwork, N: int, sigma: float, *, rng: np.random.Generator | int
) -> Float[np.ndarray, "N M"]:
    """Noise of each step, iid ``N(0, sigma^2)`` entries: the argument ``noise`` of :meth:`RandomNetwork.simulate`.

    Parameters
    ----------
    network : the network (M nodes).
    N : number of time steps, >= 1.
    sigma : standard deviation of each entry at each step, >= 0.
    rng : seed or generator.

    Raises
    ------
    ValueError : if N < 1 or sigma is negative or not finite.

    Cost: N M random numbers.

    >>> network = RandomNetwork(M=4, L=1, seed=0)
    >>> step_noise(network, N=3, sigma=0.1, rng=0).shape
    (3, 4)
    """
    steps, size = check_integer("N", N, minimum=1), check_nonnegative("sigma", sigma)
    return size * check_generator("rng", rng).standard_normal((steps, network.M))


@cites("charles2018", "Equation (1), noise eps[n]")
def final_noise(network: RandomNetwork, N: int, sigma: float) -> float:
    """Standard deviation that noise of each step leaves in each state entry: ``sigma sqrt((1 - q^(2N))/(1 - q^2))``.

    This is what :func:`linmem.discrete.lasso` takes as ``noise`` when the network was run with :func:`step_noise`.

    Parameters
    ----------
    network, N, sigma : as for :func:`step_noise`.

    Raises
    ------
    ValueError : if N < 1 or sigma is negative or not finite.

    >>> round(final_noise(RandomNetwork(M=4, L=1, q=1.0, seed=0), N=9, sigma=0.1), 12)
    0.3
    >>> round(final_noise(RandomNetwork(M=4, L=1, q=0.5, seed=0), N=50, sigma=3.0) ** 2, 12)  # 9 / (1 - 1/4)
    12.0
    """
    steps, size = check_integer("N", N, minimum=1), check_nonnegative("sigma", sigma)
    if network.q == 1.0:
        return size * math.sqrt(steps)
    decay = 2.0 * math.log(network.q)
    return size * math.sqrt(math.expm1(steps * decay) / math.expm1(decay))
