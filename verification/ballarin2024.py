"""Neutrality: the memory curve of a controllable linear network does not depend on its input mask."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.linalg import block_diag

from linmem.capacity.linear import enclosed_curve, kalman_rank
from linmem.capacity.systems import random_connectivity, random_mask
from linmem.claims import Evidence, Measurement, Scale, claim

KINDS = ("normal", "uniform", "sparse-conditioned", "orthogonal", "cyclic")
MASKS = ("normal", "uniform", "sparse", "three orders of magnitude")


def _mask(name: str, N: int, rng: np.random.Generator) -> Float[np.ndarray, "N"]:
    if name == "three orders of magnitude":
        return random_mask(N, rng=rng) * np.geomspace(1.0, 1e-3, N)
    return random_mask(N, name, density=0.5 if name == "sparse" else None, rng=rng)


def _reached(A: Float[np.ndarray, "N N"], name: str, rng: np.random.Generator) -> Float[np.ndarray, "N"]:
    """A mask with which all of A is reached (exact rank N); drawn again until it is, which nearly never happens."""
    while True:
        C = _mask(name, len(A), rng)
        if kalman_rank(A, C) == len(A):
            return C


def _curves(scale: Scale, rng: np.random.Generator, *, cut: bool) -> Evidence:
    """Certified curves of one A with several masks; ``cut``: A in two blocks, the last mask zero on the second."""
    N, lags = scale.pick(quick=(12, 30), paper=(30, 90))
    rows: list[dict[str, object]] = []
    measurements: list[Measurement] = []
    for kind in KINDS:
        density = 0.5 if kind == "sparse-conditioned" else None
        sizes = [N // 2, N // 2] if cut else [N]
        blocks = [
            random_connectivity(n, kind, density=density, radius=0.9 - 0.1 * i, rng=rng) for i, n in enumerate(sizes)
        ]
        A = block_diag(*blocks)
        masks = {name: _mask(name, N, rng) if cut else _reached(A, name, rng) for name in MASKS}
        if cut:
            masks[MASKS[-1]][N // 2 :] = 0.0
        curves = {name: enclosed_curve(A, C, lags, digits=30) for name, C in masks.items()}
        low = np.max([curve.low for curve in curves.values()], axis=0)
        high = np.min([curve.high for curve in curves.values()], axis=0)
        wide = max(
            float(np.max(np.abs(np.concatenate([a.high - b.low, b.high - a.low]))))
            for a in curves.values()
            for b in curves.values()
        )
        apart = max(0.0, float(np.max(low - high)))  # positive where two enclosures exclude each other
        name = f"{kind} connectivity: largest distance of two curves"
        measurements.append(Measurement(name, max(apart, wide / 2), "<=", 1e-12, low=apart, high=wide))
        for mask, curve in curves.items():
            for lag, value in enumerate(curve.values):
                rows.append({"connectivity": kind, "mask": mask, "lag": lag, "memory": float(value)})
    return Evidence(measurements, pd.DataFrame(rows), note=f"N = {N}, lags 0 to {lags}, {len(MASKS)} masks")


@claim(
    "ballarin2024/neutrality",
    source="ballarin2024",
    locator="neutrality with respect to the input mask (abstract)",
    kind="certified",
    statement=(
        r"The memory curve $\mathrm{MC}_\tau = (A^\tau C)^\top G^{-1} A^\tau C$ with "
        r"$G = \sum_j A^j C C^\top (A^j)^\top$ of a controllable linear network with white input does not depend on "
        r"its mask $C$. (The abstract announces `a result of MC neutrality with respect to the input mask matrix'; "
        r"the full text of the theorem was not at hand. Here it is meant lag by lag: the curve is a function of the "
        r"eigenvalues of $A$.)"
    ),
    assumptions=[
        r"scalar white input, $\rho(A) < 1$",
        r"$(A, C)$ controllable: exact rank $N$",
        r"tested on five families of connectivity with four masks each, $N = 12$ (30 at paper scale)",
    ],
    depends=["linmem/exact-rank"],
)
def neutrality(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Ball arithmetic from the definition with the covariance; no eigenvalue is computed."""
    return _curves(scale, rng, cut=False)


@neutrality.control("a mask that does not reach one of two blocks")
def neutrality_cut(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _curves(scale, rng, cut=True)
