"""Claims of Wang, Li and Li (2024) on stable approximation, for linear networks: perturbation error, parameterisations.

The definitions and theorems are named as they are quoted in the statements below; the full text was not at hand.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous.stability import (
    approximant,
    instability_bound,
    largest_change,
    perturbation_rows,
    sampled_changes,
)
from linmem.kernels import ExponentialSum, Kernel, PowerLaw

DEFINITION = (
    r"The perturbation error of a network of width $m$ is $E_m(\beta) = \sup_{|\tilde\theta - \theta_m| \le \beta} "
    r"\|\rho - \hat\rho(\tilde\theta)\|_{L^1}$, with $|\theta| = \max(|\Lambda|_2, |U|_2, |c|_2)$; an approximation "
    r"is stable if $E(\beta) = \limsup_m E_m(\beta)$ is finite and continuous on some $[0, \beta_0]$, $\beta_0 > 0$. "
)
WIDTHS = {Scale.QUICK: [2, 4, 8, 16, 32], Scale.PAPER: [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]}
RADII = {
    Scale.QUICK: [1e-3, 1e-2, 0.1, 0.3, 0.6, 0.9],
    Scale.PAPER: [0.0, *np.geomspace(1e-4, 0.99, 40).tolist()],
}


def _grid(scale: Scale, target: str, rates: str, weights: str) -> pd.DataFrame:
    rows = [row for m in WIDTHS[scale] for row in perturbation_rows(target, rates, weights, m, RADII[scale])]
    return pd.DataFrame(rows)


def _uniform_share(table: pd.DataFrame, bound: pd.Series) -> float:
    """The share of the cells (m, beta) whose certified change lies below a bound that does not depend on m."""
    return float((table["high"] <= bound * (1 + 1e-12)).mean())


def _exponential(scale: Scale, target: str, rng: np.random.Generator) -> Evidence:
    table = _grid(scale, target, "direct", "balanced")
    # sum a <= 1, rates >= 1: beta/(1 (1 - beta)) from the rates, (2 beta + beta^2)/(1 - beta) from U and c
    beta = table["radius"]
    bound = (beta + 2 * beta + beta**2) / (1 - beta)
    small = table[beta == min(b for b in RADII[scale] if b > 0)]
    capped = float(min(small["high"].max(), 1e6) / small["radius"].iloc[0])
    samples = [
        sampled_changes(
            approximant(target, m)[0], 0.1, weights="balanced", samples=scale.pick(quick=20, paper=200), rng=rng
        )
        for m in (2, 8)
    ]
    worst = [largest_change(approximant(target, m)[0], 0.1).high for m in (2, 8)]
    ratio = max(min(float(s.max()), 1e6) / min(w, 1e6) for s, w in zip(samples, worst, strict=True))
    measurements = [
        Measurement("share of (m, beta) below the bound that is free of m", _uniform_share(table, bound), "==", 1.0),
        Measurement("largest radius at which every width is finite", float(table["slowest"].min()), ">=", 0.99),
        Measurement("slope of the largest change at beta = 0", capped, "<=", 3.0 * 1.01),
        Measurement("approximation error of the largest width", float(table["approximation"].min()), "<=", 1e-10),
        Measurement("sampled changes over the worst case, a lower bound on 1", ratio, "<=", 1 + 1e-9),
    ]
    return Evidence(measurements, table, f"target with {target} memory, m in {WIDTHS[scale]}")


@claim(
    "wang2024/perturbation-exponential",
    source="wang2024",
    locator="perturbation error, exponential memory",
    kind="certified",
    statement=DEFINITION
    + r"As quoted: targets with exponentially decaying memory have stable approximations. Shown for $\rho(t) = "
    r"(e^{-t} - e^{-2t})/t = \int_1^2 e^{-wt}\,dw$ and its Gauss quadrature networks: with the exact worst case of "
    r"every width, $E_m(\beta) - E_m(0) \le \frac{3\beta + \beta^2}{1 - \beta}$ for all $\beta < 1$, which is free of "
    r"$m$ and tends to $0$ with $\beta$.",
    assumptions=[
        r"diagonal networks with $c_k = u_k = \sqrt{a_k}$, so that $|U|_2 = |c|_2$ is bounded in $m$",
        r"perturbations of $\Lambda$ stay diagonal",
        r"finitely many widths are computed; the bound itself is proved for all: $\sum_k a_k = 1$ and $w_k > 1$",
    ],
    expected="holds",
    figure="li2021_perturbation",
)
def perturbation_exponential(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Worst cases in ball arithmetic against a bound without m; random perturbations stay below them."""
    return _exponential(scale, "exponential", rng)


@perturbation_exponential.control("A target with power-law memory: no radius suits all widths")
def perturbation_exponential_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same measurements on the trapezoid sums of (1 + t)^{-3/2}/2."""
    return _exponential(Scale.QUICK, "power law", rng)


def _power_law(scale: Scale, target: str, kernel: Kernel, radius: float) -> Evidence:
    table = _grid(scale, target, "direct", "balanced")
    errors = [0.02, 0.01, 0.005, 0.0025]
    logs = [max(instability_bound(kernel, radius, e)[1], 0.0) for e in errors]
    growth = [after / before if before else 0.0 for before, after in pairwise(logs)]
    # the trapezoid sums themselves: the radius beyond which width m is unstable is its slowest rate
    slowest = table.groupby("width")["slowest"].min()
    measurements = [
        Measurement("radius at which the widest network becomes unstable", float(slowest.iloc[-1]), "<=", 1e-6),
        Measurement(
            "largest ratio of that radius between neighbouring widths",
            float((slowest.to_numpy()[1:] / slowest.to_numpy()[:-1]).max()),
            "<",
            1.0,
        ),
        Measurement(f"log of the bound on E({radius:g}) of any network with L1 error 0.01", logs[1], ">=", 10.0),
        Measurement("least factor of that logarithm when the error is halved", min(growth), ">=", 2.0),
    ]
    return Evidence(
        measurements, table, f"lower bounds for any network at L1 errors {errors}: logs {np.round(logs, 2).tolist()}"
    )


@claim(
    "wang2024/perturbation-power-law",
    source="wang2024",
    locator="perturbation error, polynomial memory",
    kind="certified",
    statement=DEFINITION
    + r"As quoted: targets with polynomially decaying memory have no stable approximation. Shown for $\rho(t) = "
    r"\frac12 (1 + t)^{-3/2}$: (1) the widest of the certified trapezoid sums is unstable from $\beta = 10^{-6}$ on, "
    r"and this radius falls with every width; (2) for every linear network, of any width and with any $(W, U, c)$, "
    r"$E_m(\beta) \ge \max_T\, e^{\beta T}\big(\int_T^\infty |\rho| - E_m(0)\big) - \|\rho\|_{L^1}$, which grows "
    r"without bound as $E_m(0) \to 0$: for $\beta = 0.01$ its logarithm exceeds 10 at an error of one per cent, and "
    r"at least doubles when the error is halved.",
    assumptions=[r"linear networks", r"the rates themselves are perturbed (direct parameterisation)"],
    expected="holds",
    figure="li2021_perturbation",
)
def perturbation_power_law(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Slowest rates of the construction, and the bound that a shift of W gives for every network."""
    return _power_law(scale, "power law", PowerLaw(0.5), 0.01)


@perturbation_power_law.control("A target with exponential memory: the radius stays above 1 and nothing forces growth")
def perturbation_power_law_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same measurements on (e^{-t} - e^{-2t})/t; its tail is bounded below by that of e^{-3t/2}."""
    return _power_law(Scale.QUICK, "exponential", ExponentialSum([1.0], [1.5]), 0.01)


def _stable(scale: Scale, rates: tuple[str, ...], weights: tuple[str, ...]) -> Evidence:
    measurements: list[Measurement] = []
    tables: list[pd.DataFrame] = []
    for kind in weights:
        for name in rates:
            table = _grid(scale, "power law", name, kind)
            beta = table["radius"]
            # the total mass sum_k a_k/w_k of a trapezoid sum is at most ||rho||_1 + its error
            mass = 1 + table["approximation"]
            bound = mass * np.expm1(beta) if kind == "fixed" else mass * (np.expm1(beta) + 2 * beta / math.e)
            measurements.append(
                Measurement(
                    f"share of (m, beta) below the bound that is free of m: {name}, {kind}",
                    _uniform_share(table, bound),
                    "==",
                    1.0,
                )
            )
            tables.append(table)
    return Evidence(measurements, pd.concat(tables, ignore_index=True), f"power law, m in {WIDTHS[scale]}")


@claim(
    "wang2024/stable-parameterisation",
    source="wang2024",
    locator="stable parameterisation",
    kind="certified",
    statement=r"As quoted: training $v$ with $w = e^{v}$ or $w = \log(1 + e^{v})$ instead of the rates $w$ lifts the "
    r"limit, and polynomially decaying memory has stable approximations. Shown for $\rho(t) = \frac12 (1 + t)^{-3/2}$ "
    r"and every width: if the $v_k$ alone move by at most $\beta$, $E_m(\beta) - E_m(0) \le M (e^{\beta} - 1)$; if "
    r"the logarithms of the masses $a_k/w_k$ move as well, $E_m(\beta) - E_m(0) \le M (e^{\beta} - 1 + 2 \beta/e)$; "
    r"$M = \sum_k a_k/w_k$. The assumption is needed: a move of $U$ and $c$ by $\beta$ in the Euclidean norm still "
    r"costs at least $\beta^2/w_{\min}$, whatever the parameterisation of the rates.",
    assumptions=[r"read-in and read-out are not perturbed, or only in relative size (through $\log(a_k/w_k)$)"],
    depends=["wang2024/perturbation-power-law"],
    expected="holds with assumption",
    figure="li2021_perturbation",
)
def stable_parameterisation(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Certified worst cases of exp and softplus against bounds without m."""
    return _stable(scale, ("exp", "softplus"), ("fixed", "log-mass"))


@stable_parameterisation.control("Rates trained directly: the same perturbations make wide networks unstable")
def direct_rates(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check with w = v."""
    return _stable(Scale.QUICK, ("direct",), ("fixed", "log-mass"))


@stable_parameterisation.control(
    "Read-in and read-out move by beta in the Euclidean norm: the slowest neuron costs 1/w_min"
)
def absolute_weights(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same check without the assumption."""
    return _stable(Scale.QUICK, ("exp", "softplus"), ("balanced",))
