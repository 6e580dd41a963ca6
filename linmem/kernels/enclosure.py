"""Certified norms of kernels: int |rho| dt and (int rho^2 dt)^{1/2} between two numbers, in ball arithmetic.

Every kernel of the library is an `EnclosedKernel`, sums and differences included, so that the error of a fit is
certified by `l1_enclosure(kernel - fit)`. Nothing here depends on floating-point quadrature or on zeros found by it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol, runtime_checkable

from flint import arb, ctx

from linmem.checks import check_positive
from linmem.citations import cites
from linmem.intervals import Lag, ball, bounds, precision
from linmem.kernels.taylor import Model, expand, l1_bounds, l2_bounds, taylor_order

Interval = tuple[arb, arb]
Piece = tuple[float, float, float, Interval, arb]  # minus the width of the bounds; ends; bounds; share of rounding

BITS = (128, 256, 512)  # working precisions, tried in this order while rounding is what limits the enclosure
BUDGET = 6000  # panels at one precision
FRESH = 128  # pieces up to which the bounds are summed anew after every cut, later after this many
GROWTH = 5 / 3  # length of a new panel at the far end, against its distance from 0


@runtime_checkable
class EnclosedKernel(Protocol):
    """A kernel that can be evaluated in ball arithmetic.

    `enclose` takes a real or complex ball or a power series with ball coefficients and returns the like, an enclosure
    of rho there (of its Taylor coefficients, for a series); across a jump or kink it returns the hull of both sides.
    """

    def enclose(self, t: Lag) -> Lag:
        """An enclosure of rho(t)."""
        ...

    def tail(self, start: arb) -> arb:
        """A ball that contains int_T^inf |rho| dt, T = start >= 0; its upper end bounds what lies beyond T."""
        ...

    def tail_square(self, start: arb) -> arb:
        """A ball that contains int_T^inf rho^2 dt."""
        ...

    def breaks(self) -> tuple[Fraction, ...]:
        """The lags t > 0 at which rho is not analytic, exact."""
        ...


def enclosed(kernel: object) -> EnclosedKernel:
    """The kernel itself; TypeError if it cannot be evaluated in ball arithmetic."""
    if not isinstance(kernel, EnclosedKernel):
        raise TypeError(
            f"kernel must be enclosable in ball arithmetic (enclose, tail, tail_square, breaks), got "
            f"{type(kernel).__name__}; use the kernels of linmem.kernels, or write these methods"
        )
    return kernel


@cites("linmem", "certified norms")
def l1_enclosure(kernel: object, relative_tolerance: float = 1e-10) -> tuple[float, float]:
    """(low, high) with low <= int_0^inf |rho| dt <= high, proved in ball arithmetic.

    [0, inf) is cut into panels and a tail. On a panel rho is its Taylor polynomial P up to a bound e on the Lagrange
    remainder (from the series at the whole panel as a ball); int |P| is found with certified signs (linmem.kernels.
    taylor), and int |rho| differs by at most e times the length. The panel or tail with the widest bounds is cut next,
    until high - low <= relative_tolerance * low.

    Parameters
    ----------
    kernel : any kernel of linmem.kernels, e.g. the difference of a target and a fit.
    relative_tolerance : > 0; below about 1e-13 the doubles that are returned are the limit.

    Always a valid enclosure. It is wider than asked for when 6000 panels do not suffice at a precision of up to 512
    bits: a heavy tail that oscillates (a modulated power law), or a norm that is 0 or nearly so. Cost: about 100 to 300
    panels of 20 microseconds a term, e.g. 0.3 s for a power law minus 60 exponentials.
    Raises ValueError for a kernel that is not integrable, TypeError for an object without enclosures.

    >>> from linmem.kernels import ExponentialSum
    >>> low, high = l1_enclosure(ExponentialSum([1.0, -1.0], [1.0, 2.0]))  # 1/2
    >>> low <= 0.5 <= high, high - low < 1e-10
    (True, True)
    """
    target = enclosed(kernel)
    return bounds_of(_certify(target, check_positive("relative_tolerance", relative_tolerance), l1_bounds, target.tail))


@cites("linmem", "certified norms")
def l2_enclosure(kernel: object, relative_tolerance: float = 1e-10) -> tuple[float, float]:
    """(low, high) with low <= (int_0^inf rho^2 dt)^{1/2} <= high, proved in ball arithmetic.

    As l1_enclosure, with the integral of P^2 (exact for a polynomial) in place of that of |P|.

    >>> from linmem.kernels import PowerLaw
    >>> low, high = l2_enclosure(PowerLaw(1.0))  # (int (1+t)^{-4})^{1/2}
    >>> low <= 3**-0.5 <= high, high - low < 1e-10
    (True, True)
    """
    target = enclosed(kernel)
    tolerance = check_positive("relative_tolerance", relative_tolerance)
    low, high = _certify(target, 2 * tolerance, l2_bounds, target.tail_square)
    with precision(BITS[0]):
        return bounds_of((low.sqrt(), high.sqrt()))


def bounds_of(interval: Interval) -> tuple[float, float]:
    """Doubles around the ends of an interval whose ends are balls; never below 0."""
    return max(0.0, bounds(interval[0])[0]), bounds(interval[1])[1]


def _certify(
    kernel: EnclosedKernel,
    tolerance: float,
    integrate: Callable[[Model], Interval],
    tail: Callable[[arb], arb],
) -> Interval:
    """Bounds of the integral over [0, inf), at the lowest precision at which rounding is not what limits them."""
    best: Interval | None = None
    for bits in BITS:
        with precision(bits):
            low, high, rounding = _adapt(kernel, tolerance, integrate, tail, taylor_order(bits))
            best = (low, high) if best is None else (low.max(best[0]), high.min(best[1]))
            width = best[1] - best[0]
            if width <= tolerance * best[0] or not 4 * rounding > width:
                break
    assert best is not None
    return best


def _adapt(
    kernel: EnclosedKernel,
    tolerance: float,
    integrate: Callable[[Model], Interval],
    tail: Callable[[arb], arb],
    order: int,
) -> tuple[arb, arb, arb]:
    """(low, high, share of the width that is rounding): cut what is widest until the tolerance or the budget is met.

    A norm below 2^{-bits/2} of the first bound counts as rounding.
    """
    breaks = kernel.breaks()

    def panel(left: float, right: float) -> Piece:
        model = expand(kernel.enclose, breaks, left, right, order)
        low, high = integrate(model)
        return -bounds(high - low)[1], left, right, (low, high), model.half * model.rounding * 4

    def rest(start: float) -> Piece:
        whole = tail(ball(start))
        low, high = whole.lower().max(arb(0)), whole.upper()
        return -bounds(high - low)[1], start, float("inf"), (low, high), arb(0)

    heap = [rest(0.0)]
    low, high = heap[0][3]
    floor = high * arb(2) ** (-ctx.prec // 2)
    for _ in range(BUDGET):
        if high - low <= tolerance * low or high <= floor:
            break
        _, left, right, old, _ = heap[0]
        middle = _cut(left, right, breaks)
        if not left < middle < right:
            break  # neighbouring doubles, or the largest of them
        pieces = [panel(left, middle), panel(middle, right) if right != float("inf") else rest(middle)]
        heapq.heapreplace(heap, pieces[0])
        heapq.heappush(heap, pieces[1])
        low += pieces[0][3][0] + pieces[1][3][0] - old[0]
        high += pieces[0][3][1] + pieces[1][3][1] - old[1]
        if (
            len(heap) < FRESH or len(heap) % FRESH == 0
        ):  # the bounds of a panel far too long leave their rounding behind
            low, high = _sum(heap)
    low, high = _sum(heap)
    return low, high, sum((item[4] for item in heap), arb(0)).max(floor if high <= floor else arb(0))


def _sum(heap: list[Piece]) -> Interval:
    return sum((item[3][0] for item in heap), arb(0)), sum((item[3][1] for item in heap), arb(0))


def _cut(left: float, right: float, breaks: tuple[Fraction, ...]) -> float:
    """Where to cut: at a break if one lies inside, else in the middle; the tail a step further out."""
    for point in breaks:
        if left < point < right and left < float(point) < right:
            return float(point)
    if right == float("inf"):
        return 1.0 if left == 0 else min(GROWTH * left, 1.7e308)
    return left / 2 + right / 2
