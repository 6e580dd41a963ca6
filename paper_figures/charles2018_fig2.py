"""Recovery of sparse and low-rank inputs from one network state, at low and at high coherence: four intensity maps.

Colour: median over trials of the relative mean squared error, against the compression gamma = M/(N L) and the
complexity rho = K/M (sparse, LASSO) or R (L + N - R)/M (low rank, nuclear norm). Noise in the state: 1 % of its norm;
its energy, over that of the input, is marked on the scale of colours. Panels: canonical basis with random support; DCT
basis with the same tones in all streams; Gaussian temporal factors; off-grid sinusoids as temporal factors. Line: phase
transition of a Gaussian map. Hatched: cells with a solution whose relative duality gap exceeds 1e-6. Grey: no rank has
its rho in the cell; of several ranks the one nearest to its centre is shown.

After Charles et al. (2018), Figure 2.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from linmem.discrete.bounds import rank_limit, sparsity_limit
from linmem.discrete.model import RandomNetwork
from linmem.discrete.recovery import low_rank_row, sparse_row
from linmem.figures.recovery_map import MapPanel, cell_centres, draw_recovery_maps, recoveries_agree

GAP = 1e-6
SPARSE = {"canonical, random": (None, "random"), "DCT, joint": ("dct", "joint")}
LOW_RANK = {"Gaussian factors": "gaussian", "sinusoidal factors": "sinusoidal"}


def _nodes(gamma: float, streams: int, steps: int) -> int:
    """The even M nearest to gamma N L."""
    return 2 * round(gamma * streams * steps / 2)


def _axis(panel: str, M: int, L: int, N: int, cells: int) -> dict[float, int]:
    """K or R for the cells of the rho axis (by their centres); without those cells that hold no rank."""
    if panel in SPARSE:
        return {rho: max(round(rho * M), 1) for rho in cell_centres(cells)}
    rhos = {R: R * (L + N - R) / M for R in range(1, min(L, N) + 1)}
    nearest = {rho: min(rhos, key=lambda R, rho=rho: abs(rhos[R] - rho)) for rho in cell_centres(cells)}
    return {rho: R for rho, R in nearest.items() if abs(rhos[R] - rho) <= 0.5 / cells}


def grid(scale: str) -> list[dict[str, object]]:
    """One cell for each panel, compression and trial: a network, and the whole rho axis on it."""
    streams, steps, cells, trials = (20, 50, 5, 2) if scale == "quick" else (40, 100, 15, 20)
    return [
        {"panel": panel, "gamma": gamma, "cells": cells, "streams": streams, "steps": steps, "trial": trial}
        for panel in [*SPARSE, *LOW_RANK]
        for gamma in cell_centres(cells)
        if _axis(panel, _nodes(gamma, streams, steps), streams, steps, cells)
        for trial in range(trials)
    ]


def cell(
    seed: int, panel: str, gamma: float, cells: int, streams: int, steps: int, trial: int
) -> list[dict[str, object]]:
    """Recoveries along the rho axis from one network."""
    rng = np.random.default_rng(seed)
    network = RandomNetwork(_nodes(gamma, streams, steps), streams, seed=rng)
    axis = _axis(panel, network.M, streams, steps, cells)
    sizes = list(axis.values())
    if panel in SPARSE:
        basis, support = SPARSE[panel]
        row = sparse_row(network, steps, sizes, rng=rng, basis=basis, support=support, tol=GAP, trial=trial)
    else:
        row = low_rank_row(network, steps, sizes, rng=rng, temporal=LOW_RANK[panel], tol=GAP, trial=trial)
    place = {"panel": panel, "gamma": gamma, "cells": cells}
    return [{**place, "rho": rho, **asdict(found)} for rho, found in zip(axis, row, strict=True)]


def _sparse_limit(L: int, N: int) -> tuple[np.ndarray, np.ndarray]:
    """Gamma, and the rho = K/M whose statistical dimension is M."""
    nodes = np.linspace(0.005, 1.0, 80) * N * L
    return nodes / (N * L), np.array([sparsity_limit(M, N * L) / M for M in nodes])


def _rank_limit(L: int, N: int) -> tuple[np.ndarray, np.ndarray]:
    """Gamma, and the rho = R (L + N - R)/M whose statistical dimension is M."""
    nodes = np.linspace(0.005, 1.0, 80) * N * L
    ranks = np.array([rank_limit(M, N, L) for M in nodes])
    return nodes / (N * L), ranks * (L + N - ranks) / nodes


def draw(table: pd.DataFrame) -> Figure:
    """One map for each ensemble of inputs."""
    counts, ranks = r"$\rho = K / M$", r"$\rho = R(L + N - R) / M$"
    panels = [
        MapPanel("canonical, random", "(a) canonical basis,\nrandom support", counts, _sparse_limit),
        MapPanel("DCT, joint", "(b) DCT, the same\ntones in all streams", counts, _sparse_limit),
        MapPanel("Gaussian factors", "(c) low rank,\nGaussian factors", ranks, _rank_limit),
        MapPanel("sinusoidal factors", "(d) low rank,\nsinusoidal factors", ranks, _rank_limit),
    ]
    return draw_recovery_maps(
        table, panels, GAP, r"no rank has this $\rho$" if table.panel.isin(LOW_RANK).any() else ""
    )


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same recoveries with the same outcome."""
    return recoveries_agree(shipped, fresh, GAP)
