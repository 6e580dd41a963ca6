"""What coherence does and does not spoil: intensity maps of four ensembles of tones (DCT basis).

Colour: median over trials of the relative mean squared error of the LASSO, against gamma = M/(N L) and rho = K/M; noise
in the state 1 % of its norm. Panels: support drawn at random over all tones of all streams, which a state holds nearly
as well as a canonical one; the same tones in all streams with the penalty of each coefficient scaled by the norm of its
column, which does not help; a single stream; a single stream with scaled penalties, which helps. Line: phase transition
of a Gaussian map. Hatched: cells with a solution whose relative duality gap exceeds 1e-6.

After Charles et al. (2018), Figure 2, top right, of which these are variations.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from linmem.discrete.bounds import sparsity_limit
from linmem.discrete.model import RandomNetwork
from linmem.discrete.recovery import sparse_row
from linmem.figures.recovery_map import MapPanel, cell_centres, draw_recovery_maps, recoveries_agree

GAP = 1e-6
SUPPORT = {"random": "random", "joint, scaled": "joint", "single": "random", "single, scaled": "random"}
SCALED = {"joint, scaled", "single, scaled"}


def grid(scale: str) -> list[dict[str, object]]:
    """One cell for each panel, compression and trial: a network, and the whole rho axis on it."""
    quick = scale == "quick"
    several = {"streams": 20, "steps": 50} if quick else {"streams": 40, "steps": 100}
    sizes = {panel: {"streams": 1, "steps": 400} if "single" in panel else several for panel in SUPPORT}
    cells = 5 if quick else 10
    return [
        {"panel": panel, "gamma": gamma, "cells": cells, **sizes[panel], "trial": trial}
        for panel in SUPPORT
        for gamma in cell_centres(cells)
        for trial in range(2 if quick else 20 if "single" in panel else 3)
    ]


def cell(
    seed: int, panel: str, gamma: float, cells: int, streams: int, steps: int, trial: int
) -> list[dict[str, object]]:
    """Recoveries along the rho axis from one network."""
    rng = np.random.default_rng(seed)
    M = 2 * round(gamma * streams * steps / 2)
    row = sparse_row(
        RandomNetwork(M, streams, seed=rng),
        steps,
        [max(round(rho * M), 1) for rho in cell_centres(cells)],
        rng=rng,
        basis="dct",
        support=SUPPORT[panel],
        normalised=panel in SCALED,
        tol=GAP,
        trial=trial,
    )
    place = {"panel": panel, "gamma": gamma, "cells": cells}
    return [{**place, "rho": rho, **asdict(found)} for rho, found in zip(cell_centres(cells), row, strict=True)]


def _limit(L: int, N: int) -> tuple[np.ndarray, np.ndarray]:
    """Gamma, and the rho = K/M whose statistical dimension is M."""
    nodes = np.linspace(0.005, 1.0, 80) * N * L
    return nodes / (N * L), np.array([sparsity_limit(M, N * L) / M for M in nodes])


def draw(table: pd.DataFrame) -> Figure:
    """One map for each ensemble."""
    titles = {
        "random": "(a) random support,\nmany streams",
        "joint, scaled": "(b) the same tones in all\nstreams, scaled penalty",
        "single": "(c) a single stream",
        "single, scaled": "(d) a single stream,\nscaled penalty",
    }
    return draw_recovery_maps(
        table, [MapPanel(name, title, r"$\rho = K / M$", _limit) for name, title in titles.items()], GAP
    )


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same recoveries with the same outcome."""
    return recoveries_agree(shipped, fresh, GAP)
