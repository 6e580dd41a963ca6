"""Claim of Charles, Yap, Yin and Rozell (2018) on noise: the error of recovery is proportional to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.discrete.bounds import lasso_prediction, nuclear_prediction
from linmem.discrete.model import (
    RandomNetwork,
    final_noise,
    low_rank_signal,
    relative_noise,
    sparse_signal,
    step_noise,
)
from linmem.discrete.recovery import lasso, nuclear
from linmem.discrete.recovery.penalty import default_nuclear_penalty, default_penalty
from linmem.statistics import mean_interval, slope_interval

LEVELS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
PLACES = ("at the end", "at each step")


@dataclass(frozen=True)
class _Sizes:
    """M, L, N, and the number K of non-zeros or the rank R of the inputs."""

    model: str
    M: int
    L: int
    N: int
    structure: int


def _sizes(scale: Scale) -> list[_Sizes]:
    """Sizes with M >= 2 delta for sparse and M >= 3 delta for low-rank inputs, delta the statistical dimension."""
    return scale.pick(
        quick=[_Sizes("sparse", 200, 10, 40, 20), _Sizes("low rank", 480, 20, 40, 1)],
        paper=[_Sizes("sparse", 2000, 40, 100, 200), _Sizes("low rank", 2400, 40, 100, 2)],
    )


def _penalty(sigma: float, sizes: _Sizes) -> float:
    if sizes.model == "sparse":
        return default_penalty(sigma, sizes.N * sizes.L)
    return default_nuclear_penalty(sigma, sizes.L, sizes.N)


def _constant(sizes: _Sizes) -> float:
    """The predicted ``||S_hat - S|| / ||e||`` at low noise, for a Gaussian map with as many rows."""
    penalty = _penalty(1.0, sizes)
    if sizes.model == "sparse":
        return math.sqrt(lasso_prediction(sizes.structure, sizes.N * sizes.L, sizes.M, penalty).error)
    return math.sqrt(nuclear_prediction(sizes.structure, sizes.N, sizes.L, sizes.M, penalty).error)


def _trial(sizes: _Sizes, place: str, level: float, frozen: bool, rng: np.random.Generator) -> dict[str, object]:
    """One network, input and noise; ``frozen``: the penalty is that of the largest level."""
    network = RandomNetwork(sizes.M, sizes.L, seed=rng)
    draw, recover = (sparse_signal, lasso) if sizes.model == "sparse" else (low_rank_signal, nuclear)
    S = draw(sizes.N, sizes.L, sizes.structure, rng=rng).sequence
    clean = network.simulate(S)
    spread = level * float(np.linalg.norm(clean)) / math.sqrt(sizes.M)  # of each entry of the final state
    if place == "at the end":
        state = clean + relative_noise(clean, level, rng=rng)
    else:
        each = spread / final_noise(network, sizes.N, 1.0)
        state = network.simulate(S, step_noise(network, sizes.N, each, rng=rng))
    penalty = _penalty(spread * (LEVELS[-1] / level if frozen else 1.0), sizes)
    # The solver's own error is ||A (S_hat - S*)||^2 <= 2 gap P, with P ~ penalty ~ ||e||: the tolerance follows.
    tol = 1e-3 * level
    found = recover(network, state, sizes.N, lam=penalty, tol=tol)
    error, noise = float(np.linalg.norm(found.estimate - S)), float(np.linalg.norm(state - clean))
    return {
        "input": sizes.model,
        "noise added": place,
        "level": level,
        "relative noise": noise / float(np.linalg.norm(clean)),
        "relative error": error / float(np.linalg.norm(S)),
        "error over noise": error / noise,
        "gap over tolerance": found.gap / tol,
        "iterations": found.iterations,
    }


def _stability(
    scale: Scale, rng: np.random.Generator, inputs: list[_Sizes], trials: int, *, frozen: bool = False
) -> Evidence:
    """Error against noise over the levels, every trial independent; constants are those of the sizes of the claim."""
    table = pd.DataFrame(
        [
            _trial(sizes, place, level, frozen, rng)
            for sizes in inputs
            for place in PLACES
            for level in LEVELS
            for _ in range(trials)
        ]
    )
    series = len(inputs) * len(PLACES)
    measurements: list[Measurement] = []
    for claimed in _sizes(scale):
        constant = _constant(claimed)
        for place in PLACES:
            rows = table[(table["input"] == claimed.model) & (table["noise added"] == place)]
            name = f"{claimed.model} input, noise {place}"
            slope = slope_interval(
                np.log10(rows["relative noise"]), np.log10(rows["relative error"]), level=1 - 0.05 / series
            )
            intervals = [
                mean_interval(group["error over noise"] / constant, 1 - 0.05 / (series * len(LEVELS)))
                for _, group in rows.groupby("level")
            ]
            worst = max(intervals, key=lambda interval: interval.high)
            measurements += [
                Measurement.from_interval(f"{name}: slope of log error", slope, "in", (0.95, 1.05)),
                Measurement.from_interval(
                    f"{name}: error over noise, mean of the worst level", worst, "<=", 2.0, unit="predicted constants"
                ),
            ]
    decades = round(math.log10(table["relative noise"].max() / table["relative noise"].min()), 9)
    return Evidence(
        [
            *measurements,
            Measurement("decades of noise", decades, ">=", 4.0),
            Measurement("largest gap over its tolerance", float(table["gap over tolerance"].max()), "<=", 1.0),
        ],
        table,
        note="; ".join(
            f"{sizes.model}: M = {sizes.M}, L = {sizes.L}, N = {sizes.N}, {'KR'[sizes.model == 'low rank']} = "
            f"{sizes.structure}"
            for sizes in inputs
        )
        + f"; {trials} trials for each point",
    )


@claim(
    "charles2018/noise-stability",
    source="charles2018",
    locator="Results, bounds on the solutions of the optimization programs",
    kind="statistical",
    statement=(
        r"Within the limits of recovery the error is proportional to the noise, $\|\hat S - S\|_F \leq C \|e\|$ with "
        r"one constant for all noise levels: over four decades the slope of $\log \|\hat S - S\|_F$ against "
        r"$\log \|e\|$ is $1$ to within $0.05$, and the mean of $\|\hat S - S\|_F / \|e\|$ stays below twice the value "
        r"predicted for a Gaussian map, for sparse inputs (LASSO) and inputs of low rank (nuclear norm), with noise in "
        r"the final state or at each step. (The theorems, as quoted, leave $C$ open; their full text was not at hand.)"
    ),
    assumptions=[
        r"orthogonal $W$ with iid uniform eigenvalue angles, $Z$ iid $N(0, 1/M)$, $M < NL$",
        r"random support in the canonical basis and $M \geq 2 \delta$; Gaussian factors and $M \geq 3 \delta$, with "
        r"$\delta$ the statistical dimension of the $\ell_1$ and of the nuclear norm",
        r"penalty in proportion to the known noise: $\lambda = \frac14 \sigma \sqrt{2 \ln NL}$, respectively "
        r"$\lambda = \frac14 \sigma (\sqrt{L} + \sqrt{N})$",
        r"noise at each step: $e = \sum_n W^{N-n} \epsilon_n$, white with variance $N$ times that of $\epsilon_n$",
    ],
    depends=["charles2018/sparse-recovery"],
)
def noise_stability(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Levels 1e-5 to 1e-1; network, input and noise drawn anew for every point."""
    return _stability(scale, rng, _sizes(scale), 8)


@noise_stability.control(
    "more structure than the state holds: K = 0.8 M, R (N + L - R) > M (few nodes, so as to be cheap)"
)
def noise_stability_beyond(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _stability(scale, rng, [_Sizes("sparse", 12, 3, 8, 10), _Sizes("low rank", 12, 3, 8, 2)], 2)


@noise_stability.control("a penalty that does not follow the noise: that of the largest level throughout")
def noise_stability_frozen(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _stability(scale, rng, _sizes(scale), 2, frozen=True)
