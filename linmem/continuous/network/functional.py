"""Norms of the functional H_t(x) = int_0^inf rho(s).x(t - s) ds of a network, and the input that attains the first.

sup over |x|_inf <= 1 of |H_t(x)| = sum_i ||rho_i||_1,    attained by x_i(t - s) = sign rho_i(s)   (Riesz);
E H_t(dB)^2 = sum_i ||rho_i||_2^2 for white noise dB                                               (Ito);
sup over ||x||_2 <= 1 of ||H(x)||_2 = sup_v |rhohat(iv)|_2                                          (H-infinity).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from linmem.checks import check_positive
from linmem.citations import cites
from linmem.continuous.network.gain import peak_gain
from linmem.continuous.network.linear import LinearRNN

DENSITY = 4  # samples in a time 1/|W|: zeros of an exponential sum with |rates| <= |W| are mostly pi/|W| apart
ENTRIES = 2**24  # largest number of samples times states: 128 MB


@dataclass(frozen=True)
class ExtremalInput:
    """The input that attains the functional's norm over bounded inputs, up to the tail beyond the horizon.

    Attributes
    ----------
    times : (K + 1,), ascending from 0 to the horizon: ends of the intervals on which the input is constant.
    inputs : (K, d), entries +-1 (0 where a kernel vanishes): x_i = sign rho_i(horizon - t). Made for `respond`.
    value : int_0^horizon sum_i |rho_i|, what the network answers at the horizon.
    tail : upper bound of what lies beyond: sum_i ||rho_i||_1 - value <= tail, up to rounding.
    """

    times: Float[np.ndarray, "K_1"]
    inputs: Float[np.ndarray, "K d"]
    value: float
    tail: float


@cites("li2021", "Section 2 (Riesz representation)")
def functional_norm(network: LinearRNN) -> float:
    """sup over |x|_inf <= 1 of |H_t(x)| = sum_i ||rho_i||_1, for any stable W.

    The kernels are integrated between their sign changes by the antiderivative c^T e^{Wt} W^{-1} U, up to a time T
    beyond which a Lyapunov bound leaves 1e-14 of the norm. Sign changes are searched on 4 |W|_2 T samples; a network
    with rates of too different size for that goes through `modes` instead (and needs eigenvectors of moderate
    condition). Error a few eps * |c| |W^{-1} U| a sign change, unless three zeros lie within 1/(4 |W|_2).
    Not certified: linmem.kernels.enclosure is, for kernels written as exponential sums.

    >>> round(functional_norm(LinearRNN.diagonal([1.0, -1.0], [1.0, 2.0])), 12)
    0.5
    """
    end = _horizon(network, 1e-14)
    if _samples(network, end) * network.state_size > ENTRIES:
        return float(sum(kernel.l1_norm() for kernel in network.modes()))
    return float(sum(np.abs(masses).sum() for _, masses in _pieces(network, end)))


@cites("li2021", "Section 2 (Riesz representation)")
def extremal_input(network: LinearRNN, horizon: ArrayLike | None = None) -> ExtremalInput:
    """The input with |x|_inf <= 1 whose answer at the horizon is largest.

    horizon : length T of the input; by default so long that the tail is below 1e-12 of the norm.
    ValueError when 4 |W|_2 T n, the size of the table searched for sign changes, exceeds 2^24.

    >>> from linmem.continuous.network import respond
    >>> network = LinearRNN([[-1.0, 3.0], [-3.0, -1.0]], [1.0, 0.0], [1.0, 0.0])
    >>> best = extremal_input(network)
    >>> bool(abs(respond(network, best.inputs, best.times).outputs[-1] / functional_norm(network) - 1) < 1e-11)
    True
    """
    end = _horizon(network, 1e-12) if horizon is None else check_positive("horizon", horizon)
    limit = ENTRIES // network.state_size
    if _samples(network, end) > limit:
        raise ValueError(
            f"the search for sign changes may take {limit} samples at most, got {_samples(network, end)} for "
            f"horizon {end:.3g}; pass a shorter horizon or a network without such fast rates"
        )
    pieces = list(_pieces(network, end))
    edges = end - np.unique(np.concatenate([cuts for cuts, _ in pieces]))[::-1]
    middles = end - (edges[1:] + edges[:-1]) / 2
    signs = [np.sign(masses)[np.searchsorted(cuts, middles) - 1] for cuts, masses in pieces]
    value = float(sum(np.abs(masses).sum() for _, masses in pieces))
    return ExtremalInput(edges, np.stack(signs, axis=1), value, _tail_bound(network)(end))


@cites("li2021", "Section 2 (Ito isometry)")
def white_noise_norm(network: LinearRNN) -> float:
    """(sum_i ||rho_i||_2^2)^{1/2}, the standard deviation of y under unit white noise at every input (the H2 norm).

    = (c^T G c)^{1/2} with the Lyapunov equation W G + G W^T + U U^T = 0. Cost O(n^3).

    >>> round(white_noise_norm(LinearRNN.diagonal([1.0], [2.0])), 12)
    0.5
    """
    return float(np.sqrt(max(0.0, float(network.c @ gramian(network) @ network.c))))


def gramian(network: LinearRNN) -> Float[np.ndarray, "n n"]:
    """G = int_0^inf e^{Wt} U U^T e^{W^T t} dt: the covariance of the state under white noise.

    >>> gramian(LinearRNN.diagonal([1.0], [2.0])).tolist()
    [[0.25]]
    """
    return np.asarray(scipy.linalg.solve_continuous_lyapunov(network.W, -network.U @ network.U.T))


def energy_gain(network: LinearRNN) -> float:
    """sup over inputs of finite energy of ||y||_2/||x||_2 = sup_v |c^T (iv - W)^{-1} U|_2 (the H-infinity norm).

    See `peak_gain`: relative accuracy 1e-6. At most functional_norm.

    >>> round(energy_gain(LinearRNN.diagonal([1.0], [2.0])), 9)
    0.5
    """
    return peak_gain(network.W, network.U, network.c[None])


def difference(first: LinearRNN, second: LinearRNN) -> LinearRNN:
    """The network with the kernels of `first` minus those of `second`: both side by side, driven by the same inputs.

    >>> round(functional_norm(difference(LinearRNN.diagonal([1.0], [1.0]), LinearRNN.diagonal([1.0], [2.0]))), 12)
    0.5
    """
    if first.inputs != second.inputs:
        raise ValueError(
            f"the networks must have as many inputs, got {first.inputs} and {second.inputs}; compare equals"
        )
    return LinearRNN(
        scipy.linalg.block_diag(first.W, second.W),
        np.concatenate([first.U, second.U]),
        np.concatenate([first.c, -second.c]),
    )


def _tail_bound(network: LinearRNN) -> Callable[[float], float]:
    """t -> bound of int_t^inf sum_i |rho_i|, by Cauchy-Schwarz with the weight e^{2su}, s half the stability margin:

    int_0^inf |r e^{Wu} U_i| du <= (1/(2s))^{1/2} (r G_i r^T)^{1/2}, r = c^T e^{Wt}, G_i the Gramian of (W + s, U_i).
    """
    s = network.stability_margin / 2
    shifted = network.W + s * np.eye(network.state_size)
    gramians = [scipy.linalg.solve_continuous_lyapunov(shifted, -np.outer(column, column)) for column in network.U.T]

    def bound(t: float) -> float:
        row = network.c @ scipy.linalg.expm(network.W * t)
        return sum(float(np.sqrt(max(0.0, float(row @ G @ row)) / (2 * s))) for G in gramians)

    return bound


def _horizon(network: LinearRNN, share: float) -> float:
    """A time whose tail bound is below `share`/10 of the tail bound at 0, which is of the order of the norm."""
    tail = _tail_bound(network)
    target = share * tail(0.0) / 10
    end = 1 / network.stability_margin
    while tail(end) > target:
        end *= 1.25
    return end


def _samples(network: LinearRNN, end: float) -> int:
    return int(min(np.ceil(DENSITY * end * float(np.linalg.norm(network.W, 2))), 2.0**60)) + 2


def _pieces(network: LinearRNN, end: float) -> Iterator[tuple[Float[np.ndarray, "k"], Float[np.ndarray, "m"]]]:
    """For each input: 0, the zeros of rho_i and `end`, and int rho_i between neighbours, by its antiderivative.

    int_s^t rho_i = c^T (e^{Wt} - e^{Ws}) W^{-1} U_i.
    """
    even = np.linspace(0.0, end, _samples(network, end))
    slope = LinearRNN(network.W, network.W @ network.U, network.c)
    values, slopes = network.kernel(even), slope.kernel(even)
    antiderivative = LinearRNN(network.W, np.linalg.solve(network.W, network.U), network.c)
    for i in range(network.inputs):
        v, s = values[:, i], slopes[:, i]
        # |rho_i| falls, then rises, without a change of sign: a pair of zeros may hide around the minimum
        dips = np.flatnonzero((v[:-1] * v[1:] > 0) & (v[:-1] * s[:-1] < 0) & (v[1:] * s[1:] > 0))
        lows = np.array([_zero(slope, i, float(even[j]), float(even[j + 1])) for j in dips])
        grid, v = np.insert(even, dips + 1, lows), np.insert(v, dips + 1, network.kernel(lows)[:, i])
        seen = np.flatnonzero(v)
        flips = np.flatnonzero(np.diff(np.sign(v[seen])))
        zeros = [_zero(network, i, float(grid[seen[j]]), float(grid[seen[j + 1]])) for j in flips]
        cuts = np.array([0.0, *zeros, end])
        yield cuts, np.diff(antiderivative.kernel(cuts)[:, i])


def _zero(network: LinearRNN, i: int, left: float, right: float) -> float:
    """A zero of rho_i between two samples of opposite sign; the middle where both are rounding noise."""

    def scalar(t: float) -> float:
        return float(network.kernel(t)[i])

    if scalar(left) * scalar(right) >= 0:
        return (left + right) / 2
    return float(brentq(scalar, left, right, rtol=1e-14))
