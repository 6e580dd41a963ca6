"""The curse of memory is one of the L1 norm: in L2, the norm of the training loss, a fixed width is enough.

Targets are the power laws rho_omega(t) = omega (1 + t)^{-(1 + omega)} of the curse of memory in approximation (Li, Han,
E and Li, Section 3), whose memory gets longer without bound as omega falls.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous.approximation import fit_kernel, width_lower_bound
from linmem.intervals import ball, bounds
from linmem.kernels import PowerLaw

WIDTH = 12
TOLERANCE = 1e-3
EXPONENTS = {
    Scale.QUICK: (2.0, 1.0, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001, 1e-4),
    Scale.PAPER: (
        4.0,
        2.0,
        1.5,
        1.0,
        0.7,
        0.5,
        0.35,
        0.25,
        0.15,
        0.1,
        0.07,
        0.05,
        0.03,
        0.02,
        0.01,
        0.003,
        0.001,
        1e-4,
    ),
}
HANKEL = 0.05  # smallest omega whose Hankel operator is bounded from below here


def _below(omega: float, high: float, norm: str) -> float:
    """An upper bound of the error at every smaller exponent of the network fitted at omega, rescaled in amplitude.

    With g_w = (1 + t)^{-(1+w)}: ||g_v - g_w||^2 = 2 (v - w)^2/((1 + 2v)(1 + 2w)(1 + v + w)), ||g_v||^2 = 1/(1 + 2v), so
    by the triangle inequality the relative L2 error at v in (0, omega] is at most the one at omega plus sqrt(2) omega.
    In L1 two power laws of mass 1 are at distance 2 in the limit.
    """
    distance = 2 if norm == "L1" else ball(2).sqrt() * ball(omega)
    return bounds(ball(high) + distance)[1]


def _no_curse(exponents: tuple[float, ...], norm: str) -> Evidence:
    """Certified errors at width WIDTH, at the exponents and below the last one; what the Hankel bound says about L1."""
    rows: list[dict[str, object]] = []
    for omega in exponents:
        kernel = PowerLaw(omega)
        fit = fit_kernel(kernel, width=WIDTH, norm="L1" if norm == "L1" else "L2")
        needed = width_lower_bound(kernel, TOLERANCE) if omega >= HANKEL else 0
        rows.append({"omega": omega, "low": fit.error[0], "high": fit.error[1], "l1_width": needed, "norm": norm})
    table = pd.DataFrame(rows)
    low, high = float(table["low"].max()), float(table["high"].max())
    longest = _below(exponents[-1], float(table["high"].iloc[-1]), norm)
    measurements = [
        Measurement(f"largest relative error of {WIDTH} neurons", high, "<=", TOLERANCE, low=low, high=high),
        Measurement("bound of the error for every smaller omega", longest, "<=", TOLERANCE),
        Measurement(
            "least width in L1 at the same error, largest over omega", int(table["l1_width"].max()), ">", WIDTH
        ),
    ]
    return Evidence(measurements, table, f"errors in {norm}, omega in {min(exponents):g}..{max(exponents):g}")


@claim(
    "linmem/l2-has-no-curse",
    source="linmem",
    locator="fits in L2",
    kind="certified",
    statement=r"Let $\rho_\omega(t) = \omega (1+t)^{-(1+\omega)}$. For every $\omega$ in a list from $2$ to $10^{-4}$, "
    r"and for every $\omega \in (0, 10^{-4}]$, there is a network with $m = 12$ neurons and real rates with relative "
    r"$L^2$ error $\|\hat\rho - \rho_\omega\|_2 / \|\rho_\omega\|_2 \le 10^{-3}$: the width that the training loss "
    r"asks for stays bounded as the memory gets longer. In $L^1$, the norm of the functional on bounded inputs, no "
    r"stable linear network of that width comes as close for the long memories. The networks are explicit, their "
    r"errors enclosed in ball arithmetic; widths are bounded from below by certified Hankel singular values.",
    assumptions=[
        r"errors relative to the norm of $\rho_\omega$",
        r"$\omega$ between $10^{-4}$ and $2$: finitely many values",
        r"lower bounds in $L^1$: $\omega \ge 0.05$",
    ],
    expected="holds",
)
def no_curse(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Networks found by variable projection, errors enclosed; below the last omega by the triangle inequality."""
    return _no_curse(EXPONENTS[scale], "L2")


@no_curse.control("In L1 the same width is not enough, and no network serves all smaller omega")
def no_curse_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check with fits and errors in L1, for two long memories."""
    return _no_curse((0.1, 0.05), "L1")
