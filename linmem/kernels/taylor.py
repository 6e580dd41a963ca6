"""Taylor models of a kernel on a panel, and certified integrals of |P| and P^2 for a polynomial P."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

from flint import arb, arb_poly, arb_series, ctx

from linmem.intervals import ball


@dataclass(frozen=True)
class Model:
    """rho(c + r x) = P(x) + error, |error| <= `error`, for all x in [-1, 1].

    polynomial has exact coefficients; error counts the remainder and the rounding of the coefficients, rounding only
    the latter; half is r.
    """

    polynomial: arb_poly
    error: arb
    rounding: arb
    half: arb


def taylor_order(bits: int) -> int:
    """Terms of a Taylor model: its remainder falls like 3^-order on panels of the size that adaptation reaches."""
    return bits * 5 // 16


@contextmanager
def _series_length(length: int) -> Generator[None]:
    before = ctx.cap
    ctx.cap = length
    try:
        yield
    finally:
        ctx.cap = before


def expand(
    function: Callable[[arb_series], arb_series], breaks: tuple[Fraction, ...], left: float, right: float, order: int
) -> Model:
    """The Taylor model of `function` on [left, right], with the Lagrange remainder |f^(K)|/K! r^K, K = order.

    The bound on f^(K)/K! is the K-th coefficient of the series around the whole panel as a ball. A panel with a break
    in its interior gets the polynomial 0 and the bound of |f| as error.
    """
    a, b = ball(left), ball(right)
    centre, half, whole = (a + b) / 2, (b - a) / 2, a.union(b)
    if any(left < point < right for point in breaks):
        with _series_length(1):
            size = function(arb_series([whole], prec=1))[0].abs_upper()
        return Model(arb_poly([0]), size, arb(0), half)
    with _series_length(order + 1):
        series = function(arb_series([centre, 1], prec=order + 1))
        remainder = function(arb_series([whole, 1], prec=order + 1))[order].abs_upper() * half**order
    powers, power = list[arb](), arb(1)
    for k in range(order):
        powers.append(series[k] * power)
        power *= half
    rounding = sum((x.rad() for x in powers), arb(0))
    return Model(arb_poly([x.mid() for x in powers]), remainder + rounding, rounding, half)


def l1_bounds(model: Model) -> tuple[arb, arb]:
    """Bounds of int |rho| over the panel: half * (int_{-1}^1 |P| -+ 2 error)."""
    slack = 2 * model.error
    size = sum((abs(x) for x in model.polynomial.coeffs()), arb(0))
    low, high = absolute_integral_bounds(model.polynomial, slack / 1024 + size * arb(2) ** -100)
    return model.half * (low - slack).max(arb(0)), model.half * (high + slack)


def l2_bounds(model: Model) -> tuple[arb, arb]:
    """Bounds of int rho^2 over the panel: half * (||P|| -+ sqrt 2 error)^2, norm in L2(-1, 1)."""
    primitive = (model.polynomial * model.polynomial).integral()
    norm = (primitive(arb(1)) - primitive(arb(-1))).max(arb(0)).sqrt()
    slack = arb(2).sqrt() * model.error
    return model.half * (norm - slack).max(arb(0)) ** 2, model.half * (norm + slack) ** 2


def absolute_integral_bounds(polynomial: arb_poly, negligible: arb) -> tuple[arb, arb]:
    """(low, high) around int_{-1}^1 |P| dx, for P with exact coefficients.

    [-1, 1] is halved until on each piece, with P(m + h y) = sum_k g_k y^k, one of three holds.
    P has one sign (|g_0| > sum_{k>=1} |g_k|, or P is monotone and no end has the other sign): |int P| is exact.
    P is monotone (|g_1| > sum_{k>=2} k |g_k|): cut at an approximate zero z, where the part on the wrong side of the
    true zero adds at most 2 P(z)^2 / min |P'|. Or the piece contributes less than `negligible` in all.

    >>> low, high = absolute_integral_bounds(arb_poly([0, 1]), arb(1e-20))  # int |x| = 1
    >>> bool(low <= 1), bool(high >= 1), bool(high - low < 1e-12)
    (True, True, True)
    """
    primitive = polynomial.integral()
    low, high = arb(0), arb(0)
    pieces = [(arb(-1), arb(1))]
    while pieces:
        left, right = pieces.pop()
        middle, half = (left + right) / 2, (right - left) / 2
        local = polynomial(arb_poly([middle, half]))
        g = local.coeffs() or [arb(0)]
        sizes = [abs(x) for x in g]
        rest = sum(sizes[1:], arb(0))
        at_left, at_right = primitive(left), primitive(right)
        slope = sizes[1] - sum((k * x for k, x in enumerate(sizes) if k > 1), arb(0)) if len(g) > 1 else arb(0)
        if sizes[0] > rest or (slope > 0 and local(arb(-1)) * local(arb(1)) >= 0):
            mass = abs(at_right - at_left)
            low, high = low + mass, high + mass
        elif slope > 0:
            y = _approximate_zero(local)
            at_zero = primitive(middle + half * y)
            mass = abs(at_zero - at_left) + abs(at_right - at_zero)
            low, high = low + mass, high + mass + 2 * half * local(y).abs_upper() ** 2 / slope
        elif (sizes[0] + rest) * (right - left) <= negligible:
            low, high = low + abs(at_right - at_left), high + (sizes[0] + rest) * (right - left)
        else:
            pieces += [(left, middle), (middle, right)]
    return low, high


def _approximate_zero(polynomial: arb_poly) -> arb:
    """An exact number in [-1, 1] near the zero of a monotone polynomial, by Newton's method.

    Where the slope nearly vanishes at one end, the first steps only halve the distance; then it is quadratic.
    """
    derivative = polynomial.derivative()
    y = arb(0)
    for _ in range(60):
        step = polynomial(y) / derivative(y)
        y = (y - step).mid().max(arb(-1)).min(arb(1)).mid()
        if abs(step) < arb(2) ** -60:
            break
    return y
