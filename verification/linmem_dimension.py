"""Claim: the transition of recovery by a random network lies near the statistical dimension of the norm."""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.discrete.bounds import nuclear_statistical_dimension, statistical_dimension
from linmem.discrete.bounds.trials import recovery_success
from linmem.statistics import proportion_interval

GAP = 1e-3
LOW, HIGH = 0.65, 1.35
"""M50 is claimed to lie between these multiples of the statistical dimension."""


def _cells(scale: Scale) -> list[dict[str, int]]:
    """Sizes: non-zeros K or rank R, streams L, steps N."""
    sparse, low_rank = scale.pick(
        quick=((10, 30, (10, 20)), (10, 20, (2,))), paper=((20, 50, (20, 40, 80, 160)), (20, 40, (1, 2, 4, 8)))
    )
    cells = [{"nonzeros": K, "streams": sparse[0], "steps": sparse[1]} for K in sparse[2]]
    return cells + [{"rank": R, "streams": low_rank[0], "steps": low_rank[1]} for R in low_rank[2]]


def _dimension(cell: dict[str, int]) -> float:
    streams, steps = cell["streams"], cell["steps"]
    if "rank" in cell:
        return nuclear_statistical_dimension(cell["rank"], steps, streams)
    return statistical_dimension(cell["nonzeros"], steps * streams)


def _rates(scale: Scale, rng: np.random.Generator, basis: str, support: str, factors: str) -> Evidence:
    """Success rates below and above the dimension, for sparse inputs and low-rank ones.

    The rate grows with M, so M50 lies in [LOW delta, HIGH delta] if the rate is below 1/2 at the lower end and above it
    at the upper end. The sizes between are for the figure.
    """
    usual, between = scale.pick(quick=(20, 3), paper=(40, 20))
    cells = _cells(scale)
    level = 1 - 0.05 / (2 * len(cells))  # together at 95 %
    measurements: list[Measurement] = []
    rows: list[dict[str, object]] = []
    for cell in cells:
        delta = _dimension(cell)
        name = f"nuclear norm, R = {cell['rank']}" if "rank" in cell else f"l1, K = {cell['nonzeros']}"
        trials = 4 * usual if cell.get("rank") == 1 else usual  # the transition of one rank is wide: more trials decide
        for multiple, count in ((LOW, trials), (0.9, between), (1.1, between), (HIGH, trials)):
            M = max(2, 2 * round(multiple * delta / 2))
            outcomes = [
                recovery_success(M, rng, **cell, basis=basis, support=support, temporal=factors, tol=GAP)
                for _ in range(count)
            ]
            for outcome in outcomes:
                row = {"cell": name, "streams": cell["streams"], "steps": cell["steps"], "dimension": delta, "nodes": M}
                rows.append({**row, "success": outcome.success, "gap": outcome.gap, "error": outcome.error})
            if multiple in (LOW, HIGH):
                # An undecided trial counts against the claim, at either end.
                wins = sum(o.success is True or (multiple == LOW and o.success is None) for o in outcomes)
                measurements.append(
                    Measurement.from_interval(
                        f"{name}: success rate at M = {multiple} statistical dimensions",
                        proportion_interval(wins, count, level),
                        "<" if multiple == LOW else ">",
                        0.5,
                    )
                )
    table = pd.DataFrame(rows)
    undecided = int(table["success"].isna().sum())
    note = f"{len(table)} trials, {undecided} undecided; each with network, input and noise of its own"
    return Evidence(measurements, table, note=note)


@claim(
    "linmem/statistical-dimension",
    source="amelunxen2014",
    locator="Theorem II, for a map that is not Gaussian",
    kind="statistical",
    statement=(
        r"A random network recovers a structured input from about as many nodes as a Gaussian map would need "
        r"measurements: the size $M_{50}$ at which half of the recoveries succeed lies between 0.65 and 1.35 of the "
        r"statistical dimension $\delta$ of the descent cone, for the $\ell_1$ norm at $K$ non-zeros on a random "
        r"canonical support and for the nuclear norm at rank $R$ with Gaussian factors. (Theorem II of Amelunxen et "
        r"al. is for Gaussian maps; columns of $\mathcal{A}$ that belong to one stream correlate with twice the "
        r"variance.)"
    ),
    assumptions=[
        r"orthogonal $W$ with iid uniform eigenvalue angles, $Z$ iid $N(0, 1/M)$, no decay",
        r"success: $\|\hat S - S\|_F^2 < 10^{-2} \|S\|_F^2$ at noise $\|e\| = 10^{-3} \|\mathcal{A}(S)\|$",
        r"default penalties: a quarter of $\sigma \sqrt{2 \ln NL}$ and of $\sigma (\sqrt N + \sqrt L)$",
        r"the success probability grows with $M$",
    ],
    depends=["charles2018/unrolling"],
)
def dimension(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Success rates at 0.65 and 1.35 statistical dimensions, against one half."""
    return _rates(scale, rng, "canonical", "random", "gaussian")


@dimension.control("coherent inputs: the same cosines in all streams, and sinusoidal temporal factors")
def dimension_coherent(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _rates(scale, rng, "dct", "joint", "sinusoidal")
