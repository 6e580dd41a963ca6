"""The step of a tanh network in ball arithmetic, its slopes, and norms: what :mod:`..echo_state` certifies with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Float

from linmem.capacity.models.reservoir import TanhReservoir
from linmem.intervals import ball, bounds

BITS = 256
SQUARINGS = 10  # a norm bound from traces of the 2^10-th power is too large by a factor N^(2^-11) at most


def matrix(array: Float[np.ndarray, "N K"]) -> arb_mat:
    """The matrix of exact balls."""
    return arb_mat([[ball(float(x)) for x in row] for row in array])


def hull(low: Float[np.ndarray, "n"], high: Float[np.ndarray, "n"]) -> list[arb]:
    """Balls that hold low_i .. high_i."""
    return [ball(float(a)).union(ball(float(b))) for a, b in zip(low, high, strict=True)]


def ends(states: Sequence[arb]) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """Doubles below and above each ball."""
    pairs = np.array([bounds(x) for x in states])
    return pairs[:, 0], pairs[:, 1]


def euclidean(entries: Sequence[arb]) -> arb:
    """Square root of the sum of squares of numbers that are known to be real, whatever their balls."""
    total = sum((x**2 for x in entries), arb(0))
    return total.lower().max(arb(0)).sqrt().union(total.upper().sqrt())


def nth_root(x: arb, n: int) -> arb:
    """The n-th root of max(x, 0); arb has none of 0."""
    return arb(0) if x <= 0 else x.root(n)


def norm_high(M: arb_mat) -> arb:
    """Upper bound of ||M||_2: ``(tr G^K)^(1/2K)``, G = M^T M, K = 2^10; too large by N^(1/2K) at most."""
    gram, exponent = M.transpose() * M, 2
    for _ in range(SQUARINGS):
        gram, exponent = gram * gram, 2 * exponent
    return nth_root(gram.trace().upper(), exponent).upper()


def norm_low(M: arb_mat) -> arb:
    """Lower bound ||M v|| / ||v|| of ||M||_2, v the leading singular vector as computed in double precision."""
    middle = np.array([[float(M[i, j].mid()) for j in range(M.ncols())] for i in range(M.nrows())])
    v = arb_mat([[ball(float(x))] for x in np.linalg.svd(middle)[2][0]])
    w = M * v
    return ((w.transpose() * w)[0, 0] / (v.transpose() * v)[0, 0]).sqrt().lower()


class BallNetwork:
    """A tanh network on balls; call its methods within :func:`linmem.intervals.precision`."""

    def __init__(self, reservoir: TanhReservoir) -> None:
        self.A, self.C = matrix(reservoir.A), matrix(reservoir.C)
        self.bias, self.leak = ([ball(float(x)) for x in row] for row in (reservoir.bias, reservoir.leak))

    def drive(self, states: Sequence[arb], inputs: Sequence[arb]) -> list[arb]:
        """What enters the tanh: A x + C z + b."""
        p = self.A * arb_mat([[x] for x in states]) + self.C * arb_mat([[z] for z in inputs])
        return [p[i, 0] + b for i, b in enumerate(self.bias)]

    def step(self, states: Sequence[arb], drive: Sequence[arb]) -> list[arb]:
        """States after the step; tanh is monotone, so that its ends are its range."""
        after = [p.lower().tanh().union(p.upper().tanh()) for p in drive]
        return [(1 - a) * x + a * y for a, x, y in zip(self.leak, states, after, strict=True)]

    def _scaled(self, slopes: Sequence[arb]) -> list[list[arb]]:
        """Rows of diag(a slopes) A."""
        N = len(slopes)
        return [
            [a * s * self.A[i, j] for j in range(N)] for i, (a, s) in enumerate(zip(self.leak, slopes, strict=True))
        ]

    def jacobian(self, drive: Sequence[arb]) -> arb_mat:
        """``diag(1 - a) + diag(a sech^2 p) A`` at one point p."""
        rows = self._scaled([1 - p.tanh() ** 2 for p in drive])
        for i, a in enumerate(self.leak):
            rows[i][i] += 1 - a
        return arb_mat(rows)

    def lipschitz(self, drive: Sequence[arb]) -> arb:
        """Upper bound ``max (1 - a) + ||diag(a s) A||`` with s the largest slope of each tanh on its ball.

        ``||diag(s') A x|| <= ||diag(s) A x||`` entry by entry for 0 <= s' <= s, hence for the slopes of any chord.
        """
        kept = arb(0)
        for a in self.leak:
            kept = kept.max(1 - a)
        return kept + norm_high(arb_mat(self._scaled([1 - p.abs_lower().tanh() ** 2 for p in drive])))
