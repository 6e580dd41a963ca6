"""Claims of Li, Han, E and Li (2021), Figure 1: which targets make training wait.

The figure is named as it is quoted in the statements below; the paper's full text was not at hand, so sizes and
optimiser settings are this library's.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.continuous.learning import Lorenz96, curve_rows, kernel_curves, lorenz_curves, waiting_steps
from linmem.kernels import Airy, ExponentialSum, Kernel
from linmem.statistics import mean_interval, proportion_interval, slope_interval

LEVEL = 0.99
EXPONENTIALS = ExponentialSum([1.0, 0.5, -1.0], [0.5, 1.0, 2.0])
SMALL, HALF = 0.02, 0.5
FIRST = 200  # steps within which a target without a plateau is learned


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """The rows in the form of the figure's table."""
    return pd.DataFrame([{**row, "part": 0} for row in rows])


def _share(name: str, hits: np.ndarray, bound: float) -> Measurement:
    interval = proportion_interval(int(hits.sum()), hits.size, LEVEL)
    return Measurement.from_interval(name, interval, ">", bound)


def _quick_descent(
    kernel: Kernel, panel: str, lag: float, seeds: int, steps: int, rng: np.random.Generator
) -> Evidence:
    training = kernel_curves(kernel, rng.spawn(seeds), steps)
    early = training.losses[FIRST]
    waits = np.minimum(waiting_steps(training.steps, training.losses, HALF), steps)
    return Evidence(
        [
            _share(f"share of the seeds with a relative loss <= {SMALL} at step {FIRST}", early <= SMALL, 0.5),
            Measurement.from_interval(
                f"mean log10 of the relative loss at step {FIRST}",
                mean_interval(np.log10(early), LEVEL),
                "<",
                float(np.log10(SMALL)),
            ),
            Measurement.from_interval(
                "mean number of steps to half of the target", mean_interval(waits, LEVEL), "<", FIRST / 4
            ),
        ],
        _table(curve_rows(training, panel=panel, lag=lag)),
        f"{seeds} seeds, {steps} steps",
    )


@claim(
    "li2021/fig1-exponential",
    source="li2021",
    locator="Figure 1",
    kind="statistical",
    statement=r"A linear RNN trained by gradient descent on the target $e^{-t/2} + \frac12 e^{-t} - e^{-2t}$, a sum of "
    r"exponentials, learns without a plateau: within 200 steps less than 2 % of the loss of no answer is left.",
    assumptions=[
        r"$m = 16$, full $W = G/(2\sqrt m) - I$, $U, c$ of size $1/\sqrt m$, Gaussian",
        r"loss on 256 samples of the kernel, 0.1 time units apart; step 0.05",
    ],
    figure="li2021_fig1",
)
def exponential(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Gradient descent from random networks; losses at step 200 with exact and Student intervals."""
    return _quick_descent(EXPONENTIALS, "a", 0.0, 10, scale.pick(quick=FIRST, paper=5_000), rng)


@exponential.control("an Airy kernel in place of the sum of exponentials: its plateau leaves most of the loss")
def exponential_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same measurements for Ai(2.25 (t - 6))."""
    return _quick_descent(Airy(2.25, 6.0), "b", 6.0, 10, FIRST, rng)


def _plateau(targets: dict[float, Kernel], seeds: int, steps: int, rng: np.random.Generator) -> Evidence:
    reference = kernel_curves(EXPONENTIALS, rng.spawn(seeds), steps, level=HALF)
    short = np.maximum(waiting_steps(reference.steps, reference.losses, HALF), 1.0)
    measurements: list[Measurement] = []
    rows = curve_rows(reference, panel="a", lag=0.0)
    for lag, kernel in targets.items():
        training = kernel_curves(kernel, rng.spawn(seeds), steps, level=HALF)
        waits = waiting_steps(training.steps, training.losses, HALF)
        ratios = np.log10(np.minimum(np.maximum(waits, 1.0), steps) / np.minimum(short, steps))
        measurements += [
            _share(
                f"share of the seeds above half of the loss through step {steps}, t0 = {lag:g}", np.isinf(waits), 0.5
            ),
            Measurement.from_interval(
                f"mean log10 of the steps to half of the loss over those of exponentials (lower bound), t0 = {lag:g}",
                mean_interval(ratios, LEVEL),
                ">",
                2.0,
            ),
        ]
        rows += curve_rows(training, panel="b", lag=lag)
    return Evidence(measurements, _table(rows), f"{seeds} seeds, at most {steps} steps")


@claim(
    "li2021/fig1-airy",
    source="li2021",
    locator="Figure 1",
    kind="statistical",
    statement=r"The same networks and optimiser on the Airy kernel $\mathrm{Ai}(2.25(t - t_0))$, whose memory lies at "
    r"lags up to $t_0$, stay on a plateau: for $t_0 = 4$ and $6$ more than half of the loss is left for thousands of "
    r"steps, more than a hundred times as many as a sum of exponentials needs to lose half of it.",
    assumptions=[
        r"$m = 16$, full $W = G/(2\sqrt m) - I$, $U, c$ of size $1/\sqrt m$, Gaussian",
        r"loss on 256 samples of the kernel, 0.1 time units apart; step 0.05",
        "steps that are not reached count as the last one",
    ],
    depends=["li2021/fig1-exponential"],
    figure="li2021_fig1",
)
def airy(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Steps until half of the loss is gone, Airy kernels over exponentials, seed by seed."""
    lags = (4.0, 6.0)
    return _plateau({lag: Airy(2.25, lag) for lag in lags}, 10, scale.pick(quick=2_000, paper=5_000), rng)


@airy.control("sums of exponentials in place of the Airy kernels: half of the loss is gone within tens of steps")
def airy_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same measurements, each target replaced by the sum of exponentials."""
    return _plateau({4.0: EXPONENTIALS, 6.0: EXPONENTIALS}, 10, scale.pick(quick=2_000, paper=5_000), rng)


def _waiting(sites: int, outputs: dict[int, int], seeds: int, steps: int, rng: np.random.Generator) -> Evidence:
    """Waiting times against the lag of the key, measured on the output site of the value."""
    lags, logs = np.array([Lorenz96(sites, output).lag for output in outputs]), []
    rows: list[dict[str, object]] = []
    for lag, site in zip(lags, outputs.values(), strict=True):
        samples, skip = (160, 80) if sites <= 32 else (220, 120)
        training = lorenz_curves(sites, site, rng.spawn(seeds), steps, level=0.3, samples=samples, skip=skip)
        waits = waiting_steps(training.steps, training.losses, HALF, window=10)
        logs.append(np.log10(np.minimum(waits, steps)))
        rows += curve_rows(training, window=10, panel="c", lag=float(lag))
    slope = slope_interval(np.repeat(lags, seeds), np.concatenate(logs), LEVEL)
    return Evidence(
        [
            Measurement.from_interval(
                f"mean log10 of the steps to half of the variance, lag {lags[-1]:.1f} over lag {lags[0]:.1f}",
                mean_interval(logs[-1] - logs[0], LEVEL),
                ">",
                float(np.log10(3.0)),
            ),
            Measurement.from_interval("slope of log10(steps) in the lag", slope, ">", 0.04, "per time unit"),
            _share("share of the seeds that wait longer at the longest lag", logs[-1] > logs[0], 0.5),
        ],
        _table(rows),
        f"{sites} sites, {seeds} seeds, at most {steps} steps",
    )


@claim(
    "li2021/fig1-lorenz",
    source="li2021",
    locator="Figure 1",
    kind="statistical",
    statement=r"A tanh RNN trained by Adam on a nonlinear functional, the output of a Lorenz-96 ring at a site away "
    r"from the driven one, waits before it learns, the longer the greater the lag between input and output: the steps "
    r"until half of the variance is explained grow with the lag, more than threefold from lag 1.6 to lag 12.5.",
    assumptions=[
        r"ring with $F = 0.85 < 8/9$ (fading memory), driven at one site by an Ornstein-Uhlenbeck process",
        r"$m = 24$, $dh/dt = \tanh(Wh + Ux + b)$ by Euler steps of 0.2, Adam with rate 0.002, 4 sequences a step",
        "lag by linear theory: site/(1.5 F)",
    ],
    depends=["li2021/fig1-exponential"],
    figure="li2021_fig1",
)
def lorenz(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Waiting times at three or four lags, a network and data of its own for each seed."""
    if scale is Scale.QUICK:
        return _waiting(32, {2: 2, 8: 8, 16: 16}, 8, 500, rng)
    return _waiting(48, {2: 2, 8: 8, 16: 16, 24: 24}, 10, 3_000, rng)


@lorenz.control("the driven site itself is read whatever the lag: the waiting time does not grow")
def lorenz_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The same measurements, every output replaced by that of the driven site."""
    return _waiting(32, {2: 0, 8: 0, 16: 0}, 8, 500, rng)
