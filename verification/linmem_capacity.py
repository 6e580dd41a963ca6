"""The memory curve in closed form: the eigenvalues of the reachable part, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from jaxtyping import Complex, Float

from linmem.capacity.linear import (
    ReachablePart,
    allpass_curve,
    eigenvalues,
    enclosed_allpass,
    enclosed_balls,
    exact_curve,
    reachable_part,
)
from linmem.capacity.systems import haar_orthogonal, random_connectivity
from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.intervals import bounds, precision

System = tuple[str, Float[np.ndarray, "N N"], Float[np.ndarray, "N"], bool]
Values = Complex[np.ndarray, "n"]


def _systems(scale: Scale, rng: np.random.Generator) -> Iterator[System]:
    """Name, A, C, and whether (A, C) is controllable."""
    N = scale.pick(quick=12, paper=40)
    yield "normal", random_connectivity(N, "normal", radius=0.95, rng=rng), rng.standard_normal(N), True
    yield "sparse", random_connectivity(N, "sparse", radius=0.95, density=0.5, rng=rng), rng.standard_normal(N), True
    yield "orthogonal", random_connectivity(N, "orthogonal", radius=0.95, rng=rng), rng.standard_normal(N), True
    near = random_connectivity(N, "orthogonal", radius=1 - 1e-9, rng=rng)
    yield "orthogonal, rho = 1 - 1e-9", near, rng.standard_normal(N), True
    yield "ring", random_connectivity(N, "cyclic", radius=0.9), rng.standard_normal(N), True
    yield "delay line", random_connectivity(N, "delay", radius=1.0), np.eye(N)[0], True
    turn = haar_orthogonal(N, rng)
    jordan = 0.5 * np.eye(N) + 0.25 * np.eye(N, k=1)
    yield "Jordan block, turned", turn @ jordan @ turn.T, turn @ np.eye(N)[-1], True
    yield "repeated eigenvalue", np.diag(np.r_[0.9, np.linspace(0.9, -0.8, N - 1)]), np.ones(N), False
    half = random_connectivity(N // 2, "normal", radius=0.9, rng=rng)
    yield "two equal networks", np.kron(np.eye(2), half), np.tile(rng.standard_normal(N // 2), 2), False


def _closed_form(
    scale: Scale,
    rng: np.random.Generator,
    part: Callable[[ReachablePart, Float[np.ndarray, "N N"]], Float[np.ndarray, "n n"]] = lambda found, _: found.A,
    moved: Callable[[Values], Values] = lambda values: values,
) -> Evidence:
    """The closed form against the definition with the covariance of the state, both for every lag to 3 N."""
    rows: list[dict[str, object]] = []
    agreement = 0.0
    for name, A, C, controllable in _systems(scale, rng):
        N = len(A)
        truth, _, rank = enclosed_balls(A, C, 3 * N)
        used = part(reachable_part(A, C), A)
        closed = allpass_curve(moved(eigenvalues(used).values), 3 * N)
        stated = exact_curve(A, C, 3 * N)
        if controllable:
            balls = enclosed_allpass(A, 3 * N)
            with precision(256):
                ends = [abs(end) for x, y in zip(truth, balls, strict=True) for end in bounds(x - y)]
            agreement = max(agreement, *ends)
        for lag, ball in enumerate(truth):
            error = max(abs(end) for end in bounds(ball - float(closed[lag])))
            half = float(stated.high[lag] - stated.low[lag]) / 2
            row: dict[str, object] = {"system": name, "N": N, "rank": rank, "lag": lag, "capacity": float(ball.mid())}
            rows.append({**row, "error": error, "stated": half, "dimension": len(used)})
    table = pd.DataFrame(rows)
    ratio = float((table["error"] / table["stated"]).max())
    surplus = float((table["dimension"] - table["rank"]).abs().max())
    return Evidence(
        [
            Measurement("controllable, 60 digits: largest |1 - sum_{m <= tau} b_m^2 - MC_tau|", agreement, "<=", 1e-59),
            Measurement("all, double precision: largest error", float(table["error"].max()), "<=", 1e-12),
            Measurement("all, double precision: largest error over its stated bound", ratio, "<=", 1.0),
            Measurement("all: largest |number of eigenvalues - rank|", surplus, "==", 0.0),
        ],
        table,
    )


@claim(
    "linmem/capacity-closed-form",
    source="linmem",
    locator="closed form of the memory curve",
    kind="certified",
    statement=r"Let $l_1, \dots, l_n$ be the eigenvalues of the reachable part of $(A, C)$, with multiplicity, and "
    r"$B(z) = \prod_j (z - \bar l_j)/(1 - l_j z) = \sum_m b_m z^m$. Then "
    r"$\mathrm{MC}_\tau = (A^\tau C)^T G^{-1} A^\tau C = \sum_{m > \tau} |b_m|^2$ with the covariance $G$ of the "
    r"state. In double precision the error is below $10^{-12}$, and below the bound stated with the curve, also for "
    r"defective and nilpotent $A$ and for $\rho(A) = 1 - 10^{-9}$.",
    assumptions=[r"$z$ white, one input", r"$\rho(A) < 1$"],
    depends=["jaeger2001/capacity-equality"],
)
def capacity_closed_form(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _closed_form(scale, rng)


@capacity_closed_form.control("all eigenvalues of A, also of the part that the input does not reach")
def capacity_closed_form_rank_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _closed_form(scale, rng, part=lambda _, A: A)


@capacity_closed_form.control("eigenvalues too small by one part in 1e8")
def capacity_closed_form_digits_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _closed_form(scale, rng, moved=lambda values: (1 - 1e-8) * values)
