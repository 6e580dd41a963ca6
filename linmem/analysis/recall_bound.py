"""Upper bounds of ``MC*_n(tau)``, the best recall of one past input by n linear states.

``MC*_n(tau) = max_B sum_{m > tau} b_m^2`` over the real all-passes B of degree n;
:func:`linmem.capacity.optimal_linear_recall` finds a lower bound. From above, :func:`recall_upper_bound` bounds it by
a formula and :func:`certified_best_recall` by branch and bound, to any gap.

Branch and bound. Reflection coefficients ``k_j = sin theta_j`` cover all B; ``B(z) -> B(-z)`` turns the sign of the k_j
with odd j and leaves the recall as it is, so that one of these may be taken >= 0. One impulse into the lattice of B
leaves the state ``A^t B`` after t + 1 steps, of energy ``d_t = sum_{m > t} b_m^2``. A step is a product of plane
rotations by theta_j. On a box ``theta = centre + delta`` the state is kept as a polynomial of second order in delta and
a remainder in a ball: a rotation is ``G exp(J delta)``, ``|exp(i x) - sum_{k < r} (i x)^k/k!| <= |x|^r/r!``, and
rotations do not enlarge balls. As d_t does not increase with t, a box is ruled out as soon as one d_t, t <= tau, is
below the value to beat; early ones depend on few angles. What remains is halved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from flint import arb
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from linmem.capacity.linear.optimal import optimal_reflections
from linmem.checks import check_array, check_integer, check_positive
from linmem.citations import cites
from linmem.intervals import ball, bounds

_BATCH = 2048  # boxes bounded together: their state fits into the cache


@cites("linmem")
def recall_upper_bound(state_size: int, lag: int) -> float:
    """Certified upper bound of MC*_n(tau) in closed form, ``(n - 1 + (1 - n/N) N^(-n/(N-n))) / tau``, N = tau + 1.

    1 for tau < n (delay line); for n = 1 the maximum itself, ``tau^tau/(tau+1)^(tau+1)``, that of (1 - a^2) a^(2 tau).

    Proof. T is the N x N lower triangular Toeplitz matrix of b_0 .. b_tau. As ``sum_m b_m b_{m+s} = 0`` for s >= 1,
    ``D = I - T T^T = H H^T`` with the Hankel matrix ``H_ts = b_{t+s}``, s >= 1, of rank <= n. D has the diagonal
    ``d_t = sum_{m > t} b_m^2``, t = 0 .. tau; with q = b_0^2 and the eigenvalues l_i of D,
    ``q^N = det(T T^T) = prod (1 - l_i) <= (1 - tr D/n)^n`` (means). As d_0 = 1 - q and d_t >= d_tau,
    ``1 - q + tau d_tau <= tr D <= n (1 - q^(N/n))``; the formula is the maximum over q of what this leaves to d_tau.
    It is below ``n/N``, which follows from tr D <= n alone, and 10 to 40 % above MC* for 2 <= n <= 8, tau <= 3 n.

    Parameters
    ----------
    state_size, lag : n and tau >= 0.

    Cost: a few operations on balls.

    >>> recall_upper_bound(1, 1), round(recall_upper_bound(2, 2), 4), round(recall_upper_bound(5, 9), 4)
    (0.25, 0.5185, 0.45)
    """
    n, tau = check_integer("state_size", state_size, minimum=1), check_integer("lag", lag, minimum=0)
    if tau < n:
        return 1.0
    N = tau + 1
    if n == 1:
        return bounds((ball(tau) / N) ** tau / N)[1]
    q = ball(N) ** (-ball(n) / (N - n))
    return bounds((n - 1 + q * (N - n) / N) / tau)[1]


@dataclass(frozen=True, eq=False)
class RecallEnclosure:
    """``low <= MC*_n(tau) <= high``, both certified.

    Attributes
    ----------
    state_size, lag : n and tau.
    low, high : the recall that ``reflections`` attain (ball arithmetic), and the upper bound.
    reflections : (n,) of an all-pass; see :func:`linmem.analysis.recall.lattice_system`.
    boxes : number of boxes bounded.
    complete : True if the gap asked for was reached; otherwise ``high`` is what the work allowed did prove.
    """

    state_size: int
    lag: int
    low: float
    high: float
    reflections: Float[np.ndarray, "n"] = field(repr=False)
    boxes: int
    complete: bool

    @property
    def gap(self) -> float:
        """``high - low``."""
        return self.high - self.low


def _attained(reflections: Float[np.ndarray, "n"], lag: int) -> float:
    """A double <= the recall of the all-pass, by ball arithmetic: the energy of the lattice's state after the lag."""
    sines = [ball(float(k)) for k in reflections]
    cosines = [((1 - k) * (1 + k)).sqrt() for k in sines]
    state = [arb(0)] * len(sines)
    for step in range(lag + 1):
        signal, outputs = arb(int(step == 0)), list[arb]()
        for k, c, delayed in zip(reversed(sines), reversed(cosines), reversed(state), strict=True):
            outputs.append(k * signal + c * delayed)
            signal = c * signal - k * delayed
        state = [signal, *reversed(outputs[1:])]
    return max(0.0, bounds(sum((x * x for x in state), arb(0)))[0])


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Numbers of the columns of a Taylor polynomial: 0 the value, 1 + j that of delta_j, then the delta_i delta_j."""

    first: Int[np.ndarray, "P"]
    second: Int[np.ndarray, "P"]
    column: Int[np.ndarray, "n n"]

    @classmethod
    def of(cls, n: int) -> _Pairs:
        first, second = np.triu_indices(n)
        column = np.zeros((n, n), dtype=np.int64)
        column[first, second] = column[second, first] = 1 + n + np.arange(len(first))
        return cls(first, second, column)


def _largest_energy(
    state: Float[np.ndarray, "n K M"],
    sizes: Float[np.ndarray, "K M"],
    remainder: Float[np.ndarray, "M"],
    pairs: _Pairs,
) -> Float[np.ndarray, "M"]:
    """Upper bound of ``|x + U delta + Q(delta, delta) + e|^2``, |delta_j| <= h_j, |e| <= remainder; x, U, Q columns.

    The terms of order 0, 1 and 2 are exact but for the products of different delta_j, at most their absolute values;
    higher ones by norms.
    """
    n, diagonal = len(state), pairs.first == pairs.second
    value, slopes, curves = state[:, 0], state[:, 1 : 1 + n], state[:, 1 + n :]
    gram = np.einsum("ipm,ipm->pm", slopes[:, pairs.first], slopes[:, pairs.second])
    linear = 2.0 * np.abs(np.einsum("im,ijm->jm", value, slopes)) * sizes[1 : 1 + n]
    square = np.where(diagonal, 1.0, 2.0)[:, None] * gram + 2.0 * np.einsum("im,ipm->pm", value, curves)
    square *= sizes[1 + n :]
    own, mixed = square[diagonal], np.abs(square[~diagonal]).sum(axis=0)
    inside = linear < -2.0 * own  # a x + b x^2 on [-1, 1] has its maximum at |x| = -a/(2 b) < 1
    peaks = np.where(inside, linear**2 / np.where(inside, -4.0 * own, 1.0), linear + own)
    first = (np.sqrt(gram[diagonal]) * sizes[1 : 1 + n]).sum(axis=0)
    second = (np.sqrt(np.einsum("ipm,ipm->pm", curves, curves)) * sizes[1 + n :]).sum(axis=0)
    energy = np.einsum("im,im->m", value, value) + peaks.sum(axis=0) + mixed + 2.0 * first * second + second**2
    return (np.sqrt(np.maximum(energy, 0.0)) + remainder) ** 2


def _bound_boxes(
    centres: Float[np.ndarray, "n M"], halves: Float[np.ndarray, "n M"], lag: int, target: float
) -> tuple[Int[np.ndarray, "kept"], Float[np.ndarray, "kept"], Float[np.ndarray, "kept"]]:
    """Boxes of angles whose recall may exceed the target: their numbers, upper bounds, and the recalls at the centres.

    Rounding: with ``a = (tau + 1) sum_j h_j`` the norms of the columns times their sizes sum to less than 2 (1 + a)^2,
    the remainder is below 2 (1 + a)^3; n (tau + 1) rotations, of relative error below 8 eps each with that of the
    angles, and sums of K terms change a bound below 1 by less than ``128 (n (tau + 1) + K) eps (1 + a)^4``, added here.
    """
    n, M = centres.shape
    pairs = _Pairs.of(n)
    sizes = np.concatenate([np.ones((1, M)), halves, halves[pairs.first] * halves[pairs.second]])
    K = len(sizes)
    sines, cosines = np.sin(centres), np.cos(centres)
    rounding = 128.0 * (n * (lag + 1) + K) * 2.0**-53 * (1.0 + (lag + 1) * halves.sum(axis=0)) ** 4
    alive, upper, remainder, state = np.arange(M), np.ones(M), np.zeros(M), np.zeros((n, K, M))
    for step in range(lag + 1):
        signal, shifted = np.zeros((K, len(alive))), np.empty_like(state)
        signal[0] = float(step == 0)
        for j in range(n - 1, -1, -1):
            output = sines[j] * signal + cosines[j] * state[j]
            signal = cosines[j] * signal - sines[j] * state[j]
            h, norms = sizes[1 + j], np.sqrt(output * output + signal * signal) * sizes
            remainder = remainder + h * (
                norms[1 + n :].sum(axis=0) + h / 2.0 * (norms[1 : 1 + n].sum(axis=0) + h / 3.0 * norms[0])
            )
            # times 1 + J delta - delta^2/2, where J (output, signal) = (signal, -output)
            output[pairs.column[j]] += signal[1 : 1 + n]
            signal[pairs.column[j]] -= output[1 : 1 + n]
            output[pairs.column[j, j]] -= output[0] / 2.0
            signal[pairs.column[j, j]] -= signal[0] / 2.0
            output[1 + j] += signal[0]
            signal[1 + j] -= output[0]
            if j + 1 < n:
                shifted[j + 1] = output
        shifted[0] = signal
        state = shifted
        upper = np.minimum(upper, _largest_energy(state, sizes, remainder, pairs) + rounding)
        keep = upper > target
        if step == lag or np.count_nonzero(keep) < 0.7 * len(keep):
            alive, upper, remainder, rounding = alive[keep], upper[keep], remainder[keep], rounding[keep]
            state, sizes, sines, cosines = state[:, :, keep], sizes[:, keep], sines[:, keep], cosines[:, keep]
        if not len(alive):
            break
    return alive, upper, np.einsum("im,im->m", state[:, 0], state[:, 0])


@cites("linmem")
def certified_best_recall(
    state_size: int,
    lag: int,
    gap: float = 1e-4,
    *,
    boxes: int = 2_000_000,
    reflections: ArrayLike | None = None,
) -> RecallEnclosure:
    """Enclosure of MC*_n(tau), the best squared correlation with an input ``lag`` steps ago of any n linear states.

    Branch and bound over all all-passes of degree n, the box of largest bound first; see the head of this module.

    Parameters
    ----------
    state_size, lag : n and tau >= 0.
    gap : high - low to reach, > 0.
    boxes : most boxes to bound; the upper bound proven by then is returned, at most :func:`recall_upper_bound`. It
        falls near the end only: a gap of 0.05 takes two thirds of the boxes of 0.001.
    reflections : (n,) in [-1, 1] of the all-pass to start from; found by a search if None. A better one met is taken.

    Raises
    ------
    ValueError : for a size out of range, or reflections of another number or outside [-1, 1].

    Cost: 160, 2 10^3, 3 10^4, 7 10^5 boxes at lag = n = 2, 3, 4, 5 (0.01, 0.04, 0.2, 10 s), growing as
    lag^0.8, lag^1.6, lag^2.5 for n = 2, 3, 4; 1 to 3 us for a box and a step of the lag.

    >>> found = certified_best_recall(2, 2)
    >>> found.low <= 7 / 16 <= found.high, found.complete, round(found.high, 3)
    (True, True, 0.438)
    """
    n, tau = check_integer("state_size", state_size, minimum=1), check_integer("lag", lag, minimum=0)
    gap, most = check_positive("gap", gap), check_integer("boxes", boxes, minimum=0)
    if reflections is None:
        chosen = optimal_reflections(n, tau, 4, 0)[1]
    else:
        chosen = check_array("reflections", reflections, shape=(n,))
        if (np.abs(chosen) > 1).any():
            raise ValueError(f"reflections must lie in [-1, 1], got {chosen.tolist()}; pass those of a stable all-pass")
    low, ceiling, bounded = _attained(chosen, tau), recall_upper_bound(n, tau), 0
    # in units of pi/2, where halving is exact; the outermost k_j with odd j is >= 0
    centre, half = np.zeros((n, 1)), np.ones((n, 1))
    odd = n - 1 if n % 2 else n - 2
    centre[odd] = half[odd] = 0.5
    upper = np.full(1, ceiling) if ceiling > low + gap else np.empty(0)
    while upper.size and bounded < most:
        count = min(_BATCH, most - bounded, upper.size)
        order = np.argpartition(-upper, count - 1)
        now, later = order[:count], order[count:]
        # 2 eps more than the half-width, for the rounding of the product
        kept, found, recalls = _bound_boxes(
            centre[:, now] * (math.pi / 2), half[:, now] * (math.pi / 2 * (1 + 2.0**-51)), tau, low + gap
        )
        bounded += count
        now, found = now[kept], np.minimum(found, upper[now[kept]])
        if len(now) and recalls.max() > low + gap / 8:
            chosen = np.sin(centre[:, now[recalls.argmax()]] * (math.pi / 2))
            low = max(low, _attained(chosen, tau))
        widest = n - 1 - half[::-1, now].argmax(axis=0)
        step = np.zeros((n, len(now)))
        step[widest, np.arange(len(now))] = half[widest, now] / 2
        centre = np.concatenate([centre[:, later], centre[:, now] - step, centre[:, now] + step], axis=1)
        half = np.concatenate([half[:, later], half[:, now] - step, half[:, now] - step], axis=1)
        upper = np.concatenate([upper[later], found, found])
    complete = bool(upper.size == 0 or upper.max() <= low + gap)
    high = min(ceiling, low + gap if complete else float(upper.max()))
    return RecallEnclosure(n, tau, low, max(low, high), chosen, bounded, complete)
