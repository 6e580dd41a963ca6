"""Claim on how many neurons a memory needs: widths from both sides, for the power law.

The quoted law is that of Li, Han, E and Li (2021), Section 3, for a power law: m = O(omega eps^{-1/omega}) neurons
suffice for an error eps; its full text was not at hand.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous.approximation import width_row

EXPONENTS = (2.0, 1.0, 0.5, 0.25, 0.1, 0.05)
TOLERANCES = (1e-1, 1e-2, 1e-4, 1e-8)
TWO_SIDED = 1e-4  # at this tolerance and below, the two sides are compared


def _width_table(scale: Scale) -> pd.DataFrame:
    exponents = scale.pick(quick=(2.0, 0.5, 0.1), paper=EXPONENTS)
    small = scale.pick(quick=2.0, paper=20.0)  # log^2(1/eps)/(pi^2 omega): how wide the sums are that get optimised
    rows = [
        width_row(omega, eps, optimise=np.log(eps) ** 2 / (np.pi**2 * omega) <= small)
        for omega in exponents
        for eps in TOLERANCES
    ]
    return pd.DataFrame(rows)


def _slopes(name: str, table: pd.DataFrame, column: str, limit: float) -> Measurement:
    """Secant slopes of sqrt(omega m) in log(1/eps) from eps = 1e-2 to 1e-8, over their limit; one for each omega."""
    found: list[float] = []
    for omega, part in table.groupby("exponent"):
        m = part.set_index("tolerance")[column]
        rise = np.sqrt(float(omega) * m[1e-8]) - np.sqrt(float(omega) * m[1e-2])
        found.append(float(rise / np.log(1e6) / limit))
    low, high = min(found), max(found)
    return Measurement(name, (low + high) / 2, "in", (0.9, 1.3), low, high)


def _two_sided(table: pd.DataFrame) -> Evidence:
    small = table[table["tolerance"] <= TWO_SIDED]
    optimised = table.dropna(subset=["optimised"])
    return Evidence(
        [
            Measurement(
                "largest certified error of a construction, over its tolerance",
                float((table["construction_error"] / table["tolerance"]).max()),
                "<=",
                1.0,
            ),
            Measurement(
                "least width of a construction over the lower bound",
                float((table["construction"] / table["lower"]).min()),
                ">=",
                1.0,
            ),
            Measurement(
                "least width of an optimised sum (certified error) over the lower bound",
                float((optimised["optimised"] / optimised["lower"]).min()),
                ">=",
                1.0,
            ),
            Measurement(
                f"largest width of a construction over the lower bound, eps <= {TWO_SIDED:g}",
                float((small["construction"] / small["lower"]).max()),
                "<=",
                4.0,
            ),
            _slopes("growth of the construction: slope of sqrt(omega m), over 1/pi", table, "construction", 1 / np.pi),
            _slopes(
                "growth of the lower bound: slope of sqrt(omega m), over 1/(sqrt 2 pi)", table, "lower", 2**-0.5 / np.pi
            ),
            Measurement(
                "largest width of a construction over the quoted bound omega eps^(-1/omega)",
                float((table["construction"] / table["quoted"]).max()),
                "<",
                1.0,
            ),
        ],
        table,
        f"omega: {sorted(set(table['exponent']))}, eps: {TOLERANCES}",
    )


@claim(
    "linmem/powerlaw-width",
    source="linmem",
    locator="width of the power law",
    kind="certified",
    statement=r"Let $m(\omega, \epsilon)$ be the least width of a stable linear RNN (any $W, U, c$) whose kernel is "
    r"within $\epsilon$ of $\rho = \omega (1+t)^{-(1+\omega)}$ in $L^1$. Then "
    r"$\#\{k: \sigma_k(\Gamma_\rho) > \epsilon\} \le m(\omega, \epsilon) \le$ the width of the trapezoid sum, both "
    r"sides proved in every cell of the table, and both grow like $\log^2(1/\epsilon)/\omega$: $\sqrt{\omega m}$ "
    r"rises with $\log(1/\epsilon)$ at the slopes $1/\pi$ (construction) and $1/(\sqrt 2 \pi)$ (lower bound), up to "
    r"the offset seen at finite $\epsilon$. So $m = O(\omega \epsilon^{-1/\omega})$, as quoted from Section 3 of Li "
    r"et al. (2021), is true as an upper bound for this kernel, and exponentially far from the width that is needed.",
    assumptions=[
        r"the kernel is the power law itself, completely monotone: other kernels with the same decay may need more",
        r"$\omega$ is the binary double (0.1 is the double next to 1/10)",
        r"the lower bound uses IEEE doubles with proved error bounds (conventional matrix products); "
        r"the constructions are certified in ball arithmetic",
        r"the growth is proved for $\epsilon \to 0$ at fixed $\omega$ from above; from below it is measured on "
        r"certified numbers. For $\epsilon \gtrsim \omega$ the lower bound is empty",
    ],
    expected="holds",
    figure="li2021_width",
)
def powerlaw_width_claim(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The width table: certified construction, certified lower bound, optimised sums with certified error."""
    return _two_sided(_width_table(scale))


@powerlaw_width_claim.control("the quoted upper bound taken for a lower bound: every construction is narrower than it")
def powerlaw_width_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same table with omega eps^{-1/omega} in the place of the number of singular values."""
    del scale
    table = _width_table(Scale.QUICK)
    return _two_sided(table.assign(lower=table["quoted"]))
