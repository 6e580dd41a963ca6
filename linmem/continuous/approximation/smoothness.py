"""The smoothness constant gamma of the approximation rate, certified, for kernels that are exponential sums in pieces.

These are real and complex exponential sums, windows, and every sum, multiple, delay or change of time unit of them:
between breaks rho(t) = Re sum_j a_j e^{-l_j t}, whose derivatives are closed expressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from flint import acb, arb

from linmem.checks import check_integer, check_positive
from linmem.citations import cites
from linmem.intervals import ball, bounds, precision
from linmem.kernels import (
    ComplexExponentialSum,
    DelayedKernel,
    ExponentialSum,
    Kernel,
    KernelSum,
    ScaledKernel,
    TimeScaledKernel,
    Window,
)

BITS = 96
Rate = tuple[Fraction, Fraction]  # real and imaginary part
Term = tuple[acb, Rate]


@cites("li2021", "Theorem 3.2")
def smoothness_constant(
    kernels: Kernel | Sequence[Kernel], beta: float, order: int, jumps: bool = False, points: int = 400
) -> tuple[float, float]:
    """Certified (low, high) around gamma = max_i max_{k=1..alpha+1} sup_t e^{beta t} |rho_i^{(k-1)}(t)| / beta^k.

    A number without unit: it does not change under rho(t) -> c rho(ct), beta -> c beta. The approximation rate asks for
    alpha - 1 continuous derivatives and a derivative of order alpha that is bounded between the breaks.

    Parameters
    ----------
    kernels : one or more: ExponentialSum, ComplexExponentialSum, Window, their sums, multiples, delays, time changes.
    beta : decay > 0, in 1/time, below the real part of every rate.
    order : alpha >= 1.
    jumps : allow derivatives of order < alpha to jump; gamma is then that of the pieces, and no rate follows from it.
    points : grid points of a piece; high - low falls like 1/points.

    Raises TypeError for other kernels, ValueError when beta is too large, and for a jump. Jumps are tested in ball
    arithmetic: one is found if it is larger than about 1e-25. Cost: 2 microseconds a point, term, piece and derivative.

    >>> low, high = smoothness_constant(ExponentialSum([1.0], [2.0]), beta=1.0, order=1)
    >>> low <= 2.0 <= high < 2.02
    True
    """
    b, alpha = Fraction(check_positive("beta", beta)), check_integer("order", order, minimum=1)
    count = check_integer("points", points, minimum=1)
    lows, highs = list[arb](), list[arb]()
    with precision(BITS):
        for kernel in kernels if isinstance(kernels, Sequence) else (kernels,):
            pieces = _pieces(kernel)
            if not jumps:
                _check_jumps(pieces, alpha)
            for piece in pieces:
                for k in range(1, alpha + 2):
                    low, high = piece.largest(b, k - 1, count)
                    lows.append(low / ball(b) ** k)
                    highs.append(high / ball(b) ** k)
        return max(bounds(low)[0] for low in lows), max(bounds(high)[1] for high in highs)


@dataclass(frozen=True)
class _Piece:
    """rho(start + x) = Re sum_j a_j e^{-l_j x} for 0 <= x < length (None: infinity), terms (a_j, l_j)."""

    start: Fraction
    length: Fraction | None
    terms: tuple[Term, ...]

    def derivative(self, x: Fraction, order: int) -> arb:
        """rho^{(order)}(start + x)."""
        return sum((a * _ball(l, -1) ** order * _ball(l, -x).exp() for a, l in self.terms), acb(0)).real

    def largest(self, beta: Fraction, order: int, count: int) -> tuple[arb, arb]:
        """(low, high), bounds of sup e^{beta t} |rho^{(order)}(t)| over the piece, t counted from 0.

        low is the largest of count + 1 values; high adds half a step times a bound of the slope. On an infinite piece
        the variable is x = e^{-et}, e the least real part of a rate minus beta: every term is a power >= 1 of x.
        """
        growth = ball(beta * self.start).exp()
        terms = [(growth * a * _ball(l, -1) ** order, (l[0] - beta, l[1])) for a, l in self.terms]
        least = min((re for _, (re, _) in terms), default=Fraction(1))
        if self.length is None and least <= 0:
            raise ValueError(
                f"beta must be below the real part of every rate, got {float(beta)!r}; pass a smaller beta"
            )
        values, slope = [arb(0)] * (count + 1), arb(0)
        for b, e in terms:
            if self.length is None:
                scale, damping = 1 / least, Fraction(0)
                factors = [acb(0), *((_ball(e, scale) * (arb(i) / count).log()).exp() for i in range(1, count + 1))]
            else:
                scale, damping = self.length, max(Fraction(0), -e[0] * self.length)
                factors = [_ball(e, -scale * Fraction(i, count)).exp() for i in range(count + 1)]
            slope += abs(b) * abs(_ball(e, scale)) * ball(damping).exp()
            values = [v + (b * factor).real for v, factor in zip(values, factors, strict=True)]
        low = max((abs(v).lower() for v in values), key=float)
        high = max((abs(v).upper() for v in values), key=float)
        return low, high + slope / (2 * count)


def _ball(rate: Rate, factor: Fraction | int) -> acb:
    """factor * rate; exact before it is rounded."""
    return acb(ball(rate[0] * factor), ball(rate[1] * factor))


def _pieces(kernel: Kernel) -> list[_Piece]:
    """The kernel from 0 to infinity, amplitudes in balls, rates and starts exact."""
    parts = _parts(kernel)
    starts = sorted({Fraction(0), *(start for start, _ in parts)})
    found = list[_Piece]()
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        merged = dict[Rate, acb]()
        for begin, terms in parts:
            for a, l in terms if begin <= start else ():
                merged[l] = merged.get(l, acb(0)) + a * _ball(l, begin - start).exp()
        terms = tuple((a, l) for l, a in merged.items() if a != 0)
        found.append(_Piece(start, None if end is None else end - start, terms))
    return found


def _parts(kernel: Kernel) -> list[tuple[Fraction, list[Term]]]:
    """Pairs (start d, terms): the kernel is the sum of Re sum_j a_j e^{-l_j (t - d)} over the pairs with d <= t."""
    if isinstance(kernel, ExponentialSum | ComplexExponentialSum):
        pairs = [(complex(a), complex(w)) for a, w in zip(kernel.amplitudes, kernel.rates, strict=True)]
        return [(Fraction(0), [(acb(a.real, a.imag), (Fraction(w.real), Fraction(w.imag))) for a, w in pairs])]
    if isinstance(kernel, Window):
        start, height, flat = Fraction(kernel.start), acb(kernel.height), (Fraction(0), Fraction(0))
        return [(start, [(height, flat)]), (start + Fraction(kernel.length), [(-height, flat)])]
    if isinstance(kernel, KernelSum):
        return [part for child in kernel.parts for part in _parts(child)]
    if isinstance(kernel, ScaledKernel):
        factor = ball(kernel.factor)
        return [(start, [(factor * a, l) for a, l in terms]) for start, terms in _parts(kernel.kernel)]
    if isinstance(kernel, TimeScaledKernel):
        unit = Fraction(kernel.factor)
        return [
            (start / unit, [(a, (l[0] * unit, l[1] * unit)) for a, l in terms])
            for start, terms in _parts(kernel.kernel)
        ]
    if isinstance(kernel, DelayedKernel):
        return [(start + Fraction(kernel.delay), terms) for start, terms in _parts(kernel.kernel)]
    raise TypeError(
        f"kernels must be exponential sums between breaks, got {type(kernel).__name__}; build them from "
        "ExponentialSum, ComplexExponentialSum and Window by sums, multiples, delays and time scalings"
    )


def _check_jumps(pieces: list[_Piece], order: int) -> None:
    for before, after in pairwise(pieces):
        for k in range(order):
            jump = after.derivative(Fraction(0), k) - before.derivative(after.start - before.start, k)
            if not jump.contains(0):
                raise ValueError(
                    f"kernels must have order - 1 = {order - 1} continuous derivatives, got a jump of derivative {k} "
                    f"at t = {float(after.start):.6g}; pass order = {k} or less, or jumps=True"
                )
