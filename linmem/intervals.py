"""Ball arithmetic: rigorous enclosures of real numbers, a thin layer over python-flint (Arb).

A ball [m +- r] stands for some real number in that interval; every operation returns a ball that contains the exact
result for every number in its arguments. What is proved with balls is proved up to the correctness of Arb.

>>> with precision(100):
...     low, high = bounds(ball("0.1") + ball("0.2"))
>>> low < 0.3 < high or low == 0.3 or high == 0.3
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from fractions import Fraction
from numbers import Integral, Real
from typing import TypeVar

from flint import acb, arb, arb_series, ctx, fmpq

from linmem.checks import check_integer
from linmem.citations import cites

Exact = float | int | Fraction | str | arb
Lag = TypeVar("Lag", arb, acb, arb_series)


def ball(x: Exact) -> arb:
    """The enclosure of x: exact for a float, an int or a Fraction's numerator and denominator, tight for a string.

    A decimal string is the decimal number itself: ball("0.1") contains 1/10, ball(0.1) the binary double next to it.
    A ball is returned as it is. Raises ValueError for NaN, infinity and strings that are no decimal number, TypeError
    for other objects.

    >>> bounds(ball(0.1))[0] == 0.1, bounds(3 * ball("0.1") - ball("0.3"))[0] <= 0
    (True, True)
    """
    if isinstance(x, arb):
        if not x.is_finite():
            raise ValueError(f"x must be a finite ball, got {x}; raise the working precision or check its source")
        return x
    if isinstance(x, bool):
        raise TypeError(f"x must be a number, got {x!r}; pass a float, int, Fraction or decimal string")
    if isinstance(x, Integral):
        return arb(int(x))
    if isinstance(x, Fraction):
        return arb(fmpq(x.numerator, x.denominator))
    if isinstance(x, Real):
        if not math.isfinite(x):
            raise ValueError(f"x must be finite, got {x!r}; replace NaN or infinity by a finite number")
        return arb(float(x))
    if isinstance(x, str):
        try:
            exact = Fraction(x)
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(f"x must be a decimal number, got {x!r}; write it like '0.1' or '1e-3'") from error
        return ball(exact)
    raise TypeError(f"x must be a number, got {type(x).__name__}; pass a float, int, Fraction or decimal string")


@contextmanager
def precision(bits: int) -> Generator[None]:
    """Work with `bits` >= 2 bits of precision inside the with-block (Arb's default is 53).

    >>> with precision(200):
    ...     low, high = bounds(ball(2).sqrt())
    >>> high - low < 3e-16
    True
    """
    before = ctx.prec
    ctx.prec = check_integer("bits", bits, minimum=2)
    try:
        yield
    finally:
        ctx.prec = before


def bounds(x: arb) -> tuple[float, float]:
    """Doubles (low, high) with low <= x <= high: the ends of the ball, rounded outward.

    An end beyond the range of doubles becomes the largest double or infinity, whichever is outside.

    >>> bounds(ball(1) / 3)[0] < 1 / 3 + 1e-15
    True
    """
    return -_upper(-x), _upper(x)


def _upper(x: arb) -> float:
    """A double >= every number in the ball x."""
    end = x.upper()
    if not end.is_finite():
        return math.inf
    candidate = float(end)
    if not math.isfinite(candidate):
        return math.inf if candidate > 0 else -1.7976931348623157e308
    while not arb(candidate) >= end:
        candidate = math.nextafter(candidate, math.inf)
    return candidate


def up_to(x: arb) -> arb:
    """The ball [0, x], x >= 0: what is known of a nonnegative number when only a bound is.

    >>> up_to(ball(2)).contains(ball(0.1))
    True
    """
    return arb(0).union(x)


def root(x: arb) -> arb:
    """The square root of a number that is known to be >= 0, whatever the ball x around it holds below 0.

    >>> root(up_to(ball(4))).contains(ball(2)), root(up_to(ball(4))).is_finite()
    (True, True)
    """
    return x.lower().max(arb(0)).sqrt().union(x.upper().sqrt())


def from_lag_on(t: Lag, at: Exact, value: Callable[[Lag], Lag]) -> Lag:
    """value(t) if t > at, 0 if t < at, and the hull of both if the ball t overlaps `at`.

    A series is judged by its constant term, the hull taken for each coefficient.

    >>> from_lag_on(arb(1), 2.0, lambda t: t), from_lag_on(arb(3), 2.0, lambda t: t)
    (0, 3.00000000000000)
    """
    first = t[0] if isinstance(t, arb_series) else t.real if isinstance(t, acb) else t
    if first < ball(at):
        return 0 * t
    inside = value(t)
    if first > ball(at):
        return inside
    if isinstance(inside, arb_series):
        return arb_series([x.union(arb(0)) for x in inside.coeffs()], prec=inside.prec)
    if isinstance(inside, acb):
        return inside.union(acb(0))
    return inside.union(arb(0))


@cites("linmem", "Blaschke lemma")
def blaschke_product(rates: Iterable[Exact], exponent: Exact) -> arb:
    """prod_j (l_j + s)/(l_j - s), for rates l_j > s = exponent > 0.

    For every f in the span of the exponentials e^{-l_j t}: ||e^{st} f|| <= prod_j (l_j+s)/(l_j-s) ||f|| in L2(0, inf).
    Raises ValueError when s is not certainly positive and below every rate.

    >>> blaschke_product([1.0, 2.0], 0.5).contains(5)
    True
    """
    s = ball(exponent)
    product = arb(1)
    for rate in rates:
        value = ball(rate)
        if not (s > 0 and value > s):
            raise ValueError(f"exponent must satisfy 0 < s < every rate, got s = {s} and rate {value}; lower s")
        product *= (value + s) / (value - s)
    return product


def gaussian_moments(centre: Exact, width: Exact, amplitude: Exact, point: Exact) -> tuple[arb, arb]:
    """(M_0, M_1), M_k = int_0^inf t^k e^{-wt} A exp(-(t - mu)^2/(2 s^2)) dt at w = point, as balls.

    M_0 = A s sqrt(pi/2) e^{-w mu + s^2 w^2/2} erfc((s w - mu/s)/sqrt 2),
    M_1 = (mu - s^2 w) M_0 + s^2 A e^{-mu^2/(2s^2)}.
    The recurrence for M_1 cancels when s w >> mu/s; the ball then grows wide, it never becomes wrong.

    >>> low, high = bounds(gaussian_moments(20, 1, 1, 1)[0])
    >>> f"{low:.12e}", high - low < 1e-15
    ('8.518194201115e-09', True)
    """
    mu, s, scale, w = ball(centre), ball(width), ball(amplitude), ball(point)
    if not s > 0:
        raise ValueError(f"width must be > 0, got {s}; pass a positive width")
    argument = (s * w - mu / s) / arb(2).sqrt()
    zeroth = scale * s * (arb.pi() / 2).sqrt() * (-w * mu + (s * w) ** 2 / 2).exp() * argument.erfc()
    first = (mu - s * s * w) * zeroth + s * s * scale * (-((mu / s) ** 2) / 2).exp()
    return zeroth, first
