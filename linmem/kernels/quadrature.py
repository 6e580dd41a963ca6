"""Composite Gauss-Legendre quadrature on given panels: nodes, weights, refinement, sign changes, oscillations."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq, minimize_scalar
from scipy.special import spherical_jn

NODES_PER_PANEL = 16
MOST_PANELS = 200000


@lru_cache(maxsize=8)
def _legendre(count: int) -> tuple[Float[np.ndarray, "q"], Float[np.ndarray, "q"]]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights


def panel_rule(
    edges: Float[np.ndarray, "K"], count: int = NODES_PER_PANEL
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """Nodes and weights, N = (K-1) * count, of the composite Gauss-Legendre rule on the panels between `edges`.

    On one panel of length h the error is h^{2q+1} (q!)^4 / ((2q+1) (2q)!^3) |f^(2q)|, q = count.

    >>> nodes, weights = panel_rule(np.array([0.0, 1.0, 3.0]))
    >>> round(float((weights * nodes**5).sum()), 10)
    121.5
    """
    x, g = _legendre(count)
    half = np.diff(edges)[:, None] / 2
    middle = edges[:-1, None] + half
    return (middle + half * x).ravel(), (half * g).ravel()


def refined(
    edges: Float[np.ndarray, "K"], frequency: float | Float[np.ndarray, "P"], phase: float = 4.0
) -> Float[np.ndarray, "M"]:
    """The panels between `edges`, cut so that frequency * length <= phase; one frequency for all or per panel, P = K-1.

    At phase 4 sixteen nodes integrate e^{i frequency t}, and its square, to rounding. ValueError beyond 200000 panels.

    >>> refined(np.array([0.0, 1.0, 2.0]), np.array([1.0, 8.0]))
    array([0. , 1. , 1.5, 2. ])
    """
    lengths = np.diff(edges)
    pieces = np.maximum(1.0, np.ceil(lengths * frequency / phase))
    if pieces.sum() > MOST_PANELS:
        raise ValueError(
            f"frequency times duration must stay below {MOST_PANELS * phase:g} radians for quadrature, got "
            f"{float(pieces.sum()) * phase:.3g}; use the closed L2 norm, or a kernel that decays within fewer periods"
        )
    counts = pieces.astype(int)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.append(np.repeat(edges[:-1], counts) + within * np.repeat(lengths / counts, counts), edges[-1])


def oscillatory_integral(
    function: Callable[[np.ndarray], np.ndarray], edges: Float[np.ndarray, "K"], frequency: float
) -> complex:
    """int f(t) e^{i b t} dt over the panels, accurate for every frequency b (no panel need resolve it).

    On each panel f is replaced by its Legendre expansion of degree 31 from 32 nodes, whose terms integrate exactly:
    int_{-1}^1 P_n(x) e^{i c x} dx = 2 i^n j_n(c), spherical Bessel functions (c = b h/2).

    >>> value = oscillatory_integral(lambda t: np.exp(-t), np.arange(0.0, 41.0), 300.0)  # 1/(1 - 300i)
    >>> abs(value - 1 / (1 - 300j)) < 1e-15
    True
    """
    half = np.diff(edges) / 2
    coefficients = legendre_coefficients(function, edges)
    n = np.arange(coefficients.shape[1])
    moments = 2 * 1j ** (n % 4) * spherical_jn(n, (frequency * half)[:, None])
    turns = np.exp(1j * frequency * (edges[:-1] + half))
    return complex(np.sum(half * turns * np.sum(coefficients * moments, axis=1)))


def legendre_coefficients(
    function: Callable[[np.ndarray], np.ndarray], edges: Float[np.ndarray, "K"], count: int = 2 * NODES_PER_PANEL
) -> Float[np.ndarray, "P count"]:
    """c_n with f = sum_n c_n P_n(x) on each of the P = K-1 panels mapped to x in [-1, 1], from `count` nodes a panel.

    >>> legendre_coefficients(lambda t: t**2, np.array([0.0, 2.0]))[0, :3].round(12)  # (1 + x)^2 = 4/3 + 2 x + 2/3 P_2
    array([1.33333333, 2.        , 0.66666667])
    """
    x, g = _legendre(count)
    half = np.diff(edges)[:, None] / 2
    samples = function((edges[:-1, None] + half + half * x).ravel()).reshape(half.size, count)
    project = (np.arange(count) + 0.5) * np.polynomial.legendre.legvander(x, count - 1) * g[:, None]
    return samples @ project


def absolute_integral(function: Callable[[np.ndarray], np.ndarray], edges: Float[np.ndarray, "K"]) -> float:
    """int |f| over [edges[0], edges[-1]]: panels are cut at the sign changes.

    Those seen between neighbouring nodes are refined by Brent's method. Where |f| dips between nodes of the same sign,
    so deep that a parabola through the neighbours halves it, the dip is minimised, and cut where the sign flips.
    A pair of zeros that shows no dip at the nodes is missed; what it changes is at most twice the integral of |f|
    between the two zeros. linmem.kernels.enclosure has the norm with a guarantee.
    """
    nodes, _ = panel_rule(edges)
    points = np.union1d(edges, nodes)
    values = function(points)

    def scalar(t: float) -> float:
        return float(function(np.array([t]))[0])

    dips = _dips(scalar, points, values)
    points, values = np.append(points, dips), np.append(values, [scalar(t) for t in dips])
    order = np.argsort(points, kind="stable")
    points, values = points[order], values[order]
    flips = np.flatnonzero(values[:-1] * values[1:] < 0)
    roots = [_crossing(scalar, points[i], points[i + 1]) for i in flips]
    cut = np.union1d(edges, np.array(roots))
    fine_nodes, fine_weights = panel_rule(cut)
    return float(np.sum(fine_weights * np.abs(function(fine_nodes))))


def _crossing(scalar: Callable[[float], float], left: float, right: float) -> float:
    """The zero between two nodes whose values had opposite signs.

    Values of the size of their rounding may have other signs when they are computed one by one: then any cut will do.
    """
    if scalar(left) * scalar(right) < 0:
        return float(brentq(scalar, left, right, xtol=1e-300, rtol=1e-14))
    return (left + right) / 2


def _dips(
    scalar: Callable[[float], float], points: Float[np.ndarray, "N"], values: Float[np.ndarray, "N"]
) -> list[float]:
    """Points at which f has another sign than at the three nodes around them."""
    size = np.abs(values)
    left, middle, right = size[:-2], size[1:-1], size[2:]
    same = (values[:-2] * values[1:-1] > 0) & (values[1:-1] * values[2:] > 0)
    candidates = np.flatnonzero(same & (middle <= left) & (middle <= right)) + 1
    found: list[float] = []
    for i in candidates:
        a, b, c = points[i - 1 : i + 2]
        slopes = (size[i] - size[i - 1]) / (b - a), (size[i + 1] - size[i]) / (c - b)
        curvature = (slopes[1] - slopes[0]) / (c - a)
        slope = slopes[0] + curvature * (b - a)  # of the parabola, at the middle
        if curvature <= 0 or slope * slope / (4 * curvature) < size[i] / 2:
            continue
        sign = float(np.sign(values[i]))
        best = minimize_scalar(lambda t: sign * scalar(t), bounds=(a, c), method="bounded")  # noqa: B023
        if best.fun < 0:
            found.append(float(best.x))
    return found
