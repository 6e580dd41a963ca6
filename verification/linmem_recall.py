"""The error of recalling N steps of an infinite input: how often the omitted inputs of a stream count against it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.discrete.model import RandomNetwork
from linmem.discrete.recall import conditional_error, recall_error, single_step_error
from linmem.statistics import mean_interval

CASES = (  # spectrum, L, N, q
    ("iid", 1, 1, 0.99),
    ("iid", 1, 5, 0.99),
    ("iid", 2, 4, 0.98),
    ("iid", 8, 2, 0.97),
    ("haar", 2, 4, 0.9),
    ("haar", 8, 2, 0.9),
)
OWN = {"iid": 1, "haar": 0}
BAND = (0.85, 1.15)


def _formula(scale: Scale, rng: np.random.Generator, own: Mapping[str, int]) -> Evidence:
    """Means over networks of both parts of the exact conditional error over the formula with L + own streams."""
    M, count = scale.pick(quick=(160, 240), paper=(400, 1000))
    level = 1 - 0.05 / (2 * len(CASES) + 1)  # together at 95 %
    rows: list[dict[str, object]] = []
    measurements: list[Measurement] = []
    single: list[float] = []
    for spectrum, L, N, q in CASES:
        silent = recall_error(N, M, L, q, 0.0, spectrum=spectrum)
        noise = recall_error(N, M, L, q, 1.0, spectrum=spectrum) - silent
        law = silent * (L + own[spectrum]) / (L + OWN[spectrum])
        exact = single_step_error(M, L, q, 0.0)
        found = [conditional_error(RandomNetwork(M, L, spectrum, q, seed=rng), N, sigma=1.0) for _ in range(count)]
        case = {"spectrum": spectrum, "streams": L, "length": N, "q": q, "nodes": M}
        for part in found:
            omission, recall = float(part.omission.mean()), float(part.recall.mean())
            rows.append({**case, "omission": omission, "recall": recall, "law": law, "other law": silent * L / (L + 1)})
            if (spectrum, L, N) == ("iid", 1, 1):
                single.append(omission / exact)
        for part, against in (("omission", law), ("recall", noise)):
            values = np.array([float(getattr(error, part).mean()) for error in found]) / against
            name = f"{spectrum} angles, L = {L}, N = {N}: mean {part} error over the formula"
            measurements.append(Measurement.from_interval(name, mean_interval(values, level), "in", BAND))
    away = [
        abs(single_step_error(M, L, 0.9, 0.0) / (recall_error(1, M, L, 0.9, 0.0) * (L + own["iid"]) / (L + 1)) - 1)
        for L in (1, 2, 4, 8, 16)
    ]
    return Evidence(
        [
            Measurement("N = 1: exact mean over the formula, largest deviation from 1", max(away), "<=", 4 / M),
            Measurement.from_interval(
                "N = 1, L = 1: sampled mean over the exact mean", mean_interval(single, level), "in", (0.9, 1.1)
            ),
            *measurements,
        ],
        pd.DataFrame(rows),
        note=f"M = {M}, {count} networks a case",
    )


@claim(
    "linmem/recall-formula",
    source="linmem",
    locator="recall formula",
    kind="statistical",
    statement=(
        r"Least squares on the last $N$ steps of an infinite input of variance $s^2$, read by a network with spectral "
        r"radius $q < 1$ and iid angles, misses the older inputs as if they were noise of variance "
        r"$(L + 1)\, s^2 q^{2N} / (M (1 - q^2))$ in each state entry: $L + 1$, not $L$, because the own past of a "
        r"stream correlates with variance $2/M$ and that of the other $L - 1$ streams with $1/M$. Noise is amplified "
        r"by $M/(M - N(L+1))$. For a Haar-random rotation, whose eigenvalues repel each other, the factors are $L$ and "
        r"$M/(M - NL - 1)$."
    ),
    assumptions=[
        r"$Z$ iid $N(0, 1/M)$; inputs uncorrelated, mean $0$, variance $s^2$",
        r"$N (L + 1) \leq M/8$; the formula is then right within $15\,\%$ (for $N = 1$ proved: within $4/M$)",
        r"Haar: ages $N + 1/(1-q)$ small against $M$",
    ],
    depends=["charles2018/unrolling"],
)
def recall_formula(scale: Scale, rng: np.random.Generator) -> Evidence:
    """The conditional error is exact over input and noise; only the network is sampled."""
    return _formula(scale, rng, OWN)


@recall_formula.control("L instead of L + 1 for iid angles")
def recall_formula_streams(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _formula(scale, rng, {"iid": 0, "haar": 0})


@recall_formula.control("L + 1 for a Haar rotation too")
def recall_formula_haar(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _formula(scale, rng, {"iid": 1, "haar": 1})
