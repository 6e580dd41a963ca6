"""Claims of White, Lee and Sompolinsky (2004): the memory of orthogonal networks with noise grows with their size.

From the abstract: "We calculate this temporal memory capacity for both distributed shift register and random orthogonal
connectivity matrices. We show that the memory capacity of these networks scales with system size." The full text was
not at hand; the contrast with random Gaussian connectivity is stated as later papers quote it, and how input, noise and
radius scale with N is fixed here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from linmem.capacity.extended import capacity_against_snr
from linmem.capacity.systems import random_connectivity
from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.statistics import mean_interval, slope_interval

NOISE = 1.0
LEAK = 1.0
LEVEL = 1 - 0.05 / 3  # three statistical measurements, together at 95 %


def _radius(N: int) -> float:
    """Square root of alpha = 1 - LEAK / N: a signal lives for about N steps."""
    return float(np.sqrt(1 - LEAK / N))


def _capacity(A: np.ndarray, v: np.ndarray) -> float:
    """Exact capacity over all lags >= 0, input of unit variance, noise of variance NOISE in each state."""
    return float(capacity_against_snr(A, v, [float(v @ v) / (len(v) * NOISE)], first_lag=0).value[0])


def _shift_register(N: int, power: float) -> tuple[float, float]:
    """Capacity of a ring with its input in one state, computed and in closed form; power = |v|^2.

    The states of round trip r = 0 .. N - 1 hold signal of variance power a^r / (1 - a^N) and noise NOISE / (1 - a).
    """
    a, v = 1 - LEAK / N, np.zeros(N)
    v[0] = np.sqrt(power)
    r = np.arange(N)
    share = 1 / (1 + NOISE / power * (1 - a**N) / ((1 - a) * a**r))
    return _capacity(random_connectivity(N, "cyclic", radius=_radius(N)), v), float(share.sum())


def _scaling(scale: Scale, rng: np.random.Generator, kind: str = "orthogonal", growing: bool = True) -> Evidence:
    """Exact capacities of random networks of several sizes, the slope of their logarithms, and the shift register."""
    sizes, count = scale.pick(quick=((32, 64, 128), 16), paper=((32, 64, 128, 256), 60))
    rows: list[dict[str, object]] = []
    for connectivity in (kind, "normal"):
        for N in sizes:
            for _ in range(count):
                A = random_connectivity(N, connectivity, radius=_radius(N), rng=rng)
                v = rng.standard_normal(N) / (1.0 if growing else np.sqrt(N))
                role = "network" if connectivity == kind and len(rows) < count * len(sizes) else "Gaussian"
                rows.append({"role": role, "connectivity": connectivity, "states": N, "capacity": _capacity(A, v)})
    table = pd.DataFrame(rows)
    network, gaussian = (table[table.role == role] for role in ("network", "Gaussian"))
    largest = network[network.states == sizes[-1]].capacity / sizes[-1]
    errors: list[float] = []
    for N in sizes:
        found, exact = _shift_register(N, float(N) if growing else 1.0)
        errors.append(abs(found - exact) / N)
        rows.append({"role": "shift register", "connectivity": "cyclic", "states": N, "capacity": found})

    def slope(part: pd.DataFrame):
        return slope_interval(np.log(part.states.to_numpy(float)), np.log(part.capacity.to_numpy(float)), LEVEL)

    return Evidence(
        [
            Measurement.from_interval(
                "orthogonal: slope of log capacity over log N", slope(network), "in", (0.85, 1.15)
            ),
            Measurement.from_interval(
                f"orthogonal: capacity per state at N = {sizes[-1]}", mean_interval(largest, LEVEL), ">", 0.3
            ),
            Measurement(
                "distributed shift register: capacity per state against its closed form", max(errors), "<=", 1e-10
            ),
            Measurement.from_interval("random Gaussian: slope of log capacity over log N", slope(gaussian), "<", 0.95),
        ],
        pd.DataFrame(rows),
        note=f"{count} networks for each size and connectivity; noise and input weights of variance 1 in each state",
    )


@claim(
    "white2004/orthogonal-memory",
    source="white2004",
    locator="abstract",
    kind="statistical",
    statement=(
        r"The memory capacity of linear networks with noise and orthogonal connectivity scales with their size $N$, "
        r"both for the distributed shift register and for random orthogonal matrices: for "
        r"$x_t = \sqrt{\alpha}\, O x_{t-1} + v z_t + w_t$ with $v_i$ and $w_{t,i}$ of variance $1$ in each state and "
        r"$\alpha = 1 - 1/N$, the sum of the memory function over all lags $\geq 0$ is proportional to $N$. With a "
        r"random Gaussian matrix of the same spectral radius it grows more slowly (as commonly quoted; the full text "
        r"was not at hand)."
    ),
    assumptions=[
        r"input white, of variance $1$; noise white, independent in each state, of variance $1$",
        r"input of the same strength as the noise in each state: $|v|^2 \approx N$; with $|v| = 1$ the capacity stays "
        r"below $1$",
        r"$\alpha = 1 - a/N$ with $a = 1$: signals live for about $N$ steps",
    ],
    expected="holds",
)
def orthogonal_memory(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Only the network is sampled: capacities are exact given the network."""
    return _scaling(scale, rng)


@orthogonal_memory.control("random Gaussian connectivity in the place of the orthogonal one")
def orthogonal_memory_gaussian(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _scaling(scale, rng, kind="normal")


@orthogonal_memory.control("input of fixed total strength: v of length 1, noise of variance 1 in each state")
def orthogonal_memory_weak_input(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _scaling(scale, rng, growing=False)
