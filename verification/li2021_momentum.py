"""Claims of Li, Han, E and Li (2021) on other training methods: what momentum and Adam do to the plateau.

The paper's remarks are named as they are quoted in the statements below; its full text was not at hand.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous.dynamics import (
    DeviationLoss,
    HittingTime,
    LossDrop,
    VanishingFriction,
    adam_rows,
    hitting_times,
    momentum_bound,
    momentum_rows,
)
from linmem.intervals import bounds
from linmem.kernels import ExponentialSum, GaussianBump

C0 = 0.5
START = ExponentialSum([1.0, 0.0], [1.0, C0])
DELTA = 0.1
FRACTION = 0.01
STEP = 1e-3
DEFAULT_EPSILON = 1e-8
LONG = [32.0, 40.0, 48.0, 64.0]

Interval = tuple[float, float]


def _problem(inverse_omega: float) -> DeviationLoss:
    return DeviationLoss(START, GaussianBump(inverse_omega))


def _growth(inverse_omega: list[float], times: list[Interval], power: int) -> Interval:
    """Least and greatest slope of log(tau/omega^power) in 1/omega between neighbouring memories, over c0."""
    mu, low, high = np.array(inverse_omega), *np.log(np.array(times)).T
    step, prefactor = np.diff(mu), power * np.diff(np.log(mu))
    slopes = ((low[1:] - high[:-1] + prefactor) / step, (high[1:] - low[:-1] + prefactor) / step)
    return float(slopes[0].min()) / C0, float(slopes[1].max()) / C0


def _measure(name: str, spread: list[Interval], relation: str, bound: float | Interval) -> Measurement:
    low, high = min(s[0] for s in spread), max(s[1] for s in spread)
    return Measurement(name, (low + high) / 2, relation, bound, low, high)


def _interval(hit: HittingTime, end: float) -> Interval:
    return (hit.time - hit.error, hit.time + hit.error) if hit.reached else (end, end)


def _momentum(tested: list[float | VanishingFriction], grid: list[float], far: list[float]) -> Evidence:
    rows: list[dict[str, object]] = []
    times: dict[object, list[Interval]] = {}
    ratios: list[float] = []
    end = 1e12
    for friction in [None, 1.0, *tested]:
        if friction in times:
            continue
        times[friction] = []
        for mu in grid:
            hit, certificate, more = momentum_rows(_problem(mu), friction, end, DELTA, relative_tolerance=1e-3)
            times[friction].append(_interval(hit, end))
            ratios.append(times[friction][-1][0] / certificate.lower_bound)
            rows += more
    last = {friction: _growth(grid[-2:], found[-2:], 1) for friction, found in times.items()}
    reference = _growth(grid[-2:], times[None][-2:], 2)
    plain, heavy = times[None][-1], times[1.0][-1]
    proofs = [momentum_bound(_problem(mu), DELTA) for mu in far]
    logs = [bounds(proof.enclosure.log()) for proof in proofs]
    proved = _growth(far, [(np.exp(low - logs[0][0]), np.exp(high - logs[0][0])) for low, high in logs], 1)
    measurements = [
        _measure(
            "growth rate of log(tau/omega) at the longest memory, over c0",
            [last[friction] for friction in tested],
            "in",
            (0.9, 1.1),
        ),
        _measure(
            "growth rate of log(tau/omega^2) of the gradient flow at the longest memory, over 2 c0",
            [(reference[0] / 2, reference[1] / 2)],
            "in",
            (0.9, 1.1),
        ),
        _measure(
            "tau at friction 1 over 1 * tau of the gradient flow, longest memory",
            [(heavy[0] / plain[1], heavy[1] / plain[0])],
            "in",
            (0.98, 1.02),
        ),
        Measurement("least ratio of a hitting time to its certified bound", min(ratios), ">=", 1.0),
        _measure("growth rate of the certified bound r/sqrt(2 DJ), far out, over c0", [proved], "in", (0.9, 1.1)),
    ]
    return Evidence(measurements, pd.DataFrame(rows), f"c0 = {C0}, delta = {DELTA}, 1/omega in {grid[0]}..{grid[-1]}")


@claim(
    "li2021/momentum",
    source="li2021",
    locator="Section 4, momentum (as quoted)",
    kind="numerical",
    statement=r"Training by $\ddot\theta + \gamma(t) \dot\theta = -\nabla J(\theta)$ from rest, at the exact fit of "
    r"$\bar\rho$, for the target $\bar\rho(t) + \rho_0(t - 1/\omega)$. As quoted: momentum shortens the plateau to "
    r"about the square root of the exponential. Checked for $\bar\rho = e^{-t}$ and a Gaussian bump, with "
    r"$c_0 = \min_k w_k(0)$: gradient flow needs $\tau \sim \omega^2 e^{2 c_0/\omega}$; without friction and with "
    r"Nesterov's $\gamma = 3/t$ it is $\tau \sim \omega e^{c_0/\omega}$, the square root (growth rates at the longest "
    r"memory within 10 %), and $\tau \ge r/\sqrt{2 \Delta J(r)}$ is proved in ball arithmetic for every "
    r"$\gamma(t) \ge 0$. With constant friction the exponent stays $2 c_0$: $\tau \to \gamma \tau_{GF}$.",
    assumptions=[
        r"the friction vanishes: $\gamma = 0$ or $\gamma(t) = 3/t$; constant friction keeps the full exponent",
        r"$m = 2 > m^* = 1$, $\hat\rho(\theta_0) = \bar\rho$ exactly, $c_0$ independent of $\omega$",
    ],
    depends=["li2021/closed-form-loss", "li2021/plateau"],
    expected="holds with assumption",
    figure="li2021_momentum",
)
def momentum(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Escape times of the flows at two tolerances, their growth between the two longest memories, certificates."""
    grid = scale.pick(quick=[16.0, 20.0, 22.0, 24.0], paper=[16.0, 18.0, 20.0, 22.0, 24.0, 26.0, 28.0])
    return _momentum([0.0, VanishingFriction()], grid, [320.0, 640.0, 1280.0])


@momentum.control("constant friction 1: the plateau keeps the full exponent, so the square-root law must fail")
def constant_friction(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same measurements with constant friction in place of vanishing friction."""
    return _momentum([1.0], [20.0, 22.0, 24.0], [320.0, 640.0, 1280.0])


def _adam(epsilon: float, grid: list[float], steps: int) -> Evidence:
    short = 12.0
    problems = [_problem(mu) for mu in (short, *grid, *LONG)]
    table = pd.DataFrame(adam_rows(problems, sorted({epsilon, DEFAULT_EPSILON, 1e-16}), steps, STEP, FRACTION))
    drops, proofs = (table[table["quantity"] == quantity] for quantity in ("loss drop", "certificate"))
    columns = [drops[name].astype(float).tolist() for name in ("epsilon", "inverse_omega", "time")]
    counts = {(eps, mu): count for eps, mu, count in zip(*columns, strict=True)}
    proved = dict(zip(proofs["inverse_omega"].tolist(), proofs["time"].tolist(), strict=True))

    def taken(eps: float, mu: float) -> Interval:
        return counts[eps, mu] - 1, counts[eps, mu]

    longest = grid[-1]
    flow = hitting_times(_problem(longest), (LossDrop(FRACTION),), relative_tolerance=1e-3)[0]
    low, high = (count * STEP / epsilon for count in taken(epsilon, longest))
    far = min(count for (_, mu), count in counts.items() if mu in LONG)
    margin = min(count - proved[mu] for (_, mu), count in counts.items())
    measurements = [
        _measure(
            "growth rate of log(steps/omega^2) at the longest memory of the grid, over c0",
            [_growth(grid[-2:], [taken(epsilon, mu) for mu in grid[-2:]], 2)],
            ">=",
            1.0,
        ),
        _measure(
            "steps * step/eps over the loss time of the gradient flow, longest memory of the grid",
            [(low / (flow.time + flow.error), high / (flow.time - flow.error))],
            "in",
            (0.9, 1.1),
        ),
        _measure(
            "growth rate of log(steps) from 1/omega = 12 to 24 at eps = 1e-8, over c0",
            [_growth([short, 24.0], [taken(DEFAULT_EPSILON, mu) for mu in (short, 24.0)], 0)],
            "<=",
            0.2,
        ),
        Measurement("steps without a loss drop at 1/omega >= 32, least over eps (lower bound)", far, ">=", steps),
        Measurement("steps minus their certified lower bound, least over eps and omega", margin, ">=", 0.0),
    ]
    return Evidence(measurements, table, f"step = {STEP}, eps = {epsilon}, 1 % of the loss, at most {steps} steps")


@claim(
    "li2021/adam",
    source="li2021",
    locator="Section 4, Adam (as quoted)",
    kind="numerical",
    statement=r"As quoted: Adam is also affected by the plateau. Checked for steps $h = 10^{-3}$ from the exact fit of "
    r"$\bar\rho = e^{-t}$, by the number $K$ of steps until 1 % of the loss is gone. While $\epsilon$ is above the "
    r"gradient ($\epsilon = 10^{-4}$), Adam is gradient descent with step $h/\epsilon$: $K h/\epsilon$ is the hitting "
    r"time of the gradient flow within 10 %, and $\log(K/\omega^2)$ grows faster than $c_0/\omega$. At the usual "
    r"$\epsilon = 10^{-8}$ there is no exponential for $1/\omega = 12, \dots, 24$ (131 to 205 steps); from "
    r"$1/\omega = 32$ on, none of the $\epsilon$ tried sees the drop within the run, which is a lower bound on $K$ and "
    r"no law. Proved for every $\epsilon$: $h \sum_{k \le K} \sqrt{S_k} \ge c_0 - w^*$, linear in $1/h$.",
    assumptions=[
        r"$\epsilon$ above the gradient on the plateau; below it Adam's steps do not shrink with the gradient",
        r"hitting times of the loss: Adam moves the parameters along flat directions without any loss of loss",
        r"$m = 2 > m^* = 1$, $\hat\rho(\theta_0) = \bar\rho$ exactly, $\beta = (0.9, 0.999)$",
    ],
    depends=["li2021/closed-form-loss", "li2021/plateau"],
    expected="holds with assumption",
    figure="li2021_momentum",
)
def adam(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Adam on all memories and several eps as one batch, against the gradient flow and a certificate."""
    grid = scale.pick(quick=[20.0, 22.0, 24.0, 26.0], paper=[20.0, 22.0, 24.0, 26.0, 28.0])
    return _adam(1e-4, grid, scale.pick(quick=25_000, paper=150_000))


@adam.control("eps = 1e-12, far below the gradient: the number of steps does not grow with the exponential")
def small_epsilon(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same measurements with eps out of play on the same memories."""
    return _adam(1e-12, [20.0, 22.0, 24.0, 26.0], 25_000)
