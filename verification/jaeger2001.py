"""Memory capacity of linear networks under white input: at most N, and N exactly where the input reaches all states."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Float

from linmem.capacity.linear import enclosed_balls
from linmem.capacity.systems import random_connectivity
from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.intervals import bounds, precision

System = tuple[str, Float[np.ndarray, "N N"], Float[np.ndarray, "N"]]
LAGS = 3  # lags that are taken one by one, in multiples of N; those beyond are summed in closed form


def _controllable(scale: Scale, rng: np.random.Generator) -> Iterator[System]:
    """Systems whose input reaches every state: the Krylov matrix has rank N, in exact arithmetic."""
    N = scale.pick(quick=8, paper=24)
    yield "random", random_connectivity(N, "normal", radius=0.9, rng=rng), rng.standard_normal(N)
    yield "sparse", random_connectivity(N, "sparse", radius=0.9, density=0.6, rng=rng), rng.standard_normal(N)
    yield "orthogonal", random_connectivity(N, "orthogonal", radius=0.95, rng=rng), rng.standard_normal(N)
    near = random_connectivity(N, "orthogonal", radius=1 - 1e-9, rng=rng)
    yield "orthogonal, rho = 1 - 1e-9", near, rng.standard_normal(N)
    yield "distinct real eigenvalues", np.diag(np.linspace(-0.8, 0.9, N)), np.ones(N)
    yield "one Jordan block", 0.5 * np.eye(N) + 0.5 * np.eye(N, k=1), np.eye(N)[-1]
    yield "delay line", np.eye(N, k=-1), np.eye(N)[0]


def _uncontrollable(scale: Scale, rng: np.random.Generator) -> Iterator[System]:
    """Systems where some direction of the state space is never reached."""
    N = scale.pick(quick=8, paper=24)
    yield "repeated eigenvalue", np.diag(np.r_[0.5, np.linspace(0.5, 0.9, N - 1)]), np.ones(N)
    half = random_connectivity(N // 2, "normal", radius=0.9, rng=rng)
    yield "two equal networks", np.kron(np.eye(2), half), np.tile(rng.standard_normal(N // 2), 2)
    yield "input to the middle of a delay line", np.eye(N, k=-1), np.eye(N)[N // 2]


def _row(system: System, first_lag: int, signals: int) -> dict[str, object]:
    """Certified total of one system from ``first_lag`` on, relative to the number of signals."""
    name, A, C = system
    curve, rest, rank = enclosed_balls(A, C, LAGS * len(A))
    with precision(256):
        low, high = bounds(sum(curve[first_lag:], rest) / signals)
        newest = bounds(curve[0])
    return {
        "system": name,
        "N": signals,
        "rank": rank,
        "share low": low,
        "share high": high,
        "newest": newest[0],
        "product": float(np.linalg.det(A)) ** 2,
    }


def _bound(scale: Scale, rng: np.random.Generator, delays: int = 0) -> Evidence:
    """Totals from lag 1 on; the read-out sees the state and ``delays`` earlier ones."""
    rows: list[dict[str, object]] = []
    for name, A, C in [*_controllable(scale, rng), *_uncontrollable(scale, rng)]:
        N = len(A)
        stacked = np.eye(N * (delays + 1), k=-N)
        stacked[:N, :N] = A
        rows.append(_row((name, stacked, np.r_[C, np.zeros(N * delays)]), 1, N))
    table = pd.DataFrame(rows)
    ends = zip(table["system"], table["share low"], table["share high"], strict=True)
    return Evidence([Measurement.enclosed(f"{name}: MC / N", (low, high), "<", 1.0) for name, low, high in ends], table)


@claim(
    "jaeger2001/capacity-bound",
    source="jaeger2001short",
    locator="Proposition on the bound by the number of units (as commonly quoted; the full text was not at hand)",
    kind="certified",
    statement=r"The memory capacity $\mathrm{MC} = \sum_{\tau \ge 1} \mathrm{MC}_\tau$ of a network with $N$ states is "
    r"at most $N$, $\mathrm{MC}_\tau$ being the squared correlation of the input $\tau$ steps ago with its best linear "
    r"read-out from the state. Tested for linear networks $x_t = A x_{t-1} + C z_t$.",
    assumptions=[r"$z$ white", r"$\rho(A) < 1$", "the read-out sees the state of one time"],
)
def capacity_bound(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _bound(scale, rng)


@capacity_bound.control("the read-out also sees the two states before: N + 2 dimensions, of N signals")
def capacity_bound_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _bound(scale, rng, delays=2)


def _equality(systems: Iterator[System], first_lag: int = 0) -> Evidence:
    rows = [_row(system, first_lag, len(system[1])) for system in systems]
    table = pd.DataFrame(rows)
    shares = list(zip(table["share low"], table["share high"], strict=True))
    deviation = float((1 - table["newest"] - table["product"]).abs().max())
    return Evidence(
        [
            Measurement.enclosed("lowest total / N", min(shares), "in", (1 - 1e-12, 1 + 1e-12)),
            Measurement.enclosed("highest total / N", max(shares), "in", (1 - 1e-12, 1 + 1e-12)),
            # det(A) is computed in double precision: N units of rounding for each of the N factors.
            Measurement("largest |1 - MC_0 - det(A)^2|", deviation, "<=", 1e-12),
        ],
        table,
    )


@claim(
    "jaeger2001/capacity-equality",
    source="jaeger2001short",
    locator="Proposition on linear networks (as commonly quoted; the full text was not at hand)",
    kind="certified",
    statement=r"If $C, AC, \dots, A^{N-1}C$ are linearly independent, the memory capacity of a linear network is $N$ "
    r"exactly: $\sum_{\tau \ge 0} \mathrm{MC}_\tau = N$, counted from the newest input that the state contains. With "
    r"$x_t = A x_{t-1} + C z_t$ that is lag 0, and the lags $\tau \ge 1$ sum to $N - 1 + \det(A)^2 < N$.",
    assumptions=[r"$z$ white", r"$\rho(A) < 1$", r"$(A, C)$ controllable"],
    depends=["jaeger2001/capacity-bound"],
)
def capacity_equality(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _equality(_controllable(scale, rng))


@capacity_equality.control("some directions of the state space are never reached")
def capacity_equality_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _equality(_uncontrollable(scale, rng))


@capacity_equality.control("the sum begins at lag 1, though the state contains the newest input")
def capacity_equality_lag_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _equality(_controllable(scale, rng), first_lag=1)
