"""Memory capacity of a ring: every connection has the same weight, and nothing else is connected."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pandas as pd
from jaxtyping import Float

from linmem.capacity.linear import enclosed_balls
from linmem.capacity.systems import random_connectivity
from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.intervals import ball, bounds, precision

Ring = Callable[[int, float], Float[np.ndarray, "N N"]]
Mask = Callable[[int, np.random.Generator], Float[np.ndarray, "N"]]


def _signs(N: int, rng: np.random.Generator) -> Float[np.ndarray, "N"]:
    """Random signs whose N rotations are linearly independent: no value of their Fourier transform vanishes."""
    while True:
        signs = rng.choice([-1.0, 1.0], N)
        if np.abs(np.fft.fft(signs)).min() > 1e-6:
            return signs


def _cyclic(scale: Scale, rng: np.random.Generator, ring: Ring, mask: Mask) -> Evidence:
    """Certified totals from lag 1 on, and the curve, against the formula in exact fractions."""
    rows: list[dict[str, object]] = []
    measurements: list[Measurement] = []
    for N, r in scale.pick(
        quick=((5, 0.5), (8, 0.9), (13, 0.99)), paper=((5, 0.5), (8, 0.9), (13, 0.99), (30, 0.9), (40, 0.999))
    ):
        curve, rest, rank = enclosed_balls(ring(N, r), mask(N, rng), 3 * N)
        with precision(256):
            fade = ball(Fraction(r) ** (2 * N))
            total = sum(curve[1:], rest) - (N - (1 - fade))
            law = [(1 - fade) * fade ** (lag // N) for lag in range(len(curve))]
            worst = max(max(abs(end) for end in bounds(x - y)) for x, y in zip(curve, law, strict=True))
            name = f"N = {N}, r = {r:g}"
            measurements += [
                Measurement.enclosed(f"{name}: MC - [N - (1 - r^2N)]", bounds(total), "in", (-1e-50, 1e-50)),
                Measurement(f"{name}: largest |MC_tau - (1 - r^2N) r^(2N floor(tau/N))|", worst, "<=", 1e-50),
            ]
            for lag, (x, y) in enumerate(zip(curve, law, strict=True)):
                rows.append(
                    {"N": N, "r": r, "rank": rank, "lag": lag, "capacity": float(x.mid()), "law": float(y.mid())}
                )
    return Evidence(measurements, pd.DataFrame(rows), note="r is the double next to the decimal number")


def _ring(N: int, r: float) -> Float[np.ndarray, "N N"]:
    return random_connectivity(N, "cyclic", radius=r)


@claim(
    "rodan2011/cyclic-capacity",
    source="rodan2011",
    locator="Theorem 1 (as commonly quoted; the full text was not at hand)",
    kind="certified",
    statement=r"A linear network whose $N$ states form one cycle with weight $r \in (0, 1)$ has the memory capacity "
    r"$\sum_{\tau \ge 1} \mathrm{MC}_\tau = N - (1 - r^{2N})$. Lag by lag: "
    r"$\mathrm{MC}_\tau = (1 - r^{2N})\, r^{2N \lfloor \tau/N \rfloor}$.",
    assumptions=[r"$z$ white", r"the $N$ rotations of the input weights are linearly independent"],
    depends=["jaeger2001/capacity-equality"],
)
def cyclic_capacity(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _cyclic(scale, rng, _ring, _signs)


@cyclic_capacity.control("input weights all equal: the rotations are one and the same vector")
def cyclic_capacity_mask_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _cyclic(scale, rng, _ring, lambda N, _: np.ones(N))


@cyclic_capacity.control("the cycle is cut open: a delay line, whose read-out has nothing to disentangle")
def cyclic_capacity_delay_control(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _cyclic(scale, rng, lambda N, r: random_connectivity(N, "delay", radius=r), _signs)
