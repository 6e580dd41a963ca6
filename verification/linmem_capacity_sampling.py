"""Claim on the plain Monte-Carlo estimate of a memory curve: its bias is known, and can be removed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from linmem.capacity.estimators import plain_curve, sampled_curve, sampling_bias, simulate_states, washout_length
from linmem.capacity.linear import allpass_curve
from linmem.capacity.systems import input_series, random_connectivity, random_mask
from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.statistics import Interval, mean_interval

N = 30
MAX_LAG = 150
LENGTH = 1500
LEVEL = 0.99
NETWORKS = {"normal": 0.9, "orthogonal": 0.9}
Curve = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _plain(states: np.ndarray, series: np.ndarray) -> np.ndarray:
    return plain_curve(states, series, MAX_LAG)


def _corrected(states: np.ndarray, series: np.ndarray) -> np.ndarray:
    return sampled_curve(states, series, MAX_LAG, blocks=9).values


def _rows(
    network: str, replicates: int, measured: Curve, counted: int, rng: np.random.Generator
) -> list[dict[str, object]]:
    """Totals of the measured and the corrected curve of each replicate, and the prediction for ``counted`` states."""
    A = random_connectivity(N, network, radius=NETWORKS[network], rng=rng)
    C = random_mask(N, rng=rng)
    values = np.linalg.eigvals(A)
    exact = float(allpass_curve(values, MAX_LAG)[1:].sum())
    order = np.argsort(-np.abs(values.real), kind="stable")[:counted] if counted < N else np.arange(N)
    predicted = float(sampling_bias(values[order], LENGTH, MAX_LAG, rows="padded")[1:].sum())
    washout = washout_length(A)
    rows: list[dict[str, object]] = []
    for replicate in range(replicates):
        series = input_series(LENGTH + washout, "normal", rng=rng)
        states, kept = simulate_states(A, C, series)[washout:], series[washout:]
        rows.append(
            {
                "network": network,
                "N": N,
                "length": LENGTH,
                "replicate": replicate,
                "plain": float(measured(states, kept)[1:].sum()),
                "corrected": float(_corrected(states, kept)[1:].sum()),
                "exact": exact,
                "predicted": exact + predicted,
                "simple": exact + (MAX_LAG - N) * N / LENGTH,
            }
        )
    return rows


def _ratio(table: pd.DataFrame, column: str) -> Interval:
    """Inflation of the total over the predicted one."""
    predicted = table["predicted"] - table["exact"]
    return mean_interval(((table[column] - table["exact"]) / predicted).to_numpy(), LEVEL)


def _check(replicates: int, rng: np.random.Generator, measured: Curve = _plain, counted: int = N) -> Evidence:
    table = pd.DataFrame([row for network in NETWORKS for row in _rows(network, replicates, measured, counted, rng)])
    measurements: list[Measurement] = []
    for network, part in table.groupby("network", sort=True):
        ratio = _ratio(part, "plain")
        measurements.append(
            Measurement.from_interval(f"measured inflation / predicted, {network}", ratio, "in", (0.8, 1.2))
        )
        left = _ratio(part, "corrected")
        measurements.append(
            Measurement.from_interval(
                f"inflation left by the jackknife / predicted, {network}", left, "in", (-0.2, 0.2)
            )
        )
    share = (table["predicted"] - table["exact"]) / (table["simple"] - table["exact"])
    measurements.append(Measurement("predicted inflation / ((M - N) N/T), largest", float(share.max()), "<=", 1.0))
    return Evidence(measurements, table=table)


@claim(
    "linmem/monte-carlo-floor",
    source="linmem",
    locator="bias of the sampled memory curve",
    kind="statistical",
    statement=(
        r"The in-sample estimate of $\mathrm{MC}_\tau$ on $T$ steps (products over $T - \tau$ rows, normalised by sums "
        r"over $T$) has, to first order in $N/T$, the mean $f^2 \mathrm{MC}_\tau + \frac{f}{T}(W_\tau + (1-f) N "
        r"\mathrm{MC}_\tau)$, $f = 1 - \tau/T$, $W_\tau = \sum_{m\le\tau} b_m (N b_m + 2\sum_{h\ge 1}\mathrm{tr}(A^h)"
        r" b_{m-h})$, $b$ the coefficients of $\prod_j (z - \bar\lambda_j)/(1-\lambda_j z)$. The sum over lags up to "
        r"$M = 5N$ comes out too large by what this says (within $20\,\%$ of it), which is less than "
        r"$(M-N)N/T$; the block jackknife removes it (at most $20\,\%$ of it is left)."
    ),
    assumptions=[r"white Gaussian input, stationary states", r"$N/T = 2\,\%$ here"],
    expected="holds",
    figure="capacity_floor",
)
def floor(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _check(scale.pick(quick=100, paper=1000), rng)


@floor.control("the corrected curve in place of the plain one: there is no inflation, so the prediction must fail")
def corrected_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _check(20, rng, measured=_corrected)


@floor.control("the prediction for half as many states: the floor is then too low, so the prediction must fail")
def wrong_size_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _check(20, rng, counted=N // 2)
