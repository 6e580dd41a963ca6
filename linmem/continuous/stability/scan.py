"""Perturbation error over the radius, for one family of networks, as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

from linmem.checks import check_choice
from linmem.citations import cites
from linmem.continuous.approximation import powerlaw_sum
from linmem.continuous.stability.change import largest_change
from linmem.continuous.stability.examples import exponential_memory
from linmem.kernels import ExponentialSum, PowerLaw

TARGETS = ("exponential", "power law")
POWER_LAW = PowerLaw(0.5)


@cites("wang2024", "perturbation error")
def approximant(target: str, width: int) -> tuple[ExponentialSum, tuple[float, float]]:
    """(network of that width, enclosure of its L1 error) for a target of unit order.

    "exponential": rho(t) = (e^{-t} - e^{-2t})/t, Gauss quadrature; "power law": rho(t) = (1 + t)^{-3/2}/2, the
    trapezoid sum. ValueError for another name.

    >>> [f"{approximant(target, 8)[1][1]:.1e}" for target in ("exponential", "power law")]
    ['5.9e-13', '2.7e-02']
    """
    if check_choice("target", target, TARGETS) == "exponential":
        return exponential_memory(width)
    found = powerlaw_sum(POWER_LAW, width=width)
    return found.fit, (0.0, found.error)


@cites("wang2024", "perturbation error")
def perturbation_rows(
    target: str, rates: str, weights: str, width: int, radii: Sequence[float]
) -> list[dict[str, object]]:
    """Rows with the columns target, rates, weights, width, slowest (rate of the network), radius, approximation
    (certified upper bound on E_m(0)), low, high (enclosure of the change D_m(radius), inf if it is unbounded).

    target : "exponential" or "power law", see `approximant`. rates, weights, radii : as in
    :func:`linmem.continuous.stability.largest_change`. Cost: milliseconds a row.

    >>> [row["high"] for row in perturbation_rows("power law", "direct", "fixed", 8, [1e-3])]
    [inf]
    """
    network, (_, error) = approximant(target, width)
    rows: list[dict[str, object]] = []
    for radius in radii:
        change = largest_change(network, radius, rates, weights)
        rows.append(
            {
                "target": target,
                "rates": rates,
                "weights": weights,
                "width": width,
                "slowest": min(network.rates),
                "radius": float(radius),
                "approximation": error,
                "low": change.low,
                "high": change.high,
            }
        )
    return rows
