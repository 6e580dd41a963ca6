"""Claims of Li, Han, E and Li (2021), the curse of memory in optimisation: the plateau of gradient flow.

The paper's theorem is named as it is quoted in the statement below; its full text was not at hand.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous import DeviationLoss, Plateau, certify_plateau, gradient_flow, plateau_rows
from linmem.intervals import bounds
from linmem.kernels import ExponentialSum, GaussianBump

DELTA = 0.1
END = 1e30
TARGET = ExponentialSum([1.0], [1.0])
STARTS = {
    "slow spare neuron": ExponentialSum([1.0, 0.0], [1.0, 0.5]),
    "fast spare neuron": ExponentialSum([1.0, 0.0], [1.0, 2.0]),
    "no spare neuron": ExponentialSum([1.0], [1.0]),
}


def _growth(inverse_omega: list[float], low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest secant slopes of log(tau/omega^2) in 1/omega for log tau in [low, high]."""
    mu = np.array(inverse_omega)
    step, prefactor = np.diff(mu), 2 * np.diff(np.log(mu))
    return (low[1:] - high[:-1] + prefactor) / step, (high[1:] - low[:-1] + prefactor) / step


def _rate(
    name: str, low: np.ndarray, high: np.ndarray, relation: str, bound: float | tuple[float, float]
) -> Measurement:
    return Measurement(name, float((low + high).mean() / 2), relation, bound, float(low.min()), float(high.max()))


def _plateau(start: str, grid: list[float], far: list[float], curves: list[float]) -> Evidence:
    c0 = min(STARTS[start].rates)
    found: list[Plateau] = []
    rows: list[dict[str, object]] = []
    for mu in grid:
        result, more = plateau_rows(TARGET, GaussianBump(mu), STARTS[start], DELTA, END, curve=mu in curves)
        found.append(result)
        rows += [{"start": start, **row} for row in more]
    moved = [
        1.0 if x.escape.reached else float(np.linalg.norm(_rest(start, mu))) / DELTA
        for mu, x in zip(grid, found, strict=True)
    ]
    measurements = [Measurement("largest displacement of the run, in units of delta", min(moved), ">=", 1.0)]
    slopes: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, hits in (("escape time", [x.escape for x in found]), ("loss time", [x.loss_drop for x in found])):
        low = np.log([min(hit.time - hit.error if hit.reached else END, END) for hit in hits])
        high = np.log([min(hit.time + hit.error, END) for hit in hits])
        slopes[name] = _growth(grid, low, high)
        measurements.append(_rate(f"growth rate of log(tau/omega^2), {name}", *slopes[name], ">=", c0))
    low, high = slopes["escape time"]
    last = (low[-1:] / (2 * c0), high[-1:] / (2 * c0))
    measurements.append(_rate("growth rate at the longest memory, over 2 c0", *last, "in", (0.9, 1.1)))
    ratios = [
        min(hit.time - hit.error if hit.reached else END for hit in (x.escape, x.loss_drop)) / x.certificate.lower_bound
        for x in found
        if x.certificate is not None
    ]
    measurements.append(Measurement("least ratio of a hitting time to its certified bound", min(ratios), ">=", 1.0))
    proofs = [certify_plateau(DeviationLoss(STARTS[start], GaussianBump(mu)), DELTA) for mu in far]
    logs = np.array([bounds(proof.enclosure.log()) for proof in proofs])
    growth = _growth(far, logs[:, 0], logs[:, 1])
    measurements.append(_rate("growth rate of the certified bound, far out", *growth, ">=", c0))
    return Evidence(
        measurements, pd.DataFrame(rows), f"start: {start}, delta = {DELTA}, 1/omega in {grid[0]}..{grid[-1]}"
    )


def _rest(start: str, inverse_omega: float) -> np.ndarray:
    """theta - theta_0 at the end of the run."""
    return gradient_flow(DeviationLoss(STARTS[start], GaussianBump(inverse_omega)), [END]).deviations[-1]


@claim(
    "li2021/plateau",
    source="li2021",
    locator="Theorem 4.1",
    kind="numerical",
    statement=r"Target $\rho_\omega(t) = \bar\rho(t) + \rho_0(t - 1/\omega)$, $\bar\rho$ a sum of $m^*$ exponentials; "
    r"gradient flow on $J$ from $\theta_0$ with $\hat\rho(\theta_0) = \bar\rho$. As quoted: the times at which the "
    r"parameters have moved by $\delta$, and at which the loss has changed, are "
    r"$\gtrsim \omega^2 e^{c_0/\omega} \ln(1 + \delta)/m$. Checked for $\bar\rho = e^{-t}$, a Gaussian bump $\rho_0$, "
    r"$c_0 = \min_k w_k(0)$ and $\delta = 0.1$: the parameters do escape, $\log(\tau/\omega^2)$ grows at least like "
    r"$c_0/\omega$ for both times, and a lower bound proved in ball arithmetic lies below both. "
    r"The quoted exponent is not sharp: the growth rate at the longest memory is within 10 % of $2 c_0$.",
    assumptions=[
        r"$m > m^*$ (here $m = 2$, $m^* = 1$)",
        r"$\hat\rho(\theta_0) = \bar\rho$ exactly",
        r"$\min_k w_k(0) = c_0$ does not depend on $\omega$",
        r"the constant in $\gtrsim$ is not specified, so growth rates are checked, not prefactors",
    ],
    depends=["li2021/closed-form-loss"],
    expected="holds",
    figure="li2021_plateau",
)
def plateau_claim(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Hitting times by a stiff solver with two tolerances, growth rates between neighbouring 1/omega, certificates."""
    if scale is Scale.QUICK:
        return _plateau(
            "slow spare neuron", list(np.arange(12.0, 27.0, 2.0)), [320.0, 640.0, 1280.0], [12.0, 18.0, 24.0]
        )
    slow = _plateau(
        "slow spare neuron",
        list(np.arange(12.0, 41.0, 2.0)),
        [320.0, 640.0, 1280.0, 2560.0],
        [12.0, 18.0, 24.0, 30.0, 36.0],
    )
    fast = _plateau("fast spare neuron", [12.0, 14.0, 16.0, 18.0, 20.0], [320.0, 640.0, 1280.0, 2560.0], [])
    named = [
        Measurement(f"{m.name} ({label})", m.value, m.relation, m.bound, m.low, m.high, m.unit)
        for label, part in (("c0 = 1/2", slow), ("c0 = 1", fast))
        for m in part.measurements
    ]
    return Evidence(named, pd.concat([slow.table, fast.table], ignore_index=True), f"{slow.note}; {fast.note}")


@plateau_claim.control("m = m*: a strict local minimum, no escape until t = 1e30, so there is no hitting-time law")
def plateau_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same measurements without a spare neuron; a time that is not reached counts as the end of the run."""
    return _plateau("no spare neuron", [12.0, 19.0, 26.0], [320.0, 640.0, 1280.0], [])
